"""Measure contestants in turns, A B A B, and give the ratio of each round its say.

What disturbs the machine disturbs both of a round, so that the median of the rounds' ratios is
steadier than the ratio of two medians.
"""

from __future__ import annotations

import gc
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from statistics import median

# One measurement: what was timed, in seconds, by name.
Sample = Mapping[str, float]
Contestant = Callable[[], Sample]


@dataclass(frozen=True)
class Ratio:
    """The median of the rounds' ratios, its quartiles, and the median seconds of both."""

    value: float
    low: float
    high: float
    ours: float
    rival: float

    def __str__(self) -> str:
        return f"{self.value:.2f} ({self.low:.2f} to {self.high:.2f})"


class Rounds:
    """The samples of all contestants, round by round."""

    def __init__(self, samples: Mapping[str, list[Sample]]) -> None:
        self.samples = samples

    def ratio(self, ours: str, rival: str, what: str, rivals_what: str | None = None) -> Ratio:
        """Return how one timing of a contestant relates to (another) one of a rival."""
        mine = [sample[what] for sample in self.samples[ours]]
        theirs = [sample[rivals_what or what] for sample in self.samples[rival]]
        ratios = sorted(a / b for a, b in zip(mine, theirs, strict=True))
        low, high = _quartiles(ratios)
        return Ratio(median(ratios), low, high, median(mine), median(theirs))

    def seconds(self, contestant: str, what: str) -> float:
        """Return the median of one timing of a contestant."""
        return median(sample[what] for sample in self.samples[contestant])


def interleave(
    contestants: Mapping[str, Contestant], rounds: int, *, warm_up: bool = True
) -> Rounds:
    """Let each contestant go once a round; who goes first changes. The first round, the warm-up,
    is not counted."""
    names = list(contestants)
    samples: dict[str, list[Sample]] = {name: [] for name in names}
    for number in range(0 if warm_up else 1, rounds + 1):
        shift = number % len(names)
        for name in (*names[shift:], *names[:shift]):
            gc.collect()
            sample = contestants[name]()
            if number:
                samples[name].append(sample)
    return Rounds(samples)


def sums(parts: Iterable[Rounds], what: str) -> Rounds:
    """Add up, round by round, one timing of several measurements with the same contestants."""
    added: dict[str, list[Sample]] = {}
    lists = list(parts)
    for name in lists[0].samples:
        rows = zip(*(part.samples[name] for part in lists), strict=True)
        added[name] = [{what: sum(sample[what] for sample in row)} for row in rows]
    return Rounds(added)


def _quartiles(values: list[float]) -> tuple[float, float]:
    return values[len(values) // 4], values[-(len(values) // 4) - 1]
