"""Runs in two workers, against the serial run and against a rival: two idle cores are needed."""

from __future__ import annotations

import subprocess
import sys
import sysconfig
from collections.abc import Iterator, Sequence
from functools import partial
from pathlib import Path
from time import perf_counter
from typing import Any

from .pairs import Contestant, FailedError, MissingError, Ratio, Rounds, Sample, interleave
from .rows import Row, Scale, Wanted, filled, ratio
from .runs import OURS, RAM, STOCK, Count, command, environment, installed, project
from .suites import module

NAME = "Parallel runs, two workers"
PARALLEL = (*OURS, "-j", "2")
RIVAL = ("-m", "unittest_parallel", "-j", "2")
EMPTY_TESTS = 5_000
SLEEPING_TESTS, SLEEP = 200, 0.02
LONG_TESTS, LONG_SLEEP = 300, 0.2  # a suite of 60 s
DEATHS = 20
# Test modules of the standard library that live on files, and that pass as copies elsewhere;
# those that are packages are left out, and test_tarfile, which needs an archive beside it.
FILE_HEAVY = (
    "test_shutil", "test_mailbox", "test_os", "test_fileinput",
    "test_gzip", "test_filecmp", "test_pathlib", "test_zipfile", "test_bz2", "test_glob",
)
MODULES = 8

_DYING = """\
import os, unittest
class Tests(unittest.TestCase):
"""


def rows(scale: Scale) -> Iterator[Row]:
    """Measure the runs."""
    empty = scale.amount(EMPTY_TESTS)
    yield from _suite(f"{empty} empty tests", module(empty, "pass"), empty, scale, (1.0, 0.3))
    sleeping = scale.amount(SLEEPING_TESTS)
    files = module(sleeping, f"time.sleep({SLEEP})", in_class=10)
    files = {name: f"import time\n{text}" for name, text in files.items()}
    work = f"{sleeping} tests that sleep {SLEEP * 1e3:.0f} ms"
    yield from _suite(work, files, sleeping, scale, (0.55, None))
    yield from _standard_library(scale)
    yield from filled([
        Wanted("a suite of 60 s on two dask workers", "`-j 2`",
               ratio("cluster", "ours", "command"), 1.15),
    ], partial(_on_cluster, scale))  # fmt: skip
    deaths = Wanted(
        "replacing a worker that died", "the same, none dies",
        lambda done: done.difference("dying", "living", "command", (DEATHS / 1e3, "ms")), 20.0,
    )  # fmt: skip
    yield from filled([deaths], partial(_deaths, scale.rounds))


def _suite(
    work: str, files: dict[str, str], tests: int, scale: Scale,
    aims: tuple[float | None, float | None],
) -> Iterator[Row]:
    """Yield the rows of a suite: against serial unittest, and against the rival."""
    wanted = [
        Wanted(work, "unittest", ratio("ours", "stock", "command"), aims[0]),
        Wanted(work, "unittest-parallel", ratio("ours", "rival", "command"), aims[1]),
    ]
    yield from filled(wanted, partial(_against, files, tests, scale.rounds))


def _against(files: dict[str, str], tests: int, rounds: int) -> Rounds:
    with project(files) as base:
        count, names = Count(tests), [name.removesuffix(".py") for name in files]
        contestants: dict[str, Contestant] = {
            "ours": partial(command, base, PARALLEL, names, count),
            "stock": partial(command, base, STOCK, names, count),
            "rival": partial(_rival, base, "class", count),
        }
        return interleave(contestants, rounds)


def _rival(base: Path, level: str, count: Count) -> Sample:
    if not installed("unittest_parallel"):
        raise MissingError("unittest-parallel is not installed (extra: bench)")
    return command(base, RIVAL, ["--level", level], count)


def _on_cluster(scale: Scale) -> Rounds:
    """Run a suite on two dask workers, which are there already, and in two local workers."""
    if not installed("distributed"):
        raise MissingError("distributed is not installed (extra: dask)")
    from distributed import LocalCluster

    tests = scale.amount(LONG_TESTS)
    files = module(tests, f"time.sleep({LONG_SLEEP})", in_class=10)
    files = {name: f"import time\n{text}" for name, text in files.items()}
    new: Any = LocalCluster  # without type hints
    machines = new(n_workers=2, threads_per_worker=1, dashboard_address=":0")
    with machines, project(files) as base:
        count, names = Count(tests), [name.removesuffix(".py") for name in files]
        cluster = (*OURS, "--workers", machines.scheduler_address)
        contestants: dict[str, Contestant] = {
            "cluster": partial(command, base, cluster, names, count),
            "ours": partial(command, base, PARALLEL, names, count),
        }
        return interleave(contestants, scale.rounds)


def _standard_library(scale: Scale) -> Iterator[Row]:
    names = _file_heavy()[: 2 if scale.quick else MODULES]
    work = f"{len(names)} modules of the standard library"
    yield from filled([
        Wanted(work, "half of serial, or the longest", _against_bound, 1.1),
        Wanted(work, "unittest-parallel", ratio("ours", "rival", "command"), 0.85),
        Wanted(f"{work}, --temp-root ram", "unittest", ratio("ram", "stock", "command"), 0.5),
    ], partial(_modules, names, scale))


def _modules(names: Sequence[str], scale: Scale) -> Rounds:
    """Run copies of the modules: the rival runs what it finds in a directory."""
    count, alone = Count(), Count()
    with project({name: _source(name) for name in names}) as base:
        words = [name.removesuffix(".py") for name in names]
        longest = max(words, key=lambda word: command(base, STOCK, [word], Count())["command"])
        contestants: dict[str, Contestant] = {
            "ours": partial(command, base, PARALLEL, words, count),
            "stock": partial(command, base, STOCK, words, count),
            "ram": partial(command, base, (*RAM, "-j", "2"), words, count),
            "rival": partial(_rival, base, "module", count),
            "longest": partial(command, base, STOCK, [longest], alone),
        }
        return interleave(contestants, scale.rounds, warm_up=not scale.quick)


def _against_bound(done: Rounds) -> Ratio:
    """Compare with what two workers take at least: half of the serial run, or its longest module.

    A module is more than a unit where its classes can be apart; then the bound is too high.
    """
    bounds: list[Sample] = [
        {"command": max(serial / 2, longest)}
        for serial, longest in zip(
            done.values("stock", "command"), done.values("longest", "command"), strict=True
        )
    ]
    ours: list[Sample] = [{"command": seconds} for seconds in done.values("ours", "command")]
    return Rounds({"ours": ours, "bound": bounds}).ratio("ours", "bound", "command")


def _file_heavy() -> list[str]:
    """Return the files of the modules that this Python has."""
    return [f"{name}.py" for name in FILE_HEAVY if _path(f"{name}.py").is_file()]


def _source(name: str) -> str:
    return _path(name).read_text("utf-8")


def _path(name: str) -> Path:
    return Path(sysconfig.get_path("stdlib"), "test", name)


def _deaths(rounds: int) -> Rounds:
    """Run one class whose tests end their worker, and one whose tests do not."""
    bodies = {"dying": "os._exit(3)", "living": "pass"}
    sources = {
        name: _DYING + "".join(f"    def test_{n:02}(self): {body}\n" for n in range(DEATHS))
        for name, body in bodies.items()
    }
    with project({f"{name}.py": text for name, text in sources.items()}) as base:
        return interleave({
            "dying": partial(_timed, base, "dying", f"FAILED (errors={DEATHS})"),
            "living": partial(_timed, base, "living", "OK"),
        }, rounds)


def _timed(base: Path, name: str, verdict: str) -> Sample:
    start = perf_counter()
    done = subprocess.run(
        [sys.executable, *PARALLEL, name], cwd=base / "project", env=environment(base),
        capture_output=True, text=True, errors="replace", stdin=subprocess.DEVNULL,
    )
    seconds = perf_counter() - start
    if f"Ran {DEATHS} tests" not in done.stderr or f"\n{verdict}\n" not in done.stderr:
        raise FailedError(f"{name}: exit code {done.returncode}, not '{verdict}'")
    return {"command": seconds}
