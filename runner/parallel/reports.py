"""The report of a worker's run: the one that it sent, or what is known of a worker that died."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import TYPE_CHECKING

from tempfiles import ContextReport, Leak, RunReport, Summary

from . import events

if TYPE_CHECKING:
    from .process import WorkerProcess


def report_of(worker: WorkerProcess) -> tuple[RunReport, tuple[ContextReport, ...]]:
    """Return the report of a worker's run, and what its contexts left after they had closed."""
    if worker.report:
        report, late = json.loads(worker.report[1:])
        return RunReport.from_dict(report), tuple(map(ContextReport.from_dict, late))
    return _of_dead(worker), ()


def _of_dead(worker: WorkerProcess) -> RunReport:
    """Add up the contexts that a dead worker has closed; the end of the run removes its files."""
    reports = [events.context_of(line) for line in worker.contexts]
    leaks = tuple(_removed(leak) for report in reports for leak in report.leaks)
    made = sum(report.made for report in reports)
    registered = sum(report.registered for report in reports)
    summary = Summary(
        made=made, removed_by_tests=made - registered - len(leaks), registered=registered,
        leaked=len(leaks), leaked_bytes=sum(leak.bytes for leak in leaks),
        leaking_contexts=len({(leak.scope, leak.context) for leak in leaks}),
    )  # fmt: skip
    return RunReport(
        summary, leaks, (),
        tuple(modification for report in reports for modification in report.modifications),
        rescued=worker.rescued,
        findings=tuple(finding for report in reports for finding in report.findings),
    )  # fmt: skip


def _removed(leak: Leak) -> Leak:
    return replace(leak, outcome="removed") if leak.where == "temp" else leak
