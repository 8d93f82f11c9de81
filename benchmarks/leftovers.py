"""What many files that a suite makes and removes leave in the memory of the runner."""

from __future__ import annotations

import re
import subprocess
import sys
from collections.abc import Iterator, Sequence
from functools import partial
from pathlib import Path

from .pairs import FailedError, Rounds, Sample, interleave
from .rows import Row, Scale, Wanted, filled
from .runs import OURS, STOCK, Count, checked, environment, project

MADE_AND_REMOVED = 100_000
# Some tests to warm up, one that looks, a hundred that make and remove files, one that looks again.
_FIRST, _LAST = 9, 110
_SUITE = """\
import gc, os, tempfile, tracemalloc, unittest
class Memory(unittest.TestCase):
    def make(self, count):
        for _ in range(count):
            fd, path = tempfile.mkstemp()
            os.close(fd)
            os.unlink(path)
def add(number):
    def test(self):
        if number == {first}:
            gc.collect()
            tracemalloc.start()
        elif number == {last}:
            gc.collect()
            print("grown", tracemalloc.get_traced_memory()[0], flush=True)
        else:
            self.make({each})
    setattr(Memory, "test_%04d" % number, test)
for number in range({last} + 1):
    add(number)
"""
_GROWN = re.compile(r"grown (\d+)")


def rows(scale: Scale) -> Iterator[Row]:
    """Measure how much more stays with us than with unittest."""
    each = scale.amount(MADE_AND_REMOVED) // 100
    wanted = Wanted(f"more memory that {each * 100} created and removed files leave", "unittest",
                    lambda done: done.difference("ours", "stock", "grown", (1e3, "kB")))
    yield from filled([wanted], partial(_measured, each, scale.counting))


def _measured(each: int, rounds: int) -> Rounds:
    source = _SUITE.format(each=each, first=_FIRST, last=_LAST)
    with project({"test_suite.py": source}) as base:
        return interleave({
            "ours": partial(_grown, base, OURS), "stock": partial(_grown, base, STOCK),
        }, rounds, warm_up=False)


def _grown(base: Path, program: Sequence[str]) -> Sample:
    done = subprocess.run(
        [sys.executable, *program, "test_suite"], cwd=base / "project", env=environment(base),
        capture_output=True, text=True, stdin=subprocess.DEVNULL,
    )
    checked(program, done, Count(_LAST + 1))
    if (found := _GROWN.search(done.stdout)) is None:
        raise FailedError("the suite did not tell its memory")
    return {"grown": float(found[1])}
