"""The report of a worker's run: the one that it sent, or what is known of a worker that died."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

from tempfiles import ContextReport, RunReport

from ..session.dead_worker import report_of_dead
from . import events

if TYPE_CHECKING:
    from .process import WorkerProcess


def report_of(worker: WorkerProcess) -> tuple[RunReport, tuple[ContextReport, ...]]:
    """Return the report of a worker's run, and what its contexts left after they had closed."""
    if worker.report:
        report, late = json.loads(worker.report[1:])
        return RunReport.from_dict(report), tuple(map(ContextReport.from_dict, late))
    closed = [events.context_of(line) for line in worker.contexts]
    return report_of_dead(closed, worker.rescued), ()
