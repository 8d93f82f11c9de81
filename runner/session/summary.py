"""Print the end of a run: leaks found after their contexts closed, advice, baseline, totals."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from itertools import chain
from typing import TYPE_CHECKING, Any, NamedTuple

from tempfiles import format_count, printable

from ..output.colour import Painter
from ..output.leaks import relative
from ..output.lines import (
    Judged,
    ending_lines,
    failed_lines,
    failure_lines,
    folded,
    listing,
    listing_title,
    rescued_lines,
    totals_line,
)
from ..settings.config import Config
from .outcomes import Counts

if TYPE_CHECKING:
    from tempfiles import ContextReport, Leak, RunReport

    from .policy import Policy

class RunSummary(NamedTuple):
    """What the end of a run prints.

    `late` are the new leaks that contexts left after they had closed, and `late_failures` the
    number of those that fail the run. `known_keys` are the keys of the leaks in the baseline.
    `kept` is the number of registered files and directories that were kept instead of removed.
    `failed` are the names of the tests that failed not only for their leaks.
    """

    report: RunReport
    counts: Counts
    late: tuple[ContextReport, ...] = ()
    late_failures: int = 0
    known_keys: frozenset[tuple[str, str]] = frozenset()
    kept: int = 0
    failed: tuple[str, ...] = ()

    @property
    def new_leaks(self) -> list[Leak]:
        """The leaks that no baseline knows."""
        return [leak for leak in self.report.leaks if leak.key not in self.known_keys]


class Display(NamedTuple):
    """How much to print.

    `verbosity` is unittest's, `options` names those of the host that list all leaks.
    """

    settings: Config
    verbosity: int = 1
    options: str = "--html or --leak-json"

    @property
    def mode(self) -> str:
        """How much the end of the run prints: `full`, `short` or `none`; with -q never `full`."""
        mode = self.settings.summary
        return "short" if self.verbosity < 1 and mode == "full" else mode

    @property
    def is_verbose(self) -> bool:
        """Whether all there is to tell is printed (`-v`)."""
        return self.verbosity > 1

    @property
    def most(self) -> int:
        """How many leaks to list; 0 for all."""
        return 0 if self.is_verbose else self.settings.leaks_shown

    @property
    def more(self) -> str:
        """Where the leaks are listed that the terminal omits."""
        return self.where if self.where.startswith("see ") else f"-v, {self.where}"

    @property
    def where(self) -> str:
        """Where all leaks are listed: the files of this run, or the options that write some."""
        written = (self.settings.html, self.settings.leak_json)
        names = [printable(relative(path)) for path in written if path and path != "-"]
        return f"see {' and '.join(names)}" if names else self.options


def section_lines(
    reports: Sequence[ContextReport], display: Display, painter: Painter, policy: Policy
) -> list[str]:
    """Return the title of the section on what contexts left, and its lines; there may be none.

    Args:
        reports: of the contexts.
        display: how much to print.
        painter: of the stream.
        policy: knows which leaks are known, and which fail.
    """
    judged = Judged(policy.known_keys, policy.failing_keys)
    shown = [*listing(reports, painter, (display.most, display.more), judged)]
    if display.mode != "full" or not shown:
        return []
    title = listing_title([leak for report in reports for leak in report.leaks])
    return [painter.paint(title, "leak"), *shown]


def write_summary(
    stream: Any, summary: RunSummary, display: Display, notes: Iterable[str] = ()
) -> None:
    """Write the end of a run, the totals last.

    Args:
        stream: the text stream to write to.
        summary: what to write.
        display: how much of it to write.
        notes: lines of the caller, written above the totals.
    """
    painter = Painter(stream)
    lines: list[Iterable[str]] = []
    if display.mode == "full":
        lines.append(_failed_for_leaks(summary.counts, painter))
        lines += _late_lines(summary, display, painter), _advice(summary, painter)
        lines.append(_known(summary.counts))
    lines.append(painter.paint(folded(note, painter.longest), "leak") for note in notes)
    lines.append(_verdict(summary.late_failures, painter))
    if display.mode == "full":
        lines.append(_ending(summary, display, painter))
    else:  # the user must know where each file is, however little is printed
        lines += rescued_lines(summary.report), failure_lines(summary.report)
        if display.mode == "short":
            lines += _short(summary, display, painter), _short_findings(summary, display, painter)
    for line in chain.from_iterable(lines):
        stream.write(f"{line}\n")
    stream.flush()


def _short(summary: RunSummary, display: Display, painter: Painter) -> Iterator[str]:
    """Yield one line: what leaked, and where to look."""
    leaks, known = summary.new_leaks, summary.counts.known_leaks
    if not leaks:
        yield from _known(summary.counts)
        return
    title = listing_title(leaks) + (f" ({known:,} known)" if known else "")
    contexts = {leak.context for leak in leaks}
    lines = Counter(f"{leak.origin.file}:{leak.origin.line}" for leak in leaks if leak.origin)
    if len(contexts) == 1:
        title += f": {printable(contexts.pop())}"
    elif lines:
        title += f", most at {printable(lines.most_common(1)[0][0])}"
    yield painter.paint(f"{title}; {display.where}", "leak")


def _short_findings(summary: RunSummary, display: Display, painter: Painter) -> Iterator[str]:
    """Yield one line on what tests left or changed other than leaks."""
    found = Counter(finding.detector for finding in summary.report.findings)
    parts = [f"{number:,} by --detect {name}" for name, number in sorted(found.items())]
    if changed := len(summary.report.modifications):
        parts.append(f"{format_count(changed, 'changed file')} of the project")
    if parts:
        yield painter.paint(f"FOUND: {', '.join(parts)}; {display.where}", "leak")


def _late_lines(summary: RunSummary, display: Display, painter: Painter) -> Iterator[str]:
    if summary.late:
        yield painter.paint("Found after the tests:", "leak")
        yield from listing(summary.late, painter, (display.most, display.more))


def _advice(summary: RunSummary, painter: Painter) -> Iterator[str]:
    if len(summary.new_leaks) > 2:
        from ..advice import advice

        for number, line in enumerate(advice(summary.new_leaks)):
            line = folded(line, painter.longest) if number < 2 else line  # not the remedy
            yield painter.paint(line, "leak") if number == 0 else line


def _known(counts: Counts) -> Iterator[str]:
    if counts.known_leaks:
        total = counts.leaks + counts.known_leaks
        yield f"Known leaks: {counts.known_leaks:,} of {total:,} are in the baseline"


def _failed_for_leaks(counts: Counts, painter: Painter) -> Iterator[str]:
    number = counts.failed_for_leaks
    if number:
        line = f"{number:,} failed for leaks only (--leaks fail), not counted as failures"
        yield painter.paint(line, "leak")


def _verdict(number: int, painter: Painter) -> Iterator[str]:
    if number:
        noun = "leak was" if number == 1 else "leaks were"
        line = f"FAILED: {number} {noun} found after the tests (--leaks fail)"
        yield painter.paint(line, "failure")


def _ending(summary: RunSummary, display: Display, painter: Painter) -> Iterator[str]:
    report = summary.report
    if not (display.settings.show_unattributed or display.is_verbose):
        ours = (entry for entry in report.unattributed if entry.where == "temp")
        report = report._replace(unattributed=tuple(ours))
    yield from (folded(line, painter.longest) for line in ending_lines(report))
    yield from (painter.paint(line, "failure") for line in failed_lines(summary.failed))
    if not report.is_empty:
        yield painter.paint(folded(totals_line(report, summary.kept), painter.longest), "quiet")
