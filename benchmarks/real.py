"""Suites of other projects that use files, from their pinned source distributions."""

from __future__ import annotations

import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path

from .native import last_line
from .pairs import Contestant, MissingError, Rounds, interleave, sums
from .pinned import Suite, pip
from .rows import Row, Scale, Wanted, filled, ratio
from .runs import OURS, STOCK, Count, command, project

NAME = "Suites of other projects"
AIM = 1.08  # with leaks; 1.05 without


SUITES = (
    Suite("docutils", "0.21.2", ("discover", "-s", "test", "-p", "test_[dips]*.py")),
    Suite("mutagen", "1.47.0", ("tests.test_id3", "tests.test_mp4", "tests.test_flac"),
          ("pytest",)),
    Suite("supervisor", "4.2.5", ("supervisor.tests.test_options",
                                  "supervisor.tests.test_loggers"), ("setuptools<81",)),
    Suite("distlib", "0.3.9", ("discover", "-s", "tests", "-p", "test_[m]*.py")),
    # Without `test_remove`, which needs an older Python.
    Suite("fs", "2.4.16", ("tests.test_osfs", "tests.test_tempfs", "-k", "*FS.test_[a-qs-z]*"),
          ("appdirs", "six", "setuptools<81")),
    Suite("nose2", "0.15.1", ("discover", "-s", "nose2/tests/unit", "-t", ".")),
)  # fmt: skip


def rows(scale: Scale) -> Iterator[Row]:
    """Measure each suite, then give the sum."""
    chosen = SUITES[-1:] if scale.quick else SUITES
    parts: list[Rounds] = []
    for suite in chosen:
        yield from filled(
            [_wanted(str(suite))], partial(_measured, suite, scale, parts)
        )
    yield from filled([_wanted(f"all {len(chosen)}")], partial(_total, len(chosen), parts))


def _wanted(name: str) -> Wanted:
    return Wanted(name, "unittest", ratio("ours", "stock", "command"), AIM)


def _total(number: int, parts: list[Rounds]) -> Rounds:
    if len(parts) != number:
        raise MissingError("not all of them were measured")
    return sums(parts, "command")


def _measured(suite: Suite, scale: Scale, parts: list[Rounds]) -> Rounds:
    count = Count()
    with _unpacked(suite) as base:
        contestants: dict[str, Contestant] = {
            name: partial(command, base, program, suite.words, count)
            for name, program in (("ours", OURS), ("stock", STOCK))
        }
        parts.append(interleave(contestants, scale.rounds, warm_up=not scale.quick))
    return parts[-1]


@contextmanager
def _unpacked(suite: Suite) -> Iterator[Path]:
    """Make a project of a suite's sources, with what it needs beside it."""
    with project({}) as base:
        try:
            sources = suite.unpack(base)
            if suite.requires:
                pip("install", "--target", str(base / "needed"), *suite.requires)
        except subprocess.CalledProcessError as error:
            raise MissingError(f"pip {error.cmd[4]} failed: {last_line(error.stderr)}") from None
        (base / "project").rmdir()
        sources.rename(base / "project")
        yield base
