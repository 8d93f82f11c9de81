"""The schedule: simulated runs, resources, serial units, chunks, units of dead workers."""

from __future__ import annotations

import heapq
import random
import unittest
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace

from runner.marks import ResourceUse
from runner.scheduling.plan import Unit
from runner.scheduling.schedule import LOCAL, Schedule

DB = frozenset({ResourceUse("db", exclusive=True)})
SHARED = frozenset({ResourceUse("db")})


class Simulation:
    """A run of workers that take simulated time.

    Attributes:
        end: when the last unit ends.
        spans: the beginning and the end of each unit, by its number.
        takes: how often the parent hands out units.
    """

    def __init__(
        self, units: Sequence[Unit], seconds: Sequence[float], workers: int,
        known: Mapping[int, float] | None = None, limits: Mapping[str, int] | None = None,
        costs: float = 0.0,
    ) -> None:
        expected = dict(enumerate(seconds)) if known is None else known
        self.schedule = Schedule(units, expected, workers, limits)
        self.spans: dict[int, tuple[float, float]] = {}
        self.takes, self.end = 0, 0.0
        self._seconds, self._costs = seconds, costs
        self._queues: list[list[Unit]] = [[] for _ in range(workers)]
        self._events: list[tuple[float, int, Unit]] = []
        self._parent = 0.0
        self._run()

    def _run(self) -> None:
        self._hand_out(range(len(self._queues)))
        while self._events:
            self.end, worker, unit = heapq.heappop(self._events)
            self.schedule.done(unit, self._seconds[unit.number])
            if self._queues[worker]:
                self._start(worker, self.end)
            busy = {worker for _, worker, _ in self._events}
            self._hand_out(w for w in range(len(self._queues)) if w not in busy)

    def _hand_out(self, workers: Iterable[int]) -> None:
        for worker in workers:
            self._queues[worker] = self.schedule.take(worker)
            if self._queues[worker]:
                self.takes += 1
                self._parent = max(self._parent, self.end) + self._costs
                self._start(worker, self._parent)

    def _start(self, worker: int, now: float) -> None:
        unit = self._queues[worker].pop(0)
        self.spans[unit.number] = now, now + self._seconds[unit.number]
        heapq.heappush(self._events, (self.spans[unit.number][1], worker, unit))

    def overlap(self, first: int, second: int) -> bool:
        (begin, end), (other_begin, other_end) = self.spans[first], self.spans[second]
        return begin < other_end and other_begin < end


def units(number: int, tests: int = 1) -> list[Unit]:
    return [Unit(i, f"m.C{i}", range(i * tests, (i + 1) * tests)) for i in range(number)]


def durations(number: int, seed: int) -> list[float]:
    """Return durations as suites have them: most short, one in a thousand 1 to 30 seconds."""
    rng = random.Random(seed)
    return [
        rng.uniform(1, 30) if rng.random() < 0.001 else rng.lognormvariate(-5, 1.5)
        for _ in range(number)
    ]


class MakespanTests(unittest.TestCase):
    def test_run_is_nearly_as_short_as_its_work_allows(self) -> None:
        for number, workers, seed in ((1_000, 2, 1), (1_000, 8, 2), (10_000, 10, 3)):
            with self.subTest(number=number, workers=workers):
                took = durations(number, seed)
                rng = random.Random(seed)
                known = {i: each for i, each in enumerate(took) if rng.random() > 0.05}
                ran = Simulation(units(number), took, workers, known, costs=0.001)
                self.assertTrue(ran.schedule.is_over)
                self.assertEqual(len(ran.spans), number)
                self.assertLessEqual(ran.end, 1.05 * max(sum(took) / workers, max(took)))

    def test_two_workers_share_few_units_evenly(self) -> None:
        ran = Simulation(units(8), [0.01] * 8, 2)
        self.assertLessEqual(ran.end, 0.0401)

    def test_exclusive_chain_starts_early(self) -> None:
        took = [0.9] * 10 + [1.0] * 10
        plan = [replace(unit, resources=DB) if unit.number < 10 else unit for unit in units(20)]
        ran = Simulation(plan, took, 2)
        self.assertLessEqual(ran.end, 1.05 * 10)

    def test_empty_units_go_in_chunks_to_both_workers(self) -> None:
        for known in ({}, dict.fromkeys(range(5_000), 0.0)):
            with self.subTest(known=bool(known)):
                ran = Simulation(units(5_000), [0.00002] * 5_000, 2, known, costs=0.0001)
                self.assertLess(ran.takes, 320)
                self.assertLess(ran.end, 1.5 * 5_000 * 0.00002)


class OrderTests(unittest.TestCase):
    def test_first_unit_goes_first_then_unknown_then_the_longest(self) -> None:
        schedule = Schedule(units(4), {0: 1.0, 1: 3.0, 3: 2.0}, 2)
        order = []
        while taken := schedule.take(0):
            order += [unit.number for unit in taken]
            schedule.done(taken[0], 1.0)
        self.assertEqual(order, [0, 2, 1, 3])
        self.assertTrue(schedule.is_over)

    def test_equals_keep_the_order_of_the_suite(self) -> None:
        schedule = Schedule(units(9), {}, 2)
        order = []
        while taken := schedule.take(0):
            order += [unit.number for unit in taken]
            for unit in taken:
                schedule.done(unit, 1.0)
        self.assertEqual(order, [*range(9)])

    def test_one_worker_keeps_the_order_of_the_suite(self) -> None:
        plan = [
            replace(unit, resources=DB if unit.number % 3 == 0 else frozenset(),
                    serial=unit.number == 1) for unit in units(9)
        ]  # fmt: skip
        ran = Simulation(plan, [1.0] * 9, 1, {4: 1.0, 5: 9.0})
        self.assertEqual([ran.spans[number][0] for number in range(9)], [*range(9)])

    def test_busy_worker_gets_short_work_only(self) -> None:
        schedule = Schedule(units(30), {0: 5.0, **dict.fromkeys(range(1, 30), 0.01)}, 2)
        self.assertEqual([unit.number for unit in schedule.take(0)], [0])
        self.assertEqual(schedule.take(0, ahead=True), [])
        self.assertTrue(schedule.take(1))
        self.assertTrue(schedule.take(1, ahead=True))

    def test_unfinished_unit_of_a_dead_worker_goes_first(self) -> None:
        schedule = Schedule(units(3, tests=4), {0: 9.0, 1: 8.0, 2: 7.0}, 2)
        [unit] = schedule.take(0)
        rest = replace(unit, tests=range(2, 4))
        schedule.give_back([rest])
        self.assertEqual(schedule.take(1), [rest])
        schedule.done(rest, 1.0)
        self.assertFalse(schedule.is_over)

    def test_stop_leaves_out_what_comes_after_it(self) -> None:
        plan = [
            replace(unit, resources=DB if unit.number in (2, 5) else frozenset(),
                    serial=unit.number in (0, 6)) for unit in units(8, tests=2)
        ]  # fmt: skip
        schedule = Schedule(plan, {7: 9.0}, 2, chunks=LOCAL._replace(in_order=True))
        failed, last = schedule.take(0) + schedule.take(1), plan[0]
        self.assertEqual([unit.number for unit in failed], [1, 2])
        self.assertTrue(schedule.stop_from(8))  # in unit 4, while 3 waits
        self.assertFalse(schedule.stop_from(10))
        self.assertEqual(schedule.take(0), [plan[3]])
        self.assertTrue(schedule.stop_from(4))
        schedule.give_back([plan[2], plan[3]])
        self.assertEqual(schedule.take(0), [])
        schedule.done(plan[1], 1.0)
        self.assertEqual(schedule.take(0), [last])
        schedule.done(last, 1.0)
        self.assertTrue(schedule.is_over)
        self.assertEqual([unit.number for unit, _ in schedule.finished], [1, 0])


class ApartTests(unittest.TestCase):
    def run_with(
        self, needs: Mapping[int, frozenset[ResourceUse]], limits: Mapping[str, int]
    ) -> Simulation:
        plan = [
            replace(unit, resources=needs.get(unit.number, frozenset())) for unit in units(12)
        ]
        return Simulation(plan, [1.0 + unit.number / 7 for unit in plan], 4, None, limits)

    def test_exclusive_use_allows_no_other_use(self) -> None:
        ran = self.run_with({0: DB, 3: DB, 5: SHARED, 7: SHARED}, {"db": 9})
        for exclusive in (0, 3):
            for other in {0, 3, 5, 7} - {exclusive}:
                self.assertFalse(ran.overlap(exclusive, other))
        self.assertTrue(ran.schedule.is_over)

    def test_limit_of_a_resource_is_kept(self) -> None:
        ran = self.run_with(dict.fromkeys(range(12), SHARED), {"db": 2})
        for begin, _ in ran.spans.values():
            running = [1 for other, end in ran.spans.values() if other <= begin < end]
            self.assertLessEqual(len(running), 2)

    def test_resource_is_free_again_when_a_worker_dies(self) -> None:
        plan = [replace(unit, resources=DB) for unit in units(2)]
        schedule = Schedule(plan, {}, 2)
        [first] = schedule.take(0)
        self.assertEqual(schedule.take(1), [])
        self.assertEqual(schedule.take(0, ahead=True), [])
        schedule.give_back([first])
        self.assertEqual(schedule.take(1), [first])

    def test_serial_units_run_alone_and_last(self) -> None:
        plan = [replace(unit, serial=unit.number in (1, 4)) for unit in units(6)]
        ran = Simulation(plan, [1.0, 0.1, 1.0, 1.0, 9.0, 1.0], 3)
        for number in (1, 4):
            others = set(range(6)) - {number}
            self.assertFalse(any(ran.overlap(number, other) for other in others))
            last = max(ran.spans[other][1] for other in (0, 2, 3, 5))
            self.assertGreaterEqual(ran.spans[number][0], last)
        self.assertLess(ran.spans[1][1], ran.spans[4][1])


class BoundTests(unittest.TestCase):
    def test_longest_unit_is_named_where_it_bound_the_run(self) -> None:
        ran = Simulation(units(10), [18.0, *[1.0] * 9], 9)
        bound = ran.schedule.bound(20.0)
        assert bound is not None
        self.assertEqual(
            str(bound), "longest: m.C0, 18 s of 20 s; splitting it saves 15 s"
        )

    def test_units_that_never_ran_together_are_named(self) -> None:
        for mark, name in (
            ({"serial": True}, "the serial tests"), ({"resources": DB}, "the tests of 'db'"),
        ):  # fmt: skip
            plan = [replace(unit, **mark) if unit.number < 4 else unit for unit in units(8)]
            ran = Simulation(plan, [2.0] * 4 + [1.0] * 4, 4)
            bound = ran.schedule.bound(ran.end)
            with self.subTest(name):
                assert bound is not None
                self.assertEqual((bound.name, bound.seconds), (name, 8.0))
                self.assertIn("; running them with others saves ", str(bound))

    def test_nothing_is_named_where_the_work_is_even(self) -> None:
        for took in ([1.0] * 10, [0.2], []):
            with self.subTest(took):
                ran = Simulation(units(len(took)), took, 2)
                self.assertIsNone(ran.schedule.bound(ran.end))


if __name__ == "__main__":
    unittest.main()
