"""Files made and cleaned up: by the library, by bare Python, by `rm -rf` and by a loop in C."""

from __future__ import annotations

import os
import shutil
import subprocess
import tempfile
import uuid
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from time import perf_counter

import tempfiles

from .native import MissingError, build
from .pairs import Contestant, Sample, interleave
from .rows import Row, Scale

NAME = "Files made and cleaned up by the library"
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
    ours: Callable[[str, bool], Sample]


def rows(scale: Scale) -> Iterator[Row]:
    """Measure all works, in memory and in the default temp directory."""
    with tempfile.TemporaryDirectory(prefix="bench-") as built:
        program: Path | str
        try:
            program = build(Path(built))
        except MissingError as missing:
            program = str(missing)
        for place, words in places():
            for work in works(scale):
                yield from _rows(work, place, words, program, scale.rounds)


def places() -> list[tuple[str, str]]:
    """Return the directories to measure in, each with its name in the table."""
    found = [(tempfile.gettempdir(), "default temp")]
    if os.access("/dev/shm", os.W_OK):
        found.insert(0, ("/dev/shm", "tmpfs"))
    return found


def works(scale: Scale) -> list[Work]:
    """Return the works, as large as the scale says."""
    flat, inside = scale.amount(FLAT), scale.amount(IN_CONTEXT)
    depth = DEPTH - 2 if scale.quick else DEPTH
    directories = tuple(_nested(depth))
    files = tuple(
        os.path.join(directory, name) for directory in ("", *directories)
        for name in _names(IN_DIRECTORY)
    )
    contexts = tuple(((), _names(inside)) for _ in range(CONTEXTS))
    return [
        Work(f"{flat} files", (((), _names(flat)),), partial(ours_flat, flat)),
        Work(f"{len(directories) + 1} directories, {len(files)} files",
             ((directories, files),), partial(ours_tree, _as_dict(files))),
        Work(f"{CONTEXTS} contexts of {inside} files", contexts, partial(ours_contexts, inside)),
    ]


def _rows(work: Work, place: str, words: str, program: Path | str, rounds: int) -> Iterator[Row]:
    contestants: dict[str, Contestant] = {
        "ours": partial(_in_own_directory, place, lambda where: work.ours(where, False)),
        "asked": partial(_in_own_directory, place, lambda where: work.ours(where, True)),
        "bare": partial(_in_own_directory, place, partial(_bare, work, _rmtree)),
        "rm": partial(_in_own_directory, place, partial(_bare, work, _rm)),
    }
    if isinstance(program, Path):
        native = partial(_bare, work, partial(_native, program))
        contestants["c"] = partial(_in_own_directory, place, native)
    done = interleave(contestants, rounds)
    name = f"{work.name}, {words}"
    yield Row(f"create {name}", "open, write, close", done.ratio("ours", "bare", "create"), 1.3)
    yield Row(f"clean up {name}", "shutil.rmtree", done.ratio("ours", "bare", "clean"), 1.0)
    asked = done.ratio("asked", "bare", "clean")
    yield Row(f"clean up {name}, bytes told", "shutil.rmtree", asked, 1.0)
    yield Row(f"clean up {name}", "rm -rf", done.ratio("ours", "rm", "clean"), 0.9)
    if "c" in contestants:
        yield Row(f"clean up {name}", "unlinkat in C", done.ratio("ours", "c", "clean"), 1.15)
    else:
        yield Row(f"clean up {name}", "unlinkat in C", skipped=str(program))


def _in_own_directory(place: str, contestant: Callable[[str], Sample]) -> Sample:
    directory = tempfile.mkdtemp(prefix="bench-", dir=place)
    try:
        return contestant(directory)
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


def ours_flat(count: int, directory: str, asked: bool) -> Sample:
    """Make registered files and clean them up; the directory goes too, as with the rivals."""
    with temp_dir(directory):
        start = perf_counter()
        with tempfiles.context("flat"):
            for _ in range(count):
                tempfiles.create_with_content(CONTENT)
            made = perf_counter()
            if asked:
                tempfiles.cleanup_context()
        os.rmdir(directory)
        return {"create": made - start, "clean": perf_counter() - made}


def ours_tree(tree: Mapping[str, str], directory: str, asked: bool) -> Sample:
    """Make one registered tree and clean it up."""
    with temp_dir(directory):
        start = perf_counter()
        with tempfiles.context("tree"):
            tempfiles.temp_tree(tree)
            made = perf_counter()
            if asked:
                tempfiles.cleanup_context()
        return {"create": made - start, "clean": perf_counter() - made}


def ours_contexts(count: int, directory: str, asked: bool) -> Sample:
    """Make registered files in each of some contexts; close these, one by one, at the end."""
    places = [os.path.join(directory, f"context{number}") for number in range(CONTEXTS)]
    start = perf_counter()
    with ExitStack() as opened:
        for place in places:
            os.mkdir(place)
            opened.enter_context(tempfiles.context(place))
            with temp_dir(place):
                for _ in range(count):
                    tempfiles.create_with_content(CONTENT)
        made = perf_counter()
        for place in places if asked else ():
            tempfiles.cleanup_context(place)
    for place in places:
        os.rmdir(place)
    return {"create": made - start, "clean": perf_counter() - made}


def _bare(work: Work, remove: Callable[[list[str]], float], directory: str) -> Sample:
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
    made = perf_counter()
    return {"create": made - start, "clean": remove(tops)}


def _rmtree(tops: list[str]) -> float:
    start = perf_counter()
    for top in tops:
        shutil.rmtree(top)
    return perf_counter() - start


def _rm(tops: list[str]) -> float:
    start = perf_counter()
    subprocess.run(["rm", "-rf", *tops], check=True)
    return perf_counter() - start


def _native(program: Path, tops: list[str]) -> float:
    # Its own clock: the start of its process is not part of the loop.
    done = subprocess.run([program, *tops], capture_output=True, text=True, check=True)
    return int(done.stdout) / 1e9


def _names(count: int) -> tuple[str, ...]:
    # Random like the library's own: file systems with hashed directories notice the difference.
    return tuple(f"tmp{uuid.uuid4().hex[:8]}.tmp" for _ in range(count))


def _nested(depth: int, parent: str = "") -> Iterator[str]:
    for number in range(BRANCHES if depth else 0):
        name = os.path.join(parent, f"directory{number}")
        yield name
        yield from _nested(depth - 1, name)


def _as_dict(files: tuple[str, ...]) -> dict[str, str]:
    return dict.fromkeys(files, CONTENT)
