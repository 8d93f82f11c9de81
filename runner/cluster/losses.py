"""Decide what runs again where a machine was lost, and which test is given up."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import replace
from time import perf_counter
from typing import Any

from ..pool.source import EventHandler, Source
from ..scheduling.plan import Unit, units_of
from ..session.outcomes import Outcome
from ..unittest_api import test_id
from ..workers import events
from .machines import Machine

_MOST = 3
"""Machines that a unit may lose."""


class Losses:
    """The units that have lost machines.

    Such a unit runs by itself. After the second loss it runs test by test, if neither its class nor
    its module has fixtures: then the third loss names the test.

    Args:
        tests: all tests.
        handler: takes the outcome of a test that is given up.

    Attributes:
        again: the machines that were lost while they ran a test, by its place.
    """

    def __init__(self, tests: Sequence[Any], handler: EventHandler) -> None:
        self._tests = tests
        self._handler = handler
        self._names: dict[int, list[str]] = defaultdict(list)  # of machines, by unit
        self._rests: dict[int, range] = {}  # what of a unit runs after the part that is out
        self._given_up: dict[int, tuple[int, list[str]]] = {}  # a test after the part that is out
        self.again: dict[int, list[str]] = defaultdict(list)

    def part_of(self, unit: Unit) -> Unit:
        """Return what of a unit is to run first; the rest waits for `rest_of`."""
        if len(self._names[unit.number]) < _MOST - 1 or len(unit.tests) == 1:
            return unit
        own = self._tests[unit.tests.start : unit.tests.stop]
        if len(units_of(own, "tests")) < len(own):
            return unit
        first = unit.tests.start
        self._rests[unit.number] = range(first + 1, unit.tests.stop)
        return replace(unit, tests=range(first, first + 1))

    def rest_of(self, unit: Unit) -> range:
        """Return the tests that are to run after a part of a unit; none if it is over."""
        if unit.number in self._given_up:
            place, names = self._given_up.pop(unit.number)
            self._give_up(unit.number, [place], names)
        return self._rests.pop(unit.number, range(0))

    def lost(self, unit: Unit, machine: Machine, started: set[int]) -> Unit | None:
        """Note that a machine was lost which ran a unit; return what is to run again.

        Args:
            unit: the unit, or the part of it that was out.
            machine: the machine.
            started: the places of the tests that it had begun.

        Returns:
            What is to run now; None if nothing is, because the tests of this part are given up.
        """
        names = self._names[unit.number]
        names.append(machine.name)
        for place in started & {*unit.tests}:
            self.again[place].append(machine.name)
        whole = range(unit.tests.start, self._rests.pop(unit.number, unit.tests).stop)
        self._given_up.pop(unit.number, None)
        if len(names) < _MOST:
            return replace(unit, tests=whole)
        del self._names[unit.number]
        running = sorted({*machine.running} & {*unit.tests})
        culprit = running[0] if running else unit.tests.start
        if not running and len(unit.tests) > 1:
            self._give_up(unit.number, unit.tests, names)
            return None
        self._rests[unit.number] = range(culprit + 1, whole.stop)
        if culprit == unit.tests.start:
            self._give_up(unit.number, [culprit], names)
            return None
        self._given_up[unit.number] = culprit, names
        return replace(unit, tests=range(unit.tests.start, culprit))

    def _give_up(self, number: int, places: Sequence[int], names: Sequence[str]) -> None:
        """Report tests as errors: they lose each machine that they run on."""
        which = "this test" if len(places) == 1 else "one of the tests of this class"
        message = f"{which} has lost {_MOST} machines: {', '.join(names)}"
        for place in places:
            id, now = test_id(self._tests[place]), f"{perf_counter():.6f}"
            outcome = Outcome(id, id, "error", message, f"{message}\n")
            lines = (
                f"{events.STARTED}{place} {now}",
                events.line(events.OUTCOME, [place, None, *outcome]),
                f"{events.STOPPED}{now} 0",
            )
            source = Source(0, ())
            self._handler.feed(number, source, [line.encode() for line in lines])
