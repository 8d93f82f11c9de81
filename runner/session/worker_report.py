"""The report of a worker that died before it could send one."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from tempfiles import ContextReport, Leak, Rescued, RunReport, Summary


def report_of_dead(
    reports: Sequence[ContextReport], rescued: tuple[Rescued, ...] = ()
) -> RunReport:
    """Add up the contexts that a dead worker has closed; the end of the run removes its files.

    Args:
        reports: of these contexts.
        rescued: preexisting files that were moved out of its run root.
    """
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
        rescued=rescued,
        findings=tuple(finding for report in reports for finding in report.findings),
    )  # fmt: skip


def _removed(leak: Leak) -> Leak:
    return replace(leak, outcome="removed") if leak.where == "temp" else leak
