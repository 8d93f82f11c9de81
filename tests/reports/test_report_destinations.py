"""Destinations of reports: streams, files with another use, files that cannot be replaced."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import unittest
import xml.etree.ElementTree as ElementTree

from tests.support.programs import Outcome
from tests.support.projects import ProjectTestCase

LEAKY = """
    import tempfile, unittest
    class T(unittest.TestCase):
        def test_a(self): tempfile.mkdtemp(prefix="here-")
"""


class StreamTests(ProjectTestCase):
    def test_document_on_stdout_is_whole_under_github_actions(self) -> None:
        self.write("test_a.py", LEAKY)
        for option in ("--leak-json", "--junit-xml", "--html"):
            with self.subTest(option):
                outcome = self.tidytest("-q", option, "-", "test_a", GITHUB_ACTIONS="true")
                self.assertEqual(outcome.code, 0, outcome.err)
                self.assertNotIn("\n::", outcome.out)
                self.assertIn("\n::warning file=test_a.py,line=4,", outcome.err)
        outcome = self.tidytest("-q", "--leak-json", "-", "test_a", GITHUB_ACTIONS="true")
        self.assertEqual(len(json.loads(outcome.out)["leaks"]), 1)

    def test_document_on_stdout_is_whole_with_a_coverage_report(self) -> None:
        self.write("test_a.py", LEAKY)
        words = ("--coverage", "--coverage-report", "term", "--leak-json", "-")
        outcome = self.tidytest("-q", *words, "test_a")
        self.assertEqual(len(json.loads(outcome.out)["leaks"]), 1)
        self.assertIn("TOTAL", outcome.err)

    def test_document_on_stdout_is_utf_8_whatever_its_encoding(self) -> None:
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


class SharedFileTests(ProjectTestCase):
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


class StepSummaryTests(ProjectTestCase):
    """The path of the step's summary is read from the environment at the start."""

    def test_changed_environment_moves_neither_summary_nor_paths(self) -> None:
        self.write("test_a.py", """
            import os, tempfile, unittest
            class T(unittest.TestCase):
                def test_a(self):
                    os.environ["GITHUB_STEP_SUMMARY"] = os.path.abspath("wrong.md")
                    os.environ["GITHUB_WORKSPACE"] = os.path.dirname(os.getcwd())
                    tempfile.mkdtemp()
        """)
        summary = self.project / "right.md"
        outcome = self.tidytest("--github", "test_a", GITHUB_STEP_SUMMARY=str(summary))
        self.assertIn("::warning file=test_a.py,", outcome.out)
        self.assertIn("#### New leaks (1)", summary.read_text("utf-8"))
        self.assertFalse((self.project / "wrong.md").exists())

    @unittest.skipUnless(os.path.exists("/dev/full"), "no device here that is always full")
    def test_a_summary_that_cannot_be_written_loses_no_annotation(self) -> None:
        self.write("test_a.py", LEAKY)
        outcome = self.tidytest("--github", "test_a", GITHUB_STEP_SUMMARY="/dev/full")
        self.assertEqual(outcome.code, 1)
        self.assertIn("--github: cannot write /dev/full: No space left on device", outcome.err)
        self.assertIn("::warning file=test_a.py,line=4,", outcome.out)


def works(*words: str) -> bool:
    """Whether a command is there, and what it does is allowed here."""
    if shutil.which(words[0]) is None:
        return False
    return subprocess.run(words, stderr=subprocess.DEVNULL).returncode == 0


IN_A_NAMESPACE = ("unshare", "-m")
AS_NOBODY = (
    "setpriv", "--reuid", "65534", "--clear-groups",
    "--inh-caps", "+dac_read_search", "--ambient-caps", "+dac_read_search",  # to get to the files
)  # fmt: skip


class IrreplaceableFileTests(ProjectTestCase):
    """Existing files at the destination that cannot be replaced in one step."""

    def setUp(self) -> None:
        super().setUp()
        self.write("test_a.py", LEAKY)
        self.report = self.write("out/report.json", "before")
        self.command = f"{sys.executable} -m runner -q --leak-json out/report.json test_a"

    def shell(self, *words: str) -> Outcome:
        done = subprocess.run(
            words, cwd=self.project, env=self.environment(), capture_output=True, text=True,
            timeout=120,
        )
        self.assertEqual(os.listdir(self.project / "out"), ["report.json"])
        return Outcome(done.returncode, done.stdout, done.stderr)

    @unittest.skipUnless(works(*IN_A_NAMESPACE, "true"), "nothing can be mounted here")
    def test_mounted_file_is_written_in_place(self) -> None:
        source = self.write("source.json", "before")
        mount = "mount --bind source.json out/report.json\n"
        outcome = self.shell(*IN_A_NAMESPACE, "sh", "-ec", mount + self.command)
        self.assertEqual(outcome.code, 0, outcome.err)
        self.assertEqual(len(json.loads(source.read_text())["leaks"]), 1)
        mount += "mount -o remount,ro,bind out/report.json\n"
        outcome = self.shell(*IN_A_NAMESPACE, "sh", "-ec", mount + self.command)
        self.assertRefused(outcome, "--leak-json: cannot write", "Read-only file system")

    @unittest.skipUnless(shutil.which("chattr"), "no chattr here")
    def test_immutable_file_is_refused_before_the_tests(self) -> None:
        if not works("chattr", "+i", str(self.report)):
            self.skipTest("no file can be made immutable here")
        self.addCleanup(subprocess.run, ["chattr", "-i", str(self.report)], check=True)
        outcome = self.shell("sh", "-c", self.command)
        self.assertRefused(outcome, "--leak-json: cannot write", "Operation not permitted")

    @unittest.skipUnless(works(*AS_NOBODY, "true"), "one cannot be another user here")
    def test_file_of_another_user_is_written_only_if_permitted(self) -> None:
        os.chown(self.base, 65534, -1)
        os.chmod(self.report.parent, 0o1777)
        outcome = self.shell(*AS_NOBODY, "sh", "-c", self.command)
        self.assertRefused(outcome, "--leak-json: cannot write", "Permission denied")
        self.assertEqual(self.report.read_text(), "before")
        os.chmod(self.report, 0o666)
        outcome = self.shell(*AS_NOBODY, "sh", "-c", self.command)
        self.assertEqual(outcome.code, 0, outcome.err)
        self.assertEqual(len(json.loads(self.report.read_text())["leaks"]), 1)

    @unittest.skipUnless(works(*AS_NOBODY, "true"), "one cannot be another user here")
    def test_file_in_a_directory_of_another_user_is_written_in_place(self) -> None:
        os.chown(self.base, 65534, -1)
        os.chmod(self.report, 0o666)
        outcome = self.shell(*AS_NOBODY, "sh", "-c", self.command)
        self.assertEqual(outcome.code, 0, outcome.err)
        self.assertEqual(len(json.loads(self.report.read_text())["leaks"]), 1)
