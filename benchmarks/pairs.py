"""Measure contestants in turns, A B A B, and give the ratio of each round its say.

What disturbs the machine disturbs both of a round, so that the median of the rounds' ratios is
steadier than the ratio of two medians.
"""

from __future__ import annotations

import errno
import gc
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from statistics import median

# One measurement: what was timed or counted, by name.
Sample = Mapping[str, float]
Contestant = Callable[[], Sample]


class MissingError(Exception):
    """What a row needs is not on this machine; the message says what."""


class FailedError(Exception):
    """A contestant did not do the work that it was measured by; the message says what it did."""


# What ends the rows that need a contestant, and no others.
UNMEASURED = (MissingError, FailedError)


@dataclass(frozen=True)
class Spread:
    """The median of the rounds' values and their quartiles, in a unit."""

    value: float
    low: float
    high: float
    unit: str = ""

    def __str__(self) -> str:
        text = f"{_number(self.value)} ({_number(self.low)} to {_number(self.high)})"
        return f"{text} {self.unit}".rstrip()


@dataclass(frozen=True)
class Ratio(Spread):
    """The spread of the rounds' ratios, and the median amounts of both; `of` is these' unit."""

    ours: float = 0.0
    rival: float = 0.0
    of: str = "s"


class Rounds:
    """The samples of all contestants, round by round, and what broke some of them.

    Each question about a broken contestant raises what broke it.
    """

    def __init__(
        self, samples: Mapping[str, list[Sample]], broken: Mapping[str, Exception] | None = None
    ) -> None:
        self.samples = samples
        self.broken = broken or {}

    def values(self, contestant: str, what: str) -> list[float]:
        """Return one amount of a contestant, round by round."""
        if contestant in self.broken:
            raise self.broken[contestant]
        return [sample[what] for sample in self.samples[contestant]]

    def ratio(self, ours: str, rival: str, what: str, of: str = "s") -> Ratio:
        """Return how an amount of one contestant relates to that of another; `of` is its unit."""
        mine, theirs = self.values(ours, what), self.values(rival, what)
        if min(theirs) <= 0:
            raise FailedError(f"{rival} took nothing that could be measured")
        low, middle, high = _quartiles(a / b for a, b in zip(mine, theirs, strict=True))
        return Ratio(middle, low, high, "", median(mine), median(theirs), of)

    def difference(
        self, more: str, less: str, what: str, unit: tuple[float, str] = (1.0, "")
    ) -> Spread:
        """Return by how much an amount of one contestant exceeds that of another; `unit` is the
        size and the name of its unit."""
        pairs = zip(self.values(more, what), self.values(less, what), strict=True)
        low, middle, high = _quartiles((a - b) / unit[0] for a, b in pairs)
        return Spread(middle, low, high, unit[1])

    def spread(self, contestant: str, what: str, unit: tuple[float, str] = (1.0, "")) -> Spread:
        """Return an amount of one contestant, in a unit given by its size and its name."""
        values = self.values(contestant, what)
        low, middle, high = _quartiles(value / unit[0] for value in values)
        return Spread(middle, low, high, unit[1])


def interleave(
    contestants: Mapping[str, Contestant], rounds: int, *, warm_up: bool = True
) -> Rounds:
    """Let each contestant go once a round; who goes first changes. The first round, the warm-up,
    is not counted. One that cannot go, or fails, is left out from then on."""
    names = list(contestants)
    samples: dict[str, list[Sample]] = {name: [] for name in names}
    broken: dict[str, Exception] = {}
    for number in range(0 if warm_up else 1, rounds + 1):
        shift = number % len(names)
        for name in (*names[shift:], *names[:shift]):
            if name in broken:
                continue
            gc.collect()
            try:
                sample = contestants[name]()
            except (*UNMEASURED, OSError) as error:
                broken[name] = reason(error)
                continue
            if number:
                samples[name].append(sample)
    return Rounds(samples, broken)


def reason(error: Exception) -> Exception:
    """Return the message for an error; a full disk is no failure of the contestant."""
    if isinstance(error, OSError):
        full = error.errno in (errno.ENOSPC, errno.EDQUOT)
        return MissingError(str(error)) if full else FailedError(str(error))
    return error


def sums(parts: Iterable[Rounds], what: str) -> Rounds:
    """Add up, round by round, one amount of several measurements with the same contestants."""
    added: dict[str, list[Sample]] = {}
    lists = list(parts)
    broken = {name: error for part in lists for name, error in part.broken.items()}
    for name in lists[0].samples:
        if name not in broken:
            rows = zip(*(part.samples[name] for part in lists), strict=True)
            added[name] = [{what: sum(sample[what] for sample in row)} for row in rows]
    return Rounds(added, broken)


def _quartiles(values: Iterable[float]) -> tuple[float, float, float]:
    ordered = sorted(values)
    quarter = len(ordered) // 4
    return ordered[quarter], median(ordered), ordered[-quarter - 1]


def _number(value: float) -> str:
    """Return three digits behind the point of what is near one, fewer of what is large."""
    return f"{value:.3f}" if abs(value) < 10 else f"{value:.1f}"
