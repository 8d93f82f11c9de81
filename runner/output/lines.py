"""Format records as lines: under a test, and at the end of a run."""

from __future__ import annotations

import os
import sys
from collections import Counter
from collections.abc import Container, Iterable, Iterator, Sequence
from typing import TYPE_CHECKING, NamedTuple

from tempfiles import format_contents, format_count, format_size, printable

from .colour import Painter
from .leaks import kind_name, leak_name, leak_rows, relative

if TYPE_CHECKING:  # a run without leaks needs none of the records
    from tempfiles import ContextReport, Leak, Modification, RunReport, Unattributed

_PLURALS = {"class": "classes"}
_TITLES = {"run": "the run, outside its tests", "session": "the session, in its fixtures"}
_MOST_IN_MESSAGE = 50
"""Leaks that the message of a failure lists; the reports list all of them."""
_MOST_LINES = 10
"""Lines of one kind at the end of a run."""
_MOST_NAMES = 20
"""Names of failed tests at the end of a run."""
_MOST_WRITERS = 3
"""Other tests that are named as writers of a leaked directory; the JSON report has all of them."""
PLAIN = Painter()
"""For lines without colour, of any width."""


def context_lines(
    report: ContextReport, known: Container[tuple[str, str]] = (), painter: Painter = PLAIN
) -> Iterator[str]:
    """Yield the lines about one context, indented by two.

    Args:
        report: of the context.
        known: the keys of the leaks that are in the baseline.
        painter: of the stream.
    """
    for where, place in (("temp", "in"), ("outside", "outside")):
        leaks = [leak for leak in report.leaks if leak.where == where]
        if leaks:
            title = f"  left {len(leaks):,} {place} the temp directory ({_size(leaks)}):"
            yield painter.paint(title, "leak")
            yield from leak_rows(leaks, known, painter)
    yield from _other_lines(report)


def _other_lines(report: ContextReport) -> Iterator[str]:
    if report.modifications:
        yield f"  changed {len(report.modifications)} of the project's files:"
        for modification in report.modifications:
            yield f"    {_modification_text(modification)}"
    for finding in report.findings:
        made_by = f"  {printable(str(finding.origin))}" if finding.origin is not None else ""
        yield f"  {printable(finding.text)}{made_by}"


def failure_message(report: ContextReport) -> str:
    """Return the message with which a leaking test fails."""
    more = len(report.leaks) - _MOST_IN_MESSAGE
    shown = report._replace(leaks=report.leaks[:_MOST_IN_MESSAGE])
    lines = [line[2:] for line in context_lines(shown)]
    return "\n".join([*lines, f"... and {more:,} more"] if more > 0 else lines)


class Judged(NamedTuple):
    """The keys of the leaks that are in the baseline, and of those that fail their contexts."""

    known: Container[tuple[str, str]] = ()
    failing: Container[tuple[str, str]] = ()


_UNJUDGED = Judged()


def titled_lines(
    report: ContextReport, judged: Judged = _UNJUDGED, painter: Painter = PLAIN
) -> Iterator[str]:
    """Yield the name of a context and what it left; nothing if it left and changed nothing."""
    if not (report.leaks or report.modifications or report.findings):
        return
    scope = "" if report.scope == "test" else f"{report.scope} "
    title = _TITLES.get(report.scope) or f"{scope}{printable(report.id)}"
    more = f"  {len(report.leaks):,} left, {_size(report.leaks)}" if len(report.leaks) > 1 else ""
    failed = "LEAK: " if any(leak.key in judged.failing for leak in report.leaks) else ""
    yield painter.paint(f"{failed}{title}", "leak") + painter.paint(more, "quiet")
    yield from leak_rows(report.leaks, judged.known, painter)
    yield from _other_lines(report)


def listing(
    reports: Iterable[ContextReport], painter: Painter, limit: tuple[int, str] = (0, ""),
    judged: Judged = _UNJUDGED,
) -> Iterator[str]:
    """Yield the titled lines of contexts.

    Args:
        reports: of the contexts.
        painter: of the stream.
        limit: how many leaks to list, 0 for all, and where the others are listed.
        judged: which leaks are known, and which fail.
    """
    most, where = limit
    room, left_out = most or sys.maxsize, 0
    for report in reports:
        shown = report._replace(leaks=report.leaks[:room])
        room -= len(shown.leaks)
        left_out += len(report.leaks) - len(shown.leaks)
        yield from titled_lines(shown, judged, painter)
    if left_out:
        yield painter.paint(f"... and {left_out:,} more: {where}", "leak")


def listing_title(leaks: Sequence[Leak]) -> str:
    """Return the title of a section that lists what contexts left."""
    if not leaks:
        return "FOUND"
    by = counted_owners(leaks)
    return f"LEAKS: {len(leaks):,} left by {by}, {_size(leaks)}"


def _size(leaks: Iterable[Leak]) -> str:
    return format_size(sum(leak.bytes for leak in leaks))


def totals_line(report: RunReport, kept: int = 0) -> str:
    """Return the last line of a run.

    Args:
        report: of the run.
        kept: how many registered paths were kept instead of removed.
    """
    summary = report.summary
    removed = summary.registered - kept
    parts = [
        f"{summary.made} created",
        f"{summary.removed_by_tests} removed by their tests" * bool(summary.removed_by_tests),
        f"{removed} registered and removed" * bool(removed),
        f"{kept} registered and kept" * bool(kept),
        _leaked_text(report),
    ]
    return "Temporary files: " + ", ".join(filter(None, parts))


def _leaked_text(report: RunReport) -> str:
    if not report.leaks:
        return "none leaked"
    by = counted_owners(report.leaks)
    outcomes = Counter(leak.outcome for leak in report.leaks)
    if len(outcomes) == 1:
        return f"{len(report.leaks)} leaked by {by} ({next(iter(outcomes))})"
    counts = ", ".join(f"{number} {outcome}" for outcome, number in sorted(outcomes.items()))
    return f"{len(report.leaks)} leaked by {by} ({counts})"


def counted_contexts(contexts: Iterable[tuple[str, str]]) -> str:
    """Return the number of contexts of each scope, `1 class and 2 tests`.

    Args:
        contexts: the scope and the id of each.
    """
    number = Counter(scope for scope, _ in contexts)
    return " and ".join(
        "the run itself" if s == "run" else format_count(number[s], s, _PLURALS.get(s, f"{s}s"))
        for s in sorted(number)
    )


def counted_owners(leaks: Iterable[Leak]) -> str:
    """Return the number of contexts that left something, as `counted_contexts`."""
    return counted_contexts({(leak.scope, leak.context) for leak in leaks})


def owners_of(leaks: Sequence[Leak]) -> str:
    """Return the id of the context that left all of some leaks, or how many contexts did."""
    contexts = {(leak.scope, leak.context) for leak in leaks}
    return leaks[0].context if len(contexts) == 1 else counted_contexts(contexts)


def ending_lines(report: RunReport) -> Iterator[str]:
    """Yield the lines about the run as a whole, except its totals."""
    yield from _unattributed_lines(report.unattributed)
    yield from rescued_lines(report)
    yield from _first_lines(_written_line(leak) for leak in report.leaks if leak.written_by)
    yield from _first_lines(
        f"Not removed: {printable(relative(leak.path))}: {printable(leak.reason)}"
        for leak in report.leaks if leak.reason
    )
    yield from failure_lines(report)


def rescued_lines(report: RunReport) -> Iterator[str]:
    """Yield a line on each of the user's files that was moved out of the run root."""
    for found in report.rescued:
        name = relative(found.source) if found.source else os.path.basename(found.was)
        yield f"{printable(name)} existed before the run: moved to {printable(found.path)}"


def failure_lines(report: RunReport) -> Iterator[str]:
    """Yield a line on each path that could not be removed."""
    yield from _first_lines(
        f"Could not be removed: {printable(failure.path)}: {failure.cause}"
        for failure in report.failures
    )


def _written_line(leak: Leak) -> str:
    """Return a line on what lies in a directory at the end, and on the tests that wrote there."""
    contents = f"{format_contents(leak.entries, leak.files)} {format_size(leak.bytes)}"
    more = len(leak.written_by) - _MOST_WRITERS
    names = ", ".join(map(printable, leak.written_by[:_MOST_WRITERS]))
    names += f" and {more} more" if more > 0 else ""
    return f"{leak_name(leak)} holds {contents}, also written by {names}"


def _unattributed_lines(found: Sequence[Unattributed]) -> Iterator[str]:
    for place, where in (("shared directories", "outside"), ("the temp directory", "temp")):
        paths = [entry for entry in found if entry.where == where]
        if paths:
            yield f"New in {place}, not attributed to any test ({len(paths)}):"
            yield from _first_lines(
                f"    {kind_name(entry.type)}  {printable(entry.path)}" for entry in paths
            )


def failed_lines(names: Sequence[str]) -> Iterator[str]:
    """Yield the names of failed tests below a title; none if there are none."""
    if names:
        yield f"Failed tests ({len(names):,}):"
        yield from _first_lines((f"  {printable(name)}" for name in names), _MOST_NAMES)


def _first_lines(lines: Iterable[str], most: int = _MOST_LINES) -> Iterator[str]:
    listed = list(lines)
    yield from listed[:most]
    if len(listed) > most:
        yield f"    ... and {len(listed) - most:,} more"


def folded(line: str, width: int) -> str:
    """Return a line with line ends between its words where it is longer than the terminal."""
    if len(line) <= width:
        return line
    import textwrap

    indent = " " * (len(line) - len(line.lstrip()) + 4)
    return textwrap.fill(
        line, width, subsequent_indent=indent, break_long_words=False, break_on_hyphens=False,
        replace_whitespace=False,
    )  # fmt: skip


def _modification_text(modification: Modification) -> str:
    what = f" ({', '.join(modification.what)})" if modification.what else ""
    return f"{modification.change}  {printable(relative(modification.path))}{what}"
