"""Say where to begin with many leaks: the lines of code that leak most, each with a remedy."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Hashable, Iterator, Sequence
from dataclasses import replace
from typing import NamedTuple

from tempfiles import Leak, Origin, format_count, format_size, printable

from .remedies import remedy

_FEWEST_ORIGINS = 3
_FEWEST_LEAKS = 5


class WorstLine(NamedTuple):
    """A line of code that created leaks, the leaks, and the line of code that prevents them.

    `called_from` of the origin is empty where the test's line is not the same for all.
    """

    leaks: Sequence[Leak]
    origin: Origin
    remedy: str


def worst_lines(leaks: Sequence[Leak]) -> Iterator[WorstLine]:
    """Yield the lines of code that created leaks, those with the most leaks first.

    Each remedy is computed when it is asked for, which reads the source. It is that of the line of
    a test from which most of the leaks come.
    """
    for group in _grouped(leaks, lambda origin: (origin.file, origin.line)):
        yield WorstLine(group, _origin(group), _remedy(by_line(group)[0]))


def advice(leaks: Sequence[Leak]) -> Iterator[str]:
    """Yield the worst line of code, its remedy, and how to have it applied.

    Nothing for a few leaks of one or two lines.
    """
    different = {(leak.origin.file, leak.origin.line) for leak in leaks if leak.origin is not None}
    if len(leaks) < _FEWEST_LEAKS and len(different) < _FEWEST_ORIGINS:
        return
    for worst in worst_lines(leaks):
        size = format_size(sum(leak.bytes for leak in worst.leaks))
        share = f"{len(worst.leaks):,} of {format_count(len(leaks), 'leak')}, {size}"
        yield f"Where to begin: {share}"
        yield f"  {printable(str(worst.origin))}"
        yield f"    {worst.remedy}"
        yield "  (tidytest --fix shows what it can change as a diff)"
        return


def by_line(leaks: Sequence[Leak]) -> list[list[Leak]]:
    """Group leaks by the line that created them, and by the test's line that called it.

    Many tests share a line of the product, and one test may create files in many lines of it. A
    helper in the test's own file counts as one line: it is the place for a change. The group with
    the most leaks comes first.
    """
    return _grouped(leaks, _line_and_caller)


def _grouped(leaks: Sequence[Leak], key: Callable[[Origin], Hashable]) -> list[list[Leak]]:
    groups: defaultdict[Hashable, list[Leak]] = defaultdict(list)
    for leak in leaks:
        if leak.origin is not None:
            groups[key(leak.origin)].append(leak)
    return sorted(groups.values(), key=lambda group: (-len(group), -sum(x.bytes for x in group)))


def _remedy(leaks: Sequence[Leak]) -> str:
    try:
        return remedy(leaks).line
    except Exception as error:  # it parses the user's source; the totals must still be printed
        return f"(no remedy, by a defect in tidytest: {printable(repr(error))})"


def _line_and_caller(origin: Origin) -> Hashable:
    is_near = origin.called_from.rpartition(":")[0] == origin.file
    return origin.file, origin.line, "" if is_near else origin.called_from


def _origin(group: Sequence[Leak]) -> Origin:
    """Return the line of a group, with the test's line if it is the same for all."""
    origins = [leak.origin for leak in group if leak.origin is not None]
    if len({origin.called_from for origin in origins}) > 1:
        return replace(origins[0], called_from="")
    return origins[0]
