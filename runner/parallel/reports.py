"""The report of a worker's run: the one that it sent, or what is known of a worker that died."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

from tempfiles import ContextReport, RunReport, Summary

from ..session.session import Session
from . import events

if TYPE_CHECKING:
    from .process import WorkerProcess


def add_to_session(worker: WorkerProcess, session: Session) -> None:
    """Add the report of a worker's run to the session of the whole run."""
    if worker.report:
        report, late, kept, number = json.loads(worker.report[1:])
        is_bare = isinstance(report, list)
        run = RunReport(Summary(*report)) if is_bare else RunReport.from_dict(report)
        session.ended_elsewhere(run, tuple(map(ContextReport.from_dict, late)))
        session.kept_elsewhere(kept, number)
    else:
        from ..session.dead_worker import report_of_dead

        closed = [events.context_of(line) for line in worker.contexts]
        session.ended_elsewhere(report_of_dead(closed, worker.rescued))
