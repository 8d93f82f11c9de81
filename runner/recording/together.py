"""Refuse records that are not those of all shards of one run."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from tempfiles import __version__

from ..errors import UsageError
from .form import Header

Named = tuple[str, Header]
"""A file, and its header."""


def refuse_others(headers: Sequence[Named]) -> None:
    """Refuse records that do not belong together.

    Args:
        headers: the file and the header of each.

    Raises:
        UsageError: one is of another version or suite, a shard is missing or is there twice.
    """
    for path, header in headers:
        if header.tidytest != __version__:
            raise UsageError(
                f"--merge: {path} is of tidytest {header.tidytest}, and this is {__version__}"
            )
    first, *others = headers
    for other in others:
        for value_of, words in _ALIKE:
            known, found = value_of(first[1]), value_of(other[1])
            if known != found:
                raise UsageError(f"--merge: {first[0]} and {other[0]} {words(known, found)}")
        _refuse_settings(first, other)
    _refuse_shards(headers)


def _python(header: Header) -> str:
    version, _, system = header.python.partition(" ")
    return f"{version.rpartition('.')[0]} {system}"


_ALIKE: tuple[tuple[Callable[[Header], Any], Callable[[Any, Any], str]], ...] = (
    (_python, lambda known, found: f"ran on different Pythons: {known} and {found}"),
    (lambda header: header.settings.get("shuffle"),
     lambda known, found: f"were shuffled by different seeds: {known} and {found}"),
    (lambda header: header.suite,
     lambda known, found: "are of different suites: their tests or the order of these differ"),
    (lambda header: header.shard and header.shard[1],
     lambda known, found: f"are of different runs: {_part(known)} and {_part(found)}"),
    (lambda header: header.deal,
     lambda known, found: "were dealt by different durations: give each the same --durations-file"),
)  # fmt: skip
"""What must be the same in all records, and what to say where it is not."""


def _part(shards: int | None) -> str:
    return "a whole run" if shards is None else f"one of {shards} shards"


def _refuse_settings(first: Named, other: Named) -> None:
    for name, value in first[1].settings.items():
        found = other[1].settings.get(name)
        if found != value:
            raise UsageError(
                f"--merge: {first[0]} was run with {name} {_shown(value)},"
                f" and {other[0]} with {name} {_shown(found)}"
            )


def _shown(value: object) -> str:
    return "on" if value is True else str(value) if value else "off"


def _refuse_shards(headers: Sequence[Named]) -> None:
    found: dict[int, str] = {}
    shards = headers[0][1].shard[1] if headers[0][1].shard else 1
    for path, header in headers:
        number = header.shard[0] if header.shard else 1
        if number in found:
            what = f"shard {number} of {shards}" if header.shard else "the whole run"
            raise UsageError(f"--merge: {what} is there twice: {found[number]} and {path}")
        found[number] = path
    missing = [str(number) for number in range(1, shards + 1) if number not in found]
    if missing:
        names, last = ", ".join(missing[:-1]), missing[-1]
        are = f"shards {names} and {last} are" if names else f"shard {last} is"
        raise UsageError(f"--merge: of {shards} shards, {are} missing")
