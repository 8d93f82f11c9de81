"""Records of a run and its tests, from which every report is written.

They are frozen and contain text and numbers only, so that another process can send them. Times
are seconds since the epoch, durations are seconds, sizes are bytes. Text is as the tests produced
it: it may contain control characters and lone surrogates, and each reporter must escape it.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from tempfiles import RunReport, Sample, Summary

from .outcomes import Counts, FlakyTest, Status


@dataclass(frozen=True, slots=True)
class SubtestRecord:
    """The outcome of one `subTest`, or a further outcome of a test.

    `description` is what unittest prints of a subtest, `(n='a')`; empty for the test itself.
    """

    description: str
    status: Status
    message: str = ""
    details: str = ""


@dataclass(frozen=True, slots=True)
class TestRecord:
    """One test that ran or was skipped.

    Attributes:
        id: `TestCase.id()`; ids are not unique.
        module: the module of its class.
        class_name: the name of its class; empty for a function.
        method: the rest of its id.
        status: the worst outcome of the test and its subtests.
        seconds: how long it ran.
        started: when it started.
        message: the exception (`AssertionError: 1 != 2`), or the reason of a skip. It is empty
            where `status` is that of a subtest.
        details: the traceback; empty like `message`.
        subtests: the outcomes of its subtests.
        stdout: what `-b` captured of its output.
        stderr: what `-b` captured of its error output.
        bytes_created: the size of the temporary files that it created.
        entries_created: how many temporary files and directories it created.
        leaked_paths: the paths of its leaks.
        others: further outcomes of the test itself, not worse than `status`, such as a failure of a
            cleanup or a skip after a failed subtest.
        flaky: how it failed before it passed (`--retries`); else None.
        worker: the number of the worker that ran it.
        machine: the machine of a cluster that ran it, and in which attempt; empty without one.
    """

    __test__ = False  # pytest would collect a class of this name

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
    bytes_created: int = 0
    entries_created: int = 0
    leaked_paths: tuple[str, ...] = ()
    others: tuple[SubtestRecord, ...] = ()
    flaky: FlakyTest | None = None
    worker: int = 0
    machine: str = ""

    @property
    def class_id(self) -> str:
        """The class with its module, `pkg.mod.Class`; the module alone for a function."""
        return f"{self.module}.{self.class_name}" if self.class_name else self.module

    @property
    def only_subtests_failed(self) -> bool:
        """Whether `status` is that of a subtest, and the test itself ended better."""
        if self.message or self.details:
            return False
        return any(subtest.status == self.status != "success" for subtest in self.subtests)

    @property
    def own_outcomes(self) -> tuple[TestRecord | SubtestRecord, ...]:
        """The outcomes of the test itself, without those of its subtests."""
        return self.others if self.only_subtests_failed else (self, *self.others)

    @property
    def outcomes(self) -> tuple[TestRecord | SubtestRecord, ...]:
        """All outcomes that unittest counts, those of the subtests last."""
        return (*self.own_outcomes, *self.subtests)


@dataclass(frozen=True, slots=True)
class FixtureRecord:
    """A class or module fixture that did not succeed.

    A leak that was found after its context had closed, and fails the run, is recorded like a
    fixture: `fixture` is then `leaked late`, and `owner` the id of the context.

    Attributes:
        id: what unittest calls it: `setUpClass (pkg.mod.Class)`.
        fixture: the first word of its id.
        owner: the class or module in the brackets.
        module: the module of the owner.
        status: its outcome.
        started: when it ended.
        message: the exception.
        details: the traceback.
        stdout: what `-b` captured of its output.
        stderr: what `-b` captured of its error output.
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
        """The fixture alone, which has no subtests."""
        return (self,)


@dataclass(frozen=True, slots=True)
class SuiteReport:
    """A whole run, as reporters get it.

    Attributes:
        tests: in the order in which they ended.
        fixtures: that did not succeed, in the same order.
        run: the totals and the leaks.
        started: when the run started.
        seconds: how long it took.
        python: the version of Python and the system.
        command: the command line as it was typed.
        directory: the working directory of the run.
        usage: samples of the disk usage of the temp directory.
        known: the keys of the leaks that are in the baseline.
        failing: the keys of the leaks that fail their contexts.
        looked: whether the run looked for leaks at all.
        interrupted: whether it was interrupted before its end.
        repository: the top of the repository, where it is known.
        flaky: the tests and fixtures that failed before they passed (`--retries`).
        machines: the machine of a cluster where a context has left something, by its id.
        counts: what every output counts in the same way.
    """

    tests: tuple[TestRecord, ...] = ()
    fixtures: tuple[FixtureRecord, ...] = ()
    run: RunReport = field(default_factory=lambda: RunReport(Summary()))
    started: float = 0.0
    seconds: float = 0.0
    python: str = ""
    command: str = ""
    directory: str = ""
    usage: tuple[Sample, ...] = ()
    known: frozenset[tuple[str, str]] = frozenset()
    failing: frozenset[tuple[str, str]] = frozenset()
    looked: bool = True
    interrupted: bool = False
    repository: str = ""
    flaky: tuple[FlakyTest, ...] = ()
    machines: Mapping[str, str] = field(default_factory=dict)
    counts: Counts = field(default_factory=Counts)

    @property
    def records(self) -> tuple[TestRecord | FixtureRecord, ...]:
        """The tests, then the fixtures that did not succeed."""
        return (*self.tests, *self.fixtures)
