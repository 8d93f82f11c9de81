"""Names and outcomes of tests, as a test tool passes them to a session: text only."""

from typing import Literal, NamedTuple

Status = Literal[
    "success", "failure", "error", "skipped", "expected failure", "unexpected success", "leak"
]
"""`leak` is a failure that is nothing but leaks (`--leaks fail`)."""

FAILURES: frozenset[str] = frozenset({"failure", "error", "unexpected success"})
"""The statuses that make a run fail, whatever it leaks."""

UNSUCCESSFUL: frozenset[str] = FAILURES | {"leak"}
"""The statuses that make a run fail."""


class Counts(NamedTuple):
    """The counts of a run: every output takes them from `Session.counts`.

    Failures, errors and skips are counted as unittest counts them, with subtests and fixtures.
    `failed_for_leaks` are the tests and fixtures that failed for their leaks only; they are none of
    the failures. `leaks` are the new leaks, `known_leaks` those in the baseline.
    """

    tests: int = 0
    failures: int = 0
    errors: int = 0
    skipped: int = 0
    expected_failures: int = 0
    unexpected_successes: int = 0
    failed_for_leaks: int = 0
    flaky: int = 0
    leaks: int = 0
    known_leaks: int = 0

    @property
    def failed(self) -> int:
        """Everything that makes the run fail, whatever it leaks."""
        return self.failures + self.errors + self.unexpected_successes

    def __str__(self) -> str:
        """Return the counts that are not zero, in the form of unittest: `failures=2, leaks=37`."""
        shown = {**self._asdict(), "tests": 0, "failed_for_leaks": 0}
        return ", ".join(f"{name.replace('_', ' ')}={n}" for name, n in shown.items() if n)


class CaseName(NamedTuple):
    """The names of a test.

    `id` is what the test tool calls it, `class_name` is empty for a function, `method` is the rest
    of the id, and `description` is how the tool prints it. `runs` is False if the test is skipped
    before any code of it runs.
    """

    id: str
    module: str
    class_name: str
    method: str
    description: str = ""
    runs: bool = True


class Outcome(NamedTuple):
    """One outcome of a test, of a subtest or of a fixture; a test may have several.

    `id` is what the test tool calls it (for unittest's fixtures `setUpClass (pkg.mod.Class)`).
    `owner` is the id of the test, class or module that it belongs to. `message` is the exception
    without its traceback, or the reason of a skip, and `details` the traceback. `subtest` describes
    the subtest. `fixture` says that it belongs to a fixture, `load_failure` that the module could
    not be imported. `stdout` and `stderr` are what was captured of a fixture.
    """

    id: str
    owner: str
    status: Status
    message: str = ""
    details: str = ""
    subtest: str | None = None
    fixture: bool = False
    load_failure: bool = False
    stdout: str = ""
    stderr: str = ""


class FlakyTest(NamedTuple):
    """A test or fixture that failed, and then passed when it was run again (`--retries`).

    `id` is what the test tool calls it, and `failed` how often it failed. `message` and `details`
    are those of its first failure. `fixture` says that it is a fixture.
    """

    id: str
    failed: int
    message: str = ""
    details: str = ""
    fixture: bool = False

    @property
    def note(self) -> str:
        """How often it failed, and its first exception on one line."""
        first = self.message.strip().partition("\n")[0]
        return f"failed {self.failed} of {self.failed + 1} times" + (f": {first}" if first else "")
