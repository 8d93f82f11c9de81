"""The debugger, functions as tests, the live line, and what is printed instead of a run."""

from __future__ import annotations

import os

from tests.support.projects import ProjectTestCase


class DebuggerTests(ProjectTestCase):
    def test_it_starts_at_the_failed_line_with_files_in_place(self) -> None:
        self.write("test_a.py", """
            import os, tempfile, unittest
            class T(unittest.TestCase):
                def test(self):
                    with tempfile.NamedTemporaryFile() as file:
                        answer = 41
                        self.assertEqual(answer, 42)
        """)
        outcome = self.tidytest("--pdb", "test_a", "-b", stdin="p answer + 1\nc\n")
        self.assertEqual(outcome.code, 1)
        self.assertIn("self.assertEqual(answer, 42)", outcome.out)
        self.assertIn("AssertionError: 41 != 42", outcome.out)
        self.assertIn("(Pdb) 42\n", outcome.out)
        self.assertIn("FAILED (failures=1)", outcome.err)

    def test_a_subtest_and_a_fixture(self) -> None:
        self.write("test_a.py", """
            import unittest
            class A(unittest.TestCase):
                def test(self):
                    here = "sub"
                    with self.subTest(1): raise KeyError
            class B(unittest.TestCase):
                @classmethod
                def setUpClass(cls):
                    here = "fixture"
                    raise KeyError
                def test(self): pass
        """)
        outcome = self.tidytest("--pdb", "test_a", stdin="p here\nc\np here\nc\n")
        self.assertIn("'sub'", outcome.out)
        self.assertIn("'fixture'", outcome.out)
        self.assertIn("FAILED (errors=2)", outcome.err)

    def test_it_starts_at_the_failure_that_ends_the_run(self) -> None:
        self.write("test_a.py", """
            import unittest
            class T(unittest.TestCase):
                def test_a(self):
                    here = "test"
                    self.fail()
                def tearDown(self):
                    here = "fixture"
                    1 / 0
                def test_b(self): pass
            class U(unittest.TestCase):
                def test(self):
                    here = "sub"
                    with self.subTest(1): self.fail()
        """)
        outcome = self.tidytest("--pdb", "-f", "test_a.T", stdin="p here\nc\np here\nc\n")
        self.assertRegex(outcome.out, r"(?s)\(Pdb\) 'test'\n.*\(Pdb\) 'fixture'\n")
        self.assertIn("Ran 1 test in", outcome.err)
        outcome = self.tidytest("--pdb", "-f", "test_a.U", stdin="p here\nc\n")
        self.assertIn("'sub'", outcome.out)
        for words in ("test_a.T",), ("-f", "test_a.T"):
            outcome = self.tidytest("--pdb", *words, stdin="q\np here\n")
            self.assertEqual(outcome.out.count("(Pdb)"), 1, outcome.out)
            self.assertIn("Ran 1 test in", outcome.err)


class FunctionTests(ProjectTestCase):
    def test_functions_are_tests_with_their_own_fixtures_and_leaks(self) -> None:
        self.write("test_a.py", """
            import tempfile
            def setup_module(): print("set up")
            def teardown_module(): print("torn down")
            def test_leak(): tempfile.mkdtemp()
            def test_two(): assert False
        """)
        outcome = self.tidytest("-v", "--functions")
        self.assertEqual((outcome.code, outcome.out), (1, "set up\ntorn down\n"))
        self.assertIn("test_leak (test_a.test_leak) ... ok\n  left 1 in the temp", outcome.err)
        self.assertIn("Ran 2 tests", outcome.err)
        self.assertIn("Ran 0 tests", self.tidytest().err)

    def test_fixtures_of_the_module_are_those_of_its_cases_too(self) -> None:
        self.write("test_a.py", """
            import unittest
            def setup_module(): print("set up")
            class C(unittest.TestCase):
                def test_m(self): print("ran")
            def test_two(): print("ran")
        """)
        for name in "test_a.C", "test_a.C.test_m", "test_a.test_two":
            outcome = self.tidytest("--functions", name)
            self.assertEqual(outcome.out, "set up\nran\n", outcome.err)

    def test_what_is_more_than_a_call_is_refused_in_a_line(self) -> None:
        for source, words in (
            ("def test_a():\n    yield 1\n", "is a generator"),
            ("def test_a(x): pass\ntest_a.paramList = (1, 2)\n", "has parameters"),
            ("def test_a(x): pass\n", "needs x"),
        ):
            self.write("test_a.py", source)
            with self.subTest(words):
                self.assertRefused(self.tidytest("--functions"), f"test_a.py:1) {words}")


class ProgressTests(ProjectTestCase):
    def test_one_line_on_a_terminal_and_dots_in_a_log(self) -> None:
        self.write("test_a.py", """
            import tempfile, unittest
            class T(unittest.TestCase):
                def test_a(self): tempfile.mkdtemp()
                def test_b(self): self.fail()
        """)
        shown = self.on_terminal("--progress", "test_a")
        self.assertIn("2/2", shown)
        self.assertIn("1 failed, 1 leaked", shown)
        self.assertNotIn("\n.", shown)
        self.assertRegex(shown, r"FAILED\S* \(\S*failures=1")
        log = self.tidytest("--progress", "test_a").err
        self.assertTrue(log.startswith(".F\n"), log)
        self.assertNotIn("2/2", log)
        self.assertRefused(self.tidytest("--progress", "-v", "test_a"), "--progress", "-v")
        for environment in ({"CI": "true"}, {"TERM": "dumb"}):  # a terminal, and yet a log
            self.assertNotIn("2/2", self.on_terminal("--progress", "test_a", **environment))


class InsteadOfARunTests(ProjectTestCase):
    def test_help_is_unittests_with_ours_below(self) -> None:
        stock = self.run_python("-m", "unittest", "--help").out
        ours = self.tidytest("--help")
        self.assertEqual(ours.code, 0)
        for line in stock.splitlines():
            if line.startswith("  -"):
                self.assertIn(f"{line}\n", ours.out)
        self.assertIn("--leak-baseline FILE", ours.out)
        self.assertIn("tidytest --shuffle 42 --repeat 5", ours.out)

    def test_a_module_that_exits_is_not_asking_for_help(self) -> None:
        self.write("test_a.py", "raise SystemExit(0)")
        outcome = self.tidytest("test_a")
        self.assertEqual((outcome.code, outcome.out), (0, ""))

    def test_version_settings_and_completion(self) -> None:
        import tempfiles

        self.assertEqual(self.tidytest("--version").out, f"tidytest {tempfiles.__version__}\n")
        self.write("pyproject.toml", "[tool.tidytest]\nkeep-runs = 7\n")
        shown = self.tidytest("--show-settings").out
        self.assertRegex(shown, r"(?m)^keep-runs +7 +pyproject.toml:2$")
        self.assertIn("--until-leak", self.tidytest("--completion", "bash").out)

    def test_contradictions_are_refused(self) -> None:
        for words in (
            ("--shuffle", "--reverse"), ("--pdb", "--progress"),
            ("--update-baseline", "--strict-baseline"), ("--leaks=off", "--until-leak"),
            ("--leak-json=x", "--html=x"),
        ):
            with self.subTest(words):
                self.assertRefused(self.tidytest(*words), words[1].partition("=")[0])


class TempRootTests(ProjectTestCase):
    def test_the_temp_directory_lies_where_it_is_asked_for_and_goes(self) -> None:
        self.write("test_a.py", """
            import tempfile, unittest
            class T(unittest.TestCase):
                def test(self): print(tempfile.mkdtemp())
        """)
        (self.project / "here").mkdir()
        outcome = self.tidytest("--temp-root", "here", "test_a")
        self.assertTrue(outcome.out.startswith(f"{self.project}/here/tidy-"), outcome)
        self.assertEqual(os.listdir(self.project / "here"), [])
        self.assertRefused(self.tidytest("--temp-root", "nowhere", "test_a"), "no such directory")
        outcome = self.tidytest(
            "--temp-root", "ram", "--temp-root-min-free", "1000T", "test_a"
        )
        self.assertTrue(outcome.out.startswith(str(self.base)), outcome)
        self.assertIn("tidytest: no temp directory in memory, using disk: ", outcome.err)
