"""Format records as lines: under a test, at the end of a run, and one line a leak in reports."""

from __future__ import annotations

import os
import time
from collections import Counter
from collections.abc import Container, Iterable, Iterator, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING

from tempfiles import format_contents, format_count, format_size, printable

from .escape import clip

if TYPE_CHECKING:  # a run without leaks needs none of the records
    from tempfiles import ContextReport, Leak, Modification, RunReport, Unattributed

_PLURALS = {"class": "classes"}
_TITLES = {"run": "the run, outside its tests", "session": "the session, in its fixtures"}
_MOST_ALIKE = 50
"""Leaks of one line of code that are listed under a context; the reports list all of them."""
_MOST_LINES = 10
"""Lines of one kind at the end of a run."""
_MOST_WRITERS = 3
"""Other tests that are named as writers of a leaked directory; the JSON report has all of them."""
_MOST_CHILDREN = 5
"""Processes that are named as possible creators of a leak under its test."""
_SUBTEST = 400
_KINDS = {"file": "file", "directory": "dir", "symlink": "link", "socket": "sock"}


def context_lines(report: ContextReport, known: Container[tuple[str, str]] = ()) -> Iterator[str]:
    """Yield the lines about one context, indented by two.

    Args:
        report: of the context.
        known: the keys of the leaks that are in the baseline.
    """
    for where, place in (("temp", "in"), ("outside", "outside")):
        leaks = [leak for leak in report.leaks if leak.where == where]
        if leaks:
            size = format_size(sum(leak.bytes for leak in leaks))
            yield f"  left {len(leaks)} {place} the temp directory ({size}):"
            yield from _leak_lines(leaks, known)
    if report.modifications:
        yield f"  changed {len(report.modifications)} of the project's files:"
        for modification in report.modifications:
            yield f"    {_modification_text(modification)}"
    for finding in report.findings:
        made_by = f"  {printable(str(finding.origin))}" if finding.origin is not None else ""
        yield f"  {printable(finding.text)}{made_by}"


def failure_message(report: ContextReport) -> str:
    """Return the message with which a leaking test fails."""
    return "\n".join(line[2:] for line in context_lines(report))


def titled_lines(report: ContextReport, known: Container[tuple[str, str]] = ()) -> Iterator[str]:
    """Yield the name of a context, then `context_lines`; nothing if it left and changed nothing."""
    scope = "" if report.scope == "test" else f"{report.scope} "
    if report.leaks or report.modifications or report.findings:
        title = _TITLES.get(report.scope)
        yield title or f"{scope}{printable(report.id)}"
        yield from context_lines(report, known)


def totals_line(report: RunReport, kept: int = 0) -> str:
    """Return the last line of a run.

    Args:
        report: of the run.
        kept: how many registered paths were kept instead of removed.
    """
    summary = report.summary
    parts = [
        f"{summary.made} created",
        f"{summary.removed_by_tests} removed by their tests",
        f"{summary.registered - kept} registered and removed",
        *([f"{kept} registered and kept"] if kept else []),
        _leaked_text(report),
    ]
    return "Temporary files: " + ", ".join(parts)


def _leaked_text(report: RunReport) -> str:
    if not report.leaks:
        return "none leaked"
    by = counted_contexts({(leak.scope, leak.context) for leak in report.leaks})
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


def ending_lines(report: RunReport, verbose: bool) -> Iterator[str]:
    """Yield the lines about the run as a whole, except its totals.

    Args:
        report: of the run.
        verbose: list unattributed paths in directories that other programs use, too.
    """
    yield from _unattributed_lines(report.unattributed, verbose)
    for found in report.rescued:
        name = _relative(found.source) if found.source else os.path.basename(found.was)
        yield f"{printable(name)} existed before the run: moved to {printable(found.path)}"
    yield from _first_lines(_written_line(leak) for leak in report.leaks if leak.written_by)
    yield from _first_lines(
        f"Not removed: {printable(_relative(leak.path))}: {printable(leak.reason)}"
        for leak in report.leaks if leak.reason
    )
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
    return f"{_name(leak)} holds {contents}, also written by {names}"


def _unattributed_lines(found: Sequence[Unattributed], verbose: bool) -> Iterator[str]:
    for place, where in (("shared directories", "outside"), ("the temp directory", "temp")):
        yield from _unattributed_in(place, [e for e in found if e.where == where], verbose)


def _unattributed_in(place: str, found: list[Unattributed], verbose: bool) -> Iterator[str]:
    if found:
        named = [e for e in found if verbose or e.where == "temp" or _relative(e.path) != e.path]
        listed = named[:_MOST_LINES]
        hint = ":" if listed else "; -v lists them"
        yield f"New in {place}, not attributed to any test ({len(found)}){hint}"
        for entry in listed:
            yield f"    {_KINDS.get(entry.type, entry.type)}  {printable(entry.path)}"
        if listed and len(found) > len(listed):
            yield f"    ... and {len(found) - len(listed)} more"


def _first_lines(lines: Iterable[str]) -> Iterator[str]:
    listed = list(lines)
    yield from listed[:_MOST_LINES]
    if len(listed) > _MOST_LINES:
        yield f"    ... and {len(listed) - _MOST_LINES} more"


def _leak_lines(leaks: Sequence[Leak], known: Container[tuple[str, str]]) -> Iterator[str]:
    alike: dict[str, list[Leak]] = {}
    for leak in leaks:
        alike.setdefault(leak.made_by, []).append(leak)
    hidden = {id(leak) for group in alike.values() for leak in group[_MOST_ALIKE:]}
    yield from _rows([leak for leak in leaks if id(leak) not in hidden], known)
    for group in alike.values():
        if more := group[_MOST_ALIKE:]:
            size = format_size(sum(leak.bytes for leak in more))
            yield f"    ... and {len(more):,} more, {size}  {printable(more[0].made_by)}".rstrip()


def _rows(leaks: Sequence[Leak], known: Container[tuple[str, str]]) -> Iterator[str]:
    rows = [_row(leak) for leak in leaks]
    names = max(len(name) for _, name, _, _ in rows)
    sizes = max(len(size) for _, _, size, _ in rows)
    for (kind, name, size, made_by), leak in zip(rows, leaks, strict=True):
        yield f"    {kind:<4}  {name:<{names}}  {size:>{sizes}}  {made_by}".rstrip()
        if leak.key in known:
            yield "          known (baseline)"
        yield from _notes(leak)


def _row(leak: Leak) -> tuple[str, str, str, str]:
    kind = _KINDS.get(leak.type, leak.type)
    size = format_size(leak.bytes)
    if leak.type == "directory":
        contents = format_contents(leak.entries, leak.files)
        size = contents if leak.entries == 1 else f"{contents} {size}"
    return kind, _name(leak), size, printable(leak.made_by)


def _name(leak: Leak) -> str:
    name = os.path.basename(leak.path) if leak.where == "temp" else _relative(leak.path)
    return printable(name) + ("/" if leak.type == "directory" else "")


def _notes(leak: Leak) -> Iterator[str]:
    if leak.subtest is not None:
        yield f"          in subtest {printable(leak.subtest)}"
    if len(leak.children) > _MOST_CHILDREN:
        leak = replace(leak, children=leak.children[:_MOST_CHILDREN])
    for note in _facts(leak):
        yield f"          {note}"
    if leak.origin is not None:
        for frame in leak.origin.trace:
            yield f"          {printable(frame)}"


def _facts(leak: Leak) -> Iterator[str]:
    """Yield what is unusual about how a leak came about, a few words each, escaped."""
    if leak.never_closed:
        yield "its object was never closed"
    yield from (f"open by {printable(process)}" for process in leak.open_by)
    if leak.children:
        yield "created by one of: " + "; ".join(printable(c.command) for c in leak.children)
    if leak.since:
        yield f"still there since {_day(leak.since)}"


def leak_line(leak: Leak) -> str:
    """Return a leak as one line: `file /tmp/x/a.csv 1.2 KiB, created at a.py:4 in f  open`."""
    parts = [f"{leak.type} {printable(leak.path)} {format_size(leak.bytes)}"]
    if leak.type == "directory":
        parts.append(format_contents(leak.entries, leak.files))
    if leak.subtest is not None:
        parts.append(f"in subtest {printable(clip(leak.subtest, _SUBTEST))}")
    if leak.origin is not None:
        parts.append(f"created at {printable(str(leak.origin))}")
    elif leak.call:
        parts.append(f"created by {printable(leak.call)}")
    parts.extend(leak_notes(leak))
    return ", ".join(parts)


def leak_notes(leak: Leak) -> list[str]:
    """Return what is unusual about a leak: a few words each, escaped."""
    notes = ["outside the temp directory"] if leak.where == "outside" else []
    notes.extend(_facts(leak))
    if leak.outcome == "failed":
        notes.append("could not be removed")
    elif leak.outcome != "removed":
        notes.append(f"{leak.outcome}: {printable(leak.reason)}" if leak.reason else leak.outcome)
    notes.extend(f"held a preexisting file, now at {printable(path)}" for path in leak.rescued)
    return notes


def _day(moment: float) -> str:
    return time.strftime("%Y-%m-%d %H:%M", time.localtime(moment))


def _modification_text(modification: Modification) -> str:
    what = f" ({', '.join(modification.what)})" if modification.what else ""
    return f"{modification.change}  {printable(_relative(modification.path))}{what}"


def _relative(path: str) -> str:
    try:
        prefix = os.getcwd() + os.sep
    except OSError:
        return path
    return path[len(prefix) :] if path.startswith(prefix) else path


def all_lines(reports: Iterable[ContextReport]) -> Iterator[str]:
    """Yield the titled lines of several contexts."""
    for report in reports:
        yield from titled_lines(report)
