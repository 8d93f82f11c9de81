"""Whole suites, run by us and by others, each run a process of its own."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from time import perf_counter

from .pairs import Contestant, Sample, interleave
from .rows import Row, Scale

NAME = "Suites, each run a process"
REPOSITORY = Path(__file__).resolve().parents[1]
EMPTY_TESTS = 10_000
FILE_TESTS = 5_000
LEAKING_TESTS, LEAKS_EACH = 500, 10
CROWD = 10_000
CROWDED_TESTS = 1_000
OURS = ("-m", "runner")
STOCK = ("-m", "unittest")
PYTEST = ("-m", "pytest", "-q", "-p", "no:cacheprovider")

_RAN = re.compile(r"^Ran \d+ tests? in ([\d.]+)s", re.MULTILINE)
_EMPTY = "pass"
_MAKE_AND_REMOVE = """\
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
    yield from _start(scale)
    empty, files = scale.amount(EMPTY_TESTS), scale.amount(FILE_TESTS)
    yield from _tests(f"{empty} empty tests", suite(empty, _EMPTY), scale.rounds, (1.7, 0.05))
    yield from _tests(f"{files} tests that make and remove a file",
                      suite(files, _MAKE_AND_REMOVE), scale.rounds, (1.15, 0.1))
    yield _leaks(scale)
    yield _crowd(scale)


def suite(tests: int, body: str, in_class: int = 100) -> dict[str, str]:
    """Return a project of one module with that many tests, all with the same body."""
    lines = ["import os, tempfile, unittest"]
    for number in range(tests):
        if number % in_class == 0:
            lines.append(f"class Tests{number // in_class}(unittest.TestCase):")
        lines.append(f"    def test_{number}(self):\n        {body}")
    return {"test_suite.py": "\n".join(lines) + "\n"}


@contextmanager
def project(files: Mapping[str, str]) -> Iterator[Path]:
    """Make a project directory with a temp directory of its own beside it, below a new one."""
    base = Path(tempfile.mkdtemp(prefix="bench-"))
    try:
        for name in ("project", "temp"):
            (base / name).mkdir()
        for name, text in files.items():
            (base / "project" / name).write_text(text, encoding="utf-8")
        yield base
    finally:
        shutil.rmtree(base, ignore_errors=True)


def command(base: Path, program: Sequence[str], arguments: Sequence[str]) -> Sample:
    """Run a program of ours or a rival's; return the seconds of all of it, and of its tests."""
    environment = dict(os.environ, TMPDIR=str(base / "temp"), PYTHONPATH=str(REPOSITORY))
    # What is installed has its bytecode, as the standard library has.
    environment.pop("PYTHONDONTWRITEBYTECODE", None)
    start = perf_counter()
    done = subprocess.run(
        [sys.executable, *program, *arguments], cwd=base / "project", env=environment,
        capture_output=True, text=True, stdin=subprocess.DEVNULL,
    )
    total = perf_counter() - start
    ran = _RAN.search(done.stderr)
    if ran is None and "pytest" not in program:
        raise RuntimeError(f"{program} did not run: {done.stderr[-500:]}")
    return {"command": total, "tests": max(float(ran[1]), 0.001) if ran else total}


def installed(module: str) -> bool:
    """Tell whether this interpreter has a module."""
    done = subprocess.run([sys.executable, "-c", f"import {module}"], capture_output=True)
    return done.returncode == 0


def _start(scale: Scale) -> Iterator[Row]:
    with project({"test_suite.py": "\n"}) as base:
        # Short, so many: the start of a process is the noisiest of all.
        done = interleave(_contestants(base, OURS, STOCK), scale.rounds * 3)
    yield Row("start of an empty suite", "unittest", done.ratio("ours", "stock", "command"), 1.25)


def _tests(
    name: str, files: Mapping[str, str], rounds: int, aims: tuple[float, float]
) -> Iterator[Row]:
    with project(files) as base:
        contestants = _contestants(base, OURS, STOCK)
        if has_pytest := installed("pytest"):
            contestants["pytest"] = partial(command, base, PYTEST, ["test_suite.py"])
        done = interleave(contestants, rounds)
    yield Row(name, "unittest", done.ratio("ours", "stock", "command"), aims[0])
    yield Row(f"{name}, without the start", "unittest", done.ratio("ours", "stock", "tests"),
              aims[0])
    if has_pytest:
        yield Row(name, "pytest", done.ratio("ours", "pytest", "command"), aims[1])
    else:
        yield Row(name, "pytest", skipped="pytest is not installed (extra: bench)")


def _contestants(
    base: Path, ours: Sequence[str], stock: Sequence[str]
) -> dict[str, Contestant]:
    return {
        "ours": partial(command, base, ours, ["test_suite"]),
        "stock": partial(command, base, stock, ["test_suite"]),
    }


def _leaks(scale: Scale) -> Row:
    tests = scale.amount(LEAKING_TESTS)
    leaking = suite(tests, _MANY.format(count=LEAKS_EACH, deed="pass"))
    tidy = suite(tests, _MANY.format(count=LEAKS_EACH, deed="os.unlink(path)"))
    with project(leaking) as base, project(tidy) as tidy_base:
        done = interleave({
            "leaking": partial(command, base, OURS, ["test_suite"]),
            "tidy": partial(command, tidy_base, OURS, ["test_suite"]),
        }, scale.rounds)
    more = done.seconds("leaking", "command") - done.seconds("tidy", "command")
    return Row(
        f"{tests} tests that leak {LEAKS_EACH} files each", "the same, removing them",
        done.ratio("leaking", "tidy", "command"),
        figure=f"{more / (tests * LEAKS_EACH) * 1e6:.0f} us a leak",
    )


def _crowd(scale: Scale) -> Row:
    tests, entries = scale.amount(CROWDED_TESTS), scale.amount(CROWD)
    files = suite(tests, _MAKE_AND_REMOVE)
    with project(files) as crowded, project(files) as bare:
        for directory in ("project", "temp"):
            for number in range(entries):
                (crowded / directory / f"entry{number}").touch()
        done = interleave({
            "crowded": partial(command, crowded, OURS, ["test_suite"]),
            "bare": partial(command, bare, OURS, ["test_suite"]),
        }, scale.rounds)
    return Row(
        f"{tests} tests among {entries} entries in project and temp", "the same in empty ones",
        done.ratio("crowded", "bare", "command"), 1.05,
    )
