"""Adopting the runner on a suite that leaks: the baseline, and where to begin."""

from __future__ import annotations

import json
import shutil

from tests.support.projects import ProjectTestCase

NAME = ".tidytest-leaks.json"


def suite(numbers: range, extra: str = "") -> str:
    tests = "".join(
        f"    def test_{n}(self): os.close(tempfile.mkstemp(suffix='.dat')[0])\n" for n in numbers
    )
    return f"import os, tempfile, unittest\n{extra}class Old(unittest.TestCase):\n{tests}"


class BaselineTests(ProjectTestCase):
    def adopt(self, number: int = 10) -> None:
        self.write("test_old.py", suite(range(number)))
        outcome = self.tidytest("--leaks", "fail", "--update-baseline")
        self.assertEqual(outcome.code, 0, outcome.err)
        self.assertIn(f"Baseline: {number} known leaks written to {NAME}\n", outcome.err)

    def test_known_leaks_pass_and_a_new_one_fails_by_name(self) -> None:
        self.adopt(60)
        outcome = self.tidytest("--leaks", "fail")
        self.assertEqual(outcome.code, 0, outcome.err)
        self.assertIn("Known leaks: 60 of 60 are in the baseline\n", outcome.err)
        self.assertNotIn("left 1 in the temp directory", outcome.err)
        self.write("test_new.py", suite(range(1)).replace("Old", "New"))
        outcome = self.tidytest("--leaks", "fail")
        self.assertEqual(outcome.code, 1)
        self.assertIn("LEAK: test_new.New.test_0\n", outcome.err)
        self.assertIn("FAILED (leaks=1)", outcome.err)

    def test_moved_lines_and_another_order_change_nothing(self) -> None:
        self.adopt()
        self.write("test_old.py", suite(range(9, -1, -1), extra="# moved\n\n"))
        self.assertEqual(self.tidytest("--leaks", "fail", "--shuffle", "3").code, 0)
        self.assertEqual(self.tidytest("--leaks", "fail", "--reverse").code, 0)

    def test_fixed_leaks_are_reported_and_fail_only_with_strict(self) -> None:
        self.adopt()
        self.write("test_old.py", suite(range(8)) + "    def test_8(self): pass\n")
        outcome = self.tidytest("--leaks", "fail")
        self.assertEqual(outcome.code, 0)
        self.assertIn(f"Baseline {NAME}: 2 fixed: run with --update-baseline\n", outcome.err)
        outcome = self.tidytest("--leaks", "fail", "--strict-baseline")
        self.assertEqual(outcome.code, 1)
        self.assertIn("test_old.Old.test_9", outcome.err)
        self.assertEqual(self.tidytest("--update-baseline").code, 0)
        self.assertNotIn("fixed", self.tidytest("--strict-baseline").err)

    def test_a_partial_run_ignores_entries_of_other_tests(self) -> None:
        self.adopt()
        for words in (["test_old.Old.test_1"], ["-k", "test_2"], ["discover", "-vk", "test_2"]):
            with self.subTest(words):
                outcome = self.tidytest(*words, "--strict-baseline")
                self.assertEqual((outcome.code, "fixed" in outcome.err), (0, False), outcome.err)
        self.tidytest("test_old.Old.test_1", "--update-baseline")
        self.assertEqual(len(self.leaks()), 10)

    def test_a_module_that_is_gone_leaks_no_more(self) -> None:
        self.adopt()
        (self.project / "test_old.py").unlink()
        self.write("test_new.py", suite(range(0)) + "    def test(self): pass\n")
        self.assertIn("10 fixed", self.tidytest().err)

    def leaks(self) -> list[str]:
        document = json.loads((self.project / NAME).read_text("utf-8"))
        return [entry["context"] for entry in document["leaks"] if entry]

    def test_an_entry_of_an_unfinished_test_is_not_fixed(self) -> None:
        source = """
            import os, tempfile, unittest
            BROKEN = "BROKEN" in os.environ
            class Body(unittest.TestCase):
                def test_fails_before(self):
                    self.assertFalse(BROKEN)
                    tempfile.mkdtemp()
                def test_is_skipped(self):
                    if BROKEN: self.skipTest("not today")
                    tempfile.mkdtemp()
            @unittest.skipIf(BROKEN, "not today")
            class Skipped(unittest.TestCase):
                def test(self): tempfile.mkdtemp()
            class Fixture(unittest.TestCase):
                @classmethod
                def setUpClass(cls):
                    if BROKEN: raise OSError("no server")
                    tempfile.mkdtemp()
                def test(self): tempfile.mkdtemp()
        """
        self.write("test_old.py", source)
        self.tidytest("--update-baseline")
        before = self.leaks()
        self.assertEqual(len(before), 5)
        outcome = self.tidytest("--strict-baseline", BROKEN="1")
        self.assertNotIn("fixed", outcome.err)
        self.tidytest("--update-baseline", BROKEN="1")
        self.assertEqual(self.leaks(), before)

    def test_a_module_that_cannot_be_imported_is_not_fixed(self) -> None:
        self.write("test_old.py", f"import tempfile\ntempfile.mkdtemp()\n{suite(range(3))}")
        self.tidytest("--update-baseline")
        before = self.leaks()
        self.assertEqual(len(before), 4)
        self.write("test_old.py", "import nope")
        self.assertNotIn("fixed", self.tidytest().err)
        self.tidytest("--update-baseline")
        self.assertEqual(self.leaks(), before)

    def test_two_directories_of_tests_share_one(self) -> None:
        for directory in ("unit", "more"):
            self.write(f"{directory}/test_{directory}.py", suite(range(3)))
        self.tidytest("discover", "-s", "unit", "--update-baseline")
        self.assertNotIn("fixed", self.tidytest("discover", "-s", "more").err)
        self.tidytest("discover", "-s", "more", "--update-baseline")
        self.assertEqual(len(self.leaks()), 6)

    def test_a_similar_name_does_not_hide_a_fixed_leak(self) -> None:
        source = "import unittest\nclass Old(unittest.TestCase):\n" + "".join(
            f"    def test_{n}(self): open('left_{n}.txt', 'w').close()\n" for n in range(3)
        )
        self.write("test_old.py", source)
        self.tidytest("--update-baseline")
        for path in self.project.glob("left_*"):
            path.unlink()
        self.write("test_old.py", source.replace("open('left_1.txt', 'w').close()", "pass"))
        self.assertIn("1 fixed", self.tidytest().err)

    def test_renamed_temp_files_are_the_same_leaks(self) -> None:
        source = """
            import os, secrets, tempfile, unittest
            class Old(unittest.TestCase):
                def test_a(self):
                    name = f"x{secrets.token_hex(9)}"
                    open(os.path.join(tempfile.gettempdir(), name), "w").close()
                def test_b(self): tempfile.mkdtemp(prefix="one-")
                def test_c(self): os.mkdir(tempfile.mktemp(prefix="db-"))
        """
        self.write("test_old.py", source)
        self.tidytest("--update-baseline")
        self.write("test_old.py", source.replace("one-", "other_").replace('"x{', '"y_{'))
        for _ in range(3):
            outcome = self.tidytest("--leaks", "fail", "--strict-baseline")
            self.assertEqual(outcome.code, 0, outcome.err)

    def names(self) -> dict[str, str]:
        document = json.loads((self.project / NAME).read_text("utf-8"))
        return {entry["context"][-1]: entry["name"] for entry in document["leaks"] if entry}

    def test_names_in_the_source_are_not_random(self) -> None:
        self.write("test_old.py", """
            import os, subprocess, tempfile, unittest
            class Old(unittest.TestCase):
                def test_a(self): os.system("touch $TMPDIR/shellfile")
                def test_b(self): tempfile.mkdtemp(prefix="teardown-")
                def test_c(self): subprocess.run(["mktemp", "-t", "results-XXXXXXXX.txt"])
                def test_d(self): os.system("mktemp -t sessionXXXXXXXX")
                def test_e(self):
                    os.system("touch $TMPDIR/results.txt")
                    subprocess.run(["true"])
        """)
        reported = {
            "a": "shellfile", "b": "teardown-*", "c": "results-*.txt", "d": "*", "e": "results.txt",
        }  # fmt: skip
        for _ in range(3):
            self.tidytest("--update-baseline")
            self.assertEqual(self.names(), reported)

    def test_a_baseline_with_more_random_parts_still_holds(self) -> None:
        source = """
            import os, unittest
            class Old(unittest.TestCase):
                def test_a(self): os.system("touch $TMPDIR/shellfile")
        """
        self.write("test_old.py", source)
        self.tidytest("--update-baseline")
        document = (self.project / NAME).read_text("utf-8")
        (self.project / NAME).write_text(document.replace("shellfile", "*"), "utf-8")
        outcome = self.tidytest("--leaks", "fail", "--strict-baseline")
        self.assertEqual(outcome.code, 0, outcome.err)

    def test_can_be_switched_off(self) -> None:
        self.adopt(2)
        outcome = self.tidytest("--no-leak-baseline", "--leaks", "fail")
        self.assertEqual(outcome.code, 1)
        self.assertNotIn("Known leaks", outcome.err)
        refused = self.tidytest("--no-leak-baseline", "--update-baseline")
        self.assertRefused(refused, "--leak-baseline")

    def test_unwritable_baseline_is_refused_before_the_tests(self) -> None:
        self.write("test_a.py", "raise SystemExit('the tests are loaded')")
        outcome = self.tidytest("--update-baseline", "--leak-baseline", "none/x.json")
        self.assertRefused(outcome, "cannot write none/x.json: No such file or directory")

    def test_a_strict_run_says_why_it_fails(self) -> None:
        self.adopt(2)
        self.write("test_old.py", suite(range(1)))
        outcome = self.tidytest("--strict-baseline")
        self.assertEqual(outcome.code, 1)
        self.assertIn("\nFAILED: the baseline still has leaks that are fixed (--strict-baseline)\n",
                      outcome.err)

    def test_a_leak_of_an_earlier_run_is_not_fixed(self) -> None:
        self.write("test_old.py", """
            import unittest
            class Old(unittest.TestCase):
                def test_a(self): open("debug.log", "w").close()
                def test_b(self): open("other.log", "w").close()
        """)
        self.tidytest("--update-baseline")
        (self.project / "other.log").unlink()
        outcome = self.tidytest("--leaks", "fail", "--strict-baseline")
        self.assertEqual(outcome.code, 0, outcome.err)
        self.assertNotIn("fixed", outcome.err)
        self.assertIn("Known leaks: 2 of 2 are in the baseline", outcome.err)
        (self.project / "other.log").unlink()
        shutil.rmtree(self.project / ".tidytest_cache")  # else it is known to be there still
        outcome = self.tidytest("--leaks", "fail", "--strict-baseline")
        self.assertEqual(outcome.code, 0, outcome.err)
        self.assertNotIn("fixed", outcome.err)
        self.assertIn("\ndebug.log exists from an earlier run: remove it to see", outcome.err)
        self.tidytest("--update-baseline")
        self.assertEqual(len(self.leaks()), 2)

    def test_known_leaks_are_in_verbose_output_and_json(self) -> None:
        self.adopt()
        outcome = self.tidytest("-v", "--leak-json", "out.json")
        self.assertEqual(outcome.err.count("known (baseline)"), 10)
        document = json.loads((self.project / "out.json").read_text("utf-8"))
        self.assertEqual(document["summary"]["leaked"], 10)

    def test_a_file_that_is_no_baseline_is_refused(self) -> None:
        self.write("test_a.py", "raise SystemExit")
        self.assertRefused(self.tidytest("--leak-baseline", "none.json"), "none.json")
        self.write(NAME, "{")
        self.assertRefused(self.tidytest(), NAME)


class WhereToBeginTests(ProjectTestCase):
    SUITE = """
        import os, pathlib, socket, tempfile, unittest
        def export():
            top = tempfile.gettempdir()
            path = pathlib.Path(top, f"r{len(os.listdir(top))}.csv")
            path.write_text("text")
        class T(unittest.TestCase):
            @classmethod
            def setUpClass(cls): tempfile.mkdtemp()
            def test_a(self):
                export(); export()
            def test_b(self): export()
            def test_c(self): tempfile.mkdtemp()
            def test_d(self):
                with open(tempfile.mkstemp()[0], "wb") as file: file.write(bytes(9000))
    """

    def test_the_worst_line_has_one_remedy_to_paste(self) -> None:
        self.write("test_a.py", self.SUITE)
        lines = self.tidytest("test_a").err.splitlines()
        start = lines.index("Where to begin: 3 of 6 leaks, 12 B")
        self.assertEqual(lines[start + 1 : -1], [
            "  test_a.py:6 in export  pathlib.Path.write_text",
            "    self.enterContext(tempfiles.redirect())"
            "  # first in the test or setUp; import tempfiles",
            "  (tidytest --fix shows what it can change as a diff)",
        ])
        self.assertTrue(lines[-1].startswith("Temporary files: "))

    def test_with_a_baseline_only_what_is_new(self) -> None:
        self.write("test_a.py", self.SUITE)
        self.tidytest("--update-baseline", "test_a")
        self.assertNotIn("Where to begin", self.tidytest("test_a").err)

    def test_nothing_with_q_and_nothing_for_a_few(self) -> None:
        self.write("test_a.py", self.SUITE)
        self.assertNotIn("Where to begin", self.tidytest("-q", "test_a").err)
        self.assertNotIn("Where to begin", self.tidytest("test_a.T.test_b").err)
