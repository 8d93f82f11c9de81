"""The file-heavy test modules of the standard library, module by module, in turns."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from functools import partial

from .pairs import Contestant, MissingError, Rounds, interleave, sums
from .rows import Row, Scale, Wanted, filled, ratio
from .runs import OURS, RAM, STOCK, Count, command, project

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
        yield from filled(_wanted(name, None, None), partial(_measured, name, scale, parts))
    total = partial(_total, names, parts)
    yield from filled(_wanted(f"all {len(names)}", 1.02, 0.8), total)


def _wanted(name: str, aim: float | None, in_memory: float | None) -> list[Wanted]:
    return [
        Wanted(name, "unittest", ratio("ours", "stock", "command"), aim),
        Wanted(f"{name}, --temp-root ram", "unittest", ratio("ram", "stock", "command"), in_memory),
    ]


def _total(names: Sequence[str], parts: Sequence[Rounds]) -> Rounds:
    if len(parts) != len(names):
        raise MissingError("not all of them were measured")
    return sums(parts, "command")


def _measured(name: str, scale: Scale, parts: list[Rounds]) -> Rounds:
    count = Count()
    with project({}) as base:
        contestants: dict[str, Contestant] = {
            contestant: partial(command, base, program, [f"test.{name}"], count)
            for contestant, program in (("ours", OURS), ("stock", STOCK), ("ram", RAM))
        }
        # Seconds each: a quick look does without the round that does not count.
        parts.append(interleave(contestants, scale.rounds, warm_up=not scale.quick))
    return parts[-1]
