"""What a run in workers prints and writes equals a serial run, but for times and random names."""

from __future__ import annotations

import json
import re
from pathlib import Path

from tests.support.programs import Outcome
from tests.support.projects import ProjectTestCase

SUITE = {
    "test_a.py": """
        import os, sys, tempfile, unittest

        class A(unittest.TestCase):
            @classmethod
            def setUpClass(cls):
                print("set up")
                cls.directory = tempfile.mkdtemp(prefix="class-")
                cls.addClassCleanup(print, "cleaned up")
            def test_error(self): raise ValueError("a value")
            @unittest.expectedFailure
            def test_expected(self): self.fail("as expected")
            def test_fails(self): self.assertEqual(1, 2)
            def test_leaks(self): tempfile.mkstemp(prefix="left-")
            def test_passes(self): pass
            def test_prints(self):
                print("to standard output")
                print("to standard error", file=sys.stderr)
                self.fail("after printing")
            @unittest.skip("by a decorator")
            def test_skipped(self): pass
            def test_skips(self): self.skipTest("by itself")
            def test_subtests(self):
                "Say something of the subtests."
                for number in range(3):
                    with self.subTest(number=number):
                        self.assertEqual(number % 2, 0)
            @unittest.expectedFailure
            def test_unexpected(self): pass

        class BrokenSetUp(unittest.TestCase):
            @classmethod
            def setUpClass(cls):
                print("before the error")
                cls.addClassCleanup(print, "after the error")
                raise RuntimeError("no class")
            def test_1(self): pass

        class BrokenTearDown(unittest.TestCase):
            @classmethod
            def tearDownClass(cls): raise RuntimeError("no end")
            def test_1(self): open("outside.txt", "w").close()
            def test_2(self): pass

        class Skipped(unittest.TestCase):
            @classmethod
            def setUpClass(cls): raise unittest.SkipTest("the whole class")
            def test_1(self): pass
    """,
    "test_b.py": """
        import tempfile, unittest

        def setUpModule(): tempfile.mkdtemp(prefix="module-")
        def tearDownModule(): raise ValueError("no end of the module")

        class A(unittest.TestCase):
            def test_1(self): pass
        class B(unittest.TestCase):
            def test_1(self): tempfile.mkdtemp(prefix="left-")
    """,
    "test_c.py": "import missing_module\n",
    "test_d.py": """
        import unittest
        def setUpModule(): raise ValueError("no module")
        class A(unittest.TestCase):
            def test_1(self): pass
    """,
    "test_e.py": """
        import unittest

        class Group(unittest.TestSuite):
            def run(self, result, debug=False):
                for test in self:
                    test(result)
                return result

        class Made(unittest.TestCase):
            def test_1(self): pass
            def test_2(self): self.fail("in a suite of its own")

        def load_tests(loader, tests, pattern):
            return Group(loader.loadTestsFromTestCase(Made))
    """,
}
CHANGING = (
    (r"tidy-[0-9a-f]{8}(/tidy-[0-9a-f]{8})?", "tidy-X"),
    (r"((?:class|left|module)-)\w{8}", r"\1X"),
    (r'time(stamp)?="[^"]*"', ""),
    (r"Ran (\d+ tests?) in [0-9.]+s", r"Ran \1"),
    (r"0x[0-9a-f]+", "0x"),
    (r'"since": [0-9.]+', ""),
    (r"[0-9-]+ [0-9:]+$", "DAY"),
)


def steady(text: str) -> str:
    """Return a text without what differs from run to run."""
    for pattern, replacement in CHANGING:
        text = re.sub(pattern, replacement, text, flags=re.MULTILINE)
    return text


class EqualOutputTests(ProjectTestCase):
    maxDiff = None

    def setUp(self) -> None:
        super().setUp()
        for name, source in SUITE.items():
            self.write(name, source)

    def outcomes(self, *words: str) -> tuple[Outcome, Outcome]:
        """Return a serial run and one in two workers, each in a project without traces."""
        serial = self.tidytest(*words)
        self.clean()
        return serial, self.tidytest("-j", "2", *words)

    def clean(self) -> None:
        """Remove what a run leaves outside, and the cache."""
        for path in self.project.glob(".tidytest_cache/*"):
            path.unlink()
        Path(self.project, "outside.txt").unlink(missing_ok=True)

    def assert_equal(self, serial: Outcome, parallel: Outcome) -> None:
        """Check that two runs printed the same, and ended the same."""
        self.assertEqual(steady(parallel.err), steady(serial.err))
        self.assertEqual(steady(parallel.out), steady(serial.out))
        self.assertEqual(parallel.code, serial.code)

    def test_output_equals_that_of_a_serial_run(self) -> None:
        for words in ((), ("-v", "-b"), ("-q",), ("--leaks", "fail", "-v", "-b"),
                      ("--leaks", "off"), ("--shuffle", "3", "--repeat", "2"), ("-f", "-v"),
                      ("test_a.A.test_leaks", "test_e")):
            with self.subTest(words=words):
                self.assert_equal(*self.outcomes(*words))
                self.clean()

    def test_spawned_workers_print_the_same(self) -> None:
        serial = self.tidytest("-v")
        self.clean()
        self.assert_equal(serial, self.tidytest("-v", "-j2", "--workers-by", "spawn"))

    def test_reports_equal_those_of_a_serial_run(self) -> None:
        words = ("--leak-json", "leaks.json", "--junit-xml", "junit.xml", "--github", "-b")
        names = ("leaks.json", "junit.xml", ".tidytest_cache/tests.json")
        self.tidytest(*words)
        serial = [steady(Path(self.project, name).read_text("utf-8")) for name in names]
        self.clean()
        self.tidytest(*words, "-j2")
        for name, expected in zip(names, serial, strict=True):
            with self.subTest(name):
                self.assertEqual(steady(Path(self.project, name).read_text("utf-8")), expected)

    def test_second_run_knows_what_the_first_one_left(self) -> None:
        first, second = self.tidytest("-v"), self.tidytest("-v")
        self.clean()
        self.assert_equal(first, self.tidytest("-v", "-j2"))
        parallel = self.tidytest("-v", "-j2")
        self.assert_equal(second, parallel)
        self.assertIn("still there since", parallel.err)

    def test_baseline_is_the_one_of_a_serial_run(self) -> None:
        baseline = Path(self.project, ".tidytest-leaks.json")
        self.tidytest("--update-baseline")
        serial = json.loads(baseline.read_text("utf-8"))
        self.clean()
        baseline.unlink()
        self.tidytest("--update-baseline", "-j2")
        self.assertEqual(json.loads(baseline.read_text("utf-8")), serial)
        self.assert_equal(*self.outcomes("--leaks", "fail"))

    def test_kept_files_lie_in_one_directory(self) -> None:
        kept = Path(self.project, "kept")
        outcome = self.tidytest("--keep", "always", "--keep-dir", "kept", "-j2")
        (run,) = kept.iterdir()
        self.assertRegex(outcome.err, r"Kept files of 1 class and 1 module and 2 tests: .*kept/")
        self.assertEqual(len([path for path in run.iterdir() if path.is_dir()]), 4)


class CombinedTests(ProjectTestCase):
    def setUp(self) -> None:
        super().setUp()
        for name in "ab":
            self.write(f"test_{name}.py", f"""
                import time, unittest
                import measured
                class A(unittest.TestCase):
                    def test_1(self):
                        measured.{name}()
                        time.sleep(0.05)
            """)
        self.write("measured.py", "def a():\n    x = 1\n    return x\n\n\ndef b():\n    return 2\n")

    def test_coverage_of_the_workers_is_combined(self) -> None:
        outcome = self.tidytest("--coverage", "-j2")
        self.assertRegex(outcome.out, r"measured\.py +5 +0 +100%")

    def test_page_has_a_lane_for_each_worker(self) -> None:
        self.tidytest("--html", "page.html", "-j2")
        page = Path(self.project, "page.html").read_text("utf-8")
        self.assertIn('"worker":1', page.replace(" ", ""))

    def test_file_in_a_directory_of_another_worker_is_a_part_of_it(self) -> None:
        self.write("test_d.py", """
            import os, time, unittest
            class A(unittest.TestCase):
                def test_1(self): os.mkdir("work")
            class B(unittest.TestCase):
                def test_1(self):
                    while not os.path.isdir("work"): time.sleep(0.01)
                    open("work/b", "w").close()
                    open("other", "w").close()
        """)
        outcome = self.tidytest("-j", "2", "--leak-json", "../leaks.json", "test_d")
        document = json.loads((self.project.parent / "leaks.json").read_text())
        leaks = [(Path(leak["path"]).name, leak["context"]) for leak in document["leaks"]]
        self.assertEqual(leaks, [("work", "test_d.A.test_1"), ("other", "test_d.B.test_1")])
        self.assertIn("2 created", outcome.err)
