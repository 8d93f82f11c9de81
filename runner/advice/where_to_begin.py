"""List where to begin with many leaks: the worst lines of code and tests, with remedies."""

from __future__ import annotations

import itertools
from collections.abc import Hashable, Iterable, Iterator, Sequence, Sized
from dataclasses import replace
from typing import NamedTuple

from tempfiles import Leak, Origin, format_count, format_size, printable

from .remedies import remedy

_FEWEST_ORIGINS = 3
_FEWEST_LEAKS = 5
_MOST_LISTED = 3


class WorstLine(NamedTuple):
    """A line of code that created leaks, the leaks, and the line of code that prevents them."""

    leaks: Sequence[Leak]
    origin: Origin
    remedy: str


def worst_lines(leaks: Sequence[Leak]) -> Iterator[WorstLine]:
    """Yield the lines of code that created leaks, those with the most leaks first.

    Each remedy is computed when it is asked for, which reads the source.
    """
    groups = sorted(_by_line(leaks).values(), key=lambda group: (-len(group), -_bytes(group)))
    for group in groups:
        yield WorstLine(group, _origin(group), _remedy(group))


def advice(leaks: Sequence[Leak]) -> Iterator[str]:
    """Yield the lines of the advice; none if there are too few leaks for advice to help."""
    by_line = _by_line(leaks)
    different = {_line(group[0]) for group in by_line.values()}
    if len(leaks) < _FEWEST_LEAKS and len(different) < _FEWEST_ORIGINS:
        return
    lines = list(itertools.islice(worst_lines(leaks), _MOST_LISTED))
    contexts = sorted(
        _grouped((leak.context, leak) for leak in leaks).values(),
        key=lambda group: (-_bytes(group), -sum(leak.entries for leak in group)),
    )
    yield "Where to begin:"
    if lines:
        yield "  lines of code:"
    for line in lines:
        yield f"    {_count(line.leaks)}  {printable(str(line.origin))}"
        yield f"        {line.remedy}"
    yield from _more(by_line)
    listed = {(line.origin.file, line.origin.line) for line in lines}
    yield "  tests:"
    for group in contexts[:_MOST_LISTED]:
        yield f"    {_count(group)}  {printable(group[0].context)}"
        worst = max(group, key=lambda leak: (leak.bytes, leak.entries))
        if _line(worst) not in listed:
            yield f"        {_remedy([leak for leak in group if _line(leak) == _line(worst)])}"
    yield from _more(contexts)


def _remedy(leaks: Sequence[Leak]) -> str:
    try:
        return remedy(leaks)
    except Exception as error:  # it parses the user's source; the totals must still be printed
        return f"(no remedy, by a defect in tidytest: {printable(repr(error))})"


def _more(groups: Sized) -> Iterator[str]:
    if len(groups) > _MOST_LISTED:
        yield f"    ... and {len(groups) - _MOST_LISTED:,} more"


def _grouped(keyed: Iterable[tuple[Hashable, Leak]]) -> dict[Hashable, list[Leak]]:
    groups: dict[Hashable, list[Leak]] = {}
    for key, leak in keyed:
        groups.setdefault(key, []).append(leak)
    return groups


def _by_line(leaks: Sequence[Leak]) -> dict[Hashable, list[Leak]]:
    """Group leaks by the line that created them, and by the test's line that called it.

    Many tests share a line of the product, and one test may create files in many lines of it. A
    helper in the test's own file counts as one line: it is the place for a change.
    """
    return _grouped((_line_and_caller(leak.origin), leak) for leak in leaks if leak.origin)


def _line_and_caller(origin: Origin) -> Hashable:
    is_near = origin.called_from.rpartition(":")[0] == origin.file
    return origin.file, origin.line, "" if is_near else origin.called_from


def _origin(group: Sequence[Leak]) -> Origin:
    """Return the line of a group, with the test's line if it is the same for all."""
    origins = [leak.origin for leak in group if leak.origin is not None]
    if len({origin.called_from for origin in origins}) > 1:
        return replace(origins[0], called_from="")
    return origins[0]


def _line(leak: Leak) -> Hashable:
    return (leak.origin.file, leak.origin.line) if leak.origin is not None else None


def _bytes(group: Iterable[Leak]) -> int:
    return sum(leak.bytes for leak in group)


def _count(group: Sequence[Leak]) -> str:
    return f"{format_count(len(group), 'leak')}, {format_size(_bytes(group))}"
