"""Deaths: in which test or fixture a worker died, and what is left to run."""

from __future__ import annotations

import json
import os
import tempfile
import unittest
from typing import Any

from runner.pool.deaths import Death
from runner.pool.process import WorkerProcess
from runner.scheduling.plan import Unit
from runner.workers import events
from runner.workers.channel import paths_in
from tempfiles import Leak


class First(unittest.TestCase):
    def test_1(self) -> None: ...
    def test_2(self) -> None: ...


class Second(unittest.TestCase):
    def test_1(self) -> None: ...


TESTS = [First("test_1"), First("test_2"), Second("test_1")]
HERE = f"{__name__}.First"


class DeathTests(unittest.TestCase):
    def setUp(self) -> None:
        directory = self.enterContext(tempfile.TemporaryDirectory())
        self.paths = paths_in(directory, 1, False)
        for path in (self.paths.out, self.paths.err):
            open(path, "w").close()
        read, write = os.pipe()
        self.addCleanup(os.close, read)
        self.worker = WorkerProcess(0, os.getpid(), self.paths, write)
        self.addCleanup(self.worker.close)

    def death(self, code: int = -9, last: str = "", *, running: bool = True, fixture: str = ""
              ) -> Death:
        self.worker.last = last.encode()
        self.worker.running = last.encode() if running else b""
        self.worker.fixture = f"{events.FIXTURE}{json.dumps(fixture)}".encode() if fixture else b""
        return Death(self.worker, Unit(0, "m", range(3)), TESTS, code)

    def outcome(self, death: Death) -> list[Any]:
        (line,) = [line for line in death.lines() if line[:1] == events.OUTCOME.encode()]
        return list(json.loads(line[1:]))

    def test_running_test_is_an_error_and_the_rest_is_left(self) -> None:
        death = self.death(-11, f"{events.STARTED}0 1.0")
        index, _, id, owner, status, message, *_ = self.outcome(death)
        test = f"{HERE}.test_1"
        self.assertEqual((index, id, owner, status), (0, test, test, "error"))
        self.assertEqual(message, "the process of this test was killed by SIGSEGV")
        self.assertEqual(death.rest(), range(1, 3))
        self.assertEqual(death.lines()[-1][:1], events.STOPPED.encode())

    def test_exit_code_is_named(self) -> None:
        message = self.outcome(self.death(3, f"{events.STARTED}2 1.0"))[5]
        self.assertEqual(message, "the process of this test ended with exit code 3")

    def test_death_in_class_fixture_leaves_out_the_class(self) -> None:
        death = self.death(0, fixture=f"setUpClass ({HERE})")
        index, _, id, owner, *_ = self.outcome(death)
        self.assertEqual((index, id, owner), (None, f"setUpClass ({HERE})", HERE))
        self.assertEqual(death.rest(), range(2, 3))
        module = self.death(0, fixture="setUpModule (m)")
        self.assertEqual(module.rest(), range(0))
        fixture = f"tearDownClass ({HERE})"
        end = self.death(0, f"{events.STARTED}1 1.0", running=False, fixture=fixture)
        self.assertEqual(end.rest(), range(2, 3))

    def test_error_of_a_fixture_is_not_the_last_test(self) -> None:
        for line in (f"{events.STARTED}1 1.0", f"{events.PASSED}1.5 0.5",
                     f"{events.OUTCOME}[null, null]", f'{events.FIXTURE}"setUpClass (m.B)"'):
            self.worker.note(line[:1].encode(), line.encode())
        death = Death(self.worker, Unit(0, "m", range(3)), TESTS, 1)
        self.assertEqual(death.rest(), range(2, 3))

    def test_death_between_tests_is_no_ones_error(self) -> None:
        death = self.death(-9, f"{events.STARTED}0 1.0", running=False)
        self.assertEqual(death.lines(), [])
        self.assertEqual(death.rest(), range(1, 3))

    def test_rest_of_a_suite_of_its_own_cannot_be_found(self) -> None:
        foreign = events.line(events.FOREIGN, [1.0, "m.A.x", "m", "A", "x", "x (m.A)", True, None])
        death = self.death(-9, foreign)
        self.assertEqual(self.outcome(death)[2], "m.A.x")
        self.assertEqual(death.rest(), range(0))

    def test_stack_ends_with_the_frames_of_the_test(self) -> None:
        with open(self.paths.stacks, "w", encoding="utf-8") as file:
            self.worker.stacks_from = file.write("of another test\n")
            file.write(
                'Current thread 0x1 (most recent call first):\n  File "/p/test_a.py", line 3 in f\n'
                '  File "/lib/unittest/case.py", line 5 in run\n'
                '  File "/r/worker.py", line 9 in g\n'
                "\nExtension modules: x (total: 1)\n"
            )
        details = self.outcome(self.death(-6, f"{events.STARTED}0 1.0"))[6]
        self.assertTrue(details.endswith('line 3 in f\n\n'), details)
        self.assertNotIn("another", details)

    def test_leaks_of_the_test_come_before_its_outcome(self) -> None:
        id = f"{HERE}.test_1"
        self.worker.leaks = (Leak("/r/x", "file", 1, 1, id, "test"),
                             Leak("/r/y", "file", 1, 1, "m.Other.test", "test"))
        codes = [line[:1].decode() for line in self.death(-9, f"{events.STARTED}0 1.0").lines()]
        self.assertEqual(codes, [events.POSITIONS, events.CONTEXT, events.OUTCOME, events.STOPPED])
        self.assertEqual(len(self.worker.contexts), 1)
        report = events.context_of(self.worker.contexts[0])
        self.assertEqual([leak.path for leak in report.leaks], ["/r/x"])
