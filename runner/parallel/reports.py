"""The report of a worker's run: the one that it sent, or what is known of a worker that died."""

from __future__ import annotations

import json
from collections.abc import Iterable
from typing import TYPE_CHECKING

from tempfiles import ContextReport, RunReport, Summary

from ..session.session import Session
from ..workers import events

if TYPE_CHECKING:
    from ..pool.source import EndedWorker, EventHandler
    from ..session.retention import RunRetention
    from .replay import Replay

Late = tuple[ContextReport, ...]


def add_to_session(
    reports: Iterable[tuple[RunReport, Late]], replay: Replay, session: Session
) -> None:
    """Add the reports of the workers' runs to the session of the whole run.

    Of a run that has stopped (`-f`), only what comes before the stop in serial order counts.

    Args:
        reports: those of all workers, with what contexts left after they had closed.
        replay: what was replayed of them.
        session: of the whole run.
    """
    counted = _Counted(replay) if replay.is_partial else None
    for report, late in reports:
        if counted is not None:
            session.left_uncounted(report.leaks)
            report, late = counted.only(report), counted.only_late(late)
        session.ended_elsewhere(report, late)
    if counted is not None:
        session.ended_elsewhere(RunReport(counted.summary))


def report_of(
    worker: EndedWorker, handler: EventHandler, retention: RunRetention
) -> tuple[RunReport, Late]:
    """Return the report of a worker that has ended, and what contexts left after they had closed.

    Args:
        worker: the worker.
        handler: takes what it has printed at its end.
        retention: of the whole run; it learns which files the worker has kept.
    """
    if not worker.report:
        from ..session.worker_reports import report_of_dead

        closed = [events.context_of(line) for line in worker.contexts]
        return report_of_dead(closed, worker.rescued), ()
    report, late, kept, number, printed = json.loads(worker.report[1:])
    retention.join([(scope, id) for scope, id in kept], number)
    handler.feed_outside(worker.source, events.printed_between(*printed))
    is_bare = isinstance(report, list)
    run = RunReport(Summary(*report)) if is_bare else RunReport.from_dict(report)
    return run, tuple(map(ContextReport.from_dict, late))


class _Counted:
    """The contexts that were replayed, and what they created.

    Attributes:
        summary: their totals.
    """

    def __init__(self, replay: Replay) -> None:
        reports = [events.context_of(line) for line in replay.closed]
        leaks = [leak for report in reports for leak in report.leaks]
        self._keys = {leak.key for leak in leaks}
        self._contexts = {(report.scope, report.id) for report in reports}
        made = sum(report.made for report in reports)
        registered = sum(report.registered for report in reports)
        self.summary = Summary(
            made=made + replay.made_and_removed,
            removed_by_tests=made + replay.made_and_removed - registered - len(leaks),
            registered=registered,
            leaked=len(leaks),
            leaked_bytes=sum(leak.bytes for leak in leaks),
        )

    def only(self, report: RunReport) -> RunReport:
        """Return the report of a worker without other contexts, and without totals."""
        contexts = self._contexts
        return RunReport(
            Summary(),
            tuple(leak for leak in report.leaks if leak.key in self._keys),
            modifications=tuple(
                one for one in report.modifications if (one.scope, one.context) in contexts
            ),
            failures=report.failures,
            rescued=report.rescued,
            findings=tuple(one for one in report.findings if (one.scope, one.context) in contexts),
        )

    def only_late(self, late: Late) -> Late:
        """Return what contexts left after they had closed, without other contexts."""
        return tuple(one for one in late if (one.scope, one.id) in self._contexts)
