"""Where reports go through the command line: streams, the file of another part, stubborn files."""

from __future__ import annotations

import json
import xml.etree.ElementTree as ElementTree

from tests.projects import ProjectTestCase

LEAKY = """
    import tempfile, unittest
    class T(unittest.TestCase):
        def test_a(self): tempfile.mkdtemp(prefix="here-")
"""


class Streams(ProjectTestCase):
    def test_a_document_on_standard_output_is_whole_under_github_actions(self) -> None:
        self.write("test_a.py", LEAKY)
        for option in ("--leak-json", "--junit-xml", "--html"):
            with self.subTest(option):
                outcome = self.tidytest("-q", option, "-", "test_a", GITHUB_ACTIONS="true")
                self.assertEqual(outcome.code, 0, outcome.err)
                self.assertNotIn("\n::", outcome.out)
                self.assertIn("\n::warning file=test_a.py,line=4,", outcome.err)
        outcome = self.tidytest("-q", "--leak-json", "-", "test_a", GITHUB_ACTIONS="true")
        self.assertEqual(len(json.loads(outcome.out)["leaks"]), 1)

    def test_a_document_is_utf_8_whatever_the_encoding_of_standard_output(self) -> None:
        self.write("test_a.py", """
            import unittest
            class T(unittest.TestCase):
                def test_a(self): self.fail("\u00e9")
        """)
        outcome = self.tidytest("-q", "--junit-xml", "-", "test_a", PYTHONIOENCODING="latin-1")
        failure = ElementTree.fromstring(outcome.out.encode()).find(".//failure")
        assert failure is not None
        self.assertEqual(failure.get("message"), "AssertionError: \u00e9")
        outcome = self.tidytest("-q", "--html", "-", "test_a", PYTHONIOENCODING="latin-1")
        self.assertIn("\N{NO-BREAK SPACE}s", outcome.out)


class SharedFiles(ProjectTestCase):
    def test_no_report_takes_the_place_of_the_default_baseline(self) -> None:
        self.write("test_a.py", LEAKY)
        self.tidytest("--update-baseline", "test_a")
        baseline = (self.project / ".tidytest-leaks.json").read_text()
        for words in (["--leak-json"], ["--update-baseline", "--leak-json"], ["--html"]):
            with self.subTest(words):
                outcome = self.tidytest(*words, ".tidytest-leaks.json", "test_a")
                self.assertRefused(outcome, "leak-baseline (default) name the same file")
        self.assertEqual((self.project / ".tidytest-leaks.json").read_text(), baseline)
        outcome = self.tidytest("--no-leak-baseline", "--html", ".tidytest-leaks.json", "test_a")
        self.assertEqual(outcome.code, 0, outcome.err)
