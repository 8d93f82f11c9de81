"""The functions that set up a worker: their order, their ends, their errors."""

from __future__ import annotations

import unittest
from collections.abc import Iterator
from unittest import mock

import runner
from runner import marks
from runner.execution.worker_setup import set_up


class SetupTests(unittest.TestCase):
    def setUp(self) -> None:
        self.enterContext(mock.patch.object(marks, "_setups", []))
        self.calls: list[str] = []
        self.result = unittest.TestResult()

        @runner.worker_setup
        def first() -> Iterator[None]:
            self.calls.append("first")
            yield
            self.calls.append("first ends")

    def test_functions_are_called_in_order_and_ended_in_reverse(self) -> None:
        @runner.worker_setup
        def second() -> Iterator[None]:
            self.calls.append("second")
            yield
            self.calls.append("second ends")

        with set_up(self.result) as is_ready:
            self.calls.append(f"tests {is_ready}")
        self.assertEqual(
            self.calls, ["first", "second", "tests True", "second ends", "first ends"]
        )
        self.assertTrue(self.result.wasSuccessful())

    def test_error_keeps_the_tests_from_running(self) -> None:
        @runner.worker_setup
        def second() -> None:
            raise RuntimeError("no database")

        @runner.worker_setup
        def third() -> None:
            self.calls.append("third")

        with set_up(self.result) as is_ready:
            self.assertFalse(is_ready)
        self.assertEqual(self.calls, ["first", "first ends"])
        [(test, text)] = self.result.errors
        self.assertRegex(test.id(), r"^worker_setup \(tests.unit.execution.test_worker_setup")
        self.assertIn("RuntimeError: no database", text)
        self.assertNotIn("execution/worker_setup.py", text)

    def test_error_of_an_end_is_an_error_too(self) -> None:
        @runner.worker_setup
        def second() -> Iterator[None]:
            yield
            raise RuntimeError("still in use")

        with set_up(self.result):
            pass
        self.assertEqual(self.calls, ["first", "first ends"])
        self.assertIn("still in use", self.result.errors[0][1])


if __name__ == "__main__":
    unittest.main()
