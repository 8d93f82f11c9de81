"""Files created and cleaned up by the library, in memory and in the default temp directory."""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path

from . import works
from .pairs import Contestant, Rounds, Sample, interleave
from .places import Place, places
from .rows import Row, Scale, Wanted, filled, ratio

NAME = "Files created and cleaned up by the library"


def rows(scale: Scale) -> Iterator[Row]:
    """Measure all works in all places."""
    for place in places():
        for work in works.works(scale):
            measure = partial(_measured, work, place, scale.rounds)
            yield from filled(_wanted(f"{work.name}, {place.words}"), measure)


def _wanted(name: str) -> list[Wanted]:
    rmtree = "shutil.rmtree"
    return [
        Wanted(f"create {name}", "open, write, close", ratio("ours", "bare", "create"), 1.3),
        Wanted(f"clean up {name}", rmtree, ratio("ours", "bare", "clean"), 1.0),
        Wanted(f"clean up {name}, with the bytes", rmtree, ratio("asked", "bare", "clean"), 1.0),
        Wanted(f"clean up {name}", "rm -rf", ratio("ours", "rm", "clean"), 0.9),
        Wanted(f"clean up {name}", "unlinkat in C", ratio("ours", "c", "clean"), 1.15),
    ]


def _measured(work: works.Work, place: Place, rounds: int) -> Rounds:
    place.check(work.entries)
    with tempfile.TemporaryDirectory(prefix="bench-") as built:
        doings: dict[str, Callable[[str], Sample]] = {
            "ours": partial(work.ours, asked=False),
            "asked": partial(work.ours, asked=True),
            "bare": partial(works.bare, work, works.rmtree),
            "rm": partial(works.bare, work, works.rm),
            "c": partial(works.bare, work, partial(works.native, Path(built))),
        }
        contestants: dict[str, Contestant] = {
            name: partial(works.in_own_directory, place.directory, doing)
            for name, doing in doings.items()
        }
        return interleave(contestants, rounds)
