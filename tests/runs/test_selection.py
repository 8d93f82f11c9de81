"""Which tests run, how often and in which order; the reports of the slowest."""

from __future__ import annotations

import json
import re

from tests.support.programs import Outcome
from tests.support.projects import ProjectTestCase

SUITE = """
    import tempfile, unittest
    class A(unittest.TestCase):
        def test_1(self): pass
        def test_2(self): pass
        def test_3(self): pass
    class B(unittest.TestCase):
        @classmethod
        def setUpClass(cls): print("set up B", flush=True)
        def test_4(self): pass
        def test_5(self): pass
"""
_TEST = re.compile(r"^(test_\w+) \(\S+\) \.\.\. ", re.MULTILINE)


def order(outcome: Outcome) -> list[str]:
    """Return the tests in the order in which they ran, as `-v` tells."""
    return _TEST.findall(outcome.err)


class OrderTests(ProjectTestCase):
    def setUp(self) -> None:
        super().setUp()
        self.write("test_a.py", SUITE)

    def test_shuffle_prints_the_seed_of_its_order(self) -> None:
        first = self.tidytest("-v", "--shuffle", "test_a")
        seed = re.findall(r"^tidytest: shuffled with --shuffle (\d+)$", first.err, re.MULTILINE)[0]
        again = self.tidytest("-v", "test_a", "--shuffle", seed)
        self.assertEqual(order(first), order(again))
        self.assertEqual(sorted(order(first)), [f"test_{n}" for n in range(1, 6)])
        self.assertEqual(first.out, "set up B\n")
        orders = {tuple(order(self.tidytest("-v", f"--shuffle={n}", "test_a"))) for n in range(4)}
        self.assertGreater(len(orders), 1)

    def test_shuffled_subsets_keep_their_order(self) -> None:
        whole = order(self.tidytest("-v", "--shuffle", "5", "test_a"))
        part = order(self.tidytest("-v", "--shuffle", "5", "test_a.B", "test_a.A.test_2"))
        self.assertEqual(part, [test for test in whole if test in part])

    def test_reverse(self) -> None:
        found = order(self.tidytest("-v", "--reverse", "test_a"))
        self.assertEqual(found, [f"test_{n}" for n in range(5, 0, -1)])

    def test_repeat_runs_each_test_so_often_in_its_class(self) -> None:
        outcome = self.tidytest("-v", "--repeat", "2", "test_a.B")
        self.assertEqual(order(outcome), ["test_4", "test_4", "test_5", "test_5"])
        self.assertEqual(outcome.out, "set up B\n")

    def test_what_init_makes_is_not_shared_by_repetitions(self) -> None:
        self.write("test_a.py", """
            import unittest
            class T(unittest.TestCase):
                def __init__(self, name):
                    super().__init__(name)
                    self.items = []
                def test(self):
                    self.items.append(1)
                    self.assertEqual(self.items, [1])
        """)
        for more in (), ("--until-leak",):
            outcome = self.tidytest("--repeat", "3", *more, "test_a")
            self.assertEqual(outcome.code, 0, outcome.err)
            self.assertIn("Ran 3 tests", outcome.err)


class LastFailedTests(ProjectTestCase):
    SUITE = """
        import os, tempfile, unittest
        class A(unittest.TestCase):
            def test_ok(self): pass
            def test_fails(self): self.assertTrue(os.path.exists("fixed"))
            def test_leaks(self): os.path.exists("fixed") or tempfile.mkdtemp()
            def test_subtest(self):
                with self.subTest(1): self.assertTrue(os.path.exists("fixed"))
        class B(unittest.TestCase):
            @classmethod
            def setUpClass(cls): assert os.path.exists("fixed")
            def test_of_class(self): pass
    """

    def test_last_failed_runs_these_until_they_are_fixed(self) -> None:
        self.write("test_a.py", self.SUITE)
        self.tidytest("test_a")
        outcome = self.tidytest("-v", "--last-failed", "test_a")
        self.assertEqual(order(outcome), ["test_fails", "test_subtest"])
        self.assertIn("setUpClass (test_a.B)", outcome.err)
        self.write("fixed", "")
        outcome = self.tidytest("-v", "--last-failed", "test_a")
        self.assertEqual(order(outcome), ["test_fails", "test_subtest", "test_of_class"])
        outcome = self.tidytest("-v", "--last-failed", "test_a")
        self.assertIn("tidytest: no test failed in the last run: there is nothing", outcome.err)
        self.assertEqual((outcome.code, order(outcome)), (0, []))

    def test_leaked_last(self) -> None:
        self.write("test_a.py", self.SUITE)
        self.tidytest("test_a")
        self.assertEqual(order(self.tidytest("-v", "--leaked-last", "test_a")), ["test_leaks"])
        both = order(self.tidytest("-v", "--leaked-last", "--last-failed", "test_a"))
        self.assertEqual(both, ["test_fails", "test_leaks", "test_subtest"])

    def test_no_named_test_leaked(self) -> None:
        self.write("test_a.py", self.SUITE)
        self.tidytest("test_a")
        outcome = self.tidytest("--leaked-last", "test_a.B")
        self.assertIn("tidytest: no test of these leaked in the last run: there", outcome.err)
        self.assertEqual(outcome.code, 0)

    def test_a_run_in_which_all_is_well_leaves_no_file(self) -> None:
        self.write("test_a.py", SUITE)
        before = sorted(self.project.rglob("*"))
        self.tidytest("test_a")
        self.assertEqual(sorted(self.project.rglob("*")), before)

    def failed(self) -> list[str]:
        """Return what the state calls failed."""
        path = self.project / ".tidytest_cache/tests.json"
        failed: list[str] = json.loads(path.read_text())["failed"] if path.exists() else []
        return failed

    def test_a_lost_module_fails_if_it_may_hold_failed_tests(self) -> None:
        suite = self.SUITE.replace("exists", "isdir")
        for place, name in ("test_a.py", "test_a"), ("pkg/__init__.py", "pkg.test_a"):
            self.write("pkg/__init__.py", "")
            self.write(f"{name.replace('.', '/')}.py", suite)
            self.tidytest()
            for broken in "import nosuch", "def":
                self.write(place, broken)
                self.write("test_other.py", broken)
                with self.subTest(place, broken=broken):
                    outcome = self.tidytest("--last-failed", "discover")
                    failing = re.findall(r"^ERROR: (\w+)", outcome.err, re.MULTILINE)
                    self.assertEqual((outcome.code, failing), (1, [name.partition(".")[0]]))
                    self.assertLess({f"{name}.A.test_fails"}, set(self.failed()))
            self.write("test_other.py", "")
            self.write("test_a.py", "")

    def test_a_name_that_cannot_be_loaded_fails(self) -> None:
        self.write("test_a.py", self.SUITE)
        self.tidytest("test_a")
        for name in "test_typo", "pkg/test_typo.py", "test_a.A.test_typo":
            for option in "--last-failed", "--leaked-last":
                with self.subTest(name, option=option):
                    outcome = self.tidytest(option, name)
                    self.assertIn("ERROR: ", outcome.err)
                    self.assertEqual(outcome.code, 1)
        self.assertIn("Ran 3 tests", self.tidytest("--last-failed", "test_a", "test_typo").err)

    def test_a_package_importable_again_is_run_and_forgotten(self) -> None:
        passing = "import unittest\nclass T(unittest.TestCase):\n    def test(self): pass\n"
        for words in ("--last-failed",), (), ("pkg.sub.test_z",):
            self.write("pkg/__init__.py", "")
            self.write("pkg/sub/__init__.py", "import nosuch")
            self.write("pkg/sub/test_z.py", passing)
            self.tidytest(*words[:1] if "pkg" in str(words) else ())
            self.assertEqual(self.failed(), ["sub"] if "pkg" in str(words) else ["pkg.sub"])
            self.write("pkg/sub/__init__.py", "")
            with self.subTest(words):
                self.assertIn("Ran 1 test", self.tidytest(*words).err)
                self.assertEqual(self.failed(), [])

    def test_a_package_without_tests_is_forgotten(self) -> None:
        self.write("test_a.py", SUITE)
        self.write("pkg/__init__.py", "import nosuch")
        self.tidytest()
        self.write("pkg/__init__.py", "")
        self.tidytest()
        self.assertEqual(self.failed(), [])

    def test_what_another_run_has_kept_meanwhile_is_kept(self) -> None:
        fails = "import unittest\nclass T(unittest.TestCase):\n    def test(self): self.fail()\n"
        self.write("test_b.py", fails)
        self.write("test_c.py", fails)
        self.tidytest("test_b")
        self.write("test_b.py", fails.replace("fail()", "id()"))
        self.write("test_a.py", """
            import subprocess, sys, unittest
            class T(unittest.TestCase):
                def test(self):
                    subprocess.call([sys.executable, "-m", "runner", "-q", "test_b", "test_c"])
                    self.fail()
        """)
        self.tidytest("test_a")
        self.assertEqual(self.failed(), ["test_a.T.test", "test_c.T.test"])


class UntilLeakTests(ProjectTestCase):
    SUITE = """
        import tempfile, unittest
        turns = []
        class T(unittest.TestCase):
            def test_flaky(self):
                turns.append(1)
                if len(turns) == 4: tempfile.mkdtemp()
            def test_z(self): pass
    """

    def test_it_stops_at_the_leak(self) -> None:
        self.write("test_a.py", self.SUITE)
        outcome = self.tidytest("-v", "--until-leak", "test_a")
        self.assertEqual(order(outcome), ["test_flaky", "test_z"] * 3 + ["test_flaky"])
        self.assertIn("1 leaked by 1 test", outcome.err)

    def test_without_end_it_says_that_it_goes_on(self) -> None:
        self.write("test_a.py", self.SUITE)
        reported = "tidytest: round 1 of 2 tests: no leak yet, ^C ends it\n"
        self.assertIn(f"\n{reported}", self.tidytest("--until-leak", "test_a").err)
        self.assertIn(reported, self.tidytest("-q", "--until-leak", "test_a").err)
        self.assertNotIn("round", self.tidytest("--until-leak", "--repeat", "2", "test_a").err)

    def test_it_stops_after_the_round_with_a_late_leak(self) -> None:
        self.write("test_a.py", """
            import subprocess, sys, tempfile, unittest
            turns = []
            children = []
            LATE = "import sys, tempfile; sys.stdin.read(); tempfile.mkstemp()"
            class T(unittest.TestCase):
                def test_a(self):
                    turns.append(1)
                    if len(turns) == 2:
                        child = [sys.executable, "-c", LATE]
                        children.append(subprocess.Popen(child, stdin=subprocess.PIPE))
                def test_z(self):
                    for child in children:
                        child.communicate()
        """)
        for options in (), ("--leaks", "fail"):
            outcome = self.tidytest("-v", "--until-leak", "--repeat", "9", *options, "test_a")
            self.assertEqual(order(outcome), ["test_a", "test_z"] * 2)
            self.assertEqual(outcome.err.count("\nFound after the tests:\n"), 1, outcome.err)
            self.assertIn("1 leaked by 1 test", outcome.err)
            self.assertEqual(outcome.code, 1 if options else 0)

    def test_it_stops_after_so_many_rounds(self) -> None:
        self.write("test_a.py", self.SUITE)
        outcome = self.tidytest("-v", "--until-leak", "--repeat", "2", "test_a")
        self.assertEqual(order(outcome), ["test_flaky", "test_z"] * 2)


class SlowestTests(ProjectTestCase):
    def test_durations_match_unittest_on_every_python(self) -> None:
        self.write("test_a.py", """
            import time, unittest
            class T(unittest.TestCase):
                def test_then_quick(self): pass
                def test_slow(self): time.sleep(0.02)
                def test_slower(self): time.sleep(0.6)
                @unittest.skip("by a decorator")
                def test_skipped(self): pass
                def test_skips_itself(self): self.skipTest("late")
            @unittest.skip("by a decorator")
            class U(unittest.TestCase):
                def test_skipped(self): pass
        """)
        outcome = self.tidytest("--durations", "2", "test_a")
        title = "Slowest test durations\n" + "-" * 70 + "\n"
        self.assertIn(title, outcome.err)
        lines = outcome.err.split(title)[1].splitlines()[:3]
        self.assertRegex(lines[0], r"^\d\.\d\d\ds     test_slower \(test_a\.T\.test_slower\)$")
        self.assertRegex(lines[1], r"^\d\.\d\d\ds     test_slow \(test_a\.T\.test_slow\)$")
        self.assertEqual(lines[2], "")
        hidden = "\n(durations < 0.001s were hidden; use -v to show these durations)\n"
        self.assertIn(hidden, self.tidytest("--durations", "0", "test_a").err)
        self.write("setup.cfg", "[tidytest]\ndurations = 1\n")
        self.assertIn(title, self.tidytest("test_a").err)
        self.assertNotIn(title, self.tidytest("test_a", "--no-durations").err)
        words = "--durations", "3", "test_a", "--no-durations"
        self.assertNotIn(title, self.tidytest(*words).err)
        self.assertIn(title, self.tidytest(*words, "--durations=1").err)
        reported = self.tidytest("-v", "--durations", "0", "test_a").err.split(title)[1]
        self.assertIn("test_skips_itself", reported)
        self.assertNotIn("test_skipped", reported)

    def test_slowest_temp_counts_what_tests_have_removed_too(self) -> None:
        self.write("test_a.py", """
            import tempfile, unittest
            class T(unittest.TestCase):
                def write(self, size):
                    with tempfile.NamedTemporaryFile() as file:
                        file.write(bytes(size))
                def test_much(self): self.write(5000)
                def test_more(self): self.write(9000)
                def test_little(self): self.write(10)
        """)
        outcome = self.tidytest("--slowest-temp", "2", "test_a")
        lines = outcome.err.split("Most temporary bytes created\n")[1].splitlines()
        self.assertEqual(lines[1:4], [
            "   8.8 KiB      1 created  test_a.T.test_more",
            "   4.9 KiB      1 created  test_a.T.test_much",
            "",
        ])

    def test_bytes_are_counted_once_and_when_they_are_gone(self) -> None:
        self.write("old", "")
        self.write("test_a.py", """
            import contextlib, os, tempfile, threading, unittest
            class T(unittest.TestCase):
                def setUp(self):
                    self.place = self.enterContext(tempfile.TemporaryDirectory())
                    self.path = os.path.join(self.place, "x")
                def write(self, path=None):
                    with open(path or self.path, "wb") as file: file.write(bytes(1000))
                def test_0_renamed(self):
                    self.write()
                    for name in "yzw":
                        os.rename(self.path, self.path + name)
                        self.path += name
                def test_1_refused(self):
                    self.write()
                    for refuse in os.rmdir, os.rmdir, lambda path: os.rename(path, self.place):
                        self.assertRaises(OSError, refuse, self.path)
                def test_2_holes(self):
                    with open(self.path, "wb") as file: file.truncate(50_000_000)
                def test_3_holes_that_leak(self):
                    handle, path = tempfile.mkstemp()
                    os.truncate(handle, 50_000_000)
                    os.close(handle)
                def test_4_made_again(self):
                    for _ in range(3):
                        self.write()
                        os.remove(self.path)
                def test_5_replaced(self):
                    for _ in range(4):
                        self.write(self.path + ".new")
                        os.replace(self.path + ".new", self.path)
                def test_6_moved_out(self):
                    self.write()
                    os.rename(self.path, "moved")
                    os.remove("moved")
                    self.write()
                    os.replace(self.path, "old")
                def test_7_in_threads(self):
                    def make(name):
                        self.write(name)
                        os.remove(name)
                    names = [f"{self.path}{number}" for number in range(7)]
                    threads = [threading.Thread(target=make, args=[name]) for name in names]
                    for thread in threads: thread.start()
                    for thread in threads: thread.join()
        """)
        outcome = self.tidytest("--slowest-temp", "0", "test_a")
        line = r"^ +(.+?) +\d created  test_a\.T\.test_(\d)"
        reported = re.findall(line, outcome.err, re.MULTILINE)
        sizes = dict(sorted((test, size) for size, test in reported))
        self.assertEqual(sizes, {
            "0": "1000 B", "1": "1000 B", "2": "0 B", "3": "0 B", "4": "2.9 KiB", "5": "3.9 KiB",
            "6": "2.0 KiB", "7": "6.8 KiB",
        }, outcome.err)
