"""Reports through the command line: checked before the tests, complete after them."""

from __future__ import annotations

import csv
import json
import xml.etree.ElementTree as ElementTree

from tests.support.projects import ProjectTestCase

SUITE = """
    import os, sys, tempfile, unittest

    class Kinds(unittest.TestCase):
        def test_pass(self):
            tempfile.mkdtemp()
        def test_fail(self):
            print("printed")
            print("to stderr", file=sys.stderr)
            self.assertEqual(1, 2)
        def test_error(self):
            raise KeyError("two\\nlines")
        @unittest.skip("no reason")
        def test_skip(self):
            pass
        @unittest.expectedFailure
        def test_expected(self):
            self.fail()
        @unittest.expectedFailure
        def test_unexpected(self):
            pass
        def test_subtests(self):
            for n in range(3):
                with self.subTest(n=n):
                    self.assertNotEqual(n, 1)

    class Fixture(unittest.TestCase):
        @classmethod
        def setUpClass(cls):
            print("of the class")
            raise OSError("no such luck")
        def test_never(self):
            pass

    class Skipped(unittest.TestCase):
        @classmethod
        def setUpClass(cls):
            raise unittest.SkipTest("not here")
        def test_never(self):
            pass
"""


class JUnitTests(ProjectTestCase):
    def test_each_outcome_is_reported_once(self) -> None:
        self.write("test_kinds.py", SUITE)
        outcome = self.tidytest("-b", "--junit-xml", "out.xml", "test_kinds")
        self.assertEqual(outcome.code, 1)
        root = ElementTree.parse(self.project / "out.xml").getroot()
        cases = {(c.get("classname"), c.get("name")): c for c in root.iter("testcase")}
        found = {
            key: [child.tag for child in case if child.tag not in ("system-out", "system-err")]
            for key, case in cases.items()
        }
        kinds = "test_kinds.Kinds"
        self.assertEqual(found, {
            (kinds, "test_pass"): [],
            (kinds, "test_fail"): ["failure"],
            (kinds, "test_error"): ["error"],
            (kinds, "test_skip"): ["skipped"],
            (kinds, "test_expected"): ["skipped"],
            (kinds, "test_unexpected"): ["failure"],
            (kinds, "test_subtests"): [],
            (kinds, "test_subtests (n=1)"): ["failure"],
            ("test_kinds.Fixture", "setUpClass"): ["error"],
            ("test_kinds.Skipped", "setUpClass"): ["skipped"],
        })
        failed = cases[kinds, "test_fail"]
        self.assertEqual(failed.findtext("system-out"), "printed\n")
        self.assertEqual(failed.findtext("system-err"), "to stderr\n")
        failure = failed.find("failure")
        assert failure is not None and failure.text is not None
        self.assertEqual(failure.get("message"), "AssertionError: 1 != 2")
        self.assertNotIn("printed", failure.text)
        self.assertIn("of the class", cases["test_kinds.Fixture", "setUpClass"].findtext(
            "system-out", ""))
        self.assertIn("mkdtemp", cases[kinds, "test_pass"].findtext("system-out", ""))

    def test_a_leak_is_a_failure_where_leaks_fail(self) -> None:
        self.write("test_a.py", """
            import tempfile, unittest
            class T(unittest.TestCase):
                def test_leak(self): tempfile.mkdtemp()
        """)
        outcome = self.tidytest("--leaks", "fail", "--junit-xml", "out.xml", "test_a")
        self.assertEqual(outcome.code, 1)
        root = ElementTree.parse(self.project / "out.xml").getroot()
        self.assertEqual(root.get("failures"), "1")


class FailingLeakTests(ProjectTestCase):
    """Each leak that fails a run is reported once in each report."""

    SUITE = """
        import tempfile, threading, time, unittest
        class T(unittest.TestCase):
            def test_a(self): tempfile.mkdtemp(prefix="here-")
            def test_b(self):
                threading.Thread(target=self.late).start()
            def late(self):
                threading.main_thread().join(0.5)
                tempfile.mkdtemp(prefix="late-")
    """

    def test_late_leak_is_the_reason_of_the_failure(self) -> None:
        self.write("test_a.py", self.SUITE)
        outcome = self.tidytest("--leaks", "fail", "test_a.T.test_b")
        self.assertEqual(outcome.code, 1)
        *_, verdict, totals = outcome.err.splitlines()
        self.assertEqual(verdict, "FAILED: 1 leak was found after the tests (--leaks fail)")
        self.assertTrue(totals.startswith("Temporary files: 1 created"))
        self.assertNotIn("FAILED", self.tidytest("test_a.T.test_b").err)

    def test_a_late_leak_is_a_failure_in_the_reports(self) -> None:
        self.write("test_a.py", self.SUITE)
        outcome = self.tidytest(
            "--leaks", "fail", "--github", "--junit-xml", "out.xml", "test_a.T.test_b"
        )
        error = "::error file=test_a.py,line=9,title=1 temporary file left by test_a.T.test_b "
        self.assertIn(error, outcome.out)
        root = ElementTree.parse(self.project / "out.xml").getroot()
        self.assertEqual((root.get("tests"), root.get("failures")), ("2", "1"))
        (failed,) = root.iterfind(".//testcase[failure]")
        self.assertEqual(failed.get("classname"), "test_a.T.test_b")

    def test_the_runner_in_a_program_fails_for_a_late_leak_too(self) -> None:
        self.write("child.py", """
            import sys, tempfile
            sys.stdin.read()  # until the tests are over
            tempfile.mkstemp()
        """)
        self.write("main.py", """
            import subprocess, sys, unittest
            from runner import TidyTestRunner
            class T(unittest.TestCase):
                child = None
                def test(self):
                    T.child = subprocess.Popen([sys.executable, "child.py"], stdin=subprocess.PIPE)
            class Suite(unittest.TestSuite):
                def run(self, *arguments):
                    result = super().run(*arguments)
                    T.child.communicate()
                    return result
            result = TidyTestRunner(leaks="fail").run(Suite([T("test")]))
            print(result.wasSuccessful(), str(result.leaks[0][0]))
        """)
        outcome = self.run_python("main.py")
        self.assertEqual(outcome.out, "False leaked late (__main__.T.test)\n", outcome.err)
        self.assertIn("\nFAILED: 1 leak was found after the tests", outcome.err)

    def test_failing_leak_is_not_reported_twice(self) -> None:
        self.write("test_a.py", self.SUITE)
        outcome = self.tidytest("--leaks", "fail", "--github", "test_a.T.test_a")
        self.assertEqual(outcome.err.count("here-"), 1, outcome.err)
        (error,) = outcome.out.split("\n")[1:-1]
        self.assertTrue(error.startswith("::error file=test_a.py,line=4,title=1 temporary "), error)
        self.assertIn("here-", error)
        verbose = self.tidytest("-v", "--leaks", "fail", "test_a.T.test_a")
        self.assertEqual(verbose.err.count("here-"), 1, verbose.err)

    def test_known_leak_is_not_a_warning(self) -> None:
        self.write("test_a.py", self.SUITE)
        self.tidytest("--update-baseline", "test_a.T.test_a")
        self.write("test_b.py", """
            import tempfile, unittest
            class T(unittest.TestCase):
                def test(self): tempfile.mkdtemp(prefix="new-")
        """)
        outcome = self.tidytest("--github", "--junit-xml", "out.xml", "test_a.T.test_a", "test_b")
        (warning,) = outcome.out.split("\n")[1:-1]
        self.assertIn("::warning file=test_b.py,line=4,", warning)
        root = ElementTree.parse(self.project / "out.xml").getroot()
        names = [found.get("name") for found in root.iterfind(".//property")]
        self.assertEqual(names, ["known-leak:test_a.T.test_a", "leak:test_b.T.test"])


class AbnormalEndTests(ProjectTestCase):
    """Reports of interrupted runs, and of tests that replace or close streams."""

    LEAKY = """
        import os, signal, sys, tempfile, unittest
        class T(unittest.TestCase):
            def test_a(self): tempfile.mkdtemp(prefix="here-")
            def test_b(self): {body}
            def test_c(self): pass
    """

    def junit(self) -> ElementTree.Element:
        return ElementTree.parse(self.project / "out.xml").getroot()

    def test_interrupted_test_is_an_error_in_all_reports(self) -> None:
        for body, kind, code in (
            ("raise KeyboardInterrupt", "KeyboardInterrupt", -2),
            ("os.kill(os.getpid(), signal.SIGTERM); import time; time.sleep(9)", "Terminated", -15),
        ):
            with self.subTest(kind):
                self.write("test_a.py", self.LEAKY.format(body=body))
                outcome = self.tidytest(
                    "--junit-xml", "out.xml", "--html", "out.html", "--leak-json", "out.json",
                    "--github", "test_a",
                )
                self.assertEqual(outcome.code, code, outcome.err)
                error = self.junit().find("testsuite/testcase[@name='test_b']/error")
                assert error is not None
                self.assertEqual(error.get("type"), kind)
                self.assertIsNotNone(self.junit().find(".//property[@name='interrupted']"))
                document = json.loads((self.project / "out.json").read_text())
                self.assertIs(document["interrupted"], True)
                self.assertIn("the run was interrupted: not all tests have run", outcome.out)

    def test_a_fixture_that_leaks_under_b_fails_and_the_run_goes_on(self) -> None:
        self.write("test_a.py", """
            import tempfile, unittest
            def setUpModule(): tempfile.mkdtemp(prefix="module-")
            class T(unittest.TestCase):
                @classmethod
                def setUpClass(cls): tempfile.mkdtemp(prefix="class-")
                def test(self): print("out")
        """)
        outcome = self.tidytest("-b", "--leaks", "fail", "--junit-xml", "out.xml", "test_a")
        self.assertEqual(outcome.code, 1)
        self.assertIn("FAILED (leaks=2)", outcome.err)
        self.assertIn("class-", outcome.err)
        self.assertIn("module-", outcome.err)
        self.assertNotIn("Traceback", outcome.err)  # of which all frames would be ours
        self.assertEqual(self.junit().get("failures"), "2")

    def test_tests_with_equal_ids_have_their_own_leaks(self) -> None:
        self.write("test_a.py", self.LEAKY.format(body="pass"))
        self.tidytest("--repeat", "3", "--junit-xml", "out.xml", "--leaks", "fail", "test_a")
        told = [
            case.findtext("system-out", "").count("left: ")
            for case in self.junit().iterfind(".//testcase[@name='test_a']")
        ]
        self.assertEqual(told, [1, 1, 1])

    def test_failure_and_error_of_its_cleanup_are_both_reported(self) -> None:
        body = "self.addCleanup(lambda: 1 / 0); self.fail()"
        self.write("test_a.py", self.LEAKY.format(body=body))
        outcome = self.tidytest("--junit-xml", "out.xml", "--github", "test_a")
        root = self.junit()
        self.assertEqual((root.get("failures"), root.get("errors")), ("1", "1"))
        found = root.find(".//testcase[@name='test_b']")
        assert found is not None
        self.assertEqual([(each.tag, each.get("type")) for each in found][:2],
                         [("error", "ZeroDivisionError"), ("failure", "AssertionError")])
        self.assertEqual(outcome.out.count("::error "), 2, outcome.out)

    def test_annotations_begin_a_line_whatever_the_tests_print(self) -> None:
        for body in ("print('x', end='')", "sys.stdout = None", "os.environ.clear()"):
            with self.subTest(body):
                self.write("test_a.py", self.LEAKY.format(body=body))
                outcome = self.tidytest("--github", "test_a")
                self.assertEqual(outcome.code, 0, outcome.err)
                self.assertIn("\n::warning file=test_a.py,line=4,", outcome.out)

    def test_run_fails_when_tests_have_closed_the_output(self) -> None:
        self.write("test_a.py", self.LEAKY.format(body="sys.stdout.close()"))
        outcome = self.tidytest("--github", "test_a")
        self.assertEqual(outcome.code, 1, outcome.err)
        self.assertIn("tidytest: error: --github: cannot write standard output", outcome.err)

    def test_an_import_error_says_what_could_not_be_imported(self) -> None:
        self.write("test_a.py", "import nope_nope")
        outcome = self.tidytest("--junit-xml", "out.xml", "--github", "discover")
        error = self.junit().find(".//error")
        assert error is not None
        for told in (outcome.out, error.get("message", "")):
            self.assertIn("No module named 'nope_nope'", told)

    def test_a_dash_is_standard_output(self) -> None:
        self.write("test_a.py", self.LEAKY.format(body="pass"))
        outcome = self.tidytest("--leak-json", "-", "test_a")
        self.assertEqual(len(json.loads(outcome.out)["leaks"]), 1)
        self.assertFalse((self.project / "-").exists())


class SimilarLeakTests(ProjectTestCase):
    def test_similar_leaks_are_listed_up_to_a_limit_and_counted(self) -> None:
        self.write("test_a.py", """
            import tempfile, unittest
            class T(unittest.TestCase):
                def test(self):
                    for _ in range(120): tempfile.mkdtemp()
                    tempfile.mkdtemp(prefix="other-")
        """)
        for words in ((), ("--leaks", "fail")):
            outcome = self.tidytest("test_a", "--leak-json", "out.json", *words)
            self.assertEqual(outcome.err.count("  dir "), 20, outcome.err)
            self.assertIn("\n... and 101 more: see out.json\n", outcome.err)
            leaks = json.loads((self.project / "out.json").read_text())["leaks"]
            self.assertEqual(len(leaks), 121)


class OtherReportTests(ProjectTestCase):
    def test_html_holds_the_tests_and_the_usage(self) -> None:
        self.write("test_kinds.py", SUITE)
        self.assertEqual(self.tidytest("--html", "out.html", "test_kinds").code, 1)
        page = (self.project / "out.html").read_text("utf-8")
        self.assertIn("test_subtests", page)
        document = page.split('type="application/json"')[1].split(">", 1)[1].split("</script>")[0]
        self.assertTrue(json.loads(document)["usage"])

    def test_github_annotates_on_the_standard_output_by_itself(self) -> None:
        self.write("test_kinds.py", SUITE)
        summary = self.project / "summary.md"
        outcome = self.tidytest(
            "test_kinds", GITHUB_ACTIONS="true", GITHUB_STEP_SUMMARY=str(summary)
        )
        self.assertIn("::error file=test_kinds.py,line=10,title=FAIL%3A ", outcome.out)
        self.assertIn("::warning file=test_kinds.py,line=6,", outcome.out)
        self.assertIn("### Tests", summary.read_text("utf-8"))
        self.assertNotIn("::", self.tidytest("--no-github", "test_kinds", GITHUB_ACTIONS="1").out)

    def test_json_of_a_run_without_leaks(self) -> None:
        self.write("test_a.py", "import unittest\nclass T(unittest.TestCase):\n def test(self): 0")
        self.assertEqual(self.tidytest("--leak-json", "out.json", "test_a").code, 0)
        document = json.loads((self.project / "out.json").read_text("utf-8"))
        self.assertEqual(document["leaks"], [])
        self.assertEqual(document["summary"]["tests"], 1)

    def test_monitor_records_while_the_tests_run(self) -> None:
        self.write("test_a.py", """
            import os, tempfile, threading, time, unittest
            class T(unittest.TestCase):
                def test_long(self):
                    with tempfile.NamedTemporaryFile() as file:
                        file.write(b"x" * 5000)
                        file.flush()
                        recording = os.path.join(os.getcwd(), "usage.csv")
                        while "test_long" not in open(recording).read():
                            time.sleep(0.01)
                    self.assertEqual(threading.active_count(), 1)
        """)
        outcome = self.tidytest("--monitor", "usage.csv", "test_a")
        self.assertEqual(outcome.code, 0, outcome.err)
        with open(self.project / "usage.csv", encoding="utf-8", newline="") as file:
            rows = list(csv.DictReader(file))
        during = [row for row in rows if "test_a.T.test_long" in row["context"]]
        self.assertTrue(any(int(row["bytes"]) == 5000 for row in during), rows)
