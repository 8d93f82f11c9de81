"""python -m tests.campaigns.parity: hold `python -m runner` against `python -m unittest`.

With `--parallel`, hold `python -m runner -j 2` and `-j 4` against the serial run; with
`--shards N`, N merged shards.
"""

from __future__ import annotations

import argparse
import os
import subprocess
import sys
import tempfile
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

from tests.campaigns.parity import comparison, modules, parallel, suites, thirdparty
from tests.campaigns.parity.campaign import Compare, Verdict, check_each, outcomes
from tests.campaigns.parity.sides import Job, Side

_SHOWN = 20  # differences of one module
_ROW = "{:<34} {:>5} {:>7} {:>7}  {:<9} {}"


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the campaigns that are asked for; return 1 if anything differs."""
    options = _parser().parse_args(arguments)
    differing = 0
    if options.list:
        print("\n".join(modules.available((options.python or [sys.executable])[0])))
        return 0
    for python in options.python or [sys.executable]:
        ours, theirs = options.candidate, "unittest"
        if options.parallel or options.shards:
            ours, theirs = "runner --merge" if options.shards else "runner -j N", "runner"
        print(f"\n{_version(python, full=True)}: python -m {ours} against python -m {theirs}",
              flush=True)
        for verdict in _verdicts(python, options):
            differing += bool(verdict.differences)
    print(f"\n{differing} differ" if differing else "\nno differences")
    return 1 if differing else 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m tests.campaigns.parity", description=__doc__)
    parser.add_argument(
        "modules", nargs="*", metavar="MODULE",
        help="a test module of the standard library (test_shutil); default: all that are listed",
    )
    parser.add_argument(
        "--python", action="append", metavar="PATH", help="an interpreter (repeatable)"
    )
    parser.add_argument(
        "--candidate", default="runner", choices=("runner", "unittest"),
        help="unittest compares it with itself, which proves the comparison",
    )
    parser.add_argument(
        "--parallel", action="store_true",
        help="compare parallel runs with the serial run: standard library, suites and nose2",
    )
    parser.add_argument(
        "--workers", action="append", type=int, metavar="N",
        help="of the parallel runs (repeatable; default: 2 and 4); 0 is the serial run again, which"
             " proves the comparison",
    )
    parser.add_argument(
        "--shards", type=int, default=0, metavar="N",
        help="compare N merged shards with the serial run, in place of parallel runs",
    )
    parser.add_argument("--suites", action="store_true", help="only the generated suites")
    parser.add_argument("--third-party", action="store_true", help="only nose2's own suite")
    parser.add_argument("--list", action="store_true", help="list the modules and stop")
    parser.add_argument(
        "--jobs", type=int, default=min(2, os.cpu_count() or 1), metavar="N",
        help="comparisons at the same time (default: %(default)s)",
    )
    return parser


def _verdicts(python: str, options: argparse.Namespace) -> Iterator[Verdict]:
    everything = not (options.modules or options.suites or options.third_party)
    if everything or options.suites:
        yield from _suites(python, options)
    if everything or options.modules:
        chosen = options.modules or modules.available(python)
        jobs = [modules.job(name) for name in chosen]
        yield from _checked(_comparison(python, options, outcomes), jobs, options.jobs)
    if options.third_party or (everything and (options.parallel or options.shards)):
        with tempfile.TemporaryDirectory(prefix="par-") as directory:
            inside, job = thirdparty.prepare(python, Path(directory))
            yield from _checked(_comparison(inside, options, outcomes), [job], 1)


def _suites(python: str, options: argparse.Namespace) -> Iterator[Verdict]:
    jobs = suites.jobs(_version_tuple(python))
    print(f"\ngenerated suites: {len(jobs)} command lines, output and exit code", flush=True)
    held = _comparison(python, options, comparison.outputs)
    yield from _checked(held, jobs, options.jobs, quiet=True)


@dataclass(frozen=True)
class Comparison:
    """The sides of a campaign, and how their runs are compared."""

    stock: Side
    candidates: tuple[Side, ...]
    compare: Compare
    judged: Callable[[Verdict], Verdict] = lambda verdict: verdict


def _comparison(python: str, options: argparse.Namespace, compare: Compare) -> Comparison:
    if options.parallel or options.shards:
        candidates = tuple(parallel.parallel(python, workers)
                           for workers in options.workers or parallel.WORKERS)
        if options.shards:
            candidates = (parallel.sharded(python, options.shards),)
        return Comparison(
            parallel.serial(python), candidates, parallel.differences, parallel.excused
        )
    wants_report = compare is outcomes and options.candidate != "unittest"
    ours = Side(python, options.candidate, wants_report=wants_report)
    return Comparison(Side(python, "unittest"), (ours,), compare)


def _checked(
    held: Comparison, jobs: Iterable[Job], workers: int, *, quiet: bool = False
) -> Iterator[Verdict]:
    if not quiet:
        print("\n" + _ROW.format("module", "tests", "stock s", "ours s", "exit", "leaks, verdict"))
    with ThreadPoolExecutor(workers) as pool:
        for verdicts in pool.map(
            lambda job: check_each(held.stock, held.candidates, job, held.compare), jobs
        ):
            for verdict in map(held.judged, verdicts):
                if not quiet or verdict.differences or verdict.unstable:
                    _print(verdict)
                yield verdict


def _print(verdict: Verdict) -> None:
    stock, ours = verdict.stock, verdict.candidate
    exits = str(stock.exit_code)
    if stock.exit_code != ours.exit_code:
        exits += f" -> {ours.exit_code}"
    name = " ".join((verdict.job.name, *verdict.options))
    times = f"{stock.seconds:.1f}", f"{ours.seconds:.1f}"
    print(_ROW.format(name[:34], verdict.tests, *times, exits, _words(verdict)))
    _list("", [str(difference) for difference in verdict.differences])
    _list("unstable: ", verdict.unstable)
    counts = Counter(verdict.allowed)
    _list("allowed: ", [f"{number} x {reason}" for reason, number in counts.items()])
    sys.stdout.flush()


def _list(head: str, lines: Sequence[str]) -> None:
    for line in lines[:_SHOWN]:
        print(f"    {head}{line}")
    if len(lines) > _SHOWN:
        print(f"    {head}and {len(lines) - _SHOWN} more")


def _words(verdict: Verdict) -> str:
    words = []
    leaks = verdict.leaks
    if leaks is not None and (leaks.true or leaks.never_closed):
        words.append(f"{leaks.true} real, {leaks.never_closed} never closed")
    if verdict.unstable:
        words.append(f"{len(verdict.unstable)} unstable")
    words.append("DIFFERS" if verdict.differences else "same")
    return ", ".join(words)


def _version(python: str, *, full: bool = False) -> str:
    code = f"import sys; print(sys.version if {full} else '%d.%d' % sys.version_info[:2])"
    done = subprocess.run([python, "-c", code], capture_output=True, text=True, check=True)
    return done.stdout.strip()


def _version_tuple(python: str) -> tuple[int, int]:
    major, minor = _version(python).split(".")
    return int(major), int(minor)


if __name__ == "__main__":
    sys.exit(main())
