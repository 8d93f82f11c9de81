"""Time limits: what is over its time is asked for its stacks, then killed."""

from __future__ import annotations

import os
import signal
import unittest
from time import perf_counter
from types import SimpleNamespace
from typing import Any
from unittest import mock

import runner
from runner.pool import timeouts
from runner.workers import events
from runner.workers.channel import DUMP_SIGNAL


class Limited(unittest.TestCase):
    def test_plain(self) -> None: ...
    @runner.timeout(50)
    def test_long(self) -> None: ...


TESTS = [Limited("test_plain"), Limited("test_long")]


class TimeLimitTests(unittest.TestCase):
    def setUp(self) -> None:
        self.signals: list[tuple[int, bool]] = []
        self.now = perf_counter()
        self.enterContext(mock.patch.object(timeouts, "perf_counter", lambda: self.now))
        self.stopped = self.enterContext(
            mock.patch.object(timeouts, "_is_stopped", return_value=False)
        )
        self.limits = timeouts.TimeLimits(TESTS, 2.0)
        worker: Any = SimpleNamespace(
            pid=1, running=b"", fixture=b"", timed=b"", limit=None, deadline=0.0, asked=None,
            stacks_from=0, paths=SimpleNamespace(stacks=__file__),
            kill=lambda number, group=True: self.signals.append((number, group)),
        )
        self.worker: Any = worker

    def start(self, index: int) -> None:
        self.worker.running = f"{events.STARTED}{index} {self.now:.6f}".encode()

    def pass_by(self, seconds: float) -> None:
        """Let time pass in steps, as the parent looks."""
        end = self.now + seconds
        while self.now < end:
            self.now += 0.1
            self.limits.look([self.worker])

    def test_test_within_its_time_is_left_alone(self) -> None:
        self.start(0)
        self.pass_by(1.5)
        self.start(0)
        self.pass_by(1.5)
        self.assertEqual(self.signals, [])

    def test_overdue_test_is_asked_for_stacks_and_killed(self) -> None:
        self.start(0)
        self.pass_by(2.2)
        self.assertEqual(self.signals, [(DUMP_SIGNAL, False)])
        self.pass_by(1)
        self.assertIn((signal.SIGKILL, True), self.signals)

    def test_test_that_ends_after_all_costs_the_next_one_nothing(self) -> None:
        self.start(0)
        self.pass_by(2.2)
        self.start(1)
        self.pass_by(40)
        self.assertEqual(self.signals, [(DUMP_SIGNAL, False)])
        self.assertEqual(self.worker.stacks_from, os.path.getsize(__file__))  # not shown with it

    def test_mark_of_a_test_goes_before_the_setting(self) -> None:
        self.start(1)
        self.pass_by(40)
        self.assertEqual(self.signals, [])
        self.pass_by(11)
        self.assertNotEqual(self.signals, [])

    def test_clock_pauses_while_worker_or_parent_is_stopped(self) -> None:
        self.start(0)
        self.pass_by(1)
        self.stopped.return_value = True
        self.pass_by(30)
        self.stopped.return_value = False
        self.now += 30  # the parent did not look
        self.pass_by(0.5)
        self.assertEqual(self.signals, [])
        self.pass_by(1)
        self.assertNotEqual(self.signals, [])

    def test_fixture_has_the_time_of_the_setting(self) -> None:
        self.worker.fixture = f'{events.FIXTURE}"setUpClass (m.A)"'.encode()
        self.pass_by(2.5)
        self.assertEqual(self.signals[0], (DUMP_SIGNAL, False))
