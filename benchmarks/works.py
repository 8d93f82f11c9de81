"""The files that are created and cleaned up: by the library, by bare Python, by `rm -rf`, in C."""

from __future__ import annotations

import os
import shutil
import tempfile
import uuid
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from time import perf_counter

import tempfiles

from .native import ask, build
from .pairs import FailedError, Sample
from .rows import Scale

CONTENT = "x" * 100
FLAT = 5000
CONTEXTS, IN_CONTEXT = 20, 50
DEPTH, BRANCHES, IN_DIRECTORY = 5, 3, 5  # 364 directories, 1,820 files


@dataclass(frozen=True)
class Work:
    """The same files for each contestant: `groups` are top directories, each with its files
    and, parents first, its directories, as relative names. `ours` makes them in a directory and
    cleans up: by closing the context or, `asked`, by a call that reports the bytes as well."""

    name: str
    groups: tuple[tuple[tuple[str, ...], tuple[str, ...]], ...]
    ours: Callable[..., Sample]

    @property
    def files(self) -> int:
        """Number of files."""
        return sum(len(files) for _, files in self.groups)

    @property
    def entries(self) -> int:
        """Number of files and directories."""
        return self.files + sum(len(directories) + 1 for directories, _ in self.groups)


def works(scale: Scale) -> list[Work]:
    """Return the works, as large as the scale says."""
    flat, inside = scale.amount(FLAT), scale.amount(IN_CONTEXT)
    directories = tuple(_nested(DEPTH - 2 if scale.quick else DEPTH))
    files = tuple(
        os.path.join(directory, name) for directory in ("", *directories)
        for name in _names(IN_DIRECTORY)
    )
    contexts = tuple(((), _names(inside)) for _ in range(CONTEXTS))
    return [
        Work(f"{flat} files", (((), _names(flat)),), partial(_flat, flat)),
        Work(f"{len(directories) + 1} directories, {len(files)} files",
             ((directories, files),), partial(_tree, dict.fromkeys(files, CONTENT))),
        Work(f"{CONTEXTS} contexts of {inside} files", contexts, partial(_contexts, inside)),
    ]


def in_own_directory(place: str, contestant: Callable[[str], Sample]) -> Sample:
    """Let a contestant make and remove its files in a directory of its own.

    Raises:
        FailedError: it has left some of them.
    """
    directory = tempfile.mkdtemp(prefix="bench-", dir=place)
    try:
        sample = contestant(directory)
        if left := _count(directory):
            raise FailedError(f"{left} files are left after the clean-up")
        return sample
    finally:
        if os.path.lexists(directory):
            shutil.rmtree(directory)


@contextmanager
def temp_dir(directory: str) -> Iterator[None]:
    """Let the library make its files in a directory."""
    tempfiles.set_temp_dir(directory)
    try:
        yield
    finally:
        tempfiles.set_temp_dir(None)


def bare(work: Work, remove: Callable[[list[str]], float], directory: str) -> Sample:
    """Make the files of a work with nothing but `open`, `write` and `close`; remove them."""
    tops = [os.path.join(directory, f"group{number}") for number in range(len(work.groups))]
    start = perf_counter()
    for top, (directories, files) in zip(tops, work.groups, strict=True):
        os.mkdir(top)
        for name in directories:
            os.mkdir(os.path.join(top, name))
        for name in files:
            file = open(os.path.join(top, name), "w")  # noqa: SIM115
            file.write(CONTENT)
            file.close()
    created = perf_counter()
    _hold(directory, work.files)
    return {"create": created - start, "clean": remove(tops)}


def rmtree(tops: list[str]) -> float:
    """Return the seconds that `shutil.rmtree` takes."""
    start = perf_counter()
    for top in tops:
        shutil.rmtree(top)
    return perf_counter() - start


def rm(tops: list[str]) -> float:
    """Return the seconds that `rm -rf` takes, with the start of its process."""
    start = perf_counter()
    ask("rm", "-rf", *tops)
    return perf_counter() - start


def native(built: Path, tops: list[str]) -> float:
    """Return the seconds that the loop in C takes, by its own clock; `built` is where it is."""
    return int(ask(build(built), *tops)) / 1e9


def _flat(count: int, directory: str, asked: bool) -> Sample:
    """Make registered files and clean them up; the directory goes too, as with the rivals."""
    with temp_dir(directory), ExitStack() as opened:
        start = perf_counter()
        opened.enter_context(tempfiles.context("flat"))
        for _ in range(count):
            tempfiles.create_with_content(CONTENT)
        created = perf_counter()
        _hold(directory, count)
        cleaning = perf_counter()
        if asked:
            tempfiles.cleanup_context()
        opened.close()
        os.rmdir(directory)
        return {"create": created - start, "clean": perf_counter() - cleaning}


def _tree(tree: Mapping[str, str], directory: str, asked: bool) -> Sample:
    """Make one registered tree and clean it up."""
    with temp_dir(directory), ExitStack() as opened:
        start = perf_counter()
        opened.enter_context(tempfiles.context("tree"))
        tempfiles.temp_tree(tree)
        created = perf_counter()
        _hold(directory, len(tree))
        cleaning = perf_counter()
        if asked:
            tempfiles.cleanup_context()
        opened.close()
        return {"create": created - start, "clean": perf_counter() - cleaning}


def _contexts(count: int, directory: str, asked: bool) -> Sample:
    """Make registered files in each of some contexts; close these, one by one, at the end."""
    tops = [os.path.join(directory, f"context{number}") for number in range(CONTEXTS)]
    with ExitStack() as opened:
        start = perf_counter()
        for top in tops:
            os.mkdir(top)
            opened.enter_context(tempfiles.context(top))
            with temp_dir(top):
                for _ in range(count):
                    tempfiles.create_with_content(CONTENT)
        created = perf_counter()
        _hold(directory, CONTEXTS * count)
        cleaning = perf_counter()
        for top in tops if asked else ():
            tempfiles.cleanup_context(top)
        opened.close()
        for top in tops:
            os.rmdir(top)
        return {"create": created - start, "clean": perf_counter() - cleaning}


def _hold(directory: str, files: int) -> None:
    """Make sure, outside of what is timed, that a contestant has created its files."""
    if (created := _count(directory)) != files:
        raise FailedError(f"{created} files were created, not {files}")


def _count(directory: str) -> int:
    return sum(len(files) for _, _, files in os.walk(directory))


def _names(count: int) -> tuple[str, ...]:
    # Random like the library's own: file systems with hashed directories notice the difference.
    return tuple(f"tmp{uuid.uuid4().hex[:8]}.tmp" for _ in range(count))


def _nested(depth: int, parent: str = "") -> Iterator[str]:
    for number in range(BRANCHES if depth else 0):
        name = os.path.join(parent, f"directory{number}")
        yield name
        yield from _nested(depth - 1, name)
