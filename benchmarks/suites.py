"""Whole suites, run by us and by others."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from . import starts
from .pairs import Contestant, MissingError, Rounds, Sample, interleave
from .places import Place, places
from .rows import Row, Scale, Wanted, filled, ratio
from .runs import OURS, PYTEST, STOCK, Count, command, installed, project

NAME = "Suites, each run a process"
EMPTY_TESTS = 10_000
FILE_TESTS = 5_000
LEAKING_TESTS, LEAKS_EACH = 500, 10
CROWD = 10_000
CROWDED_TESTS = 1_000

_EMPTY = "pass"
MAKE_AND_REMOVE = """\
fd, path = tempfile.mkstemp()
        os.close(fd)
        os.unlink(path)"""
_MANY = """\
paths = [tempfile.mkstemp() for _ in range({count})]
        for fd, path in paths:
            os.close(fd)
            {deed}"""


def rows(scale: Scale) -> Iterator[Row]:
    """Measure all suites."""
    yield from starts.rows(scale)
    memory, disk = places()
    empty, files = scale.amount(EMPTY_TESTS), scale.amount(FILE_TESTS)
    with_file = f"{files} tests that create and remove a file"
    yield from _tests(Suite(f"{empty} empty tests", empty, _EMPTY, disk), scale, (1.25, 0.05))
    yield from _tests(Suite(with_file, files, MAKE_AND_REMOVE, disk), scale, (1.35, 0.1))
    # A disk has moods in which making a file costs more than all that a runner does.
    yield from _tests(Suite(f"{with_file}, tmpfs", files, MAKE_AND_REMOVE, memory), scale, (1.35,))
    for place, words, aim in ((disk, "", None), (memory, ", tmpfs", 40.0)):
        yield from _leaks(place, words, aim, scale)
    yield from _crowd(scale)


@dataclass(frozen=True)
class Suite:
    """A module with so many tests, all with the same body, in a project in some place, which
    needs room for so many files at once."""

    name: str
    tests: int
    body: str
    place: Place
    files: int = 1_000

    def project(self) -> AbstractContextManager[Path]:
        """Make the project.

        Raises:
            MissingError: nothing can be created in the place.
        """
        self.place.check(self.files)
        return project(module(self.tests, self.body), self.place.directory)


def module(tests: int, body: str, in_class: int = 100) -> dict[str, str]:
    """Return a project of one module with that many tests, all with the same body."""
    lines = ["import os, tempfile, unittest"]
    for number in range(tests):
        if number % in_class == 0:
            lines.append(f"class Tests{number // in_class}(unittest.TestCase):")
        lines.append(f"    def test_{number}(self):\n        {body}")
    return {"test_suite.py": "\n".join(lines) + "\n"}


def run(base: Path, program: Sequence[str], tests: int) -> Sample:
    """Run the suite in a project, which has that many tests."""
    return command(base, program, ["test_suite"], Count(tests))


def _tests(suite: Suite, scale: Scale, aims: Sequence[float]) -> Iterator[Row]:
    """Yield the rows of a suite under us, held against unittest and, by a second aim, pytest."""
    name, (aim, *pytests) = suite.name, aims
    wanted = [
        Wanted(name, "unittest", ratio("ours", "stock", "command"), aim),
        Wanted(f"{name}, without the start", "unittest", ratio("ours", "stock", "tests"), aim),
        *(Wanted(name, "pytest", ratio("ours", "pytest", "command"), other) for other in pytests),
    ]
    yield from filled(wanted, partial(_against, suite, scale.rounds, with_pytest=bool(pytests)))


def _against(suite: Suite, rounds: int, *, with_pytest: bool) -> Rounds:
    with suite.project() as base:
        contestants: dict[str, Contestant] = {
            "ours": partial(run, base, OURS, suite.tests),
            "stock": partial(run, base, STOCK, suite.tests),
        }
        if with_pytest:
            contestants["pytest"] = partial(_pytest, base, suite.tests)
        return interleave(contestants, rounds)


def _pytest(base: Path, tests: int) -> Sample:
    if not installed("pytest"):
        raise MissingError("pytest is not installed (extra: bench)")
    return command(base, PYTEST, ["test_suite.py"], Count(tests))


def _leaks(place: Place, words: str, aim: float | None, scale: Scale) -> Iterator[Row]:
    tests = scale.amount(LEAKING_TESTS)
    rival = "the same, removing them"
    work = f"{tests} tests that leak {LEAKS_EACH} files each{words}"
    leaking, tidy = (
        Suite(work, tests, _MANY.format(count=LEAKS_EACH, deed=deed), place,
              tests * LEAKS_EACH)
        for deed in ("pass", "os.unlink(path)")
    )
    each = (tests * LEAKS_EACH / 1e6, "us")
    yield from filled([
        Wanted(work, rival, ratio("leaking", "tidy", "command")),
        Wanted(f"{work}, more for each leak", rival,
               lambda done: done.difference("leaking", "tidy", "command", each), aim),
    ], partial(_leaking, leaking, tidy, scale.rounds))


def _leaking(leaking: Suite, tidy: Suite, rounds: int) -> Rounds:
    with leaking.project() as base, tidy.project() as tidy_base:
        return interleave({
            "leaking": partial(run, base, OURS, leaking.tests),
            "tidy": partial(run, tidy_base, OURS, tidy.tests),
        }, rounds)


def _crowd(scale: Scale) -> Iterator[Row]:
    tests, entries = scale.amount(CROWDED_TESTS), scale.amount(CROWD)
    work = f"{tests} tests among {entries} entries in project and temp"
    wanted = Wanted(work, "the same in empty ones", ratio("crowded", "bare", "command"), 1.05)
    yield from filled([wanted], partial(_crowded, tests, entries, scale.rounds))


def _crowded(tests: int, entries: int, rounds: int) -> Rounds:
    files = module(tests, MAKE_AND_REMOVE)
    with project(files) as crowded, project(files) as bare:
        for directory in ("project", "temp"):
            for number in range(entries):
                (crowded / directory / f"entry{number}").touch()
        return interleave({
            "crowded": partial(run, crowded, OURS, tests), "bare": partial(run, bare, OURS, tests),
        }, rounds)
