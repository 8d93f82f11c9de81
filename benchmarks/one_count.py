"""python -m benchmarks.one_count: time or memory of so many files, in a process of its own."""

from __future__ import annotations

import gc
import json
import pathlib
import sys
import tempfile
import tracemalloc
from collections.abc import Callable
from time import perf_counter

import tempfiles

from .native import ask
from .pairs import FailedError, Sample
from .places import EMPTY, Place
from .works import temp_dir

# So many files at the least are timed: what is small is done again and again.
TIMED = 10_000


def timed(place: Place, count: int) -> Sample:
    """Return the seconds that a file takes to create and to clean up, among so many."""
    return _in_process("time", place, count)


def held(place: Place, count: int) -> Sample:
    """Return the bytes that so many tracked files hold in all and each, that their clean-up adds
    at most, and that stay after it."""
    return _in_process("memory", place, count)


def _in_process(what: str, place: Place, count: int) -> Sample:
    place.check(count, EMPTY)
    with tempfile.TemporaryDirectory(prefix="bench-", dir=place.directory) as directory:
        words = (sys.executable, "-m", "benchmarks.one_count", what, directory, str(count))
        found: Sample = json.loads(ask(*words))
    return found


def _time(count: int) -> dict[str, float]:
    _once(1)  # what the first one loads is not its time
    created = cleaned = 0.0
    times = max(1, TIMED // count)
    for _ in range(times):
        start = perf_counter()
        for _ in range(count):
            tempfiles.create_with_content("")
        middle = perf_counter()
        _clean(count)
        created += middle - start
        cleaned += perf_counter() - middle
    return {"create": created / count / times, "clean": cleaned / count / times}


def _memory(count: int) -> dict[str, float]:
    _once(1)
    gc.collect()
    tracemalloc.start()
    before = tracemalloc.get_traced_memory()[0]
    for _ in range(count):
        tempfiles.create_with_content("")
    whole = tracemalloc.get_traced_memory()[0]
    interned = _of_pathlib()
    tracemalloc.reset_peak()
    _clean(count)
    after, peak = tracemalloc.get_traced_memory()
    own = whole - before - interned
    return {
        "held": own, "each": own / count, "clean": peak - whole,
        "after": after - before - interned, "interned": interned,
    }


def _once(count: int) -> None:
    for _ in range(count):
        tempfiles.create_with_content("")
    _clean(count)


def _clean(count: int) -> None:
    report = tempfiles.cleanup_context()
    if report.removed != count:
        raise FailedError(f"{report.removed} files were removed, not {count}")


def _of_pathlib() -> int:
    """Return what `pathlib` holds: before 3.12 it interns the parts of each path, and so makes the
    interpreter's table of strings grow, once. That comes with the caller's `Path`."""
    found = tracemalloc.take_snapshot().filter_traces([tracemalloc.Filter(True, pathlib.__file__)])
    return sum(trace.size for trace in found.traces)


MEASURES: dict[str, Callable[[int], dict[str, float]]] = {"time": _time, "memory": _memory}

if __name__ == "__main__":
    _what, _directory, _files = sys.argv[1:]
    with temp_dir(_directory), tempfiles.context("one count"):
        _measured = MEASURES[_what](int(_files))
    print(json.dumps(_measured))
