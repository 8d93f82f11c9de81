"""Marks in a run without workers, under this runner and under unittest's."""

from __future__ import annotations

from tests.support.projects import ProjectTestCase

SUITE = """
    import os, unittest
    import runner

    @runner.worker_setup
    def database():
        print("create", runner.worker().number, flush=True)
        yield
        print("drop", flush=True)

    @runner.resource("db", exclusive=True)
    class A(unittest.TestCase):
        @runner.serial
        def test_1(self):
            print("test", runner.worker().run == runner.worker().run, flush=True)
        @runner.timeout(None)
        def test_2(self): pass
"""


class MarksTests(ProjectTestCase):
    def test_worker_is_set_up_once_in_a_serial_run(self) -> None:
        self.write("test_a.py", SUITE)
        self.write("test_b.py", "from test_a import A")
        outcome = self.tidytest("test_a", "test_b")
        self.assertEqual(outcome.code, 0, outcome.err)
        self.assertEqual(outcome.out, "create 0\ntest True\ntest True\ndrop\n")

    def test_error_of_the_set_up_is_the_only_outcome(self) -> None:
        self.write("test_a.py", SUITE.replace("yield", "raise OSError('no database')"))
        outcome = self.tidytest("test_a")
        self.assertIn("ERROR: worker_setup (test_a.database)", outcome.err)
        self.assertIn("OSError: no database", outcome.err)
        self.assertIn("Ran 0 tests", outcome.err)
        self.assertIn(outcome.code, (1, 5))

    def test_unittest_runs_marked_tests_as_others(self) -> None:
        self.write("test_a.py", SUITE)
        outcome = self.run_python("-m", "unittest", "test_a")
        self.assertEqual((outcome.code, outcome.out), (0, "test True\n"), outcome.err)
