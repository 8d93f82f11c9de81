"""The lines at the end of a run, on its stream."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from ..execution.boundaries import Session
from ..output.colour import Painter

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from tempfiles.reports import ContextReport, RunReport


def tell_ending(
    stream: Any, session: Session, report: RunReport, late: tuple[ContextReport, ...],
    notes: Iterable[str] = (),
) -> None:
    """Write what was found at the end of a run, where to begin with it, and the totals, last.

    Args:
        stream: where to.
        session: of the tests; with `-q` only the totals are told.
        report: of the whole run.
        late: what contexts left after they had closed, new leaks only.
        notes: lines of others, told above the totals.
    """
    painter = Painter(stream)
    said = (*_late_lines(late), *_advice(session, report), *notes, *_verdict(session, late))
    for line in said:
        stream.write(painter.paint(line, "leak") + "\n")
    if report.tells:
        from ..output.lines import ending_lines, totals_line

        kept = session.keeper.registered_kept if session.keeper is not None else 0
        for line in (*ending_lines(report, session.verbosity > 1), totals_line(report, kept)):
            stream.write(painter.paint(line, "total") + "\n")
    stream.flush()


def _late_lines(late: tuple[ContextReport, ...]) -> Iterator[str]:
    if late:
        from ..output.lines import all_lines

        yield from all_lines(late)


def _verdict(session: Session, late: tuple[ContextReport, ...]) -> Iterator[str]:
    number = sum(len(found.leaks) for found in late if session.policy.failure(found) is not None)
    if number:
        noun = "leak was" if number == 1 else "leaks were"
        yield f"FAILED: {number} {noun} found after the tests (--leaks fail)"


def _advice(session: Session, report: RunReport) -> Iterator[str]:
    if session.verbosity > 0 and len(report.leaks) > 2:
        from ..advice.advice import advice

        keys = session.policy.known_keys
        yield from advice([leak for leak in report.leaks if leak.key not in keys])
    if session.policy.known:
        known, new = session.policy.known, session.policy.new
        yield f"Known leaks: {known} of {known + new} are in the baseline"
