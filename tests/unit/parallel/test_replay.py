"""Replay: events are applied in the order of the units, whenever they come."""

from __future__ import annotations

import io
import json
import unittest
from types import SimpleNamespace
from typing import Any

from runner.parallel.replay import Replay
from runner.parallel.replayed_result import ReplayedResult
from runner.pool.source import Source
from runner.session.listener import Events
from runner.session.outcomes import Outcome
from runner.workers import events


class Some(unittest.TestCase):
    def test_1(self) -> None: ...
    def test_2(self) -> None: ...
    def test_3(self) -> None: ...


TESTS = [Some(f"test_{number}") for number in (1, 2, 3)]


def passed(index: int) -> list[bytes]:
    return [f"{events.STARTED}{index} 1.0".encode(), f"{events.PASSED}1.5 0.5".encode()]


def failed(index: int) -> list[bytes]:
    id = TESTS[index].id()
    outcome = Outcome(id, id, "failure", "AssertionError: no", "Traceback\n")
    line = events.line(events.OUTCOME, [index, "Traceback\n\nStdout:\nx\n", *outcome])
    return [passed(index)[0], line.encode(), f"{events.STOPPED}2.0 1.0".encode()]


class ReplayTests(unittest.TestCase):
    def setUp(self) -> None:
        self.stream = io.StringIO()
        self.make(1)

    def make(self, verbosity: int) -> None:
        writeln = unittest.runner._WritelnDecorator(self.stream)
        self.result = ReplayedResult(writeln, True, verbosity)
        session: Any = SimpleNamespace(
            events=Events(), ran=set(), interrupted=set(), outcomes=[], moment=None, worker=0
        )
        session.outcome = session.outcomes.append
        self.session: Any = session
        self.result.session = self.session
        self.replay = Replay(TESTS, 3, self.result, self.session)
        self.source = Source(1, ())

    def feed(self, unit: int, lines: list[bytes], *, ends: bool = True) -> None:
        self.replay.feed(unit, self.source, lines)
        if ends:
            self.replay.finish_unit(unit)
        self.replay.advance()

    def test_later_units_wait_for_the_first(self) -> None:
        self.feed(1, failed(1))
        self.assertEqual(self.stream.getvalue(), "")
        self.feed(0, passed(0))
        self.assertEqual(self.stream.getvalue(), ".F")
        self.feed(2, passed(2))
        self.assertEqual(self.stream.getvalue(), ".F.")
        self.assertEqual(self.result.testsRun, 3)

    def test_first_unit_is_applied_as_it_runs(self) -> None:
        self.make(2)
        self.feed(0, passed(0)[:1], ends=False)
        self.assertIn("test_1 (", self.stream.getvalue())
        self.assertNotIn("ok", self.stream.getvalue())
        self.feed(0, passed(0)[1:], ends=False)
        self.assertTrue(self.stream.getvalue().endswith("... ok\n"))

    def test_texts_are_those_of_the_worker(self) -> None:
        self.feed(0, failed(0))
        ((test, text),) = self.result.failures
        self.assertIs(test, TESTS[0])
        self.assertEqual(text, "Traceback\n\nStdout:\nx\n")
        (outcome,) = self.session.outcomes
        self.assertEqual(outcome.details, "Traceback\n")

    def test_names_of_what_ran_are_recorded_at_the_end(self) -> None:
        self.feed(0, passed(0))
        self.feed(1, failed(1))
        self.replay.note_ran()
        self.assertEqual(self.session.ran, {TESTS[0].id(), TESTS[1].id()})

    def test_nothing_follows_a_stop(self) -> None:
        self.result.failfast = True
        self.feed(0, failed(0))
        self.feed(1, passed(1))
        self.assertTrue(self.replay.stops)
        self.assertTrue(self.replay.is_partial)
        self.assertEqual(self.stream.getvalue(), "F")

    def test_fixture_and_subtest_are_no_tests_of_the_list(self) -> None:
        fixture = Outcome("setUpClass (m.A)", "m.A", "error", "E: x", "Traceback\n", fixture=True)
        subtest = Outcome("m.A.t", "m.A.t", "failure", "E: y", "Traceback\n", subtest="(i=1)")
        start, stop = passed(0)[0], f"{events.STOPPED}2.0 1.0".encode()
        lines = [events.line(events.OUTCOME, [None, None, *fixture]).encode(), start,
                 events.line(events.OUTCOME, [0, None, *subtest]).encode(), stop]
        self.feed(0, lines)
        self.assertEqual(str(self.result.errors[0][0]), "setUpClass (m.A)")
        self.assertTrue(str(self.result.failures[0][0]).endswith("(i=1)"))
        self.assertEqual(self.result.testsRun, 1)

    def test_contexts_of_a_unit_are_recorded(self) -> None:
        done = f"{events.UNIT_DONE}{json.dumps([['m', 'm.A'], ['m.A'], 0.5, 2])}".encode()
        self.feed(0, [*passed(0), done])
        self.assertEqual(self.session.ran, {"m", "m.A", f"{Some.__module__}.Some.test_1"})
        self.assertEqual(self.session.interrupted, {"m.A"})
        self.assertEqual(self.replay.made_and_removed, 2)
