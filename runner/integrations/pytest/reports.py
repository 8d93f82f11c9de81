"""What contexts left in the reports of pytest: the failure of a call, a section, and transport."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

import pytest

from tempfiles import ContextReport, RunReport

from ...reporting.recorder import Recorder
from ...session.listener import Listener
from ...session.outcomes import CaseName, Outcome, Status
from ...session.policy import ClosedContext
from ...session.session import Session

_SECTION = "leaked files (found after teardown)"  # pytest looks for `teardown` in the name


class ClosedContexts(Listener):
    """The contexts that closed, in this process and in the workers of xdist.

    Attributes:
        reports: what each left, and the new leaks among it.
        has_failed: whether a fixture's leaks fail the session; no report of a test says so.
        loaded: the node ids of the items of all workers.
    """

    def __init__(self) -> None:
        self.reports: list[tuple[ContextReport, ContextReport]] = []
        self.has_failed = False
        self.loaded: frozenset[str] = frozenset()
        self._unsent: list[ContextReport] = []

    def context_closed(self, report: ContextReport, new: ContextReport) -> None:
        """Keep what a context left."""
        self.reports.append((report, new))
        self._unsent.append(report)

    def take_unsent(self) -> list[dict[str, Any]]:
        """Return, once, what contexts left: it goes with the next report of a test."""
        found = [report.to_dict() for report in self._unsent]
        self._unsent.clear()
        return found

    def output(
        self, session: Session, report: RunReport | None, late: Iterable[ContextReport]
    ) -> dict[str, Any]:
        """Return what a worker sends to the controller at its end."""
        return {
            "late": [found.to_dict() for found in late],
            "closed": self.take_unsent(),
            "run": report.to_dict() if report is not None else None,
            "failed": self.has_failed,
            "ran": sorted(session.ran),
            "incomplete": sorted(session.outcomes.incomplete),
            "interrupted": sorted(session.interrupted),
        }

    def add_output(self, output: Mapping[str, Any], session: Session) -> None:
        """Take what a worker has sent at its end."""
        for report in output["closed"]:
            take(session, report)
        if output["run"] is not None:
            session.ended_elsewhere(RunReport.from_dict(output["run"]), self._late(output))
        self.has_failed |= output["failed"]
        session.ran.update(output["ran"])
        session.outcomes.incomplete.update(output["incomplete"])
        session.interrupted.update(output["interrupted"])

    @staticmethod
    def _late(output: Mapping[str, Any]) -> list[ContextReport]:
        return [ContextReport.from_dict(report) for report in output["late"]]


def take(session: Session, sent: Mapping[str, Any]) -> ContextReport:
    """Have the controller judge what a context has left that a worker closed; return that."""
    closed = session.closed_elsewhere(ContextReport.from_dict(sent))
    if session.policy.failure(closed.new) is not None:
        session.note_failure(closed)
    return closed.report


class TestOutcomes:
    """Counts the tests, and passes their outcomes on as the runner's own records.

    Args:
        recorder: collects the records for the page; None where no report needs them.
    """

    __test__ = False

    def __init__(self, recorder: Recorder | None) -> None:
        self._ended: set[tuple[str, str]] = set()  # a rerun is no other test
        self._recorder = recorder

    def add(self, report: pytest.TestReport, session: Session) -> None:
        """Add a report of a phase of a test."""
        if report.when == "setup" and self._recorder is not None:
            self._recorder.test_started(case_name(report.nodeid))
        outcome: str = report.outcome  # pytest-rerunfailures has one of its own
        if outcome not in ("passed", "rerun"):
            session.outcome(_outcome(report))
        if report.when == "teardown":
            self._ended.add((report.nodeid, getattr(report, "worker_id", "")))  # --dist each
            session.outcomes.tests_run = len(self._ended)
            if self._recorder is not None:
                name = case_name(report.nodeid)
                self._recorder.test_stopped(name, report.capstdout, report.capstderr)


def case_name(id: str) -> CaseName:
    """Return the names of a test from its node id, which is never split at dots."""
    file, _, rest = id.partition("::")
    head, bracket, parameters = rest.partition("[")
    class_name, _, method = head.rpartition("::")
    return CaseName(id, file, class_name.replace("::", "."), method + bracket + parameters)


def _outcome(report: pytest.TestReport) -> Outcome:
    status: Status = "failure" if report.when == "call" else "error"
    if is_leak_failure(report):
        status = "leak"
    message = str(report.longrepr or "").rpartition("\n")[2]
    if report.skipped:
        expected = hasattr(report, "wasxfail")
        status = "expected failure" if expected else "skipped"
        if isinstance(report.longrepr, tuple):
            message = str(report.longrepr[2])
    return Outcome(report.nodeid, report.nodeid, status, message, report.longreprtext)


def is_leak_failure(report: pytest.TestReport) -> bool:
    """Return whether a test failed for its leaks only."""
    return getattr(report, "tidytest_leaked", False)


def fail_call(call: pytest.TestReport, closed: ClosedContext) -> None:
    """Make the call of a test a failure for its leaks; an expected failure stays one."""
    if hasattr(call, "wasxfail"):
        return
    call.outcome = "failed"
    call.tidytest_leaked = True  # type: ignore[attr-defined]  # xdist sends it
    call.longrepr = _representation(call, closed)


def _representation(call: pytest.TestReport, closed: ClosedContext) -> Any:
    """Return what pytest prints of the failure, with the line of the first leak as its place."""
    from _pytest._code.code import ExceptionChainRepr, ReprEntry, ReprFileLocation, ReprTraceback

    message = closed.failure or ""
    first = message.partition("\n")[0].removesuffix(":")
    origins = [leak.origin for leak in closed.new.leaks if leak.origin is not None]
    file, line = (origins[0].file, origins[0].line) if origins else (call.location[0], None)
    if line is None:
        line = (call.location[1] or 0) + 1
    place = ReprFileLocation(file, line, first)
    entry = ReprEntry(message.splitlines(), None, None, place, "value")
    traceback = ReprTraceback([entry], None, "value")
    return ExceptionChainRepr([(traceback, place, None)])


def section(report: pytest.TestReport, closed: ClosedContext) -> None:
    """Add what a test left to its report, which pytest prints with `-rA` and of failed tests."""
    from ...output.lines import context_lines

    text = "\n".join(context_lines(closed.report))
    if text and closed.failure is None:
        report.sections.append((_SECTION, text))
