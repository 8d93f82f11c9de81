"""The file-heavy test modules of the standard library, module by module, in turns.

On a tmpfs: a disk has moods in which making a file costs more than all that a runner does.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from functools import partial

from .pairs import Contestant, MissingError, Rounds, interleave, sums
from .places import in_memory
from .rows import Row, Scale, Wanted, filled, ratio
from .runs import OURS, STOCK, Count, command, project

NAME = "The standard library's own tests"
MODULES = (
    "test_tempfile", "test_shutil", "test_zipfile", "test_tarfile", "test_pathlib",
    "test_mailbox", "test_os",
)
QUICK = ("test_tempfile",)


def rows(scale: Scale) -> Iterator[Row]:
    """Measure each module, then give the sums."""
    names = QUICK if scale.quick else MODULES
    parts: list[Rounds] = []
    for name in names:
        yield from filled([_wanted(name, 1.2)], partial(_measured, name, scale, parts))
    total = partial(_total, names, parts)
    yield from filled([_wanted(f"all {len(names)}", 1.02)], total)


def _wanted(name: str, aim: float) -> Wanted:
    return Wanted(f"{name}, tmpfs", "unittest", ratio("ours", "stock", "command"), aim)


def _total(names: Sequence[str], parts: Sequence[Rounds]) -> Rounds:
    if len(parts) != len(names):
        raise MissingError("not all of them were measured")
    return sums(parts, "command")


def _measured(name: str, scale: Scale, parts: list[Rounds]) -> Rounds:
    count, place = Count(), in_memory()
    place.check(10_000)
    with project({}, place.directory) as base:
        contestants: dict[str, Contestant] = {
            contestant: partial(command, base, program, [f"test.{name}"], count)
            for contestant, program in (("ours", OURS), ("stock", STOCK))
        }
        # Seconds each: a quick look does without the round that does not count.
        parts.append(interleave(contestants, scale.rounds, warm_up=not scale.quick))
    return parts[-1]
