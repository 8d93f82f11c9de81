"""What a run prints: leaks in one section that fits a terminal, counts, names, one line with -q."""

from __future__ import annotations

import os
import re
import subprocess
import sys
import unittest

from tests.support.projects import ProjectTestCase

SUITE = """
    import os, tempfile, unittest
    from helper import render
    class InvoicesAreRenderedTest(unittest.TestCase):
        def test_total_of_the_first_invoice(self): self.fail("wrong")
        def test_total_of_the_second_invoice(self): raise KeyError("gone")
    def leaks(number):
        def test(self):
            if number % 3: tempfile.mkdtemp(prefix=f"left-by-{number}-")
            elif number % 2: render(number)
            else: open(f"left-{number}.txt", "w").close()
        return test
    for number in range(500):
        name = f"test_leaves_what_it_has_created_{number:03}"
        setattr(InvoicesAreRenderedTest, name, leaks(number))
"""
HELPER = """
    import os, tempfile
    def render(number):
        with open(os.path.join(tempfile.gettempdir(), f"invoice-number-{number}.pdf"), "w") as file:
            file.write("text")
"""
SMALL = """
    import tempfile, unittest
    class T(unittest.TestCase):
        def test_fails(self): self.fail()
        def test_leaks(self): tempfile.mkdtemp(prefix="first-")
        def test_leaks_again(self): tempfile.mkdtemp(prefix="again-")
"""
NEIGHBOUR = """
import glob, os, sys, time
while not glob.glob(os.path.join(sys.argv[1], "secret-*")): time.sleep(0.01)
with open(os.path.join(sys.argv[1], "foreign"), "w"): sys.stdin.read()
"""


class ManyLeaksTests(ProjectTestCase):
    """500 leaks, at the width of a terminal; one run for all tests."""

    err = ""

    def setUp(self) -> None:
        super().setUp()
        if not self.err:
            self.write("test_invoices.py", SUITE)
            self.write("helper.py", HELPER)
            type(self).err = self.tidytest("test_invoices", COLUMNS="80").err
        self.lines = self.err.splitlines()
        self.section = self.err[self.err.index("\nLEAKS: "):]

    def test_they_take_under_100_lines_of_80_columns(self) -> None:
        self.assertLess(len(self.section.splitlines()), 100)
        wide = [line for line in self.section.splitlines() if len(line) > 80]
        self.assertEqual([line for line in wide if "self.enterContext(" not in line], [])
        self.assertIn("\n... and 480 more: -v, --html or --leak-json\n", self.section)

    def test_failures_come_first_and_their_names_at_the_end(self) -> None:
        first = [self.err.index(text) for text in ("\nERROR: ", "\nFAIL: ", "\nLEAKS: ")]
        self.assertEqual(first, sorted(first))
        test = "  test_invoices.InvoicesAreRenderedTest.test_total_of_the_"
        names = [f"{test}first_invoice", f"{test}second_invoice"]
        self.assertEqual(self.lines[-4:-1], ["Failed tests (2):", *names])
        self.assertTrue(self.lines[-1].startswith("Temporary files: 500 created, 500 leaked"))

    def test_sizes_are_in_a_column_and_origins_whole(self) -> None:
        rows = re.findall(r"^    (?:dir|file) .*$", self.section, re.M)
        self.assertEqual(len(rows), 20)
        self.assertEqual({len(row.partition(" B  ")[0]) for row in rows}, {17})
        origins = re.findall(r"^          (\S+\.py:\d+)\b.*$", self.section, re.M)
        self.assertEqual(set(origins), {"test_invoices.py:9", "helper.py:4"})
        self.assertIn(" helper.py:4 in render  open, called from test_invoices.py:10\n",
                      self.section)


class FewLeaksTests(ProjectTestCase):
    def setUp(self) -> None:
        super().setUp()
        self.write("test_a.py", SMALL)

    def test_the_number_of_leaks_that_are_listed(self) -> None:
        for words, number in ((["1"], 1), (["0"], 2), (["1", "-v"], 2)):
            err = self.tidytest("--leaks-shown", *words, "test_a").err
            self.assertEqual(len(re.findall(r"^    dir ", err, re.M)), number, words)
            self.assertEqual("... and 1 more: -v, --html or --leak-json\n" in err, number == 1)

    def test_q_keeps_one_line(self) -> None:
        for words in (["-q"], ["--summary", "short"], ["-q", "--leaks", "fail"]):
            err = self.tidytest(*words, "test_a").err
            end = err[err.index("FAILED ("):].splitlines()
            line = "LEAKS: 2 left by 2 tests, 0 B, most at test_a.py:5; --html or --leak-json"
            self.assertEqual(end[1:], [line], words)
            self.assertEqual(err.count("LEAKS:"), 1)

    def test_nothing_is_printed_if_asked_for(self) -> None:
        err = self.tidytest("--summary", "none", "test_a").err
        self.assertTrue(err.endswith("\n\nFAILED (failures=1)\n"), err)
        self.assertNotIn("LEAKS", err)

    def test_the_rest_is_in_the_file_of_this_run(self) -> None:
        err = self.tidytest("--leaks-shown", "1", "--leak-json", "a.json", "test_a").err
        self.assertIn("\n... and 1 more: see a.json\n", err)

    def test_failures_keep_unittests_line_unless_leaks_fail(self) -> None:
        for mode, verdict in (("report", "(failures=1)"), ("fail", "(failures=1, leaks=2)")):
            outcome = self.tidytest("--leaks", mode, "test_a")
            self.assertIn(f"\nFAILED {verdict}\n", outcome.err)
        self.assertIn("2 failed for leaks only (--leaks fail), not counted as failures\n",
                      outcome.err)
        self.assertEqual(outcome.err.splitlines()[0], "FLL")
        only = self.tidytest("--leaks", "fail", "test_a.T.test_leaks").err
        self.assertIn("\nFAILED (leaks=1)\n", only)

    def test_colours_have_a_meaning_and_say_nothing_alone(self) -> None:
        shown = self.on_terminal("--leaks", "fail", "test_a")
        bold = "1;" if sys.version_info >= (3, 14) else ""  # unittest's own colours
        for text in (
            "\x1b[31mFAIL", f"\x1b[{bold}31mFAILED\x1b[0m", "\x1b[33mLEAKS: 2", "\x1b[1mfirst-",
            "\x1b[1mtest_a.py:5\x1b[0m", "\x1b[2mtempfile.mkdtemp\x1b[0m",
            "\x1b[31mFailed tests (1):",
        ):
            self.assertIn(text, shown)
        self.assertIn("\x1b[32mOK", self.on_terminal("test_a.T.test_leaks"))
        plain = self.on_terminal("--leaks", "fail", "test_a", NO_COLOR="1")
        self.assertNotIn("\x1b[", plain)
        self.assertEqual(words_of(plain), words_of(re.sub(r"\x1b\[[\d;]*m", "", shown)))


class UnattributedTests(ProjectTestCase):
    """A child creates a file of a name that nothing tells, another program one that it holds."""

    def test_new_files_of_shared_directories_are_listed_if_asked_for(self) -> None:
        self.write("test_a.py", """
            import os, subprocess, time, unittest
            class T(unittest.TestCase):
                def test_a(self):
                    subprocess.run(["sh", "script"], env={**os.environ, "IN": os.environ["BASE"]})
                    while not os.path.exists(os.path.join(os.environ["BASE"], "foreign")):
                        time.sleep(0.01)
        """)
        self.write("script", 'name=sec; touch "$IN/${name}ret-$$"\n')
        title = "New in shared directories, not attributed to any test (1):\n    file  "
        for words in ([], ["-v"], ["--show-unattributed"]):
            with self.subTest(words), subprocess.Popen([sys.executable, "-c", NEIGHBOUR, self.base],
                                                       stdin=subprocess.PIPE) as neighbour:
                outcome = self.run_python("-m", "runner", *words, "test_a", BASE=str(self.base))
                neighbour.communicate()
            self.assertEqual(title in outcome.err, bool(words), outcome.err)
            self.assertEqual("secret-" in outcome.err, bool(words))
            self.assertNotIn("foreign", outcome.err)
            for name in os.listdir(self.base):
                os.unlink(self.base / name)


def words_of(text: str) -> str:
    return re.sub(r"(?:first|again)-\w+|\d+\.\d+s", "X", text)


if __name__ == "__main__":
    unittest.main()
