"""Print the end of a run: leaks found after their contexts closed, advice, baseline, totals."""

from collections.abc import Iterable, Iterator
from typing import TYPE_CHECKING, Any, NamedTuple

from ..output.colour import Painter

if TYPE_CHECKING:
    from tempfiles import ContextReport, RunReport


class RunSummary(NamedTuple):
    """What the end of a run prints.

    `late` are the new leaks that contexts left after they had closed, and `late_failures` the
    number of those that fail the run. `known` and `new` are the numbers of leaks with and without
    an entry of the baseline. `kept` is the number of registered files and directories that were
    kept instead of removed.
    """

    report: "RunReport"
    late: tuple["ContextReport", ...] = ()
    late_failures: int = 0
    known: int = 0
    new: int = 0
    known_keys: frozenset[tuple[str, str]] = frozenset()
    kept: int = 0


def write_summary(
    stream: Any, summary: RunSummary, verbosity: int, notes: Iterable[str] = ()
) -> None:
    """Write the end of a run, the totals last.

    Args:
        stream: the text stream to write to.
        summary: what to write.
        verbosity: unittest's; 0 (`-q`) writes no advice.
        notes: lines of the caller, written above the totals.
    """
    painter = Painter(stream)
    lines = (*_late_lines(summary), *_advice(summary, verbosity), *notes, *_verdict(summary))
    for line in lines:
        stream.write(painter.paint(line, "leak") + "\n")
    if not summary.report.is_empty:
        from ..output.lines import ending_lines, totals_line

        ending = ending_lines(summary.report, verbosity > 1)
        for line in (*ending, totals_line(summary.report, summary.kept)):
            stream.write(painter.paint(line, "total") + "\n")
    stream.flush()


def _late_lines(summary: RunSummary) -> Iterator[str]:
    if summary.late:
        from ..output.lines import all_lines

        yield from all_lines(summary.late)


def _verdict(summary: RunSummary) -> Iterator[str]:
    number = summary.late_failures
    if number:
        noun = "leak was" if number == 1 else "leaks were"
        yield f"FAILED: {number} {noun} found after the tests (--leaks fail)"


def _advice(summary: RunSummary, verbosity: int) -> Iterator[str]:
    leaks = summary.report.leaks
    if verbosity > 0 and len(leaks) > 2:
        from ..advice import advice

        yield from advice([leak for leak in leaks if leak.key not in summary.known_keys])
    if summary.known:
        total = summary.known + summary.new
        yield f"Known leaks: {summary.known} of {total} are in the baseline"
