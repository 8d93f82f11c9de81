"""Unwritable reports: refused before the tests, or an error after them."""

from __future__ import annotations

import os
import subprocess
import sys

from tests.support.programs import Outcome
from tests.support.projects import ProjectTestCase

LEAKY = """
    import tempfile, unittest
    class T(unittest.TestCase):
        def test_a(self): tempfile.mkdtemp()
"""


class RefusalTests(ProjectTestCase):
    def setUp(self) -> None:
        super().setUp()
        self.write("test_a.py", "raise SystemExit('a test module was imported')")

    def test_unwritable_path_is_refused_before_the_tests(self) -> None:
        for option in ("--leak-json", "--junit-xml", "--html", "--monitor"):
            with self.subTest(option):
                outcome = self.tidytest(option, "no/such/place.csv", "test_a")
                self.assertRefused(outcome, option, "No such file or directory")

    def test_missing_library_is_refused_with_the_install_command(self) -> None:
        for option, module, extra in (
            ("--junit-xml=x", "junitparser", "junit"),
            ("--html=x", "jinja2", "html"),
            ("--progress", "tqdm", "progress"),
            ("--completion=bash", "shtab", "completion"),
        ):
            with self.subTest(option):
                self.write("block/sitecustomize.py", f"""
                    import sys
                    class Finder:
                        def find_spec(self, name, path=None, target=None):
                            if name == {module!r}:
                                raise ModuleNotFoundError(name)
                    sys.meta_path.insert(0, Finder())
                """)
                path = f"{self.project / 'block'}{os.pathsep}{self.environment()['PYTHONPATH']}"
                outcome = self.tidytest(option, "test_a", PYTHONPATH=path)
                self.assertRefused(outcome, f'pip install "tidytest[{extra}]"')

    def test_unusable_library_is_refused_with_the_upgrade_command(self) -> None:
        self.new_processes = True
        for option, module, extra in (("--junit-xml=x", "junitparser", "junit"),
                                      ("--html=x", "jinja2", "html")):
            for source in ("class JUnitXml: pass", "raise AttributeError('two\\nlines')"):
                with self.subTest(option, source=source):
                    self.write(f"{module}/__init__.py", source)
                    outcome = self.tidytest(option, "test_a")
                    self.assertRefused(outcome, f"{option[:-2]} cannot use the {module} that is ",
                                       f'pip install --upgrade "tidytest[{extra}]"')

    def test_a_monitor_file_of_no_known_kind_is_refused(self) -> None:
        self.assertRefused(self.tidytest("--monitor", "usage.txt", "test_a"), ".csv")

    def test_unwritable_report_fails_the_run_and_keeps_the_others(self) -> None:
        self.write("test_b.py", """
            import os, shutil, unittest
            class T(unittest.TestCase):
                def test(self): shutil.rmtree("reports")
        """)
        (self.project / "reports").mkdir()
        outcome = self.tidytest(
            "--junit-xml", "reports/out.xml", "--leak-json", "out.json", "test_b"
        )
        self.assertEqual(outcome.code, 1, outcome.err)
        self.assertIn("tidytest: error: --junit-xml: cannot write", outcome.err)
        self.assertTrue((self.project / "out.json").exists())

    def test_closed_stdout_is_refused_before_the_tests(self) -> None:
        for option in ("--leak-json", "--junit-xml", "--html"):
            with self.subTest(option):
                outcome = self.with_closed_output(option, "-", "test_a")
                self.assertRefused(outcome, f"{option}: cannot write to standard output: it is clo")

    def test_annotations_go_to_stderr_when_stdout_is_closed(self) -> None:
        self.write("test_b.py", LEAKY)
        outcome = self.with_closed_output("--github", "test_b")
        self.assertEqual(outcome.code, 0, outcome.err)
        self.assertIn("\n::warning file=test_b.py,line=4,", outcome.err)

    def with_closed_output(self, *words: str) -> Outcome:
        command = f"exec {sys.executable} -m runner -q {' '.join(words)} >&-"
        done = subprocess.run(["sh", "-c", command], cwd=self.project, env=self.environment(),
                              capture_output=True, text=True, timeout=120)
        self.assertEqual(os.listdir(self.base), [])
        return Outcome(done.returncode, done.stdout, done.stderr)

    def test_defect_in_one_report_fails_the_run_and_keeps_the_others(self) -> None:
        self.write("test_b.py", """
            import importlib, unittest
            class T(unittest.TestCase):
                def test(self): importlib.import_module("junitparser").JUnitXml.write = None
        """)
        outcome = self.tidytest("--junit-xml", "out.xml", "--html", "out.html", "test_b")
        self.assertEqual(outcome.code, 1, outcome.err)
        self.assertIn("tidytest: error: --junit-xml: a defect in tidytest:\nTrace", outcome.err)
        self.assertFalse((self.project / "out.xml").exists())
        self.assertTrue((self.project / "out.html").exists())

    def test_defect_in_all_reports_fails_the_run(self) -> None:
        self.write("test_b.py", """
            import dataclasses, unittest
            class T(unittest.TestCase):
                def test(self): dataclasses.replace = None
        """)
        outcome = self.tidytest("--junit-xml", "out.xml", "test_b")
        self.assertEqual(outcome.code, 1, outcome.err)
