"""The console script beside a user's own `runner` or `tempfiles`."""

from __future__ import annotations

import unittest
from importlib.util import find_spec

from tests.support.programs import REPOSITORY, Outcome
from tests.support.projects import ProjectTestCase

# Every spelling is in tests/unit/cli/test_shadowing.py.
SPELLINGS = (
    ("discover", "-ssrc"),
    ("discover", "src/sub", "test*.py", "src"),
    ("--leak-ignore", "x", "Discover", "--leaks", "report", "src"),
)


class ShadowingTests(ProjectTestCase):
    def script(self, *words: str, PYTHONPATH: str = "") -> Outcome:
        """Run what the installed script `tidytest` is."""
        script = self.base.parent / "bin" / "tidytest"
        script.parent.mkdir(exist_ok=True)
        script.write_text(
            "import sys\n"
            # PYTHONPATH would come before the working directory; an installed package is last.
            f"sys.path.append({REPOSITORY!r})\nfrom tidytest import main\nsys.exit(main())\n"
        )
        return self.run_python(str(script), *words, PYTHONPATH=PYTHONPATH)

    def test_the_script_does_what_the_module_does(self) -> None:
        self.write("own.py", "VALUE = 1")
        self.write("test_a.py", """
            import os, sys, tempfile, unittest
            import own
            class T(unittest.TestCase):
                def test(self):
                    tempfile.mkdtemp()
                    self.assertEqual(sys.path[0], os.getcwd())
        """)
        for words in (["test_a"], ["discover", "-v"], []):
            outcome = self.script(*words)
            self.assertEqual(outcome.code, 0, outcome.err)
            self.assertIn("1 leaked by 1 test", outcome.err)

    def test_the_users_runner_is_what_their_tests_import(self) -> None:
        for name in ("runner.py", "runner/__init__.py"):
            with self.subTest(name):
                path = self.write(name, "MINE = True\n")
                self.write("test_a.py", """
                    import tempfile, unittest
                    import runner
                    class T(unittest.TestCase):
                        def test(self):
                            self.assertTrue(runner.MINE)
                            tempfile.mkdtemp()
                """)
                words = ("-v", "--leaks", "fail", "--junit-xml", "out.xml", "--html", "out.html",
                         "--keep", "never", "test_a")
                as_module = self.run_python("-m", "tidytest", *words, PYTHONPATH=REPOSITORY)
                self.assertIn("left 1 in the temp directory", as_module.err)
                outcome = self.script(*words)
                self.assertEqual(outcome.code, 1, outcome.err)
                self.assertIn("left 1 in the temp directory", outcome.err)
                self.assertIn(f"tidytest: the tests import {name} as `runner`", outcome.err)
                self.assertTrue((self.project / "out.html").exists())
                path.unlink()

    def test_new_interpreters_import_the_users_runner_too(self) -> None:
        self.write("lib/runner.py", "MINE = True\n")
        self.write("test_a.py", """
            import runner, tempfile, unittest
            class T(unittest.TestCase):
                def test_one(self):
                    self.assertTrue(runner.MINE)
                    self.path = tempfile.mkdtemp()
                def test_two(self):
                    self.assertTrue(runner.MINE)
        """)
        for words, reported in (
            (("-j2", "--workers-by", "spawn", "test_a"), "test_a.py:6 in test_one"),
            (("--parity", "test_a"), "no test depends on others"),
        ):
            outcome = self.script(*words, PYTHONPATH="lib")
            self.assertEqual(outcome.code, 0, outcome.err)
            self.assertIn(reported, outcome.err)
            self.assertIn("1 leaked by 1 test", outcome.err)
            self.assertIn("tidytest: the tests import lib/runner.py as `runner`", outcome.err)

        outcome = self.script("--workers", "tcp://127.0.0.1:9", PYTHONPATH="lib")
        self.assertEqual(outcome.code, 2, outcome.err)
        self.assertIn("tidytest: error: --workers: machines would import the", outcome.err)

    @unittest.skipUnless(find_spec("pytest"), "pytest is not installed")
    def test_pytest_beside_a_runner_and_a_tempfiles_of_the_user(self) -> None:
        self.write("start.py", f"""
            import sys
            sys.path.append({REPOSITORY!r})
            import pytest, tidytest
            words = ["-p", "no:cacheprovider", "-p", "no:tidytest", *sys.argv[1:]]
            sys.exit(pytest.main(words, plugins=[tidytest.pytest_plugin]))
        """)
        self.write("test_a.py", """
            import runner, tempfile
            def test_a():
                assert runner.MINE
                tempfile.mkdtemp()
        """)
        for name in ("lib/runner.py", "runner.py"):  # the second comes in after the plugin
            path = self.write(name, "MINE = True\n")
            outcome = self.run_python("-P", "start.py", PYTHONPATH="lib")
            self.assertEqual(outcome.code, 0, outcome.out + outcome.err)
            self.assertIn("1 leaked by 1 test", outcome.out)
            self.assertIn("test_a.py:5 in test_a", outcome.out)
            path.rename(self.project / "runner.py")
        self.write("lib/tempfiles.py", "")
        outcome = self.run_python("-P", "start.py", "-q", PYTHONPATH="lib")
        self.assertEqual(outcome.code, 0, outcome.out + outcome.err)
        self.assertIn("inactive: lib/tempfiles.py hides the package `tempfiles`", outcome.out)
        outcome = self.run_python("-P", "start.py", "--leaks", "fail", PYTHONPATH="lib")
        self.assertEqual(outcome.code, 4, outcome.out + outcome.err)  # an unknown option

    def test_a_runner_in_the_directory_that_is_discovered(self) -> None:
        self.write("src/runner.py", "MINE = True\n")
        for name in ("src/test_a.py", "src/sub/test_b.py"):
            self.write(name, """
                import unittest, runner
                class T(unittest.TestCase):
                    def test(self): self.assertTrue(runner.MINE)
            """)
        self.write("src/sub/__init__.py", "")
        for words in SPELLINGS:
            with self.subTest(" ".join(words)):
                outcome = self.script(*words)
                self.assertEqual(outcome.code, 0, outcome.err)
                self.assertRegex(outcome.err, "Ran [12] test")

    def test_a_tempfiles_of_the_user_is_refused(self) -> None:
        self.write("tempfiles.py", "")
        self.assertRefused(self.script(), "tempfiles.py", "hides")
        self.assertRefused(self.run_python("-m", "runner"), "tempfiles.py", "hides")

    def test_a_tempfiles_in_the_discovered_directory_is_refused(self) -> None:
        self.write("src/tempfiles/__init__.py", "")
        self.write("src/sub/__init__.py", "")
        reported = "tidytest: error: src/tempfiles/__init__.py hides the package `tempfiles`"
        for words in SPELLINGS:
            with self.subTest(" ".join(words)):
                self.assertRefused(self.script(*words), reported)
                self.assertRefused(self.run_python("-m", "runner", *words), reported)

    def test_what_tests_do_not_import_by_that_name_hides_nothing(self) -> None:
        self.write("sub/tempfiles.py", "")
        self.write("sub/__init__.py", "")
        self.write("sub/test_a.py", """
            import unittest
            class T(unittest.TestCase):
                def test(self): pass
        """)
        for words in (("discover", "-s", "sub", "-t", "."), ("sub.test_a",)):
            outcome = self.script(*words)
            self.assertEqual(outcome.code, 0, outcome.err)

    def test_a_refused_command_line_is_the_only_error(self) -> None:
        for words in (("discover", "--nonsense", "src"), ("discover", "--html")):
            outcome, module = self.script(*words), self.run_python("-m", "runner", *words)
            self.assertEqual((outcome.code, module.code), (2, 2), outcome.err)
            self.assertEqual(outcome.err.count("error:"), 1, outcome.err)
        self.assertEqual(self.script("discover", "-h").out.count("Pattern to match tests"), 1)

    def test_a_tempfiles_on_pythonpath_is_refused_in_one_line(self) -> None:
        self.write("lib/tempfiles/__init__.py", "")
        outcome = self.run_python("-m", "runner", PYTHONPATH=f"lib:{REPOSITORY}")
        self.assertRefused(outcome, "lib/tempfiles/__init__.py")
