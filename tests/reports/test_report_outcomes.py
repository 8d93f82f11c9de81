"""Outcomes and leaks of real runs in the reports: as many as unittest's, with their tests."""

from __future__ import annotations

import json
import xml.etree.ElementTree as ElementTree

from tempfiles.monitor import usage
from tests.support.projects import ProjectTestCase


class SizeTests(ProjectTestCase):
    """A size is the length of a file, also in the monitor, whatever space it takes on the disk."""

    SUITE = """
        import mmap, os, tempfile, unittest
        class T(unittest.TestCase):
            def make(self, place):
                with open(os.path.join(place, "holes"), "wb") as file:
                    file.truncate(1 << 20)
                with open(os.path.join(place, "mapped"), "w+b") as file:
                    file.truncate(8192)
                    with mmap.mmap(file.fileno(), 8192) as mapped:
                        mapped[0] = 1
            def test_files(self): self.make(tempfile.gettempdir())
            def test_outside(self): self.make(os.getcwd())
            def test_directory(self): self.make(tempfile.mkdtemp(prefix="d-"))
    """

    def test_leaks_have_the_length_of_files_with_holes(self) -> None:
        self.write("test_a.py", self.SUITE)
        outcome = self.tidytest("--leak-json", "leaks.json", "test_a")
        leaks = json.loads((self.project / "leaks.json").read_text())["leaks"]
        sizes = sorted((leak["context"].rpartition("_")[2], leak["bytes"]) for leak in leaks)
        both = (1 << 20) + 8192
        self.assertEqual(sizes, [
            ("directory", both), ("files", 8192), ("files", 1 << 20), ("outside", 8192),
            ("outside", 1 << 20),
        ])  # fmt: skip
        self.assertRegex(outcome.err, r"file +1\.0 MiB +holes")
        outside = usage.take_sample(str(self.project), lambda name: name in ("holes", "mapped"))
        self.assertEqual(outside.bytes, both)


class ColourTests(ProjectTestCase):
    """The reports hold no colours where the terminal shows them: Python 3.14 stores both in one."""

    def test_reports_of_coloured_tracebacks_are_plain_text(self) -> None:
        self.write("test_a.py", """
            import unittest
            class T(unittest.TestCase):
                def test_a(self): self.fail("why")
                def test_b(self):
                    with self.subTest(1): self.fail("why")
                @unittest.expectedFailure
                def test_c(self): self.fail("why")
        """)
        reports = ("--junit-xml", "out.xml", "--html", "out.html", "--github")
        for words in ((), ("-j", "2")):
            with self.subTest(words):
                outcome = self.tidytest(*words, *reports, "test_a", FORCE_COLOR="1")
                self.assertIn("\x1b[", outcome.err)
                self.assertEqual(outcome.out.count("::error file=test_a.py,line="), 2, outcome.out)
                for text in (outcome.out, *map(self.text_of, ("out.xml", "out.html"))):
                    self.assertNotRegex(text, r"\[3\dm|\[0m")

    def text_of(self, name: str) -> str:
        return (self.project / name).read_text("utf-8")


class SubtestTests(ProjectTestCase):
    """After a failed subtest, the reports count as many outcomes as unittest."""

    SUITE = """
        import unittest
        class T(unittest.TestCase):
            def test_skips(self):
                with self.subTest(a=1): self.fail("sub")
                self.skipTest("after")
            def test_skips_in_a_cleanup(self):
                self.addCleanup(self.skipTest, "after")
                with self.subTest(a=1): self.fail("sub")
            def test_fails(self):
                with self.subTest(a=1): raise KeyError("sub")
                self.fail("own")
            def test_errs(self):
                with self.subTest(a=1): self.fail("sub")
                raise KeyError("own")
    """

    def test_outcome_of_a_test_is_kept_when_a_subtest_ended_worse(self) -> None:
        self.write("test_a.py", self.SUITE)
        outcome = self.tidytest("--junit-xml", "out.xml", "--github", "test_a")
        self.assertIn("FAILED (failures=4, errors=2, skipped=2)", outcome.err)
        root = ElementTree.parse(self.project / "out.xml").getroot()
        counts = (root.get("failures"), root.get("errors"), len(root.findall(".//skipped")))
        self.assertEqual(counts, ("4", "2", 2))
        skipped = root.find(".//testcase[@name='test_skips']/skipped")
        assert skipped is not None
        self.assertEqual(skipped.get("message"), "after")
        self.assertEqual(outcome.out.count("::error file=test_a.py,line="), 6, outcome.out)
        self.assertEqual(outcome.out.count("::error "), 6, outcome.out)

    def test_huge_parameter_of_a_subtest_is_shortened(self) -> None:
        self.write("test_a.py", """
            import tempfile, unittest
            class T(unittest.TestCase):
                def test(self):
                    with self.subTest(data="y" * 2_000_000):
                        tempfile.mkdtemp()
                        self.fail("x")
        """)
        reports = ("--junit-xml", "out.xml", "--html", "out.html", "--github")
        outcome = self.tidytest("-q", *reports, "test_a")
        for name, most in (("out.xml", 30_000), ("out.html", 200_000)):
            self.assertLess((self.project / name).stat().st_size, most, name)
        (failed,) = ElementTree.parse(self.project / "out.xml").iterfind(".//testcase[failure]")
        self.assertRegex(str(failed.get("name")), r"^test \(data='y+\.\.\.y+'\)$")
        self.assertLess(len(outcome.out), 6_000)


class SkipTests(ProjectTestCase):
    """CI servers count a case with a skip as skipped, also if the test failed."""

    SUITE = """
        import tempfile, unittest
        class T(unittest.TestCase):
            def test_plain(self): self.skipTest("plain")
            def test_leaks(self):
                tempfile.mkdtemp()
                self.skipTest("leaks")
            def test_skips_late(self):
                self.addCleanup(self.skipTest, "late")
                self.fail("first")
            def test_skips_for_no_reason(self):
                self.addCleanup(self.fail, "cleanup")
                self.skipTest("")
            def test_subtest(self):
                with self.subTest(a=1): self.skipTest("sub")
        class TearDown(unittest.TestCase):
            def tearDown(self): raise KeyError("torn")
            def test_skips(self): self.skipTest("torn")
    """

    def test_a_failure_is_never_in_one_case_with_a_skip(self) -> None:
        self.write("test_a.py", self.SUITE)
        outcome = self.tidytest("-q", "--leaks", "fail", "--junit-xml", "out.xml", "test_a")
        self.assertIn("FAILED (failures=2, errors=1, skipped=6, leaks=1)", outcome.err)
        root = ElementTree.parse(self.project / "out.xml").getroot()
        failed = {case.get("name") for tag in ("failure", "error")
                  for case in root.iterfind(f".//testcase[{tag}]")}
        skipped = {case.get("name") for case in root.iterfind(".//testcase[skipped]")}
        names = {"test_leaks", "test_skips", "test_skips_late", "test_skips_for_no_reason"}
        self.assertEqual(failed, names)
        self.assertEqual(skipped, {
            "test_plain", "test_subtest (a=1)", *(f"{name} (skipped)" for name in names),
        })
        suite = root.find("testsuite")
        assert suite is not None
        counts = [suite.get(name) for name in ("tests", "failures", "errors", "skipped")]
        self.assertEqual(counts, [str(len(root.findall(".//testcase"))), "3", "1", "6"])

    def test_the_page_counts_skips_as_unittest_does(self) -> None:
        self.write("test_a.py", self.SUITE)
        self.tidytest("-q", "--leaks", "fail", "--html", "out.html", "test_a")
        self.assertIn("<small>6 skips</small>", (self.project / "out.html").read_text("utf-8"))


class StreamTests(ProjectTestCase):
    def test_test_that_closed_its_output_is_in_the_reports(self) -> None:
        for deed in ("sys.stdout.close()", "sys.stderr.close(); self.fail()"):
            with self.subTest(deed):
                self.write("test_a.py", f"""
                    import sys, unittest
                    class T(unittest.TestCase):
                        def test_a(self): pass
                        def test_b(self): {deed}
                        def test_c(self): pass
                """)
                reports = ("--junit-xml", "out.xml", "--html", "out.html")
                outcome = self.tidytest("-b", *reports, "test_a")
                self.assertEqual(outcome.code, 1)
                root = ElementTree.parse(self.project / "out.xml").getroot()
                self.assertEqual([case.get("name") for case in root.iter("testcase")],
                                 ["test_a", "test_b"])
                error = root.find(".//testcase[@name='test_b']/error")
                assert error is not None
                self.assertIn("ValueError: I/O operation on closed file", error.get("message", ""))
                page = (self.project / "out.html").read_text("utf-8")
                self.assertIn('"id":"test_a.T.test_b","status":"error"', page)


class LateLeakTests(ProjectTestCase):
    def junit(self, *words: str) -> ElementTree.Element:
        self.write("child.py", """
            import sys, tempfile
            sys.stdin.read()  # until the tests are over
            tempfile.mkstemp(prefix="late-")
        """)
        self.write("test_a.py", """
            import atexit, subprocess, sys, unittest
            class T(unittest.TestCase):
                def test_early(self): pass
                def test_late(self):
                    child = subprocess.Popen([sys.executable, "child.py"], stdin=subprocess.PIPE)
                    atexit.register(child.communicate)
        """)
        outcome = self.tidytest("--junit-xml", "out.xml", *words, "test_a")
        self.assertIn(" leaked by 1 test", outcome.err)
        return ElementTree.parse(self.project / "out.xml").getroot()

    def test_late_leak_is_listed_with_its_test(self) -> None:
        for words in ((), ("--leaks", "fail")):
            with self.subTest(words):
                root = self.junit(*words)
                self.assertEqual([suite.get("name") for suite in root], ["test_a"])
                told = root.findtext(".//testcase[@name='test_late']/system-out") or ""
                self.assertRegex(told, "^left: file .*late-")
                names = [found.get("name") for found in root.iterfind(".//property")]
                self.assertEqual(names, ["leak:test_a.T.test_late"])

    def test_late_leak_of_a_repeated_test_is_listed_with_its_module(self) -> None:
        root = self.junit("--repeat", "2")
        self.assertEqual([suite.get("name") for suite in root], ["test_a"])


class AnnotationLineTests(ProjectTestCase):
    """Annotations are at a line of the repository or at no line."""

    SUITE = """
        import unittest
        def deeper(): raise ValueError("x")
        class T(unittest.TestCase):
            def test_group(self):
                errors = []
                for _ in range(2):
                    try: deeper()
                    except ValueError as error: errors.append(error)
                raise ExceptionGroup("many", errors)
            def test_without_a_file(self):
                exec("raise KeyError('x')")
            def test_leak_without_a_file(self):
                exec("import tempfile; tempfile.mkdtemp()", {})
    """

    def test_groups_and_code_without_a_file_are_at_the_tests_line(self) -> None:
        self.write("test_a.py", self.SUITE)
        outcome = self.tidytest("--github", "test_a")
        self.assertIn("::error file=test_a.py,line=10,title=ERROR%3A test_a.T.test_g", outcome.out)
        self.assertIn("::error file=test_a.py,line=12,title=ERROR%3A test_a.T.test_w", outcome.out)
        self.assertNotIn("file=<", outcome.out)

    def test_code_of_a_missing_file_is_at_the_tests_line(self) -> None:
        self.write("test_a.py", """
            import tempfile, unittest
            def render(source): exec(compile(source, "page.html", "exec"), {"tempfile": tempfile})
            class T(unittest.TestCase):
                def test_template(self): render("1 / 0")
                def test_syntax(self): compile("x = (", "f.py", "exec")
                def test_leak(self): render("tempfile.mkdtemp()")
        """)
        outcome = self.tidytest("--github", "test_a")
        self.assertIn("::error file=test_a.py,line=3,title=ERROR%3A test_a.T.test_tem", outcome.out)
        self.assertIn("::error file=test_a.py,line=6,title=ERROR%3A test_a.T.test_syn", outcome.out)
        self.assertNotIn("file=page.html", outcome.out)

    def test_run_outside_of_the_workspace_has_no_lines(self) -> None:
        self.write("test_a.py", self.SUITE)
        (self.project / "workspace").mkdir()
        workspace = str(self.project / "workspace")
        outcome = self.tidytest("--github", "test_a", GITHUB_WORKSPACE=workspace)
        self.assertIn("::error title=", outcome.out)
        self.assertNotIn(" file=", outcome.out)

    def test_a_workspace_of_another_machine_is_none(self) -> None:
        self.write("test_a.py", self.SUITE)
        outcome = self.tidytest("--github", "test_a", GITHUB_WORKSPACE="/no/such/workspace")
        self.assertIn("::error file=test_a.py,line=12,", outcome.out)

    def test_a_module_that_is_not_there_is_at_no_line(self) -> None:
        outcome = self.tidytest("--github", "no_such_module")
        self.assertIn("::error title=ERROR%3A ", outcome.out)

    def test_a_test_elsewhere_in_the_repository_is_at_its_line(self) -> None:
        self.write("lib/test_a.py", self.SUITE)
        self.write("work/empty", "")
        words = ("-m", "runner", "discover", "-s", "../lib", "--github")
        outcome = self.run_python(
            "-c", f"import os, runpy, sys; os.chdir('work'); sys.argv = {['', *words[2:]]}\n"
            "runpy.run_module('runner', run_name='__main__', alter_sys=True)",
            GITHUB_WORKSPACE=str(self.project),
        )
        self.assertIn("::error file=lib/test_a.py,line=10,", outcome.out, outcome.err)
