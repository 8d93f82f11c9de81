"""Time and memory by the number of files, each measurement a process of its own."""

from __future__ import annotations

import gc
import json
import os
import pathlib
import subprocess
import sys
import tempfile
import tracemalloc
from collections.abc import Iterator
from pathlib import Path
from time import perf_counter

import tempfiles

from .files import places, temp_dir
from .pairs import Contestant, interleave
from .rows import Row, Scale, seconds
from .suites import OURS, REPOSITORY, STOCK, project

NAME = "Time and memory by the number of files"
COUNTS = (1_000, 10_000, 100_000, 1_000_000)
TRACKED = 5_000
MADE_AND_REMOVED = 100_000
ROOM = 2.0  # times as many free inodes as files are asked for

# Some tests to warm up, one that looks, a hundred that make and remove files, one that looks again.
_MEMORY_SUITE = """\
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


def rows(scale: Scale) -> Iterator[Row]:
    """Measure the counts one by one, then the memory of what is tracked and of what is gone."""
    place, words = places()[0]
    counts = COUNTS[:2] if scale.quick else COUNTS
    yield from _times(place, words, counts, min(scale.rounds, 3))
    yield from _memory(place, words, counts)
    yield _made_and_removed(scale)


def _times(place: str, words: str, counts: tuple[int, ...], rounds: int) -> Iterator[Row]:
    fitting = [count for count in counts if _fits(place, count)]
    contestants: dict[str, Contestant] = {
        str(count): _timed(place, count) for count in fitting
    }
    done = interleave(contestants, rounds)
    first = str(fitting[0])
    for count in counts:
        if count not in fitting:
            yield Row(f"{count} files, {words}", "itself", skipped="too few free inodes")
            continue
        for what in ("create", "clean"):
            each = done.seconds(str(count), what)
            ratio = done.ratio(str(count), first, what) if str(count) != first else None
            yield Row(
                f"{what} {count} files, {words}, each", f"each of {first}", ratio,
                figure=f"{seconds(each)} each, {seconds(each * count)} in all",
            )


def _timed(place: str, count: int) -> Contestant:
    return lambda: _in_process("time", place, count)


def _memory(place: str, words: str, counts: tuple[int, ...]) -> Iterator[Row]:
    for count in (TRACKED, *counts):
        if not _fits(place, count) or count > 100_000:
            continue
        found = _in_process("memory", place, count)
        yield Row(
            f"memory of {count} tracked files, {words}", "",
            figure=f"{found['held'] / 1e6:.2f} MB held, {found['held'] / count:.0f} bytes each; "
                   f"clean-up adds {found['clean'] / 1e3:.0f} kB at most, "
                   f"{found['after'] / 1e3:.0f} kB stay; RSS +{found['rss'] / 1e6:.1f} MB",
        )


def _made_and_removed(scale: Scale) -> Row:
    each = scale.amount(MADE_AND_REMOVED) // 100
    source = _MEMORY_SUITE.format(each=each, first=9, last=110)
    grown = {}
    with project({"test_suite.py": source}) as base:
        for name, program in (("ours", OURS), ("stock", STOCK)):
            grown[name] = _grown(base, program)
    return Row(
        f"memory that {each * 100} made and removed files leave", "unittest",
        figure=f"{grown['ours'] / 1e3:.1f} kB / {grown['stock'] / 1e3:.1f} kB",
    )


def _grown(base: Path, program: tuple[str, ...]) -> int:
    environment = dict(os.environ, TMPDIR=str(base / "temp"), PYTHONPATH=str(REPOSITORY))
    done = subprocess.run(
        [sys.executable, *program, "test_suite"], cwd=base / "project", env=environment,
        capture_output=True, text=True, check=True,
    )
    return int(done.stdout.split("grown")[1].split()[0])


def _fits(place: str, count: int) -> bool:
    status = os.statvfs(place)
    # File systems without a fixed number of inodes say 0.
    return status.f_files == 0 or status.f_favail > ROOM * count


def _in_process(what: str, place: str, count: int) -> dict[str, float]:
    with tempfile.TemporaryDirectory(prefix="bench-", dir=place) as directory:
        done = subprocess.run(
            [sys.executable, "-m", "benchmarks.scaling", what, directory, str(count)],
            cwd=REPOSITORY, capture_output=True, text=True, check=True,
        )
    found: dict[str, float] = json.loads(done.stdout)
    return found


def _measure_time(count: int) -> dict[str, float]:
    start = perf_counter()
    for _ in range(count):
        tempfiles.create_with_content("")
    made = perf_counter()
    tempfiles.cleanup_context()
    return {"create": (made - start) / count, "clean": (perf_counter() - made) / count}


def _measure_memory(count: int) -> dict[str, float]:
    tempfiles.create_with_content("")  # what the first one loads is not its memory
    tempfiles.cleanup_context()
    resident = _resident()
    gc.collect()
    tracemalloc.start()
    before = tracemalloc.get_traced_memory()[0]
    for _ in range(count):
        tempfiles.create_with_content("")
    held = tracemalloc.get_traced_memory()[0]
    more = _resident() - resident
    interned = _of_pathlib()
    tracemalloc.reset_peak()
    tempfiles.cleanup_context()
    after, peak = tracemalloc.get_traced_memory()
    return {
        "held": held - before - interned, "clean": peak - held,
        "after": after - before - interned, "rss": more,
    }


def _of_pathlib() -> int:
    """Return what `pathlib` holds: before 3.12 it interns the parts of each path, and so makes the
    interpreter's table of strings grow, once. That comes with the caller's `Path`."""
    found = tracemalloc.take_snapshot().filter_traces([tracemalloc.Filter(True, pathlib.__file__)])
    return sum(trace.size for trace in found.traces)


def _resident() -> int:
    try:
        pages = int(Path("/proc/self/statm").read_text(encoding="ascii").split()[1])
    except OSError:
        return 0
    return pages * os.sysconf("SC_PAGE_SIZE")


if __name__ == "__main__":
    _what, _directory, _count = sys.argv[1:]
    with temp_dir(_directory), tempfiles.context("scaling"):
        _measured = {"time": _measure_time, "memory": _measure_memory}[_what](int(_count))
    print(json.dumps(_measured))
