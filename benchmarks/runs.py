"""A run of a suite, by us or by a rival: a process of its own, that must have run all tests."""

from __future__ import annotations

import compileall
import os
import re
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from time import perf_counter

from .native import last_line
from .pairs import FailedError, MissingError, Sample

REPOSITORY = Path(__file__).resolve().parents[1]
OURS = ("-m", "runner")
RAM = (*OURS, "--temp-root", "ram")
STOCK = ("-m", "unittest")
PYTEST = ("-m", "pytest", "-q", "-p", "no:cacheprovider", "-p", "no:tidytest")

# What changes the work of either side, or how it tells of it.
_UNWANTED = ("TIDYTEST_", "PYTHON", "PYTEST_", "PY_COLORS", "COVERAGE_", "GITHUB_", "FORCE_COLOR")
_WANTED = ("PYTHONHOME",)
_RAN = re.compile(r"^Ran (\d+) tests? in ([\d.]+)s$", re.MULTILINE)
_PASSED = re.compile(r"^(?:=+ )?(\d+) passed(?:, \d+ warnings?)? in [\d.]+s", re.MULTILINE)
_ON_DISK = re.compile(r"^tidytest: (no temp directory in memory.*)$", re.MULTILINE)


class Count:
    """How many tests each contestant has to run: so many, or as many as the first one."""

    def __init__(self, tests: int | None = None) -> None:
        self.tests = tests

    def check(self, ran: int) -> None:
        """Raise FailedError if a contestant has run more or fewer."""
        if self.tests is None and ran:
            self.tests = ran
        if ran != self.tests:
            wanted = "some" if self.tests is None else self.tests
            raise FailedError(f"ran {ran} tests, not {wanted}")


def command(
    base: Path, program: Sequence[str], arguments: Sequence[str], count: Count
) -> Sample:
    """Run a program of ours or a rival's; return the seconds of all of it, and of its tests.

    Raises:
        MissingError: the run was to lie in memory, and does not.
        FailedError: its exit code, or the number of its tests, is another than it should be.
    """
    start = perf_counter()
    done = subprocess.run(
        [sys.executable, *program, *arguments], cwd=base / "project", env=environment(base),
        capture_output=True, text=True, errors="replace", stdin=subprocess.DEVNULL,
    )
    total = perf_counter() - start
    return {"command": total, "tests": checked(program, done, count) or total}


def checked(
    program: Sequence[str], done: subprocess.CompletedProcess[str], count: Count
) -> float | None:
    """Make sure that a run has done its work; return the seconds of its tests, if it tells."""
    name = " ".join(program[:2])
    if "ram" in program and (fallen := _ON_DISK.search(done.stderr)):
        raise MissingError(fallen[1])
    tests, seconds = _count_and_seconds(program, done)
    if tests is None:
        said = last_line(done.stderr if done.stderr.strip() else done.stdout)
        raise FailedError(f"{name}: exit code {done.returncode}, no count of tests: {said}")
    # Since Python 3.12, a run without tests has a code of its own.
    wanted = 0 if tests or sys.version_info < (3, 12) else 5
    if done.returncode != wanted:
        raise FailedError(f"{name}: exit code {done.returncode}: {last_line(done.stderr)}")
    try:
        count.check(tests)
    except FailedError as error:
        raise FailedError(f"{name} {error}") from None
    return seconds


def _count_and_seconds(
    program: Sequence[str], done: subprocess.CompletedProcess[str]
) -> tuple[int | None, float | None]:
    if "pytest" in program:
        passed = _PASSED.search(done.stdout)
        return (int(passed[1]) if passed else None), None
    found = _RAN.findall(done.stderr)
    # A thousandth of a second is all that a runner tells.
    return (int(found[-1][0]), max(float(found[-1][1]), 0.001)) if found else (None, None)


def environment(base: Path) -> dict[str, str]:
    """Return the environment of a run: without what changes its work, with our packages."""
    kept = {
        name: value for name, value in os.environ.items()
        if name in _WANTED or not name.startswith(_UNWANTED)
    }
    paths = [REPOSITORY, *(path for path in [base / "needed"] if path.is_dir())]
    return {**kept, "TMPDIR": str(base / "temp"), "PYTHONPATH": os.pathsep.join(map(str, paths))}


def compiled() -> None:
    """Give our modules their bytecode: what is installed has it, as the standard library has."""
    for package in ("runner", "tempfiles", "benchmarks"):
        compileall.compile_dir(REPOSITORY / package, quiet=2)


@contextmanager
def project(files: Mapping[str, str], place: str | None = None) -> Iterator[Path]:
    """Make a project directory with a temp directory of its own beside it, both below a new one
    in a place (None: the default temp directory)."""
    base = Path(tempfile.mkdtemp(prefix="bench-", dir=place))
    try:
        for name in ("project", "temp"):
            (base / name).mkdir()
        for name, text in files.items():
            (base / "project" / name).write_text(text, encoding="utf-8")
        yield base
    finally:
        shutil.rmtree(base, ignore_errors=True)


def installed(module: str) -> bool:
    """Tell whether this interpreter has a module."""
    done = subprocess.run([sys.executable, "-c", f"import {module}"], capture_output=True)
    return done.returncode == 0
