"""Where to begin with many leaks: the worst lines of code and tests, each with a remedy."""

from __future__ import annotations

from collections.abc import Hashable, Iterable, Iterator, Sequence

from tempfiles.formatting import format_size, printable
from tempfiles.records import Leak

from .remedies import remedy

_FEWEST_ORIGINS = 3
_FEWEST_LEAKS = 5
_MOST_TOLD = 3


def advice(leaks: Sequence[Leak]) -> Iterator[str]:
    """Yield the lines on where to begin; none where there are too few leaks for it to help."""
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
    for group in lines[:_MOST_TOLD]:
        yield f"    {_count(group)}  {_place(group[0])}"
        yield f"        {_remedy(group)}"
    yield from _more(lines)
    told = {_line(group[0]) for group in lines[:_MOST_TOLD]}
    yield "  tests:"
    for group in contexts[:_MOST_TOLD]:
        yield f"    {_count(group)}  {printable(group[0].context)}"
        worst = max(group, key=lambda leak: (leak.bytes, leak.entries))
        if _line(worst) not in told:
            yield f"        {_remedy([leak for leak in group if _line(leak) == _line(worst)])}"
    yield from _more(contexts)


def _remedy(leaks: Sequence[Leak]) -> str:
    try:
        return remedy(leaks)
    except Exception as error:  # it reads the user's source; the totals below matter more
        return f"(no remedy, by a defect in tidytest: {printable(repr(error))})"


def _more(groups: Sequence[object]) -> Iterator[str]:
    if len(groups) > _MOST_TOLD:
        yield f"    ... and {len(groups) - _MOST_TOLD:,} more"


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
    noun = "leak" if len(group) == 1 else "leaks"
    return f"{len(group)} {noun}, {format_size(_bytes(group))}"


def _place(leak: Leak) -> str:
    return printable(str(leak.origin))
