"""What a run of tests leaves for its reports: frozen, and made of strings and numbers only.

Another process can send these records, and every report is written from them alone. Times are
seconds since the epoch, durations are seconds, sizes are bytes. Text is as the tests gave it: it
may hold control characters and lone surrogates, and whoever prints it escapes it.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Literal

from tempfiles.reports import RunReport, Summary

Status = Literal[
    "success", "failure", "error", "skipped", "expected failure", "unexpected success"
]

UNSUCCESSFUL: frozenset[str] = frozenset({"failure", "error", "unexpected success"})
"""The statuses that make a run fail."""


@dataclass(frozen=True, slots=True)
class SubtestRecord:
    """One `subTest` of a test. `description` is what unittest prints of it: `(n='a')`; empty for
    an outcome of the test itself."""

    description: str
    status: Status
    message: str = ""
    details: str = ""


@dataclass(frozen=True, slots=True)
class TestRecord:
    """One test that ran, or was skipped.

    `id` is `TestCase.id()`; ids are not unique. `message` is the exception (`AssertionError: 1 !=
    2`), or why the test was skipped, and `details` the traceback, both of the test itself: where
    `status` is that of its subtests, they are empty. `others` are further outcomes, as of a cleanup
    after a failure or a skip after a failed subtest, weaker than `status`. `stdout` and
    `stderr` are what `-b` captured. `bytes_made` and `entries_made` are of the temporary files that
    the test made, `left` are the paths of its leaks.
    """

    __test__ = False  # other runners collect classes by their name

    id: str
    module: str
    class_name: str
    method: str
    status: Status = "success"
    seconds: float = 0.0
    started: float = 0.0
    message: str = ""
    details: str = ""
    subtests: tuple[SubtestRecord, ...] = ()
    stdout: str = ""
    stderr: str = ""
    bytes_made: int = 0
    entries_made: int = 0
    left: tuple[str, ...] = ()
    others: tuple[SubtestRecord, ...] = ()

    @property
    def class_id(self) -> str:
        """The class with its module, `pkg.mod.Class`; the module alone for a function."""
        return f"{self.module}.{self.class_name}" if self.class_name else self.module

    @property
    def only_subtests_failed(self) -> bool:
        """Whether `status` is that of subtests, and the test itself ended better."""
        if self.message or self.details:
            return False
        return any(subtest.status == self.status != "success" for subtest in self.subtests)

    @property
    def own_outcomes(self) -> tuple[TestRecord | SubtestRecord, ...]:
        """Without those of the subtests: its own, unless `status` is theirs, and `others`."""
        return self.others if self.only_subtests_failed else (self, *self.others)

    @property
    def outcomes(self) -> tuple[TestRecord | SubtestRecord, ...]:
        """All that unittest counts, those of the subtests last."""
        return (*self.own_outcomes, *self.subtests)


@dataclass(frozen=True, slots=True)
class FixtureRecord:
    """A class or module fixture that did not succeed.

    So is told what fails a run for a leak that was found after its context had closed: `fixture`
    is then `leaked late`, and `owner` the id of the context.

    `id` is what unittest calls it: `setUpClass (pkg.mod.Class)`. `fixture` is the first word of
    that, `owner` the class (or the module) in the brackets, and `module` the module of the owner.
    """

    id: str
    fixture: str
    owner: str
    module: str
    status: Status = "error"
    started: float = 0.0
    message: str = ""
    details: str = ""
    stdout: str = ""
    stderr: str = ""

    @property
    def outcomes(self) -> tuple[FixtureRecord, ...]:
        """The fixture itself, which has no subtests."""
        return (self,)


@dataclass(frozen=True, slots=True)
class UsageSample:
    """How much there was in the temp directory at one moment, and in which context that was."""

    timestamp: float
    files: int
    bytes: int
    context: str


@dataclass(frozen=True, slots=True)
class SuiteReport:
    """A whole run: its tests and fixtures in the order they ended, and what they left.

    `command` is the command line as it was typed, `directory` the working directory of the run.
    `known` are the keys of the leaks that a baseline knows, `failing` of those that the failure
    of a record tells. `looked` says whether leaks were looked for at all, `interrupted` whether
    the run was broken off before its end. `repository` is the top of the repository, where that is
    known.
    """

    tests: tuple[TestRecord, ...] = ()
    fixtures: tuple[FixtureRecord, ...] = ()
    run: RunReport = field(default_factory=lambda: RunReport(Summary()))
    started: float = 0.0
    seconds: float = 0.0
    python: str = ""
    command: str = ""
    directory: str = ""
    usage: tuple[UsageSample, ...] = ()
    known: frozenset[tuple[str, str]] = frozenset()
    failing: frozenset[tuple[str, str]] = frozenset()
    looked: bool = True
    interrupted: bool = False
    repository: str = ""

    @property
    def records(self) -> tuple[TestRecord | FixtureRecord, ...]:
        """The tests, then the fixtures that did not succeed."""
        return (*self.tests, *self.fixtures)
