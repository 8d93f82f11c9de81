"""Time and memory by the number of files, each measurement a process of its own."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from functools import partial

from . import leftovers
from .one_count import held, timed
from .pairs import MissingError, Rounds, Sample, Spread, interleave
from .places import Place, places
from .rows import Row, Scale, Wanted, filled, ratio

NAME = "Time and memory by the number of files"
COUNTS = (1_000, 10_000, 100_000, 1_000_000)
# The fewest files whose memory is more than what comes with the first ones.
TRACKED = 5_000
# More than these take minutes a round on a disk.
ON_DISK = 100_000
LINEAR = 1.25
MEGABYTE = (1e6, "MB")

Measure = Callable[[Place, int], Sample]


def rows(scale: Scale) -> Iterator[Row]:
    """Measure time and memory of each count, in pairs with the least, then what stays behind."""
    memory, disk = places()
    place = disk if memory.unfit else memory
    counts = COUNTS[:2] if scale.quick else COUNTS
    for count in counts[1:]:
        wanted = _times(count, f"{count} files, {place.words}, each")
        yield from filled(wanted, partial(_pairs, timed, place, (count, counts[0]), scale.rounds))
    for count in (TRACKED, *counts):
        wanted = _memory(count, f"{count} tracked files")
        yield from filled(wanted, partial(_pairs, held, place, (count, TRACKED), scale.counting))
    yield from leftovers.rows(scale)


def _times(count: int, name: str) -> list[Wanted]:
    rival = f"each of {COUNTS[0]}"
    return [
        Wanted(f"{what} {name}", rival, ratio(str(count), str(COUNTS[0]), key), LINEAR)
        for what, key in (("create", "create"), ("clean up", "clean"))
    ]


def _memory(count: int, name: str) -> list[Wanted]:
    least = count == TRACKED
    found = [
        Wanted(f"memory of {name}, without what pathlib interns", "",
               _amount(count, "held"), 1.0 if least else None),
        Wanted(f"memory of each of {name}", f"each of {TRACKED}",
               ratio(str(count), str(TRACKED), "each", "B"), LINEAR),
        Wanted(f"what the clean-up of {name} adds", "", _amount(count, "clean"), 1.0),
        Wanted(f"what stays of {name} after it", "", _amount(count, "after")),
    ]
    if least:  # it has no ratio to itself, and what is interned does not grow with the files
        found[1] = Wanted("what pathlib interns besides", "", _amount(count, "interned"))
    return found


def _amount(count: int, what: str) -> Callable[[Rounds], Spread]:
    return lambda done: done.spread(str(count), what, MEGABYTE)


def _pairs(measure: Measure, place: Place, counts: tuple[int, int], rounds: int) -> Rounds:
    if max(counts) > ON_DISK and place.words != "tmpfs":
        raise MissingError(f"{max(counts):,} files take minutes a round where there is no tmpfs")
    contestants = {str(count): partial(measure, place, count) for count in counts}
    # A process that counts its memory needs no round to warm up; it counts the same each time.
    return interleave(contestants, rounds, warm_up=measure is timed)
