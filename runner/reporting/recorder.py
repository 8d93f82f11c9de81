"""Collect the outcomes of tests into records, if a report needs them."""

from __future__ import annotations

import os
import platform
import shlex
import sys
from dataclasses import dataclass, field, replace
from time import perf_counter, time
from typing import Any

from tempfiles import ContextReport, RunReport, Sample

from ..session.listener import Listener, RunControl
from ..session.outcomes import CaseName, FlakyTest, Outcome, Status
from ..session.records import FixtureRecord, SubtestRecord, SuiteReport, TestRecord

_SEVERITY: tuple[Status, ...] = (
    "success", "expected failure", "skipped", "unexpected success", "leak", "failure",
    "error",
)  # fmt: skip


@dataclass(slots=True)
class _Draft:
    """A test that is still running."""

    id: str
    started: float
    clock: float
    worker: int = 0
    status: Status = "success"
    own_status: Status = "success"
    message: str = ""
    details: str = ""
    subtests: list[SubtestRecord] = field(default_factory=list)
    others: list[SubtestRecord] = field(default_factory=list)
    bytes_created: int = 0
    entries_created: int = 0
    leaked_paths: list[str] = field(default_factory=list)
    flaky: FlakyTest | None = None
    is_started: bool = False

    def add_outcome(self, status: Status, message: str, details: str) -> None:
        """Add an outcome of the test itself; the worst becomes that of the record."""
        if self.own_status != "success":
            is_worse = _SEVERITY.index(status) > _SEVERITY.index(self.own_status)
            if not is_worse:
                self.others.append(SubtestRecord("", status, message, details))
                return
            self.others.append(SubtestRecord("", self.own_status, self.message, self.details))
        self.own_status, self.message, self.details = status, message, details

    def raise_to(self, status: Status) -> None:
        self.status = max(self.status, status, key=_SEVERITY.index)

    def record(self, test: CaseName, output: tuple[str, str], now: float) -> TestRecord:
        """Return the record of the test, which has ended now."""
        if self.status != self.own_status != "success":  # a subtest ended worse
            self.others.insert(0, SubtestRecord("", self.own_status, self.message, self.details))
            self.message = self.details = ""
        seconds = now - self.clock
        return TestRecord(
            test.id, test.module, test.class_name, test.method, self.status, seconds,
            self.started, self.message, self.details, tuple(self.subtests), *output,
            self.bytes_created, self.entries_created, tuple(self.leaked_paths), tuple(self.others),
            self.flaky, self.worker,
        )  # fmt: skip


class Recorder(Listener):
    """Collects the outcomes of tests and fixtures, and builds the report of the run."""

    def __init__(self) -> None:
        self._tests: list[TestRecord] = []
        self._fixtures: list[FixtureRecord] = []
        self._drafts: list[_Draft] = []
        self._flaky: list[FlakyTest] = []
        self._started = time()
        self._clock = perf_counter()
        self._directory = os.getcwd()
        self._seconds: float | None = None
        self._python = python_and_system()
        self._run: RunControl | None = None

    def take_over(self, started: float, seconds: float, python: str) -> None:
        """Report a run of other processes, whose moments are seconds since the epoch.

        Args:
            started: when it started.
            seconds: how long it took.
            python: what `python_and_system` said there.
        """
        self._started = self._clock = started
        self._seconds, self._python = seconds, python

    def run_started(self, run: RunControl, stream: Any) -> None:
        """Take the times from the run: they are those of the events."""
        self._run = run

    def test_started(self, test: CaseName) -> None:
        """Start the record of a test."""
        self._begin(test.id).is_started = True

    def test_stopped(self, test: CaseName, stdout: str, stderr: str) -> None:
        """Finish the record of a test."""
        draft = self._draft(test.id)
        self._drafts.remove(draft)
        if not draft.is_started:
            draft.started, draft.clock = self._time, self._now
        record = draft.record(test, (stdout, stderr), self._now)
        machine = self._run.machine if self._run is not None else ""
        self._tests.append(replace(record, machine=machine) if machine else record)

    def outcome(self, outcome: Outcome) -> None:
        """Add an outcome of a test, of a subtest or of a fixture."""
        status, message, details = outcome.status, outcome.message, outcome.details
        if outcome.fixture:
            self._add_fixture(outcome)
            return
        draft = self._draft(outcome.id)
        if outcome.subtest is not None:
            draft.subtests.append(SubtestRecord(outcome.subtest, status, message, details))
        else:
            draft.add_outcome(status, message, details)
        draft.raise_to(status)

    def flaky(self, test: FlakyTest) -> None:
        """Record that a test failed before; its record is still open."""
        self._flaky.append(test)
        if not test.fixture:
            self._draft(test.id).flaky = test

    def _add_fixture(self, outcome: Outcome) -> None:
        fixture, _, rest = outcome.id.partition(" (")
        owner = rest.removesuffix(")")
        module = owner if "Module" in fixture else _module_of(owner)
        self._fixtures.append(
            FixtureRecord(
                outcome.id, fixture, owner, module, outcome.status, self._time, outcome.message,
                outcome.details, outcome.stdout, outcome.stderr,
            )
        )  # fmt: skip

    def note_late(self, id: str, details: str) -> None:
        """Add a failure for a leak that was found after its context had closed."""
        message = details.partition("\n")[0]
        module = _module_of(id) or id
        self._fixtures.append(
            FixtureRecord(
                f"leaked late ({id})", "leaked late", id, module, "leak", time(),
                message, details,
            )
        )  # fmt: skip

    def context_closed(self, report: ContextReport, new: ContextReport) -> None:
        """Add to the running test what it created and leaked."""
        if self._drafts and report.scope == "test":
            draft = self._drafts[-1]
            draft.bytes_created += report.bytes_made
            draft.entries_created += report.made
            draft.leaked_paths += (leak.path for leak in report.leaks)

    def annotated(self, owner: str, text: str, fixture: bool) -> None:
        """Add text to the details of a failure."""
        if not fixture:
            draft = self._draft(owner)
            if draft.status != "success":  # its unexpected success is noted after this
                draft.details = f"{draft.details}\n{text}"
            return
        for index in range(len(self._fixtures) - 1, -1, -1):
            found = self._fixtures[index]
            if found.owner == owner:
                details = f"{found.details}\n{text}"
                self._fixtures[index] = replace(found, details=details)
                return

    def suite_report(self, run: RunReport, samples: list[Sample]) -> SuiteReport:
        """Return the report of a run that has ended.

        Args:
            run: its totals and leaks.
            samples: of the disk usage of the temp directory.
        """
        return SuiteReport(
            tests=tuple(self._tests),
            fixtures=tuple(self._fixtures),
            run=run,
            started=self._started,
            seconds=perf_counter() - self._clock if self._seconds is None else self._seconds,
            python=self._python,
            command=shlex.join([os.path.basename(sys.orig_argv[0]), *sys.orig_argv[1:]]),
            directory=self._directory,
            usage=tuple(samples),
            flaky=tuple(self._flaky),
        )

    def _draft(self, id: str) -> _Draft:
        for draft in reversed(self._drafts):
            if draft.id == id:
                return draft
        # Python 3.12.1 does not start a test that it skips.
        return self._begin(id)

    def _begin(self, id: str) -> _Draft:
        draft = _Draft(id, self._time, self._now, self._run.worker if self._run is not None else 0)
        self._drafts.append(draft)
        return draft

    @property
    def _now(self) -> float:
        return perf_counter() if self._run is None else self._run.now

    @property
    def _time(self) -> float:
        """When the event happened, in seconds since the epoch."""
        return self._started + self._now - self._clock


def python_and_system() -> str:
    """Return the version of Python, its implementation and the system."""
    kind, system = platform.python_implementation(), platform.system()
    return f"{platform.python_version()} ({kind}, {system})"


def _module_of(owner: str) -> str:
    """Return the module of a class, which may be nested, by its full name."""
    name = owner
    while name and name not in sys.modules:
        name = name.rpartition(".")[0]
    return name or owner.rpartition(".")[0]
