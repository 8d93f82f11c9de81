"""The lines at the end of a run, on its stream."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

from .console import Painter
from .session import Session

if TYPE_CHECKING:
    from tempfiles.records import ContextReport
    from tempfiles.reports import RunReport


def tell_ending(
    stream: Any, session: Session, report: RunReport, late: tuple[ContextReport, ...]
) -> None:
    """Write what was found at the end of a run, where to begin with it, and the totals.

    Args:
        stream: where to.
        session: of the tests; with `-q` only the totals are told.
        report: of the whole run.
        late: what contexts left after they had closed.
    """
    painter = Painter(stream)
    for line in (*_late_lines(late), *_advice(session, report)):
        stream.write(painter.paint(line, "leak") + "\n")
    if report.summary.made or report.unattributed or report.failures:
        from .summaries import ending_lines

        for line in ending_lines(report):
            stream.write(painter.paint(line, "total") + "\n")
    stream.flush()


def _late_lines(late: tuple[ContextReport, ...]) -> Iterator[str]:
    if late:
        from .summaries import all_lines

        yield from all_lines(late)


def _advice(session: Session, report: RunReport) -> Iterator[str]:
    if session.verbosity > 0 and len(report.leaks) > 2:
        from .remedies import advice

        yield from advice(report.leaks)
    kept = sys.modules.get(f"{__package__}.keeping")
    if kept is not None:
        yield from kept.told()
    if session.policy.known:
        known, new = session.policy.known, session.policy.new
        yield f"Known leaks: {known} of {known + new} are in the baseline"
