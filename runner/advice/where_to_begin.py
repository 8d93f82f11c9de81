"""List where to begin with many leaks: the worst lines of code and tests, with remedies."""

from __future__ import annotations

from collections.abc import Hashable, Iterable, Iterator, Sequence

from tempfiles import Leak, format_count, format_size, printable

from .remedies import remedy

_FEWEST_ORIGINS = 3
_FEWEST_LEAKS = 5
_MOST_LISTED = 3


def advice(leaks: Sequence[Leak]) -> Iterator[str]:
    """Yield the lines of the advice; none if there are too few leaks for advice to help."""
    by_line = _grouped((_line(leak), leak) for leak in leaks if leak.origin is not None)
    if len(leaks) < _FEWEST_LEAKS and len(by_line) < _FEWEST_ORIGINS:
        return
    lines = sorted(by_line.values(), key=lambda group: (-len(group), -_bytes(group)))
    contexts = sorted(
        _grouped((leak.context, leak) for leak in leaks).values(),
        key=lambda group: (-_bytes(group), -sum(leak.entries for leak in group)),
    )
    yield "Where to begin:"
    if lines:
        yield "  lines of code:"
    for group in lines[:_MOST_LISTED]:
        yield f"    {_count(group)}  {printable(str(group[0].origin))}"
        yield f"        {_remedy(group)}"
    yield from _more(lines)
    listed = {_line(group[0]) for group in lines[:_MOST_LISTED]}
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


def _more(groups: Sequence[object]) -> Iterator[str]:
    if len(groups) > _MOST_LISTED:
        yield f"    ... and {len(groups) - _MOST_LISTED:,} more"


def _grouped(keyed: Iterable[tuple[Hashable, Leak]]) -> dict[Hashable, list[Leak]]:
    groups: dict[Hashable, list[Leak]] = {}
    for key, leak in keyed:
        groups.setdefault(key, []).append(leak)
    return groups


def _line(leak: Leak) -> Hashable:
    return (leak.origin.file, leak.origin.line) if leak.origin is not None else None


def _bytes(group: Iterable[Leak]) -> int:
    return sum(leak.bytes for leak in group)


def _count(group: Sequence[Leak]) -> str:
    return f"{format_count(len(group), 'leak')}, {format_size(_bytes(group))}"
