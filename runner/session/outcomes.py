"""Names and outcomes of tests, as a test tool passes them to a session, and what they add up to."""

from __future__ import annotations

import contextlib
from collections import Counter
from collections.abc import Callable
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


class Outcomes:
    """What the tests of a run came to so far.

    Attributes:
        failed: the ids of the tests, classes and modules with an unsuccessful outcome.
        failures: the ids of those among them that failed not only for their leaks, in order.
        counted: how often each outcome other than success has come.
        flaky: the number of flaky tests and fixtures.
        incomplete: the ids of those that failed, were skipped or were expected to fail: they may
            create less than they would otherwise.
        load_failed: whether a test module could not be imported.
        tests_run: the number of tests that ran.
        count_tests: returns how many tests there are to run, None if that is unknown; the adapter
            sets it.
    """

    def __init__(self) -> None:
        self.failed: set[str] = set()
        self.failures: dict[str, None] = {}
        self.counted: Counter[Status] = Counter()
        self.flaky = 0
        self.incomplete: set[str] = set()
        self.load_failed = False
        self.tests_run = 0
        self.count_tests: Callable[[], int | None] = lambda: None

    def add(self, outcome: Outcome) -> None:
        """Add an outcome other than success."""
        self.counted[outcome.status] += 1
        if outcome.status in FAILURES:
            self.failures[outcome.owner] = None
        if outcome.status in UNSUCCESSFUL:
            self.failed.add(outcome.owner)
        if outcome.status != "unexpected success":
            self.incomplete.add(outcome.owner)
        self.load_failed |= outcome.load_failure

    def counts(self, leaks: int, known_leaks: int) -> Counts:
        """Return the counts of the run.

        Args:
            leaks: the number of new leaks.
            known_leaks: the number of those in the baseline.
        """
        of = self.counted
        return Counts(
            self.tests_run, of["failure"], of["error"], of["skipped"], of["expected failure"],
            of["unexpected success"], of["leak"], self.flaky, leaks, known_leaks,
        )  # fmt: skip

    def interrupted_line(self) -> str:
        """Return the line that says how many tests ran before the run was interrupted."""
        ran, total = self.tests_run, None
        with contextlib.suppress(Exception):  # it may be a method of the user's
            total = self.count_tests()
        if not ran:
            return "Interrupted: no test ran."
        noun = "test" if (total or ran) == 1 else "tests"
        return f"Interrupted: {ran:,} {'' if total is None else f'of {total:,} '}{noun} ran."
