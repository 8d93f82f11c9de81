"""The marks of tests, and what a process knows of itself as a worker."""

from __future__ import annotations

import math
import os
import unittest
from typing import Any
from unittest import mock

import runner
from runner import marks
from runner.marks import ResourceUse, WorkerIdentity


class MarksTestCase(unittest.TestCase):
    """Restores what marks record of the process."""

    def setUp(self) -> None:
        self.enterContext(mock.patch.object(marks, "_setups", []))
        self.enterContext(mock.patch.object(marks, "_used", set()))
        self.enterContext(mock.patch.object(marks, "_has_timeouts", False))
        self.enterContext(mock.patch.object(marks, "_worker", None))
        self.enterContext(mock.patch.dict(os.environ))
        for name in (marks.WORKER, marks.RUN):
            os.environ.pop(name, None)


class LimitTests(MarksTestCase):
    def test_marks_of_a_test_and_of_its_class_are_found(self) -> None:
        @runner.timeout(5)
        @runner.resource("db")
        class Sample(unittest.TestCase):
            @runner.timeout(2.5)
            @runner.resource("gpu", exclusive=True)
            @runner.serial
            def test_marked(self) -> None:
                """Nothing."""

            def test_plain(self) -> None:
                """Nothing."""

        marked, plain = Sample("test_marked"), Sample("test_plain")
        self.assertEqual(marks.timeout_of(marked, 9), 2.5)
        self.assertEqual(marks.timeout_of(plain, 9), 5)
        self.assertEqual(marks.timeout_of(self, 9), 9)
        self.assertEqual(
            marks.resources_of(marked), {ResourceUse("db"), ResourceUse("gpu", exclusive=True)}
        )
        self.assertEqual(marks.resources_of(plain), {ResourceUse("db")})
        self.assertTrue(marks.is_serial(marked))
        self.assertFalse(marks.is_serial(plain))
        self.assertTrue(marks.has_timeouts() and marks.keeps_apart())

    def test_subclass_inherits_and_adds_resources(self) -> None:
        @runner.resource("a")
        class Parent(unittest.TestCase):
            def test(self) -> None:
                """Nothing."""

        @runner.resource("b")
        class Child(Parent):
            """Has another one."""

        self.assertEqual({use.name for use in marks.resources_of(Child("test"))}, {"a", "b"})
        self.assertEqual({use.name for use in marks.resources_of(Parent("test"))}, {"a"})

    def test_timeout_of_none_lifts_the_limit(self) -> None:
        class Sample(unittest.TestCase):
            @runner.timeout(None)
            def test(self) -> None:
                """Nothing."""

        self.assertIsNone(marks.timeout_of(Sample("test"), 9))
        self.assertFalse(marks.has_timeouts())

    def test_values_without_a_meaning_are_refused(self) -> None:
        for seconds in (0, -1, math.inf, math.nan):
            with self.subTest(seconds), self.assertRaisesRegex(ValueError, "above 0, not"):
                runner.timeout(seconds)
        wrong: Any = runner.resource
        for name in ("", None):
            with self.subTest(name), self.assertRaisesRegex(ValueError, "needs a name"):
                wrong(name)
        with self.assertRaisesRegex(ValueError, "needs a name"):
            wrong(LimitTests)  # without brackets


class WorkerTests(MarksTestCase):
    def test_without_workers_the_number_is_0(self) -> None:
        first = runner.worker()
        self.assertEqual(first.number, 0)
        self.assertEqual(runner.worker(), first)
        self.assertTrue(first.run.isalnum())
        self.assertNotIn(marks.WORKER, os.environ)

    def test_worker_and_its_children_have_the_same_identity(self) -> None:
        marks.become_worker(WorkerIdentity(3, "abc"))
        self.assertEqual(runner.worker(), WorkerIdentity(3, "abc"))
        marks._worker = None  # in a child, which has the environment only
        self.assertEqual(runner.worker(), WorkerIdentity(3, "abc"))

    def test_test_that_clears_the_environment_changes_nothing(self) -> None:
        marks.become_worker(WorkerIdentity(3, "abc"))
        os.environ.clear()
        self.assertEqual(runner.worker(), WorkerIdentity(3, "abc"))


if __name__ == "__main__":
    unittest.main()
