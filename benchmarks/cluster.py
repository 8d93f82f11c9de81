"""Simulate runs on a cluster: the product's scheduling code on machines that only have a clock.

`python -m benchmarks.cluster` prints the makespan of each size against the ideal one, and with
`--plot FILE` draws it. The dispatcher is simulated with the time that it really takes, and with
what the engine adds to each chunk.
"""

from __future__ import annotations

import argparse
import heapq
import math
import random
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from time import process_time

from runner.scheduling.plan import Unit
from runner.scheduling.schedule import CLUSTER, Schedule

SIZES = ((1_000, 10), (10_000, 10), (100_000, 100), (1_000_000, 1_000))
"""Tests and workers."""
IN_CLASS = 10
"""Tests in a class, on average."""
MEDIAN, SIGMA = 0.02, 1.2
"""Seconds of most tests: lognormal."""
SLOW, SLOWEST = 0.001, 30.0
"""The share of tests that last 1 to 30 s."""
UNKNOWN, DRIFT = 0.05, 0.1
"""The share of classes that have never run, and how much a duration differs from the last one."""
ENGINE, ROUND_TRIP = 0.001, 0.01
"""Seconds of the parent for a chunk in dask's client, and until a machine has the next one."""
START, CHUNK = 0.4, 0.03
"""Seconds until a machine has imported the tests, and until the workers of a chunk are forked."""


@dataclass(frozen=True, slots=True)
class Simulated:
    """One simulated run; all times are in seconds.

    In an `ideal` run each machine imports the tests, and then all of them have the same work, or
    one has the longest class if that is longer. `busy` is how long the dispatcher worked.
    """

    tests: int
    workers: int
    ideal: float
    makespan: float
    chunks: int
    busy: float

    @property
    def ratio(self) -> float:
        """The makespan to the ideal one."""
        return self.makespan / self.ideal


def suite(tests: int, seed: int) -> tuple[list[Unit], list[float], dict[int, float]]:
    """Return the units of a suite, how long each takes, and what is known of it before."""
    chance = random.Random(seed)
    units: list[Unit] = []
    seconds: list[float] = []
    first = 0
    while first < tests:
        stop = min(first + chance.randint(1, 2 * IN_CLASS - 1), tests)
        units.append(Unit(len(units), f"m.C{len(units)}", range(first, stop)))
        seconds.append(sum(_duration(chance) for _ in range(first, stop)))
        first = stop
    known = {
        unit.number: took * chance.uniform(1 - DRIFT, 1 + DRIFT)
        for unit, took in zip(units, seconds, strict=True) if chance.random() >= UNKNOWN
    }  # fmt: skip
    return units, seconds, known


def _duration(chance: random.Random) -> float:
    if chance.random() < SLOW:
        return math.exp(chance.uniform(0.0, math.log(SLOWEST)))
    return chance.lognormvariate(math.log(MEDIAN), SIGMA)


def simulate(tests: int, workers: int, seed: int = 1) -> Simulated:
    """Run a suite in a simulated cluster.

    Args:
        tests: how many there are.
        workers: machines of one core.
        seed: of the durations.
    """
    units, seconds, known = suite(tests, seed)
    schedule = Schedule(units, known, max(workers, 2), None, CLUSTER)
    free = [(START, worker) for worker in range(workers)]  # when each machine is free
    out: dict[int, list[Unit]] = {}
    dispatcher = makespan = busy = 0.0  # when it has done all so far
    chunks = 0
    while free:
        moment, worker = heapq.heappop(free)
        begun = process_time()
        for unit in out.pop(worker, ()):
            schedule.done(unit, seconds[unit.number])
        taken = schedule.take(worker)
        busy += (cost := process_time() - begun + ENGINE)
        if not taken:
            continue
        chunks += 1
        dispatcher = max(dispatcher, moment) + cost
        out[worker] = taken
        ended = dispatcher + ROUND_TRIP + CHUNK + sum(seconds[unit.number] for unit in taken)
        makespan = max(makespan, ended)
        heapq.heappush(free, (ended, worker))
    ideal = START + max(sum(seconds) / workers, max(seconds))
    return Simulated(tests, workers, ideal, makespan, chunks, busy)


def plot(runs: Sequence[Simulated]) -> str:
    """Return a drawing of the makespans, a bar each, as SVG."""
    step, left, width = 46, 210, 380
    lines = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 720 {step * len(runs) + 40}"'
        ' font-family="sans-serif" font-size="13">',
        f'<rect width="720" height="{step * len(runs) + 40}" fill="white"/>',
    ]
    for row, run in enumerate(runs):
        y = 14 + step * row
        ideal = width / run.ratio
        lines += [
            f'<text x="{left - 10}" y="{y + 17}" text-anchor="end">'
            f"{run.tests:,} tests, {run.workers:,} workers</text>",
            f'<rect x="{left}" y="{y}" width="{width}" height="26" fill="#f2b8b5"/>',
            f'<rect x="{left}" y="{y}" width="{ideal:.0f}" height="26" fill="#4a7fb5"/>',
            f'<text x="{left + width + 8}" y="{y + 17}">{run.ratio:.2f} of ideal,'
            f" {run.makespan:.0f} s</text>",
        ]
    lines += [
        f'<text x="{left}" y="{step * len(runs) + 30}">blue: the ideal makespan; red: what the run'
        " takes longer</text>", "</svg>",
    ]  # fmt: skip
    return "\n".join(lines) + "\n"


def main() -> None:
    """Print a line for each size, and draw them if that is asked for."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--plot", type=Path, metavar="FILE", help="write the drawing as SVG")
    asked = parser.parse_args()
    runs = []
    for tests, workers in SIZES:
        runs.append(run := simulate(tests, workers))
        print(
            f"{tests:>9,} tests on {workers:>5,} workers: {run.makespan:7.1f} s, ideal"
            f" {run.ideal:7.1f} s, ratio {run.ratio:.3f}; {run.chunks:,} chunks, dispatcher"
            f" {run.busy:.1f} s"
        )
    if asked.plot:
        asked.plot.write_text(plot(runs), "utf-8")


if __name__ == "__main__":
    main()
