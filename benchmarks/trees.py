"""Suites in a project with very many files: nothing of ours may depend on their number."""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial
from pathlib import Path

from .pairs import Rounds, interleave
from .places import EMPTY, in_memory
from .rows import Row, Scale, Wanted, filled, ratio
from .runs import OURS, Count, command, project

NAME = "Large projects"
FILES, DIRECTORIES = 200_000, 2_000
TESTS = 1_000
CHILDREN = 20

_SUITE = """\
import subprocess, unittest

class Children(unittest.TestCase):
    def test_children(self):
        for _ in range({children}):
            subprocess.run(["true"], check=True)
"""


def rows(scale: Scale) -> Iterator[Row]:
    """Measure a suite in a large project against the same one in a project without other files."""
    files = scale.amount(FILES)
    for words, children, aim in (("no child", 0, 1.05), (f"{CHILDREN} children", CHILDREN, 1.3)):
        work = f"{TESTS} empty tests, {words}, among {files} files, tmpfs"
        wanted = Wanted(work, "the same without files", ratio("large", "empty", "command"), aim)
        yield from filled([wanted], partial(_measured, files, children, scale.rounds))


def _measured(files: int, children: int, rounds: int) -> Rounds:
    place = in_memory()
    place.check(files, EMPTY)
    source = _SUITE.format(children=children) + "\nclass Empty(unittest.TestCase):\n" + "".join(
        f"    def test_{number}(self): pass\n" for number in range(TESTS)
    )
    suite, count = {"test_suite.py": source}, Count(TESTS + 1)
    with project(suite, place.directory) as large, project(suite, place.directory) as empty:
        _fill(large / "project", files)
        return interleave({
            name: partial(command, base, OURS, ["test_suite"], count)
            for name, base in (("large", large), ("empty", empty))
        }, rounds)


def _fill(directory: Path, files: int) -> None:
    for number in range(DIRECTORIES):
        (directory / f"data{number}").mkdir()
    for number in range(files):
        (directory / f"data{number % DIRECTORIES}" / f"file{number}").touch()
