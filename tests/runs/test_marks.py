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

    def test_leaks_of_a_marked_test_are_judged_in_its_way(self) -> None:
        self.write("test_a.py", """
            import tempfile, unittest
            import runner

            class A(unittest.TestCase):
                @runner.leaks("off")
                def test_off(self): tempfile.mkdtemp(prefix="off-")
                @runner.leaks("report")
                def test_report(self): tempfile.mkdtemp(prefix="report-")
                @runner.leaks("fail")
                def test_fail(self): tempfile.mkdtemp(prefix="fail-")
                def test_plain(self): tempfile.mkdtemp(prefix="plain-")

            @runner.leaks("off")
            class B(unittest.TestCase):
                @classmethod
                def setUpClass(cls): tempfile.mkdtemp(prefix="class-")
                def test_b(self): tempfile.mkdtemp(prefix="b-")
                @runner.leaks("fail")
                def test_own_mark(self): tempfile.mkdtemp(prefix="own-")
            """)
        for mode, failed in (("report", {"test_fail", "test_own_mark"}),
                             ("fail", {"test_fail", "test_own_mark", "test_plain"})):
            with self.subTest(mode):
                outcome = self.tidytest("--leaks", mode, "test_a")
                found = {line.rpartition(".")[2] for line in outcome.err.splitlines()
                         if line.startswith("LEAK: ")}
                self.assertEqual(found, failed)
                for name in ("report-", "fail-", "plain-", "own-"):
                    self.assertIn(f" {name}", outcome.err)
                for name in ("off-", "class-", "b-"):
                    self.assertNotIn(f" {name}", outcome.err)
                self.assertIn("4 leaked by 4 tests", outcome.err)

    def test_a_wrong_word_is_refused(self) -> None:
        self.write("test_a.py", "import runner\n@runner.leaks('never')\nclass A: pass\n")
        self.assertIn("leaks must be 'off', 'report' or 'fail', not 'never'",
                      self.tidytest("test_a").err)
