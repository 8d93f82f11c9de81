"""Run failed tests again (`--retries`), and pass on the events of their last attempts.

The events of a unit wait until none of its tests is tried again. Files that a failed attempt left,
and what it printed, are passed on as well. Its failure becomes an event `FLAKY` where a later
attempt succeeds.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import replace
from itertools import chain, groupby
from typing import NamedTuple

from ..pool.source import EventHandler, Source
from ..scheduling.plan import Unit
from ..scheduling.schedule import Schedule
from ..session.outcomes import UNSUCCESSFUL, FlakyTest, Outcome
from ..workers import events

_LASTING = frozenset(
    event.encode()
    for event in (
        events.UNIT, events.POSITIONS, events.CONTEXT, events.CLEAN_CONTEXT, events.WRITTEN,
        events.WARNING, events.UNIT_DONE, events.LEAK_FAILED,
    )
)  # fmt: skip
"""The events of a failed attempt that count in any case: files and output do not go away."""

Line = tuple[Source, bytes]


class Retries:
    """Takes the events of units, has failed tests run again, and passes the events on.

    A test is run again with the fixtures of its class. Where a fixture failed, or a test of a suite
    that runs its tests itself, the whole unit is run again.

    Args:
        handler: takes the events in the end.
        schedule: of the run; it hands out the tests that are to run again.
        units: the units of the run.
        most: how often a test is run again at most.
        failed: called with each unit in which a test has failed in all its attempts.
    """

    def __init__(
        self, handler: EventHandler, schedule: Schedule, units: Sequence[Unit], most: int,
        failed: Callable[[Unit], None],
    ) -> None:
        self._handler = handler
        self._schedule = schedule
        self._most = most
        self._failed = failed
        self._attempts = [_Attempts(unit) for unit in units]
        self._owners = [*range(len(units))]  # the number of the planned unit, for each unit
        self._lines: dict[int, list[Line]] = {}

    def feed(self, unit: int, source: Source, lines: list[bytes]) -> None:
        """Keep more events of a unit."""
        self._lines.setdefault(unit, []).extend((source, line) for line in lines)

    def feed_outside(self, source: Source, lines: list[bytes]) -> None:
        """Pass on the events of a worker that are of no unit."""
        self._handler.feed_outside(source, lines)

    def finish_unit(self, unit: int) -> None:
        """Have the tests of a unit that failed run again, or pass its events on."""
        attempts = self._attempts[self._owners[unit]]
        if unit == attempts.unit.number and attempts.number > 1:
            return  # the run is broken off, which ends all units
        attempts.add(self._lines.pop(unit, []))
        if attempts.pending:
            return
        again = attempts.begin_next() if attempts.number <= self._most else []
        for tests in again:
            repeated = replace(attempts.unit, number=len(self._owners), tests=tests)
            self._owners.append(attempts.unit.number)
            self._schedule.give_back([repeated])
        if not again:
            self._pass_on(attempts)

    def advance(self) -> None:
        """Do what is due."""
        self._handler.advance()

    @property
    def stops(self) -> bool:
        """Whether the run is to stop."""
        return self._handler.stops

    def flush(self) -> None:
        """Pass on what is known of the units that a run which is broken off does not finish."""
        for attempts in self._attempts:
            if attempts.number == 1 and attempts.pending:
                attempts.add(self._lines.pop(attempts.unit.number, []))
            self._pass_on(attempts)
        self._handler.advance()

    def _pass_on(self, attempts: _Attempts) -> None:
        if attempts.is_passed_on:
            return
        attempts.is_passed_on = True
        number = attempts.unit.number
        for source, group in groupby(attempts.lines(), key=lambda entry: entry[0]):
            self._handler.feed(number, source, [line for _, line in group])
        self._handler.finish_unit(number)
        if attempts.failures:
            self._failed(attempts.unit)


class _Part(NamedTuple):
    """The events of one planned test, or of what comes between two (then `test` is None)."""

    test: int | None
    lines: list[Line]

    @property
    def failures(self) -> list[Outcome]:
        """Its outcomes that make the run fail."""
        outcomes = (
            events.outcome_of(line)
            for _, line in self.lines if line[:1] == events.OUTCOME.encode()
        )  # fmt: skip
        return [outcome for outcome in outcomes if outcome.status in UNSUCCESSFUL]

    @property
    def lasting(self) -> list[Line]:
        """Its events that count although there is another attempt."""
        return [entry for entry in self.lines if entry[1][:1] in _LASTING]

    def followed_by(self, again: _Part) -> _Part:
        """Return the events of another attempt, with what counts of this one."""
        start, *rest = again.lines
        return _Part(self.test, [start, *_without(again.paths_outside, self.lasting), *rest])

    @property
    def paths_outside(self) -> set[str]:
        """The paths of its leaks outside the temp directory: one that stays is one leak."""
        reports = (events.context_of(line) for _, line in self.lines if _is_context(line))
        return {leak.path for report in reports for leak in report.leaks if leak.where != "temp"}


class _Attempts:
    """All attempts of the tests of one unit: the events of the last one of each test.

    Attributes:
        unit: the unit as it was planned.
        number: of the attempt under way, from 1.
        pending: the number of units of this attempt that are not over.
        is_passed_on: whether the unit is over.
    """

    def __init__(self, unit: Unit) -> None:
        self.unit = unit
        self.number = 1
        self.pending = 1
        self.is_passed_on = False
        self._parts: list[_Part] = []
        self._latest: list[_Part] = []
        self._earlier: dict[int | str, list[Outcome]] = {}  # failures; by index, or id of a fixture

    def add(self, lines: Sequence[Line]) -> None:
        """Add the events of a unit of the attempt under way, which is over."""
        self._latest += _parts_of(_with_starts(lines))
        self.pending -= 1
        if not self.pending:
            self._merge()

    @property
    def failures(self) -> list[Outcome]:
        """The failures that are left."""
        return list(chain.from_iterable(part.failures for part in self._parts))

    def lines(self) -> Iterator[Line]:
        """Yield all events, with one for each test or fixture that is flaky."""
        failing = {outcome.id for outcome in self.failures}
        for part in self._parts:
            yield from part.lines[:1]
            if part.test in self._earlier and not part.failures:
                yield part.lines[0][0], self._flaky(part.test)
            yield from part.lines[1:]
        for key in self._earlier:
            if isinstance(key, str) and key not in failing:
                yield self._parts[-1].lines[-1][0], self._flaky(key)

    def begin_next(self) -> list[range]:
        """Begin another attempt; return the tests to run again, none if nothing failed."""
        failed = {
            outcome.id if part.test is None else part.test: outcome
            for part in self._parts for outcome in reversed(part.failures)
        }  # fmt: skip
        for key, outcome in failed.items():
            self._earlier.setdefault(key, []).append(outcome)
        indices = {key for key in failed if isinstance(key, int)}
        is_whole = len(indices) < len(failed)
        ranges = [self.unit.tests] if is_whole else list(_ranges(indices))
        self.number += 1
        self.pending = len(ranges)
        return ranges

    def _merge(self) -> None:
        """Put what the latest attempt did in the place of what it repeats."""
        latest, self._latest = self._latest, []
        if any(part.test is None and part.failures for part in self._parts):
            self._parts = [*(_Part(None, part.lasting) for part in self._parts), *latest]
            return
        tests = {part.test: part for part in latest if part.test is not None}
        merged: list[_Part] = []
        for part in self._parts:
            again = tests.pop(part.test, None) if part.test is not None else None
            merged.append(part if again is None else part.followed_by(again))
        rest = [part for part in latest if part.test is None or part.test in tests]
        self._parts = [*merged, *rest]

    def _flaky(self, key: int | str) -> bytes:
        first, *_ = failed = self._earlier[key]
        index = key if isinstance(key, int) else None
        test = FlakyTest(first.id, len(failed), first.message, first.details, first.fixture)
        return events.line(events.FLAKY, [index, *test]).encode()


def _is_context(line: bytes) -> bool:
    return line[:1] == events.CONTEXT.encode()


def _without(paths: set[str], lines: list[Line]) -> list[Line]:
    """Return events without the leaks of some paths."""
    found = []
    for source, line in lines:
        if paths and _is_context(line):
            report = events.context_of(line)
            leaks = tuple(leak for leak in report.leaks if leak.path not in paths)
            line = events.of_context(report._replace(leaks=leaks)).encode()
        found.append((source, line))
    return found


def _with_starts(lines: Iterable[Line]) -> Iterator[Line]:
    """Say before each position what the last one was, so that parts can be put in another order."""
    start = b""
    for source, line in lines:
        if line[:1] == events.POSITIONS.encode():
            if start:
                yield source, start
            start = events.UNIT.encode() + b"0 " + line[1:]
        elif line[:1] == events.UNIT.encode():
            start = line
        yield source, line


def _parts_of(lines: Iterable[Line]) -> list[_Part]:
    """Return the events of each test, and those between the tests."""
    parts = [_Part(None, [])]
    for source, line in lines:
        code = line[:1].decode()
        if code == events.STARTED:
            parts.append(_Part(events.index_of(line), []))
        parts[-1].lines.append((source, line))
        if code in (events.PASSED, events.STOPPED):
            parts.append(_Part(None, []))
    return [part for part in parts if part.lines]


def _ranges(indices: Iterable[int]) -> Iterator[range]:
    """Yield the ranges of consecutive indices."""
    for _, group in groupby(enumerate(sorted(indices)), key=lambda entry: entry[1] - entry[0]):
        members = [index for _, index in group]
        yield range(members[0], members[-1] + 1)
