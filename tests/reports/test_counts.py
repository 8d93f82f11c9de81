"""One run, one set of counts: the terminal, JSON, JUnit, the page and GitHub agree."""

from __future__ import annotations

import json
import re
import signal
import sys
import unittest
from typing import Any
from xml.etree import ElementTree

from tests.support.programs import Outcome
from tests.support.projects import ProjectTestCase

SUITE = """
    import os, pathlib, signal, tempfile, unittest
    def leave(): tempfile.mkdtemp(prefix="left-")
    class T(unittest.TestCase):
        def test_a_fails(self): self.fail("why")
        def test_b_fails_and_leaks(self):
            leave()
            self.fail("why")
        def test_c_errs(self): raise KeyError(1)
        def test_d_leaks(self): leave()
        def test_e_leaks_twice(self): leave(), leave()
        def test_f_is_known(self): open(os.path.join(tempfile.gettempdir(), "known"), "w").close()
        @unittest.skip("why")
        def test_g_is_skipped(self): pass
        @unittest.expectedFailure
        def test_h_is_expected(self): self.fail()
        @unittest.expectedFailure
        def test_i_is_not(self): pass
        def test_j_subtests(self):
            for n in range(2):
                with self.subTest(n): self.assertEqual(n, 2)
    class Z(unittest.TestCase):
        def test_a_is_flaky(self):
            seen = pathlib.Path(os.environ["SEEN"])
            if not seen.exists():
                seen.touch()
                self.fail("at first")
        def test_b_crashes(self):
            if "CRASH" in os.environ: os.kill(os.getpid(), signal.SIGKILL)
        def test_c_is_interrupted(self):
            if "INTERRUPT" in os.environ: os.kill(os.getpid(), signal.SIGINT)
        def test_d_never_runs(self): pass
"""
LEAKS = {"failed_for_leaks": 2, "leaks": 4, "known_leaks": 1}
COUNTS = {
    "failures": 4, "errors": 1, "skipped": 1, "expected_failures": 1, "unexpected_successes": 1,
    **LEAKS,
}  # fmt: skip
REPORTS = ("--leak-json", "out.json", "--junit-xml", "out.xml", "--html", "out.html")


@unittest.skipUnless(sys.platform == "linux", "a test kills its process")
class CountTests(ProjectTestCase):
    def setUp(self) -> None:
        super().setUp()
        self.write("test_a.py", SUITE)
        known = "test_a.T.test_f_is_known"
        self.tidytest("-q", "--update-baseline", known, SEEN="/dev/null")

    def counted(self, *words: str, code: int = 1, **environment: str) -> Outcome:
        """Run the suite; check that all outputs have the counts of the JSON report."""
        summary = self.project.parent / "summary.md"
        summary.unlink(missing_ok=True)
        outcome = self.tidytest(
            "--leaks", "fail", "--leak-ignore", "*/seen", "--github", *REPORTS, *words, "test_a",
            SEEN=str(self.project.parent / "seen"), GITHUB_STEP_SUMMARY=str(summary),
            COLUMNS="200", **environment,
        )
        self.assertEqual(outcome.code, code, outcome.err)
        document = json.loads((self.project / "out.json").read_text("utf-8"))
        self.counts: dict[str, int] = document["counts"]
        self.assertEqual(len(document["leaks"]), self.counts["leaks"] + self.counts["known_leaks"])
        self.assertEqual(document["summary"]["tests"], self.counts["tests"])
        self.assertEqual(self.of_junit(), {
            name: self.counts[name] for name in ("failures", "errors", "skipped", "leaks")
        })  # fmt: skip
        self.assertEqual(self.of_page(), self.counts)
        self.assertIn(f", {self.words()}.\n", summary.read_text("utf-8"))
        return outcome

    def words(self, without: frozenset[str] = frozenset()) -> str:
        """Return the counts in the words of unittest."""
        hidden = {"tests", "failed_for_leaks", *without}
        return ", ".join(f"{name.replace('_', ' ')}={number}"
                         for name, number in self.counts.items() if number and name not in hidden)

    def of_junit(self) -> dict[str, int]:
        root = ElementTree.parse(self.project / "out.xml").getroot()
        failures = root.findall(".//failure")
        own = [each for each in failures if each.get("type") != "leak"]
        skips = root.findall(".//skipped")
        skipped = [each for each in skips if each.get("type") == "skipped"]
        leaks = root.findall(".//property[@name]")
        found = [each for each in leaks if str(each.get("name")).startswith("leak:")]
        self.assertEqual(len(failures) - len(own), self.counts["failed_for_leaks"])
        self.assertEqual(len(skips) - len(skipped), self.counts["expected_failures"])
        return {
            "failures": len(own) - self.counts["unexpected_successes"],
            "errors": len(root.findall(".//error")), "skipped": len(skipped), "leaks": len(found),
        }  # fmt: skip

    def of_page(self) -> Any:
        page = (self.project / "out.html").read_text("utf-8")
        found = re.search(r'"counts": ?(\{[^}]*\})', page)
        assert found is not None
        return json.loads(found[1])

    def assertVerdict(self, outcome: Outcome) -> None:
        """unittest's own line has the counts; leaks come last, known and flaky ones elsewhere."""
        words = self.words(frozenset({"leaks", "known_leaks", "flaky"}))
        self.assertIn(f"\nFAILED ({words}, leaks={self.counts['leaks']})\n", outcome.err)

    def test_failures_leaks_and_skips(self) -> None:
        outcome = self.counted("-k", "test_a.T")
        self.assertEqual(self.counts, {**self.counts, **COUNTS, "flaky": 0})
        self.assertVerdict(outcome)
        self.assertIn("2 failed for leaks only (--leaks fail), not counted", outcome.err)

    def test_flaky_and_crashed_tests_in_workers(self) -> None:
        outcome = self.counted("-j", "2", "--retries", "1", CRASH="1")
        self.assertEqual(self.counts["flaky"], 1)
        self.assertEqual(self.counts["errors"], 2)
        self.assertVerdict(outcome)

    def test_an_interrupted_test_is_an_error(self) -> None:
        (self.project.parent / "seen").touch()
        outcome = self.counted(code=-signal.SIGINT, INTERRUPT="1")
        self.assertEqual(self.counts, {**self.counts, **COUNTS, "errors": 2, "flaky": 0})
        self.assertIn(f"Up to the interrupt: {self.words()}\n", outcome.err)


if __name__ == "__main__":
    unittest.main()
