"""The start of a run that has nothing to do: by the clock, and in instructions."""

from __future__ import annotations

import re
import shutil
import subprocess
import sys
from collections.abc import Iterator, Mapping, Sequence
from functools import partial
from pathlib import Path

from .pairs import Contestant, FailedError, MissingError, Rounds, Sample, interleave
from .rows import Row, Scale, Wanted, filled, ratio
from .runs import OURS, STOCK, Count, checked, command, environment, project

AIM = 1.5
# Short, so more rounds than elsewhere: the start of a process is the noisiest of all.
TIMES = 3
# One module without tests; and none, where discovery finds nothing to import.
SUITES: Mapping[str, tuple[Mapping[str, str], tuple[str, ...]]] = {
    "one empty module": ({"test_suite.py": "\n"}, ("test_suite",)),
    "no module": ({}, ()),
}
_CALLGRIND = ("valgrind", "--tool=callgrind", "--callgrind-out-file=/dev/null")
_COLLECTED = re.compile(r"^==\d+== Collected\s*: (\d+)", re.MULTILINE)


def rows(scale: Scale) -> Iterator[Row]:
    """Measure the start with each of the empty suites."""
    for name, (files, arguments) in SUITES.items():
        work = f"start of an empty suite, {name}"
        time = Wanted(work, "unittest", ratio("ours", "stock", "command"), AIM)
        yield from filled([time], partial(_timed, files, arguments, scale.rounds * TIMES))
        counts = Wanted(f"{work}, instructions", "unittest",
                        ratio("ours", "stock", "instructions", "instructions"), AIM)
        yield from filled([counts], partial(_counted, files, arguments, scale))


def _timed(files: Mapping[str, str], arguments: Sequence[str], rounds: int) -> Rounds:
    with project(files) as base:
        return interleave({
            "ours": partial(command, base, OURS, arguments, Count(0)),
            "stock": partial(command, base, STOCK, arguments, Count(0)),
        }, rounds)


def _counted(files: Mapping[str, str], arguments: Sequence[str], scale: Scale) -> Rounds:
    if scale.quick and not files:
        raise MissingError("a quick look counts the other start only")
    if shutil.which(_CALLGRIND[0]) is None:
        raise MissingError("valgrind is not installed")
    with project(files) as base:
        contestants: dict[str, Contestant] = {
            "ours": partial(instructions, base, OURS, arguments),
            "stock": partial(instructions, base, STOCK, arguments),
        }
        return interleave(contestants, scale.counting, warm_up=not scale.quick)


def instructions(base: Path, program: Sequence[str], arguments: Sequence[str]) -> Sample:
    """Run a program on a suite without tests and count its instructions.

    Raises:
        FailedError: it ran tests, or valgrind could not count.
    """
    done = subprocess.run(
        [*_CALLGRIND, sys.executable, *program, *arguments], cwd=base / "project",
        # Sets of texts are laid out in the same way in each round.
        env={**environment(base), "PYTHONHASHSEED": "0"},
        capture_output=True, text=True, stdin=subprocess.DEVNULL,
    )
    checked(program, done, Count(0))
    if (found := _COLLECTED.search(done.stderr)) is None:
        raise FailedError("valgrind printed no count of instructions")
    return {"instructions": float(found[1])}
