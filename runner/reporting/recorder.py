"""What happens to the tests of a run, collected into records: only where a report needs them."""

from __future__ import annotations

import os
import platform
import shlex
import sys
from dataclasses import dataclass, field, replace
from time import perf_counter, time
from typing import Any
from unittest.case import TestCase, _SubTest  # type: ignore[attr-defined]

from tempfiles.monitor.usage import Sample
from tempfiles.reports import ContextReport, RunReport

from ..unittest_api import test_id
from .records import FixtureRecord, Status, SubtestRecord, SuiteReport, TestRecord, UsageSample

_STRENGTH: tuple[Status, ...] = (
    "success", "expected failure", "skipped", "unexpected success", "failure", "error",
)  # fmt: skip


@dataclass(slots=True)
class _Draft:
    """A test under way."""

    test: Any
    started: float = field(default_factory=time)
    clock: float = field(default_factory=perf_counter)
    status: Status = "success"
    own_status: Status = "success"
    message: str = ""
    details: str = ""
    subtests: list[SubtestRecord] = field(default_factory=list)
    others: list[SubtestRecord] = field(default_factory=list)
    bytes_made: int = 0
    entries_made: int = 0
    left: list[str] = field(default_factory=list)

    def outcome(self, status: Status, message: str, details: str) -> None:
        """Take an outcome of the test itself; the strongest is the test's, and others are kept."""
        if self.own_status != "success":
            mine = SubtestRecord("", self.own_status, self.message, self.details)
            new = SubtestRecord("", status, message, details)
            is_stronger = _STRENGTH.index(status) > _STRENGTH.index(self.own_status)
            self.others.append(mine if is_stronger else new)
            if not is_stronger:
                return
        self.own_status, self.message, self.details = status, message, details

    def raise_to(self, status: Status) -> None:
        self.status = max(self.status, status, key=_STRENGTH.index)

    def _yield_to_subtests(self) -> None:
        """Where a subtest ended worse than the test, its own outcome is not the record's."""
        self.others.insert(0, SubtestRecord("", self.own_status, self.message, self.details))
        self.message = self.details = ""

    def finished(self, output: tuple[str, str]) -> TestRecord:
        if self.status != self.own_status != "success":
            self._yield_to_subtests()
        seconds = perf_counter() - self.clock
        id, module, class_name, method = _names(self.test)
        return TestRecord(
            id, module, class_name, method, self.status, seconds, self.started, self.message,
            self.details, tuple(self.subtests), *output, self.bytes_made, self.entries_made,
            tuple(self.left), tuple(self.others),
        )  # fmt: skip


class Recorder:
    """Collects what results tell, and makes the report of the whole run from it."""

    def __init__(self) -> None:
        self._tests: list[TestRecord] = []
        self._fixtures: list[FixtureRecord] = []
        self._drafts: list[_Draft] = []
        self._started = time()
        self._clock = perf_counter()
        self._directory = os.getcwd()

    def begin(self, test: Any) -> None:
        """A test starts."""
        self._drafts.append(_Draft(test))

    def end(self, test: Any, output: tuple[str, str]) -> None:
        """A test is over; `output` is what it has printed, as far as that was captured."""
        draft = self._draft(test)
        self._drafts.remove(draft)
        self._tests.append(draft.finished(output))

    def note(self, test: Any, status: Status, message: str = "", details: str = "") -> None:
        """Something happened to a test, or to a subtest of it."""
        if isinstance(test, _SubTest):
            draft = self._draft(test.test_case)
            description = test._subDescription()
            draft.subtests.append(SubtestRecord(description, status, message, details))
        else:
            draft = self._draft(test)
            draft.outcome(status, message, details)
        draft.raise_to(status)

    def note_fixture(
        self, name: str, status: Status, told: tuple[str, str], output: tuple[str, str]
    ) -> None:
        """A fixture did not succeed; `told` are the message and the details."""
        fixture, _, rest = name.partition(" (")
        owner = rest.removesuffix(")")
        module = owner if "Module" in fixture else _module_of(owner)
        self._fixtures.append(
            FixtureRecord(name, fixture, owner, module, status, time(), *told, *output)
        )

    def note_late(self, id: str, details: str) -> None:
        """A context has left something after it had closed, and that is a failure."""
        message = details.partition("\n")[0]
        module = _module_of(id) or id
        self._fixtures.append(
            FixtureRecord(
                f"leaked late ({id})", "leaked late", id, module, "failure", time(),
                message, details,
            )
        )  # fmt: skip

    def context_closed(self, report: ContextReport) -> None:
        """Note how much the test under way has made, and what it has left."""
        if self._drafts and report.scope == "test":
            draft = self._drafts[-1]
            draft.bytes_made += report.bytes_made
            draft.entries_made += report.made
            draft.left += (leak.path for leak in report.leaks)

    def annotate(self, test: TestCase | None, name: str, text: str) -> None:
        """Add text to the details of a failure; see `TidyTestResult.annotate`."""
        if test is not None:
            draft = self._draft(test)
            if draft.status != "success":  # else its unexpected success is yet to be noted
                draft.details = f"{draft.details}\n{text}"
            return
        for index in range(len(self._fixtures) - 1, -1, -1):
            fixture = self._fixtures[index]
            if fixture.owner == name:
                details = f"{fixture.details}\n{text}"
                self._fixtures[index] = replace(fixture, details=details)
                return

    def suite_report(self, run: RunReport, samples: list[Sample]) -> SuiteReport:
        """Return the report of a run that has ended, with samples of the temp directory."""
        usage = (UsageSample(s.timestamp, s.files, s.bytes, s.context) for s in samples)
        return SuiteReport(
            tests=tuple(self._tests),
            fixtures=tuple(self._fixtures),
            run=run,
            started=self._started,
            seconds=perf_counter() - self._clock,
            python=f"{platform.python_version()} ({platform.python_implementation()},"
            f" {platform.system()})",
            command=shlex.join([os.path.basename(sys.orig_argv[0]), *sys.orig_argv[1:]]),
            directory=self._directory,
            usage=tuple(usage),
        )

    def _draft(self, test: Any) -> _Draft:
        for draft in reversed(self._drafts):
            if draft.test is test:
                return draft
        # Python 3.12.1 does not start a test that it skips.
        draft = _Draft(test)
        self._drafts.append(draft)
        return draft


def _names(test: Any) -> tuple[str, str, str, str]:
    """Return the id of a test, its module, its class (empty for a function) and its method."""
    id = test_id(test)
    kind = type(test)
    module = kind.__module__
    prefix = f"{module}.{kind.__qualname__}."
    if id.startswith(prefix):
        return id, module, kind.__qualname__, id[len(prefix) :]
    return id, module, "", id.removeprefix(f"{module}.")


def _module_of(owner: str) -> str:
    """Return the module of a class by its whole name, which may be of a class in a class."""
    name = owner
    while name and name not in sys.modules:
        name = name.rpartition(".")[0]
    return name or owner.rpartition(".")[0]
