"""`--fix` shows changes of the tests that leaked, makes them, and takes back what did not help."""

from __future__ import annotations

import json
import subprocess
from typing import Any

from runner.output.colour import without_colour
from tests.support.programs import Outcome
from tests.support.projects import ProjectTestCase

SUITE = """\
    import os
    import tempfile
    import unittest

    import shop


    class T(unittest.TestCase):
        @classmethod
        def setUpClass(cls):
            cls.top = tempfile.mkdtemp()

        def setUp(self):
            self.dir = tempfile.mkdtemp(prefix="t-")  # for all tests

        def test_file(self):
            fd, path = tempfile.mkstemp()
            os.close(fd)
            open("debug.log", "w").close()

        def test_that_fails_with_the_change(self):
            path = str.lower(tempfile.mkdtemp())
            self.assertNotIn(
                "enterContext", open(__file__).read().split("str" + ".lower")[1][:20])

        def test_of_the_product(self):
            shop.export()
"""


class FixTests(ProjectTestCase):
    def git(self, *words: str) -> str:
        command = ["git", "-c", "user.name=t", "-c", "user.email=t@example.org", *words]
        return subprocess.run(
            command, cwd=self.project, check=True, text=True, capture_output=True
        ).stdout

    def leak(self) -> str:
        """Write a suite that leaks, commit it and run it; return its source."""
        self.write("tests/shop.py", "import tempfile\ndef export(): return tempfile.mkdtemp()\n")
        path = self.write("tests/test_a.py", SUITE)
        self.git("init", "-q")
        self.git("add", ".")
        self.git("commit", "-qm", "first")
        self.assertEqual(self.run_fix("discover", "-s", "tests").code, 0)
        return path.read_text("utf-8")

    def run_fix(self, *words: str, **environment: str) -> Outcome:
        """Run `python -m runner`; pytest may leave its own directory in the temp directory."""
        return self.run_python("-m", "runner", *words, **environment)

    def test_unittest(self) -> None:
        before = self.leak()
        path = self.project / "tests/test_a.py"
        shown = self.run_fix("--fix")
        self.assertEqual((shown.code, path.read_text("utf-8")), (0, before))
        self.assertNotIn("Ran ", shown.err)
        (self.project / "fix.patch").write_text(shown.out, "utf-8")
        self.git("apply", "--check", "fix.patch")
        self.assertIn(
            "  tests/shop.py:2 in export  tempfile.mkdtemp (1 leak): it is not created by the code"
            " of the test itself\n"
            "    self.enterContext(tempfiles.redirect())  # first in the test or setUp; import"
            " tempfiles\n", shown.err,
        )  # fmt: skip

        path.write_text(f"{before}# changed\n", "utf-8")
        self.assertRefused(self.run_fix("--fix", "--apply"), "the git tree has changes", "--force")
        path.write_text(before, "utf-8")

        applied = self.run_fix("--fix", "--apply")
        self.assertEqual(applied.code, 1, applied.err)
        self.assertIn("Taken back:\n  tests/test_a.py:22 in test_that_fails_with_the_change"
                      "  tempfile.mkdtemp (1 leak): test_a.T.test_that_fails_with_the_change:"
                      " failure with it, ok without it\nFixed 6 of 8 ", applied.err)  # fmt: skip
        self.assertEqual(self.git("diff", "--stat").splitlines()[0].split()[0], "tests/test_a.py")
        changed = path.read_text("utf-8")
        self.assertIn('.enterContext(tempfile.TemporaryDirectory(prefix="t-"))  # for all', changed)
        self.run_fix("--leak-json=left.json", "discover", "-s", "tests")
        self.assertEqual({leak["origin"]["function"] for leak in self.leaks_in("left.json")}, {
            "export", "test_that_fails_with_the_change",
        })  # fmt: skip

    def leaks_in(self, report: str) -> Any:
        return json.loads((self.project / report).read_text("utf-8"))["leaks"]

    def test_leaks_of_the_run_that_is_asked_for_or_of_a_report(self) -> None:
        self.write("test_a.py", """\
            import tempfile, unittest
            class T(unittest.TestCase):
                def test_it(self): self.top = tempfile.mkdtemp()
        """)
        self.assertRefused(self.run_fix("--fix"), "run the tests first")
        ran = self.run_fix("--fix", "test_a")
        self.assertIn("Ran 1 test", ran.err)
        self.assertIn("+    def test_it(self): self.top = self.enterContext(", ran.out)
        self.run_fix("--leak-json=leaks.json", "test_a")
        self.assertEqual(len(self.leaks_in("leaks.json")), 1)
        fed = self.run_fix("--fix", "--leak-json=leaks.json", "test_a", FORCE_COLOR="1")
        self.assertNotIn("Ran 1 test", fed.err)
        self.assertIn("\33[1m--- a/test_a.py\33[0m\n", fed.out)
        self.assertIn("\33[31m-    def test_it", fed.out)
        self.assertEqual(without_colour(fed.out), ran.out)
        self.assertRefused(self.run_fix("--fix", "--apply"), "not a clean git tree", "--force")
        self.assertEqual(self.run_fix("--fix", "--apply", "--force").code, 0)
        self.write("libcst.py", "raise ImportError")
        self.assertRefused(self.run_fix("--fix", "--leak-json=leaks.json"), "tidytest[fix]")

    def test_pytest(self) -> None:
        self.write("test_a.py", """\
            import pytest, tempfile
            @pytest.fixture
            def made(): return tempfile.mkdtemp()
            @pytest.mark.parametrize("word", ["a b", "c::d"])
            def test_it(made, word):
                fd, path = tempfile.mkstemp()
            def test_here():
                open("out.txt", "w").close()
        """)
        self.run_python("-m", "pytest", "-q", "--clean-outside")
        applied = self.run_fix("--fix", "--apply", "--force")
        self.assertEqual(applied.code, 0, applied.err)
        self.assertIn("Fixed 5 of 5 leaks in 1 file; their tests ran again.", applied.err)
        self.assertIn("def made(tmp_path):", (self.project / "test_a.py").read_text())
        self.assertFalse((self.project / "out.txt").exists())  # of the tests that ran again
