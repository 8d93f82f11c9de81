"""Suites with unusual uses of unittest have the same outcomes, and each leak once."""

from __future__ import annotations

import json
import re
from typing import Any

from tests.support.programs import Outcome
from tests.support.projects import ProjectTestCase


class QuirkCase(ProjectTestCase):
    def both(self, source: str, *words: str) -> tuple[Outcome, list[dict[str, Any]]]:
        """Run a module under both; hold that they end alike; return our end and the leaks."""
        self.write("test_a.py", source)
        stock = self.run_python("-m", "unittest", "test_a")
        for path in self.base.iterdir():
            path.rmdir() if path.is_dir() else path.unlink()
        ours = self.tidytest("--leak-json", "out.json", *words, "test_a")
        self.assertEqual((ours.code, ours.out), (stock.code, stock.out), ours.err)
        self.assertEqual(ours.err.split()[0], stock.err.split()[0])
        self.assertNotIn("Exception ignored", ours.err)
        document = json.loads((self.project / "out.json").read_text("utf-8"))
        return ours, document["leaks"]

    def contexts(self, leaks: list[dict[str, Any]]) -> list[str]:
        return [leak["context"].removeprefix("test_a.") for leak in leaks]


class QuirkTests(QuirkCase):
    def test_a_run_without_super(self) -> None:
        source = """
            import tempfile, unittest
            class T(unittest.TestCase):
                def run(self, result=None):
                    result.startTest(self)
                    try:
                        getattr(self, self._testMethodName)()
                        result.addSuccess(self)
                    finally:
                        result.stopTest(self)
                def test_a(self): tempfile.mkdtemp()
                def test_b(self): pass
        """
        _, leaks = self.both(source)
        self.assertEqual(self.contexts(leaks), ["T.test_a"])
        failed = self.tidytest("--leaks", "fail", "test_a")
        self.assertEqual(failed.code, 1)
        self.assertIn("LEAK: test_a.T.test_a\n", failed.err)
        self.assertNotIn("Traceback", failed.err)

    def test_retries_on_one_instance(self) -> None:
        _, leaks = self.both("""
            import tempfile, unittest
            class T(unittest.TestCase):
                turn = 0
                def run(self, result=None):
                    for self.turn in range(3): super().run(result)
                def test_a(self): self.turn == 1 and tempfile.mkdtemp()
        """)
        self.assertEqual(self.contexts(leaks), ["T.test_a"])

    def test_a_test_that_runs_another_inside_itself(self) -> None:
        _, leaks = self.both("""
            import tempfile, unittest
            class Inner(unittest.TestCase):
                def runTest(self): tempfile.mkdtemp(prefix="inner")
            class T(unittest.TestCase):
                def test_a(self):
                    tempfile.mkdtemp(prefix="before")
                    unittest.TestSuite([Inner()]).run(unittest.TestResult())
                    tempfile.mkdtemp(prefix="after")
            def load_tests(loader, tests, pattern):
                return loader.loadTestsFromTestCase(T)
        """)
        self.assertEqual(self.contexts(leaks), ["Inner.runTest", "T.test_a", "T.test_a"])

    def test_a_test_that_uses_our_runner_inside_itself(self) -> None:
        _, leaks = self.both("""
            import io, tempfile, unittest
            import runner
            class Inner(unittest.TestCase):
                def runTest(self): tempfile.mkdtemp(prefix="inner")
            class T(unittest.TestCase):
                def test_a(self):
                    reported = runner.TidyTestRunner(io.StringIO()).run(Inner())
                    self.assertTrue(reported.wasSuccessful() and reported.testsRun == 1)
                    tempfile.mkdtemp(prefix="after")
            def load_tests(loader, tests, pattern):
                return loader.loadTestsFromTestCase(T)
        """)
        self.assertEqual(self.contexts(leaks), ["Inner.runTest", "T.test_a"])

    def test_ids_that_are_not_unique(self) -> None:
        self.write("shared.py", """
            import tempfile, unittest
            class T(unittest.TestCase):
                def test(self): tempfile.mkdtemp()
        """)
        _, leaks = self.both("from shared import T\nclass U(T): pass\n")
        self.assertEqual(self.contexts(leaks), ["shared.T.test", "U.test"])
        self.write("test_b.py", "from shared import T")
        self.tidytest("--leak-json", "out.json", "test_a.T", "test_b")
        leaks = json.loads((self.project / "out.json").read_text("utf-8"))["leaks"]
        self.assertEqual(self.contexts(leaks), ["shared.T.test"] * 2)

    def test_ids_that_are_not_there_before_the_test(self) -> None:
        _, leaks = self.both("""
            import tempfile, unittest
            from runner import TrackedTestCase
            class T(unittest.TestCase):
                def setUp(self): self.browser = "firefox"
                def id(self): return f"{super().id()}[{self.browser}]"
                def test_a(self): tempfile.mkdtemp()
                def test_b(self): self.fail()
            class U(T):
                def run(self, result=None):
                    result.startTest(self)
                    self.setUp()
                    self.test_a()
                    result.stopTest(self)
            class V(T, TrackedTestCase): pass
            class W(unittest.TestCase):
                id = 7
                def test_a(self): tempfile.mkdtemp()
            class X(unittest.TestCase):
                def test_a(self): self.id = tempfile.mkdtemp()
        """, "--junit-xml", "out.xml")
        names = ["T.test_a", "U.test_a", "U.test_b", "V.test_a", "W.test_a", "X.test_a"]
        self.assertEqual(self.contexts(leaks), names)
        reported = (self.project / "out.xml").read_text("utf-8")
        self.assertEqual((reported.count('name="test_a"'), reported.count(">left: ")), (6, 6))
        # No title above the lines: what it left is reported under the test itself.
        self.assertNotIn("\ntest_a.", self.tidytest("-v", "test_a.T").err)
        again = self.tidytest("-v", "--last-failed", "--reverse", "test_a")
        self.assertEqual(re.findall(r"test_b \(test_a\.(\w)", again.err)[:2], ["V", "T"])
        self.assertIn("Ran 2 tests", again.err)

    def test_do_cleanups_called_early(self) -> None:
        _, leaks = self.both("""
            import os, tempfile, unittest
            class T(unittest.TestCase):
                def test_a(self):
                    path = tempfile.mkdtemp()
                    self.addCleanup(os.rmdir, path)
                    self.doCleanups()
                    self.left = tempfile.mkdtemp(prefix="left")
                    removed = tempfile.mkdtemp()
                    self.addCleanup(os.rmdir, removed)
        """)
        self.assertEqual(self.contexts(leaks), ["T.test_a"])

    def test_a_deleted_working_directory(self) -> None:
        self.both("""
            import os, tempfile, unittest
            class T(unittest.TestCase):
                def test_a(self):
                    here = os.getcwd()
                    self.addCleanup(os.chdir, here)
                    with tempfile.TemporaryDirectory() as directory:
                        os.chdir(directory)
                def test_b(self): self.assertTrue(os.getcwd())
        """)
        _, leaks = self.both("""
            import os, tempfile, unittest
            class T(unittest.TestCase):
                def test_a(self):
                    directory = tempfile.mkdtemp()
                    os.chdir(directory)
                    os.rmdir(directory)
                def test_b(self):
                    tempfile.mkdtemp()
                    with self.assertRaises(OSError): os.getcwd()
        """)
        self.assertEqual(self.contexts(leaks), ["T.test_b"])

    def test_a_working_directory_in_the_temp_directory_until_the_end(self) -> None:
        _, leaks = self.both("""
            import os, tempfile, unittest
            class T(unittest.TestCase):
                def test_a(self): os.chdir(tempfile.mkdtemp())
                def test_b(self): self.assertTrue(os.getcwd())
        """)
        self.assertEqual(self.contexts(leaks), ["T.test_a"])

    def test_the_directory_that_multiprocessing_caches(self) -> None:
        _, leaks = self.both("""
            import multiprocessing.connection, unittest
            class T(unittest.TestCase):
                def listen(self):
                    with multiprocessing.connection.Listener(family="AF_UNIX") as listener: pass
                def test_a(self): self.listen()
                def test_b(self): self.listen()
        """, "--leaks", "fail")
        self.assertEqual(leaks, [])

    def test_objects_that_are_finalised_after_the_run(self) -> None:
        _, leaks = self.both("""
            import tempfile, unittest
            kept = []
            class T(unittest.TestCase):
                def test_on_self(self):
                    self.directory = tempfile.TemporaryDirectory()
                    self.file = tempfile.NamedTemporaryFile()
                def test_in_a_global(self):
                    kept.append(tempfile.NamedTemporaryFile())
        """)
        found = sorted(self.contexts(leaks))
        self.assertEqual(found, ["T.test_in_a_global", "T.test_on_self", "T.test_on_self"])
        self.assertTrue(all(leak["never_closed"] for leak in leaks))

    def test_a_skip_by_decorator_counts_as_under_unittest(self) -> None:
        self.both("""
            import unittest
            class T(unittest.TestCase):
                @unittest.skip("why")
                def test_a(self): pass
        """, "--junit-xml", "out.xml")
        self.assertIn("skipped", (self.project / "out.xml").read_text("utf-8"))


class ProgrammaticRunTests(ProjectTestCase):
    SUITE = """
        import io, os, sys, tempfile, unittest
        from runner import TidyTestResult, TidyTestRunner
        class T(unittest.TestCase):
            def test_a(self): tempfile.mkdtemp()
            def test_b(self): pass
    """

    def script(self, body: str) -> Outcome:
        import textwrap

        self.write("suite.py", textwrap.dedent(self.SUITE) + textwrap.dedent(body))
        outcome = self.run_python("suite.py")
        self.assertEqual(list(self.base.iterdir()), [], outcome.err)
        return outcome

    def test_a_runner_made_by_hand(self) -> None:
        outcome = self.script("""
            before = tempfile.gettempdir(), os.environ["TMPDIR"]
            for leaks in ("report", "fail"):
                stream = io.StringIO()
                suite = unittest.defaultTestLoader.loadTestsFromTestCase(T)
                runner = TidyTestRunner(stream=stream, verbosity=2, leaks=leaks)
                result = runner.run(suite)
                print(len(result.failures), len(result.leaks), runner.report.summary.leaked)
                assert "left 1 in the temp directory" in stream.getvalue()
                assert stream.getvalue().rstrip().endswith("leaked by 1 test (removed)")
            assert (tempfile.gettempdir(), os.environ["TMPDIR"]) == before
            try:
                TidyTestRunner(leaks="nonsense")
            except ValueError: print("refused")
        """)
        self.assertEqual(outcome.out, "0 0 1\n0 1 1\nrefused\n", outcome.err)

    def test_unittest_main_with_the_class_or_an_instance(self) -> None:
        for runner in ("TidyTestRunner", "TidyTestRunner(verbosity=2)"):
            outcome = self.script(f"\nunittest.main(testRunner={runner})\n")
            self.assertEqual(outcome.code, 0, outcome.err)
            self.assertIn("1 leaked by 1 test", outcome.err)

    def test_an_artifact_survives_a_runner_created_by_hand(self) -> None:
        self.write("suite.py", """
            import io, unittest
            from runner import TidyTestRunner, TrackedTestCase
            class T(TrackedTestCase):
                def test(self): self.artifactPath("a.txt").write_text("reported")
            suite = unittest.defaultTestLoader.loadTestsFromTestCase(T)
            TidyTestRunner(stream=io.StringIO()).run(suite)
        """)
        outcome = self.run_python("suite.py")
        (run,) = self.base.iterdir()
        self.assertEqual((run / "__main__.T.test" / "a.txt").read_text(), "reported", outcome.err)

    def test_subclasses_with_an_init_of_their_own(self) -> None:
        outcome = self.script("""
            class Result(TidyTestResult):
                def __init__(self, stream, descriptions, verbosity):
                    super().__init__(stream, descriptions, verbosity)
                    self.mine = []
                def addSuccess(self, test):
                    super().addSuccess(test)
                    self.mine.append(test)
            class Runner(TidyTestRunner):
                resultclass = Result
                def __init__(self, *args, **kwargs):
                    super().__init__(*args, leaks="fail", **kwargs)
                def run(self, test):
                    result = super().run(test)
                    print(len(result.mine), len(result.leaks))
                    return result
            class Foreign(TidyTestRunner):
                resultclass = unittest.TextTestResult
            suite = lambda: unittest.defaultTestLoader.loadTestsFromTestCase(T)
            Runner().run(suite())
            foreign = Foreign(stream=io.StringIO())
            foreign.run(suite())
            print(foreign.report.summary.leaked)
        """)
        self.assertEqual(outcome.out, "1 1\n1\n", outcome.err)


class FullDiskTests(ProjectTestCase):
    def test_largest_owner_is_reported_where_a_test_met_it(self) -> None:
        self.write("test_a.py", """
            import errno, os, tempfile, unittest
            class T(unittest.TestCase):
                def test_a_fills(self):
                    with open(tempfile.mkstemp()[1], "wb") as file: file.write(bytes(5000))
                def test_b_meets_it(self): raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
                def test_c_asserts_what_a_child_said(self):
                    self.assertEqual("", "cp: No space left on device")
                def test_d_meets_it_in_a_subtest(self):
                    with self.subTest(): raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
                def test_e_fails_for_another_reason(self): self.fail()
        """)
        outcome = self.tidytest("test_a")
        reported = r"\nNo space was left, perhaps here: by now the temp directory \S+ holds 4.9 KiB"
        self.assertEqual(len(re.findall(reported, outcome.err)), 3, outcome.err)
        self.assertIn("4.9 KiB  test_a.T.test_a_fills\n", outcome.err)
