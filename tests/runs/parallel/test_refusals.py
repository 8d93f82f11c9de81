"""Settings of parallel runs that cannot be: one line, before any test runs."""

from __future__ import annotations

from tests.support.projects import ProjectTestCase


class RefusalTests(ProjectTestCase):
    def setUp(self) -> None:
        super().setUp()
        self.write("test_a.py", """
            import unittest, runner
            @runner.resource("db")
            class A(unittest.TestCase):
                def test(self): open("ran", "w").close()
        """)

    def test_bad_values_and_contradictions_are_refused(self) -> None:
        self.write("broken.json", "{")
        for words, part in (
            ("-j 0", "--jobs: '0' is not a whole number of at least 1, or auto"),
            ("-j x", "--jobs: 'x' is not a whole number"),
            ("--timeout -1", "--timeout: '-1' is not a number of seconds above 0"),
            ("--retries x", "--retries: 'x' is not a whole number of at least 0"),
            ("--pdb -j 2", "--pdb and --jobs contradict each other"),
            ("--pdb --timeout 3", "--pdb and --timeout contradict each other"),
            ("--flaky fail", "--flaky needs --retries"),
            ("--split tests", "--split needs --jobs"),
            ("-j2 --resources=db=1 --durations-file=no/x", "no/x: there is no such directory"),
            ("-j2 --resources db=1 --durations-file broken.json", "broken.json: it is malformed"),
            ("-j2", "test_a.A: there is no resource 'db'"),
            ("-j2 --resources dbs=1", "the nearest is 'dbs'"),
        ):
            with self.subTest(words):
                self.assertRefused(self.tidytest(*words.split(), "test_a"), part)
        self.assertFalse((self.project / "ran").exists())

    def test_message_names_the_place_of_a_setting(self) -> None:
        self.write("broken.json", "{")
        self.write("pyproject.toml", """
            [tool.tidytest]
            jobs = 2
            durations-file = "broken.json"
        """)
        outcome = self.tidytest("--resources", "db=1", "test_a")
        self.assertRefused(outcome, "durations-file (pyproject.toml:4): ", "it is malformed")

    def test_debugger_sets_jobs_of_the_file_aside(self) -> None:
        self.write("pyproject.toml", "[tool.tidytest]\njobs = 2\ntimeout = 9\nretries = 1\n")
        outcome = self.tidytest("--pdb", "test_a")
        self.assertEqual(outcome.code, 0, outcome.err)
        self.assertTrue((self.project / "ran").exists())

    def test_durations_that_cannot_be_written_are_a_warning(self) -> None:
        self.write("test_b.py", """
            import os, unittest
            class A(unittest.TestCase):
                def test(self): os.rmdir("gone")
        """)
        (self.project / "gone").mkdir()
        outcome = self.tidytest("-j2", "--durations-file", "gone/x.json", "test_b")
        self.assertEqual(outcome.code, 0, outcome.err)
        self.assertIn("tidytest: warning: ", outcome.err)
