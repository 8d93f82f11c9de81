"""Baselines of runs that end early, leave out tests or run them in another order."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import unittest

from tests.support.projects import ProjectTestCase

STRICT = ("-q", "--leaks", "fail", "--strict-baseline")
SHARED = """
    import functools, os, tempfile

    def report():
        with open(os.path.join(tempfile.gettempdir(), "report.csv"), "w") as file:
            file.write("x")

    def log():
        with open(f"{tempfile.gettempdir()}/log-{os.getpid()}", "a") as file:
            file.write("x")
"""


class BaselineCase(ProjectTestCase):
    def adopt(self, *words: str) -> None:
        """Write down what leaks now."""
        outcome = self.tidytest("-q", "--update-baseline", *words)
        self.assertIn("written to .tidytest-leaks.json", outcome.err)

    def entries(self) -> list[str]:
        text = (self.project / ".tidytest-leaks.json").read_text("utf-8")
        return [leak["context"] for leak in json.loads(text)["leaks"] if leak]

    def assertHolds(self, *words: str) -> None:
        """Hold that a strict run finds neither anything new nor anything fixed."""
        outcome = self.tidytest(*words, *STRICT)
        self.assertEqual(outcome.code, 0, outcome.err)
        self.assertNotIn("fixed", outcome.err)

    def suite(self, name: str, *bodies: str, more: str = "") -> None:
        """Write a module with a class A of some tests."""
        methods = "".join(
            f"    def test_{n}(self):\n        {body}\n" for n, body in enumerate(bodies, 1)
        )
        imports = "import os, subprocess, tempfile, threading, time, unittest"
        self.write(f"{name}.py", f"{imports}\n{more}\nclass A(unittest.TestCase):\n{methods}")


class TestOrderTests(BaselineCase):
    def test_a_shared_leak_is_known_whichever_test_comes_first(self) -> None:
        self.write("shared.py", SHARED)
        for name in ("test_a", "test_b"):
            self.suite(name, "shared.report()", "shared.log()", more="import shared")
        self.adopt()
        for words in ((), ("--reverse",), ("--shuffle", "3"), ("test_b",), ("test_b.A.test_2",)):
            with self.subTest(words):
                self.assertHolds(*words)

    def test_a_later_leak_is_new_after_the_known_one_was_fixed(self) -> None:
        fixed = "open(tempfile.gettempdir() + '/fixed', 'w').close()"
        self.suite("test_a", fixed, "pass")
        self.adopt()
        self.suite("test_a", "pass", fixed)
        outcome = self.tidytest(*STRICT)
        self.assertEqual(outcome.code, 1)
        self.assertRegex(outcome.err, r"LEAKS: 1 left .*: \S*test_2; ")
        self.assertIn("1 fixed", outcome.err)

    def test_another_child_changes_nothing(self) -> None:
        make = "subprocess.run('mktemp', shell=True, stdout=subprocess.DEVNULL)"
        self.suite("test_a", make)
        self.adopt()
        self.suite("test_a", f"{make}; subprocess.run(['true'])")
        self.assertHolds()


class LateLeakTests(BaselineCase):
    def test_a_leak_found_after_its_test_is_new(self) -> None:
        self.suite("test_a", "tempfile.mkdtemp()")
        self.adopt()
        late = "threading.Thread(target=lambda: (time.sleep(0.3), tempfile.mkdtemp())).start()"
        self.suite("test_a", f"tempfile.mkdtemp(); {late}")
        outcome = self.tidytest(*STRICT)
        self.assertEqual(outcome.code, 1, outcome.err)
        self.assertIn("FAILED: 1 leak was found after the tests", outcome.err)


class UnfinishedTests(BaselineCase):
    def test_an_interrupted_test_neither_loses_nor_gains_an_entry(self) -> None:
        self.suite("test_a", "tempfile.mkdtemp()", "tempfile.mkdtemp()", "tempfile.mkdtemp()")
        self.adopt()
        before = self.entries()
        self.suite(
            "test_a", "tempfile.mkdtemp()",
            "os.mkdir(tempfile.gettempdir() + '/x'); raise KeyboardInterrupt",
            "tempfile.mkdtemp()",
        )
        for words in (STRICT, ("-q", "--update-baseline")):
            outcome = self.run_python("-m", "runner", *words)
            self.assertEqual(outcome.code, -signal.SIGINT if os.name == "posix" else 1)
            self.assertNotIn("fixed", outcome.err)
            self.assertEqual(self.entries(), before)

    def test_nor_does_it_count_as_leaking_or_as_run_for_the_next_run(self) -> None:
        self.suite("test_a", "self.fail()")
        self.tidytest("-q")
        self.suite("test_a", "tempfile.mkdtemp(); raise KeyboardInterrupt")
        self.run_python("-m", "runner", "-q")
        state = json.loads((self.project / ".tidytest_cache/tests.json").read_text("utf-8"))
        self.assertEqual((state["failed"], state["leaked"]), (["test_a.A.test_1"], []))

    def test_class_and_module_entries_stay_when_tests_did_not_run(self) -> None:
        source = """
            import tempfile, unittest
            {module}
            {decorator}
            class A(unittest.TestCase):
                @classmethod
                def setUpClass(cls): tempfile.mkdtemp()
                def test(self): {body}
        """
        self.write("test_a.py", source.format(module="", decorator="", body="pass"))
        self.adopt()
        skipping = "def setUpModule(): raise unittest.SkipTest('not here')"
        for module, decorator, body in (
            ("", "@unittest.skip('not here')", "pass"), (skipping, "", "pass"),
            ("def setUpModule(): 1 / 0", "", "pass"), ("", "", "self.skipTest('not here')"),
        ):  # fmt: skip
            with self.subTest(module=module, decorator=decorator, body=body):
                text = source.format(module=module, decorator=decorator, body=body)
                self.write("test_a.py", text)
                outcome = self.tidytest("-q", "--strict-baseline")
                self.assertNotIn("fixed", outcome.err)
                self.tidytest("-q", "--update-baseline")
                self.assertEqual(self.entries(), ["test_a.A"])

    def test_a_test_that_failed_as_expected_keeps_its_entry(self) -> None:
        self.suite("test_a", "tempfile.mkdtemp()")
        self.adopt()
        self.write("test_a.py", """
            import unittest
            class A(unittest.TestCase):
                @unittest.expectedFailure
                def test_1(self): 1 / 0
        """)
        self.assertHolds()


class PartialRunTests(BaselineCase):
    def test_fixtures_of_which_not_all_tests_ran_keep_their_entries(self) -> None:
        cleanups = "self.addClassCleanup(tempfile.mkdtemp)"
        module = "unittest.addModuleCleanup(os.mkdir, tempfile.gettempdir() + '/module')"
        self.suite("test_a", "pass", f"{cleanups}; {module}")
        self.adopt()
        self.assertEqual(len(self.entries()), 2)
        for words in (("-k", "test_1"), ("test_a.A.test_1",), ()):
            with self.subTest(words):
                self.assertHolds(*words)

    def test_import_leaks_are_matched_when_all_modules_load(self) -> None:
        self.suite("test_a", "pass")
        self.suite("unit/test_c", "pass")
        self.write("unit/__init__.py", "")
        self.suite("test_b", "pass", more="tempfile.mkdtemp()")
        self.adopt()
        self.assertEqual(self.entries(), ["run"])
        narrow = ("discover", "-p", "test_a.py"), ("discover", "-s", "unit", "-t", "."), ("test_a",)
        for words in narrow:
            with self.subTest(words):
                self.assertHolds(*words)
        self.suite("test_b", "pass")
        outcome = self.tidytest(*STRICT)
        self.assertIn("1 fixed", outcome.err)

    def test_what_is_imported_but_not_asked_for_is_not_gone(self) -> None:
        self.suite("test_b", "tempfile.mkdtemp()", "self.fail()")
        self.suite("test_a", "pass", more="import test_b")
        self.adopt()
        self.assertHolds("discover", "-p", "test_a*.py")
        self.tidytest("discover", "-p", "test_a*.py", "-q", "--update-baseline")
        self.assertEqual(self.entries(), ["test_b.A.test_1"])
        state = json.loads((self.project / ".tidytest_cache/tests.json").read_text("utf-8"))
        self.assertEqual(state["failed"], ["test_b.A.test_2"])

    def test_functions_are_not_gone_in_a_run_without_them(self) -> None:
        self.write("test_f.py", """
            import tempfile
            def setup_module(): tempfile.mkdtemp()
            def test_x(): tempfile.mkdtemp()
        """)
        self.suite("test_a", "tempfile.mkdtemp()")
        self.adopt("--functions")
        before = self.entries()
        self.assertEqual(len(before), 3)
        self.assertHolds()
        self.tidytest("-q", "--update-baseline")
        self.assertEqual(self.entries(), before)

    def test_the_number_of_durations_is_no_name(self) -> None:
        self.suite("test_a", "tempfile.mkdtemp()")
        self.adopt()
        (self.project / "test_a.py").unlink()
        self.suite("test_b", "pass")
        for words in (("--durations", "3"), ("--durations=3",)):
            self.assertIn("1 fixed", self.tidytest(*STRICT, *words).err)


class OutsideTests(BaselineCase):
    def test_other_files_of_the_project_do_not_keep_an_entry_alive(self) -> None:
        self.suite("test_a", "import uuid; open(uuid.uuid4().hex, 'w').close()")
        self.adopt()
        for path in set(self.project.iterdir()):
            if path.suffix == "" and path.is_file():
                path.unlink()
        self.suite("test_a", "pass")
        outcome = self.tidytest(*STRICT)
        self.assertIn("1 fixed", outcome.err)


class BaselineFileTests(BaselineCase):
    @unittest.skipUnless(os.name == "posix", "modes")
    def test_a_read_only_file_stays_and_others_keep_their_mode(self) -> None:
        self.suite("test_a", "tempfile.mkdtemp()")
        self.adopt()
        path = self.project / ".tidytest-leaks.json"
        path.chmod(0o640)
        self.adopt()
        self.assertEqual(path.stat().st_mode & 0o777, 0o640)
        path.chmod(0o444)
        outcome = self.tidytest("-q", "--update-baseline")
        self.assertEqual(outcome.code, 2)
        self.assertIn("cannot write .tidytest-leaks.json: Permission denied", outcome.err)
        self.assertNotIn("Ran ", outcome.err)


class KeepDirectoryTests(BaselineCase):
    def test_around_the_temp_directory_hides_no_leak(self) -> None:
        self.suite("test_a", "tempfile.mkdtemp(); open('out.log', 'w').close()")
        for place in (str(self.base), "."):
            with self.subTest(place):
                (self.project / "out.log").unlink(missing_ok=True)
                done = subprocess.run(
                    [sys.executable, "-m", "runner", "-q", "--leaks", "fail", "--keep",
                     "on-failure", "--keep-dir", place],
                    cwd=self.project, env=self.environment(), capture_output=True, text=True,
                    check=False,
                )
                self.assertEqual(done.returncode, 1, done.stderr)
                self.assertIn("2 left by 1 test", done.stderr)
                self.assertIn("Kept: ", done.stderr)


if __name__ == "__main__":
    unittest.main()
