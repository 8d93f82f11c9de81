"""Decide which worker runs which units next.

Units of unknown duration go first, then the longest. Small ones go in chunks, so that the parent
process has little to do. Units that share a limited resource are kept apart, and serial units run
last, one at a time, while no other worker runs.
"""

from __future__ import annotations

import math
import sys
from collections import defaultdict, deque
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from heapq import nlargest
from itertools import filterfalse
from typing import NamedTuple

from .plan import Unit
from .resources import ResourceLimits

_MOST = 0.5
"""Seconds that a unit takes about which nothing is known, and of a chunk for a local worker."""
_MOST_UNKNOWN = 32
"""Units in a chunk of unknown ones, at most: each may last long, and the others wait for it."""
_CHUNKS = 4
"""Chunks for each worker that the rest is divided into: the last ones are small."""
_UNIT_COSTS, _TEST_COSTS = 0.0002, 0.00002
"""Seconds that an empty unit, and an empty test, take at least."""
_NOTABLE_SECONDS, _NOTABLE_SHARE = 0.3, 0.1
"""A bound is worth a line if splitting it saves so many seconds, and this share of the run."""


class Chunks(NamedTuple):
    """How much work goes to a worker in one chunk, and in which order.

    Attributes:
        least: seconds of work, so that workers rarely wait for the parent.
        most: seconds of work, unless one unit takes longer.
        end: seconds of work at the end of the run, where less than `least` is left for each worker.
        counts_units: whether the number of units is limited as well, by their share of the rest;
            that of units about which nothing is known always is.
        in_order: whether the order is that of the suite: as few units as possible are out in vain
            when the first failure stops the run.
    """

    least: float = 0.02
    most: float = _MOST
    end: float = 0.02
    counts_units: bool = True
    in_order: bool = False


LOCAL, CLUSTER = Chunks(), Chunks(5.0, 60.0, 1.0, False)


class Bound(NamedTuple):
    """What the run could not be shorter than: a unit, or units that never ran at the same time.

    Attributes:
        name: the name of the unit, or a word for the units.
        seconds: how long it took.
        total: how long the run took, in seconds.
        saves: how many seconds the run would be shorter without this bound.
        remedy: what saves them.
    """

    name: str
    seconds: float
    total: float
    saves: float
    remedy: str = "splitting it"

    def __str__(self) -> str:
        seconds, total, saves = (
            f"{each:.0f}" if each >= 10 else f"{each:.1f}"
            for each in (self.seconds, self.total, self.saves)
        )
        return f"longest: {self.name}, {seconds} s of {total} s; {self.remedy} saves {saves} s"


class Schedule:
    """Hands out the units of a run to workers. A unit is out until `done` or `give_back`.

    Args:
        units: the units.
        known: how long units will take, in seconds, by their number; others are unknown.
        workers: the number of workers.
        limits: how many units may use a resource at the same time, by its name.
        chunks: how much work goes to a worker in one chunk, and in which order.

    Attributes:
        finished: the units that have run to their end, and how many seconds each took.
        workers: the number of workers; on a cluster it may change.
    """

    def __init__(
        self, units: Iterable[Unit], known: Mapping[int, float], workers: int,
        limits: Mapping[str, int] | None = None, chunks: Chunks = LOCAL,
    ) -> None:
        everything = list(units)
        if workers == 1:  # nothing has to be kept apart, and the order is that of the suite
            everything = [replace(unit, resources=frozenset(), serial=False) for unit in everything]
        parallel = [unit for unit in everything if not unit.serial]
        self.workers = workers
        self._chunks = chunks
        self._in_order = chunks.in_order or workers == 1
        self._stop = sys.maxsize  # the place of the first test that is not to run
        self._estimates = _Estimates(known)
        self._resources = ResourceLimits(limits or {})
        self.finished: list[tuple[Unit, float]] = []
        self._owners: dict[int, int] = {}  # the worker of each unit that is out
        self._out: dict[int, dict[int, Unit]] = defaultdict(dict)  # by worker and number
        self._first: list[Unit] = []  # given back
        self._ranks = self._ranks_of(parallel)
        self._free = self._sorted(unit for unit in parallel if not unit.resources)
        self._limited = self._sorted(unit for unit in parallel if unit.resources)
        self._serial = deque(unit for unit in everything if unit.serial)
        self._estimates.add(self._free)

    def take(self, worker: int, *, ahead: bool = False, cores: int = 1) -> list[Unit]:
        """Return the units that a worker runs next, in this order; none if it has to wait.

        A worker that waits asks again after each `done` and `give_back` of any worker.

        Args:
            worker: the number of the worker.
            ahead: whether it still has units to run; then it gets more only if all are short, and
                none that uses a resource.
            cores: how many units the worker runs at the same time; those of other machines do.
        """
        taken = self._take_ahead(worker) if ahead else self._take(cores)
        for unit in taken:
            self._owners[unit.number] = worker
            self._out[worker][unit.number] = unit
            self._resources.hold(unit)
        return taken

    def done(self, unit: Unit, seconds: float) -> None:
        """Note that a unit has run to its end, or up to the stop of the run.

        Args:
            unit: the unit.
            seconds: how long it took.
        """
        self._bring_back(unit)
        if not self.leaves_out(unit):  # else it may have run in part
            self.finished.append((unit, seconds))
            self._estimates.note(unit, seconds)

    def give_back(self, units: Iterable[Unit]) -> None:
        """Hand out units once more, before all others.

        Args:
            units: what a dead worker did not finish, or what is to be tried again; each may have
                less tests than the unit of the same number that was out.
        """
        for unit in units:
            self._bring_back(unit)
            if self.leaves_out(unit):
                continue
            if unit.serial:
                self._serial.appendleft(unit)
            else:
                self._first.append(unit)

    def stop_from(self, place: int) -> bool:
        """Hand out nothing more from a place of the suite on; return whether that is news."""
        if place >= self._stop:
            return False
        self._stop = place
        self._estimates.remove(filter(self.leaves_out, self._free))
        self._first, self._free, self._limited, serial = (
            [*filterfalse(self.leaves_out, waiting)]
            for waiting in (self._first, self._free, self._limited, self._serial)
        )
        self._serial = deque(serial)
        return True

    @property
    def is_stopped(self) -> bool:
        """Whether units are left out."""
        return self._stop < sys.maxsize

    def leaves_out(self, unit: Unit) -> bool:
        """Return whether a unit is not to run any more."""
        return unit.tests.start >= self._stop

    @property
    def is_over(self) -> bool:
        """Whether no unit is out, and none waits."""
        return not (self._owners or self._first or self._free or self._limited or self._serial)

    def bound(self, total: float) -> Bound | None:
        """Return what bound the length of the run, if a remedy saves notable time.

        Args:
            total: how long the run took, in seconds.
        """
        serial = sum(seconds for unit, seconds in self.finished if unit.serial)
        longest = [(serial - serial / self.workers, "the serial tests", serial)]
        longest += self._longest_parallel(total - serial)
        saves, name, seconds = max(longest)
        if saves < max(_NOTABLE_SECONDS, _NOTABLE_SHARE * total):
            return None
        bound = Bound(name, seconds, total, saves)
        return bound if " " not in name else bound._replace(remedy="running them with others")

    def _longest_parallel(self, total: float) -> Iterator[tuple[float, str, float]]:
        """Yield what the longest unit, and the units of each exclusive resource, cost the run."""
        units: dict[str, float] = defaultdict(float)
        chains: dict[str, float] = defaultdict(float)
        for unit, seconds in self.finished:
            if not unit.serial:
                units[unit.key] += seconds
                for use in unit.resources:
                    if use.exclusive:
                        chains[f"the tests of {use.name!r}"] += seconds
        share = sum(units.values()) / self.workers
        two = nlargest(2, units.items(), key=lambda entry: entry[1])
        least = max(share, two[1][1]) if len(two) > 1 else share
        for name, seconds in two[:1]:
            yield min(seconds, total) - least, name, seconds
        for name, seconds in chains.items():
            yield min(seconds, total) - max(share, two[0][1]), name, seconds

    def _bring_back(self, unit: Unit) -> None:
        worker = self._owners.pop(unit.number, None)
        if worker is not None:
            self._resources.release(self._out[worker].pop(unit.number))

    def _take(self, cores: int) -> list[Unit]:
        returned = next(filter(self._resources.allow, self._first), None)
        if returned is not None:
            self._first.remove(returned)
            return [returned]
        limited = next(filter(self._resources.allow, reversed(self._limited)), None)
        if limited is not None and self._goes_before_free(limited):
            self._limited.remove(limited)
            return [limited]
        if self._free:
            return self._chunk(cores)
        is_alone = not (self._owners or self._first or self._limited)
        return [self._serial.popleft()] if is_alone and self._serial else []

    def _take_ahead(self, worker: int) -> list[Unit]:
        """Return a chunk if what the worker has is short, and what is next as well."""
        if self._chunks.in_order:
            return []
        pending = [*self._out[worker].values(), *self._free[-1:]]
        is_short = sum(map(self._estimates.of, pending)) < _MOST
        return self._chunk() if is_short and self._free and not self._first else []

    def _chunk(self, cores: int = 1) -> list[Unit]:
        """Return the next units that may run at any time, as many as are worth a message."""
        share = _CHUNKS * self.workers
        size = self._chunks
        least = min(size.least, self._estimates.rest / self.workers / 2)  # shared at the end too
        seconds = min(size.most, max(least, size.end, self._estimates.rest / share))
        seconds = cores * max(seconds, self._estimates.of(self._free[-1]) * (cores > 1))
        limits_units = size.counts_units or self._estimates.is_unknown(self._free[-1])
        most = max(1, cores * len(self._free) // share) if limits_units else len(self._free)
        chunk: list[Unit] = []
        while self._free and len(chunk) < most:
            following = self._free[-1]
            seconds -= self._estimates.of(following)
            is_unknown = self._estimates.is_unknown(following)
            if chunk and (seconds < 0 or (is_unknown and len(chunk) >= _MOST_UNKNOWN)):
                break
            chunk.append(self._free.pop())
        self._estimates.remove(chunk)
        return chunk

    def _goes_before_free(self, limited: Unit) -> bool:
        ranks = self._ranks
        return not self._free or ranks[limited.number] >= ranks[self._free[-1].number]

    def _sorted(self, units: Iterable[Unit]) -> list[Unit]:
        """Return units with the one to run first at the end; of equals, the first of the suite."""
        return sorted(units, key=lambda unit: (self._ranks[unit.number], -unit.number))

    def _ranks_of(self, units: Sequence[Unit]) -> dict[int, tuple[bool, float]]:
        """Return the rank of each unit by its number; the highest rank runs first.

        Units that cannot run at the same time take as long as one unit with the work of all. The
        first unit of the suite is the first one that is printed, so it begins at once.
        """
        if self._in_order:
            return {unit.number: (False, -unit.number) for unit in units}
        chains: dict[str, float] = defaultdict(float)
        for unit in units:
            for use in unit.resources:
                at_once = 1 if use.exclusive else self._resources.most(use.name)
                chains[use.name] += self._estimates.of(unit) / at_once
        ranks = {
            unit.number: self._estimates.rank(unit, [chains[use.name] for use in unit.resources])
            for unit in units
        }
        return {**ranks, **{unit.number: (True, math.inf) for unit in units[:1]}}


class _Estimates:
    """How long units will take; for unknown ones, as long for each test as those of this run."""

    def __init__(self, known: Mapping[int, float]) -> None:
        self._known = known
        self._done_seconds, self._done_tests = 0.0, 0
        self._waiting_seconds, self._waiting_tests = 0.0, 0

    def is_unknown(self, unit: Unit) -> bool:
        return unit.number not in self._known

    def of(self, unit: Unit) -> float:
        """Return how many seconds a unit will take."""
        tests = len(unit.tests)
        seconds = self._known.get(unit.number)
        if seconds is None:
            seconds = tests * self._done_seconds / self._done_tests if self._done_tests else _MOST
        return max(seconds, _UNIT_COSTS + tests * _TEST_COSTS)

    def rank(self, unit: Unit, chains: Iterable[float]) -> tuple[bool, float]:
        if not self.is_unknown(unit):
            return False, max(self.of(unit), *chains, 0.0)
        return True, len(unit.tests)

    def note(self, unit: Unit, seconds: float) -> None:
        """Learn from a unit that is done."""
        self._done_seconds += seconds
        self._done_tests += len(unit.tests)

    @property
    def rest(self) -> float:
        """The seconds of all units that wait."""
        rate = self._done_seconds / self._done_tests if self._done_tests else 0.0
        return self._waiting_seconds + rate * self._waiting_tests

    def add(self, units: Iterable[Unit], sign: int = 1) -> None:
        """Note that units wait; with -1 as the sign, that they do so no longer."""
        for unit in units:
            if self.is_unknown(unit):
                self._waiting_tests += sign * len(unit.tests)
            else:
                self._waiting_seconds += sign * self.of(unit)

    def remove(self, units: Iterable[Unit]) -> None:
        """Note that units wait no longer."""
        self.add(units, -1)
