"""Retries: which tests are run again, and what is passed on of each attempt."""

from __future__ import annotations

import json
import unittest
from collections.abc import Sequence

from runner.parallel.retries import Retries
from runner.pool.source import Source
from runner.scheduling.plan import Unit
from runner.scheduling.schedule import Schedule
from runner.session.outcomes import Outcome
from runner.workers import events
from tempfiles import ContextReport, Leak

FIXTURE = "setUpClass (m.A)"


def outcome(index: int | None, id: str, status: str = "failure") -> str:
    one = Outcome(id, id, "error", fixture=True) if index is None else None
    found = one or Outcome(id, id, status, "AssertionError: no", "Traceback ...")  # type: ignore[arg-type]
    return events.line(events.OUTCOME, [index, None, *found])


def test(index: int, *between: str) -> list[str]:
    return [f"{events.STARTED}{index} 1.0", *between, f"{events.STOPPED}2.0 1.0"]


class Handler:
    """Keeps what is passed on."""

    stops = False

    def __init__(self) -> None:
        self.lines: dict[int, list[str]] = {}
        self.finished: list[int] = []

    def feed(self, unit: int, source: Source, lines: list[bytes]) -> None:
        self.lines.setdefault(unit, []).extend(line.decode() for line in lines)

    def feed_outside(self, source: Source, lines: list[bytes]) -> None:
        raise AssertionError(lines)

    def finish_unit(self, unit: int) -> None:
        self.finished.append(unit)

    def advance(self) -> None:
        """Do nothing."""


class RetriesTests(unittest.TestCase):
    def setUp(self) -> None:
        self.handler = Handler()
        self.failed = 0
        units = [Unit(0, "m.A", range(4)), Unit(1, "m.B", range(4, 6))]
        self.schedule = Schedule(units, {}, 2)
        self.retries = Retries(self.handler, self.schedule, units, 2, self.note_failed)
        self.first, self.second = self.schedule.take(0) + self.schedule.take(1)

    def note_failed(self, unit: Unit) -> None:
        self.failed += 1

    def over(self, unit: Unit, *groups: Sequence[str]) -> None:
        """Send the events of a unit, and that it is over."""
        lines = [f"{events.UNIT}{unit.number} 0", *(line for group in groups for line in group)]
        done = events.line(events.UNIT_DONE, [[], [], 1.0])
        encoded = [line.encode() for line in (*lines, done)]
        self.schedule.done(unit, 1.0)
        self.retries.feed(unit.number, Source(0, ("out",)), encoded)
        self.retries.finish_unit(unit.number)

    def again(self) -> list[Unit]:
        return [*self.schedule.take(0), *self.schedule.take(1)]

    def flaky(self, unit: int) -> list[list[object]]:
        lines = self.handler.lines.get(unit, [])
        return [json.loads(line[1:]) for line in lines if line.startswith(events.FLAKY)]

    def failures(self, unit: int) -> int:
        return sum(line.startswith(events.OUTCOME) for line in self.handler.lines[unit])

    def test_unit_without_failures_is_passed_on(self) -> None:
        self.over(self.first, *map(test, range(4)))
        self.assertEqual(self.handler.finished, [0])
        self.assertEqual(self.again(), [])

    def test_only_failed_tests_run_again_as_ranges(self) -> None:
        fails = [test(index, outcome(index, f"m.A.{index}")) for index in range(4)]
        self.over(self.first, fails[0], fails[1], test(2), fails[3])
        again = self.again()
        self.assertEqual([unit.tests for unit in again], [range(2), range(3, 4)])
        self.assertEqual(self.handler.finished, [])
        self.assertFalse(self.schedule.is_over)
        self.over(again[1], test(3))
        self.over(again[0], test(0), fails[1])
        [once_more] = self.again()
        self.assertEqual(once_more.tests, range(1, 2))
        self.over(once_more, fails[1])
        self.assertEqual(self.handler.finished, [0])
        self.assertEqual([entry[:3] for entry in self.flaky(0)], [[0, "m.A.0", 1], [3, "m.A.3", 1]])
        self.assertEqual(self.failures(0), 1)
        starts = [line for line in self.handler.lines[0] if line.startswith(events.STARTED)]
        self.assertEqual([line[1] for line in starts], list("0123"))
        self.assertEqual(self.failed, 1)

    def test_files_and_output_of_a_failed_attempt_are_passed_on(self) -> None:
        left = f'{events.CLEAN_CONTEXT}["m.A.0", "test", 1]'
        self.over(
            self.first, test(0, outcome(0, "m.A.0"), left, f"{events.POSITIONS}5"),
            test(1, f"{events.POSITIONS}9"),
        )  # fmt: skip
        [again] = self.again()
        self.over(again, test(0, f"{events.POSITIONS}20"))
        lines = self.handler.lines[0]
        begin, end = lines.index("s0 1.0"), lines.index("x2.0 1.0")
        self.assertIn(left, lines[begin:end])
        self.assertEqual(self.failures(0), 0)
        # Each position says where it begins: the second test's follows those of the retry.
        printed = [line for line in lines if line[:1] in (events.POSITIONS, events.UNIT)]
        self.assertEqual(printed, ["u0 0", "u0 0", "@5", "u2 0", "@20", "u0 5", "@9", "u2 0"])

    def test_file_that_both_attempts_report_is_one_leak(self) -> None:
        def left(*leaks: Leak) -> str:
            return events.of_context(ContextReport("m.A.0", "test", leaks=leaks))

        outside = Leak("/project/a", "file", 0, 1, "m.A.0", "test", where="outside")
        inside = Leak("/tmp/a", "file", 0, 1, "m.A.0", "test")
        self.over(self.first, test(0, outcome(0, "m.A.0"), left(outside, inside)))
        [again] = self.again()
        self.over(again, test(0, left(outside, inside)))
        lines = [line.encode() for line in self.handler.lines[0] if line[0] == events.CONTEXT]
        leaks = [events.context_of(line).leaks for line in lines]
        self.assertEqual(leaks, [(inside,), (outside, inside)])

    def test_failed_fixture_runs_the_whole_unit_again(self) -> None:
        self.over(self.first, [outcome(None, FIXTURE)])
        [again] = self.again()
        self.assertEqual(again.tests, range(4))
        self.over(again, *map(test, range(4)))
        self.assertEqual([entry[:3] for entry in self.flaky(0)], [[None, FIXTURE, 1]])
        self.assertEqual((self.failures(0), self.failed), (0, 0))

    def test_fixture_is_flaky_though_the_last_worker_dies(self) -> None:
        self.over(self.first, [outcome(None, FIXTURE)])
        [again] = self.again()
        lines = [line.encode() for line in (f"{events.UNIT}2 0", *test(3, outcome(3, "m.A.3")))]
        self.schedule.done(again, 1.0)
        self.retries.feed(again.number, Source(0, ("out",)), lines)
        self.retries.finish_unit(again.number)
        [repeated] = self.again()
        self.over(repeated, test(3))
        found = [(entry[0], entry[1]) for entry in self.flaky(0)]
        self.assertEqual(found, [(3, "m.A.3"), (None, FIXTURE)])

    def test_fixture_that_fails_always_is_a_failure(self) -> None:
        unit = self.first
        for _ in range(3):
            self.over(unit, [outcome(None, FIXTURE)])
            unit = next(iter(self.again()), unit)
        self.assertEqual((self.failures(0), self.flaky(0), self.failed), (1, [], 1))

    def test_run_that_is_broken_off_passes_on_what_is_known(self) -> None:
        self.over(self.first, test(0, outcome(0, "m.A.0")), test(1))
        source = Source(0, ("out",))
        self.retries.feed(1, source, [line.encode() for line in test(4)])
        for number in (0, 1):  # as the pool does
            self.retries.finish_unit(number)
        self.retries.flush()
        self.assertEqual(self.failures(0), 1)
        self.assertEqual(len(self.handler.lines[1]), 2)
        self.assertEqual(sorted(self.handler.finished), [0, 1])

    def test_broken_off_repetition_of_a_unit_keeps_its_failure(self) -> None:
        self.over(self.first, [outcome(None, FIXTURE)])
        self.retries.finish_unit(0)
        self.retries.flush()
        self.assertEqual((self.failures(0), self.flaky(0)), (1, []))


if __name__ == "__main__":
    unittest.main()
