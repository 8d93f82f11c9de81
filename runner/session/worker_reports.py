"""The reports of workers: one for a worker that died, and all of them as those of one run."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING

from tempfiles import ContextReport, Leak, Rescued, RunReport, Summary

if TYPE_CHECKING:
    from tempfiles import Finding, Modification, Scope


def report_of_dead(
    reports: Sequence[ContextReport], rescued: tuple[Rescued, ...] = ()
) -> RunReport:
    """Return the report of a worker that died before it could send one.

    The contexts that it has closed are added up; the end of the run removes its files.

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


class WorkerReports:
    """What workers report of contexts, as one run: each leak once, in the order of the contexts."""

    def __init__(self) -> None:
        self._reports: list[RunReport] = []
        self._shown: set[tuple[str, str]] = set()
        self._order: dict[tuple[Scope, str], int] = {}

    def closed(self, report: ContextReport) -> ContextReport:
        """Return the report of a context without what another worker has reported already."""
        self._order.setdefault((report.scope, report.id), len(self._order))
        return report._replace(leaks=_once(report.leaks, self._shown))

    def ended(self, report: RunReport) -> None:
        """Add the report of the run of a worker; its tests were counted as they came."""
        self._reports.append(report._replace(summary=report.summary._replace(tests=0)))

    def added_to(self, report: RunReport) -> RunReport:
        """Return the report of this process with those of the workers added, if there are any."""
        return self._in_order(report.merge(*self._reports)) if self._reports else report

    def _in_order(self, report: RunReport) -> RunReport:
        order, last = self._order, len(self._order)

        def rank(entry: Leak | Modification | Finding) -> int:
            return order.get((entry.scope, entry.context), last)

        return report._replace(
            leaks=_once(sorted(report.leaks, key=rank), set()),
            modifications=tuple(sorted(report.modifications, key=rank)),
            findings=tuple(sorted(report.findings, key=rank)),
        )


def _once(leaks: Iterable[Leak], seen: set[tuple[str, str]]) -> tuple[Leak, ...]:
    """Return the leaks without those of earlier runs that another worker has reported."""
    kept = tuple(leak for leak in leaks if not (leak.since and leak.key in seen))
    seen.update(leak.key for leak in kept if leak.since)
    return kept
