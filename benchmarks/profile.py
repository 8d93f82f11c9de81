"""python -m benchmarks.profile: where each microsecond of an empty test and of a clean-up goes.

Each part is done by itself, many times in a row, in processor time; the best of several such
rows counts. What no part explains is shown as the rest.
"""

from __future__ import annotations

import os
import tempfile
from collections.abc import Callable, Iterable, Sequence
from contextlib import suppress
from functools import partial
from pathlib import Path
from resource import RUSAGE_CHILDREN, getrusage
from time import process_time
from typing import TypeVar

import tempfiles
from tempfiles.registry import contexts, reclaim
from tempfiles.reports import RunSettings
from tempfiles.run.run import Run

from .places import places
from .runs import OURS, STOCK, project
from .suites import MAKE_AND_REMOVE, module, run
from .works import CONTENT, temp_dir

TESTS = 10_000
FILES = 5_000
DIRECTORIES = 364
ROUNDS = 9

T = TypeVar("T")
Part = tuple[str, float]
_DIRECTORY = os.O_RDONLY | getattr(os, "O_DIRECTORY", 0) | getattr(os, "O_NOFOLLOW", 0)


def empty_test() -> list[Part]:
    """Return microseconds a test: what is measured inside, and the whole as suites show it."""
    run = Run(RunSettings(late_grace=0))
    run.open()
    try:
        parts = [
            ("context: enter and leave", _each(TESTS, _context)),
            ("journal: note it and its end", _each(TESTS, partial(_journal, run._journal))),
            ("look whether the slot has changed",
             _each(TESTS, run._life.components.temp_directory.changed)),
            ("the run's enter and close, with these", _each(TESTS, partial(_entered, run))),
        ]
    finally:
        run.finish()
    ours, stock = (_whole_test(program) for program in (OURS, STOCK))
    return [
        *parts, ("patches, ids, the result", ours - stock - parts[-1][1]),
        ("unittest, with the loading of the tests", stock), ("in all", ours),
    ]


def file_test(place: str) -> list[Part]:
    """Return microseconds a test that makes a temporary file and removes it."""
    with tempfile.TemporaryDirectory(dir=place) as directory:
        alone = _each(FILES, partial(_make_and_remove, directory))
    run = Run(RunSettings(base=place, late_grace=0))
    run.open()
    try:
        context = run.enter("test_module.TestClass.test_name", "test")
        observed = _each(FILES, partial(_make_and_remove, run.root.slot))
        run.close(context)
        listed = _each(TESTS, run._life.components.temp_directory.has_new)
    finally:
        run.finish()
    ours, stock = (_whole_test(program, MAKE_AND_REMOVE, place) for program in (OURS, STOCK))
    return [
        ("mkstemp, close and unlink", alone),
        ("its events, and the line of code", observed - alone),
        ("the temp directory listed once", listed),
        ("what an empty test takes, and judging", ours - stock - (observed - alone) - listed),
        ("in all more than under unittest", ours - stock),
        ("unittest, with the loading of the tests", stock),
    ]


def _make_and_remove(directory: str) -> None:
    fd, path = tempfile.mkstemp(dir=directory)
    os.close(fd)
    os.unlink(path)


def _whole_test(program: Sequence[str], body: str = "pass", place: str | None = None) -> float:
    """Of many tests in one process, less what a process with one test takes."""
    found = []
    for tests in (TESTS, 1):
        with project(module(tests, body), place) as base:
            found.append(min(_of_child(base, program, tests) for _ in range(ROUNDS)))
    return (found[0] - found[1]) / (TESTS - 1) * 1e6


def _of_child(base: Path, program: Sequence[str], tests: int) -> float:
    before = getrusage(RUSAGE_CHILDREN)
    run(base, program, tests)
    after = getrusage(RUSAGE_CHILDREN)
    return after.ru_utime - before.ru_utime + after.ru_stime - before.ru_stime


def clean_up(place: str) -> list[Part]:
    """Return microseconds a registered file, and a directory that is not empty."""
    with tempfile.TemporaryDirectory(dir=place) as directory:
        fd = os.open(directory, _DIRECTORY)
        try:
            unlinked = _files(directory, lambda names: _call(os.unlink, names, fd))
            looked = _files(directory, lambda names: _look_and_unlink(names, fd))
            closed = _files(directory, lambda _: _reclaim(measure=False))
            asked = _files(directory, lambda _: _reclaim(measure=True))
        finally:
            os.close(fd)
        return [
            ("file: unlink", unlinked),
            ("file: group, check, unregister", closed - unlinked),
            ("file: in all, when a context closes", closed),
            ("file: its size, if the bytes are asked for", looked - unlinked),
            ("file: in all, with the bytes", asked),
            *_of_directories(directory),
        ]


def _of_directories(directory: str) -> list[Part]:
    names = [os.path.join(directory, f"directory{number}") for number in range(DIRECTORIES)]
    for name in names:
        os.mkdir(name)
        os.mkdir(os.path.join(name, "inner"))
    fds = [os.open(name, _DIRECTORY) for name in names]
    try:
        parts = [
            ("directory: rmdir that finds it is neither empty nor a mount", _best(names, _rmdir)),
            ("directory: open and close", _best(names, _open)),
            ("directory: device and inode", _best(fds, os.fstat)),
            ("directory: read", _best(fds, _read)),
        ]
    finally:
        for fd in fds:
            os.close(fd)
    for name in names:
        os.rmdir(os.path.join(name, "inner"))
    start = process_time()
    for name in names:
        os.rmdir(name)
    return [*parts, ("directory: rmdir", (process_time() - start) / len(names) * 1e6)]


def _context() -> None:
    contexts.close(contexts.enter("test_module.TestClass.test_name", "test"))


def _journal(journal: object) -> None:
    journal.enter("test_module.TestClass.test_name", "test")  # type: ignore[attr-defined]
    journal.leave()  # type: ignore[attr-defined]


def _entered(run: Run) -> None:
    run.close(run.enter("test_module.TestClass.test_name", "test"))


def _call(function: Callable[..., object], names: Iterable[str], fd: int) -> None:
    for name in names:
        function(name, dir_fd=fd)


def _look_and_unlink(names: Iterable[str], fd: int) -> None:
    for name in names:
        os.stat(name, dir_fd=fd, follow_symlinks=False)
        os.unlink(name, dir_fd=fd)


def _reclaim(*, measure: bool) -> None:
    reclaim.reclaim(contexts.current(), measure=measure)


def _rmdir(name: str) -> None:
    with suppress(OSError):
        os.rmdir(name)


def _open(name: str) -> None:
    os.close(os.open(name, _DIRECTORY))


def _read(fd: int) -> None:
    with os.scandir(fd) as entries:
        for _ in entries:
            pass


def _files(directory: str, remove: Callable[[list[str]], None]) -> float:
    best = float("inf")
    for _ in range(ROUNDS):
        with temp_dir(directory), tempfiles.context("profile"):
            names = [tempfiles.create_with_content(CONTENT).name for _ in range(FILES)]
            start = process_time()
            remove(names)
            best = min(best, process_time() - start)
    return best / FILES * 1e6


def _each(times: int, function: Callable[[], object]) -> float:
    return _best(range(times), lambda _: function())


def _best(over: Iterable[T], function: Callable[[T], object]) -> float:
    best = float("inf")
    items = list(over)
    for _ in range(ROUNDS):
        start = process_time()
        for item in items:
            function(item)
        best = min(best, process_time() - start)
    return best / len(items) * 1e6


if __name__ == "__main__":
    _place = next(place for place in places() if not place.unfit)
    for _title, _parts in (
        ("empty test", empty_test()), ("test with a file", file_test(_place.directory)),
        ("clean-up", clean_up(_place.directory)),
    ):  # fmt: skip
        print(f"| {_title} | us |\n|---|---|")
        for _name, _value in _parts:
            print(f"| {_name} | {_value:.2f} |")
        print()
