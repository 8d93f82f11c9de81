"""`--coverage` obeys the user's settings, has tests as contexts and leaks nothing itself."""

from __future__ import annotations

import json
import os

from tests.support.projects import ProjectTestCase

LEFT = r" left \d+ | leaked by "  # not the totals: strangers may make something in /tmp meanwhile

LIBRARY = """
    def used():
        return 1

    def unused():
        return 2
"""
SUITE = """
    import unittest, library

    class T(unittest.TestCase):
        def test_it(self): self.assertEqual(library.used(), 1)
"""


class CoverageTests(ProjectTestCase):
    def setUp(self) -> None:
        super().setUp()
        self.write("library.py", LIBRARY)
        self.write("test_it.py", SUITE)

    def test_is_reported_after_the_tests(self) -> None:
        outcome = self.tidytest("--coverage")
        self.assertEqual(outcome.code, 0, outcome.err)
        self.assertRegex(outcome.out, r"library.py +4 +1 +75%")
        self.assertNotRegex(outcome.err, LEFT)

    def test_with_too_little_covered_fails(self) -> None:
        outcome = self.tidytest("--coverage", "--coverage-fail-under", "95")
        self.assertEqual(outcome.code, 1, outcome.err)
        self.assertIn("is less than 95", outcome.out)

    def test_knows_which_test_ran_a_line(self) -> None:
        self.write(".coveragerc", "[json]\nshow_contexts = true\n")
        outcome = self.tidytest("--coverage", "--coverage-report", "json")
        self.assertEqual(outcome.code, 0, outcome.err)
        report = json.loads((self.project / "coverage.json").read_text("utf-8"))
        lines = report["files"]["library.py"]["contexts"]
        self.assertEqual(outcome.out, "coverage: coverage.json is written\n")
        self.assertEqual(lines["3"], ["test_it.T.test_it"])

    def test_a_test_with_a_run_of_its_own_has_its_lines(self) -> None:
        self.write(".coveragerc", "[json]\nshow_contexts = true\n")
        self.write("test_it.py", """
            import unittest, library

            class T(unittest.TestCase):
                def run(self, result):
                    result.startTest(self)
                    library.used()
                    result.addSuccess(self)
                    result.stopTest(self)

                def test_it(self): pass
        """)
        outcome = self.tidytest("--coverage", "--coverage-report", "json")
        self.assertEqual(outcome.code, 0, outcome.err)
        report = json.loads((self.project / "coverage.json").read_text("utf-8"))
        lines = report["files"]["library.py"]["contexts"]
        self.assertEqual(lines["3"], ["test_it.T.test_it"])

    def test_what_it_writes_is_not_the_file_of_another_report(self) -> None:
        (self.project / "htmlcov").mkdir()
        for name, option in (
            ("xml", "--junit-xml=coverage.xml"), ("json", "--leak-json=./coverage.json"),
            ("html", "--html=htmlcov/index.html"), ("data", "--monitor=.coverage"),
        ):
            words = [] if name == "data" else ["--coverage-report", name]
            with self.subTest(name):
                outcome = self.tidytest("--coverage", *words, option)
                self.assertRefused(outcome, option.partition("=")[0], f"coverage's {name} name")
                self.assertFalse((self.project / option.partition("=")[2]).exists())
        self.write(".coveragerc", "[xml]\noutput = other.xml\n")
        words = ["--coverage", "--coverage-report", "xml", "--junit-xml"]
        self.assertEqual(self.tidytest(*words, "coverage.xml").code, 0)
        self.assertRefused(self.tidytest(*words, "other.xml"), "--junit-xml and coverage's xml")

    def test_its_data_file_is_no_leak_whatever_its_name(self) -> None:
        for settings in ("data_file = build/data", "data_file = build/data\nparallel = true"):
            with self.subTest(settings):
                self.write(".coveragerc", f"[run]\n{settings}\n")
                (self.project / "build").mkdir(exist_ok=True)
                outcome = self.tidytest("--coverage", "--leaks", "fail")
                self.assertEqual(outcome.code, 0, outcome.err)
                self.assertNotRegex(outcome.err, LEFT)
                self.assertEqual(os.listdir(self.project / "build"), ["data"])
