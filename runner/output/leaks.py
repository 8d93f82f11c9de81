"""Format a leak: as a row with its origin, or as one line."""

from __future__ import annotations

import os
import time
from collections.abc import Container, Iterable, Iterator
from dataclasses import replace
from typing import TYPE_CHECKING, NamedTuple

from tempfiles import format_contents, format_size, printable

from .colour import Painter
from .escape import clip

if TYPE_CHECKING:  # a run without leaks needs none of the records
    from tempfiles import Leak

_MOST_CHILDREN = 5
"""Processes that are named as possible creators of a leak under its test."""
_SUBTEST = 400
_INDENT = " " * 10
"""What comes before each line that belongs to a row."""
_KINDS = {"file": "file", "directory": "dir", "symlink": "link", "socket": "sock"}


def leak_rows(
    leaks: Iterable[Leak], known: Container[tuple[str, str]], painter: Painter
) -> Iterator[str]:
    """Yield a row for each leak: kind, size, name, origin, then what is unusual about it.

    The origin has a line of its own where it does not fit.

    Args:
        leaks: the leaks.
        known: the keys of the leaks that are in the baseline.
        painter: of the stream.
    """
    for leak in leaks:
        yield from _row(leak, painter)
        if leak.key in known:
            yield f"{_INDENT}known (baseline)"
        yield from (painter.paint(f"{_INDENT}{note}", "quiet") for note in _notes(leak))


class _RowPart(NamedTuple):
    """A word or some words of a row: what separates it from the one before, and its style."""

    gap: str
    text: str
    style: str = "quiet"


def _row(leak: Leak, painter: Painter) -> Iterator[str]:
    what = [
        _RowPart("    ", f"{kind_name(leak.type):<4}  {format_size(leak.bytes):>9}"),
        _RowPart("  ", leak_name(leak), "name"),
    ]
    if leak.type == "directory":
        what.append(_RowPart("  ", format_contents(leak.entries, leak.files)))
    origin = list(_origin(leak))
    if not origin or _length([*what, *origin]) <= painter.width:
        yield _painted([*what, *origin], painter)
        return
    yield _painted(what, painter)
    origin[0] = origin[0]._replace(gap=_INDENT)
    while _length(origin) > painter.width and len(origin) > 2:
        del origin[1]  # the function, then the call: the line tells both
    if _length(origin) > painter.width and len(origin) == 2:
        yield _painted(origin[:1], painter)
        origin = [origin[1]._replace(gap=_INDENT)]
    yield _painted(origin, painter)


def _origin(leak: Leak) -> Iterator[_RowPart]:
    """Yield the parts of `Leak.made_by`."""
    origin = leak.origin
    if origin is None:
        if leak.call:
            yield _RowPart("  ", printable(leak.call))
        return
    yield _RowPart("  ", printable(f"{origin.file}:{origin.line}"), "name")
    yield _RowPart(" ", printable(f"in {origin.function}"))
    yield _RowPart("  ", printable(origin.call))
    if origin.called_from:
        yield _RowPart(", ", printable(f"called from {origin.called_from}"))


def _length(parts: Iterable[_RowPart]) -> int:
    return sum(len(part.gap) + len(part.text) for part in parts)


def _painted(parts: Iterable[_RowPart], painter: Painter) -> str:
    return "".join(part.gap + painter.paint(part.text, part.style) for part in parts)


def kind_name(type: str) -> str:
    """Return the kind of a path in at most five letters."""
    return _KINDS.get(type, type)


def leak_name(leak: Leak) -> str:
    """Return the name of a leak, escaped: its path where it is outside the temp directory."""
    if leak.where == "temp":
        name = os.path.basename(leak.path)
    else:
        path = relative(leak.path)
        name = path if os.path.isabs(path) else os.path.join(os.curdir, path)
    return printable(name) + ("/" if leak.type == "directory" else "")


def relative(path: str) -> str:
    """Return a path below the working directory relative to it, others as they are."""
    try:
        prefix = os.getcwd() + os.sep
    except OSError:
        return path
    return path[len(prefix) :] if path.startswith(prefix) else path


def _notes(leak: Leak) -> Iterator[str]:
    if leak.subtest is not None:
        yield f"in subtest {printable(leak.subtest)}"
    if len(leak.children) > _MOST_CHILDREN:
        leak = replace(leak, children=leak.children[:_MOST_CHILDREN])
    yield from _facts(leak)
    if leak.origin is not None:
        yield from map(printable, leak.origin.trace)


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
