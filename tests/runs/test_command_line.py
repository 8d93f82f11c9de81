"""Options of the command line that no other test of whole runs gives."""

from __future__ import annotations

import json
import os
import signal
import sys

from tests.support.projects import ProjectTestCase


class LeakOptionTests(ProjectTestCase):
    def test_watch_modified_reports_a_changed_project_file(self) -> None:
        self.write("data.txt", "before")
        self.write("test_a.py", """
            import pathlib, unittest
            class T(unittest.TestCase):
                def test(self): pathlib.Path("data.txt").write_text("and after")
        """)
        self.assertNotIn("changed", self.tidytest("test_a").err)
        self.write("data.txt", "before")
        outcome = self.tidytest("--watch-modified", "test_a")
        self.assertIn("test_a.T.test\n  changed 1 of the project's files:\n", outcome.err)
        self.assertRegex(outcome.err, r"\n    changed  data.txt \(.*size.*\)\n")

    def test_watch_modified_ignores_what_the_run_itself_writes(self) -> None:
        self.write("data.txt", "before")
        self.write("test_a.py", """
            import pathlib, time, unittest
            class T(unittest.TestCase):
                def test(self):
                    pathlib.Path("data.txt").write_text("and after")
                    size = pathlib.Path("usage[1].csv").stat().st_size
                    while pathlib.Path("usage[1].csv").stat().st_size == size:
                        time.sleep(0.05)
        """)
        outcome = self.tidytest("--watch-modified", "--monitor", "usage[1].csv", "test_a")
        self.assertIn("changed 1 of the project's files:\n    changed  data.txt", outcome.err)
        self.assertNotIn("usage", outcome.err)

    def test_clean_outside_removes_what_the_run_saw_being_made(self) -> None:
        self.write("test_a.py", """
            import unittest
            class T(unittest.TestCase):
                def test(self): open("debug.log", "w").close()
        """)
        self.tidytest("test_a")
        self.assertTrue((self.project / "debug.log").exists())
        (self.project / "debug.log").unlink()
        outcome = self.tidytest("--clean-outside", "test_a")
        self.assertIn("(removed)", outcome.err)
        self.assertFalse((self.project / "debug.log").exists())

    def test_late_grace_waits_for_files_of_a_child(self) -> None:
        self.write("test_a.py", """
            import subprocess, unittest
            class T(unittest.TestCase):
                def test(self): subprocess.Popen(["sh", "-c", "sleep 0.4; echo >$TMPDIR/late"])
        """)
        outcome = self.tidytest("--late-grace", "20", "test_a")
        self.assertRegex(outcome.err, r"\n    file +1 B  late .*subprocess sh")
        self.assertIn("1 leaked by 1 test", outcome.err)

    def test_leaks_off_reports_nothing_and_cleans_the_directory(self) -> None:
        self.write("test_a.py", """
            import tempfile, unittest
            class T(unittest.TestCase):
                def test(self): tempfile.mkdtemp()
        """)
        outcome = self.tidytest("--leaks", "off", "-v", "test_a")
        self.assertEqual(outcome.code, 0)
        self.assertNotIn("leak", outcome.err)

    def test_leak_trace_shows_the_chain_of_calls(self) -> None:
        self.write("test_a.py", """
            import tempfile, unittest
            def outer(): inner()
            def inner(): tempfile.mkdtemp()
            class T(unittest.TestCase):
                def test(self): outer()
        """)
        outcome = self.tidytest("--leak-trace", "test_a")
        for line in ("test_a.py:4 in inner", "test_a.py:3 in outer", "test_a.py:6 in test"):
            self.assertIn(f"\n          {line}\n", outcome.err)

    def test_what_the_interpreter_compiles_elsewhere_is_no_leak(self) -> None:
        self.write("mylib.py", "")
        self.write("test_a.py", """
            import unittest
            class T(unittest.TestCase):
                def test(self): import mylib, wave
        """)
        for prefix in (self.base.parent / "elsewhere", self.project / "compiled"):
            outcome = self.run_python(
                "-m", "runner", "--leaks", "fail", "test_a", PYTHONPYCACHEPREFIX=str(prefix),
                PYTHONDONTWRITEBYTECODE="",
            )
            self.assertEqual(outcome.code, 0, outcome.err)
            self.assertTrue(prefix.exists())


class SelectionTests(ProjectTestCase):
    def test_a_module_that_could_not_be_imported_is_run_again_whole(self) -> None:
        for words in (("discover",), ("tests.test_a",)):
            with self.subTest(words):
                self.write("tests/__init__.py", "")
                self.write("tests/test_a.py", "import nope")
                self.assertEqual(self.tidytest(*words).code, 1)
                self.assertIn("Ran 1 test", self.tidytest("--last-failed", *words).err)
                self.write("tests/test_a.py", """
                    import unittest
                    class T(unittest.TestCase):
                        def test_1(self): pass
                        def test_2(self): self.fail()
                """)
                outcome = self.tidytest("--last-failed", *words)
                self.assertEqual((outcome.code, "Ran 2 tests" in outcome.err), (1, True))
                (self.project / ".tidytest_cache/tests.json").unlink()

    def test_what_is_there_no_more_leaves_the_state(self) -> None:
        source = "import unittest\nclass T(unittest.TestCase):\n    def test_x(self): self.{}()\n"
        self.write("test_a.py", source.format("fail"))
        self.tidytest()
        self.write("test_a.py", source.format("id").replace("test_x", "test_y"))
        self.tidytest("test_a.T.test_y")
        self.assertTrue((self.project / ".tidytest_cache/tests.json").exists())
        self.tidytest()
        self.assertFalse((self.project / ".tidytest_cache/tests.json").exists())

    def test_a_run_that_looks_for_no_leaks_forgets_none(self) -> None:
        self.write("test_a.py", """
            import tempfile, unittest
            class T(unittest.TestCase):
                def test(self): tempfile.mkdtemp()
        """)
        self.tidytest()
        self.tidytest("--leaks", "off")
        self.assertIn("Ran 1 test", self.tidytest("--leaked-last").err)

    def test_a_damaged_state_is_reported_and_all_tests_run(self) -> None:
        self.write("test_a.py", """
            import unittest
            class T(unittest.TestCase):
                def test(self): pass
        """)
        self.write(".tidytest_cache/tests.json", "{")
        outcome = self.tidytest("--last-failed")
        self.assertIn("cannot be read (it is malformed): all tests are run", outcome.err)
        self.assertIn("Ran 1 test", outcome.err)
        self.assertFalse((self.project / ".tidytest_cache/tests.json").exists())
        (self.project / ".tidytest_cache/tests.json").mkdir()
        self.write("test_b.py", "import nope")
        outcome = self.tidytest()
        self.assertIn("warning: cannot write .tidytest_cache/tests.json: ", outcome.err)
        self.assertFalse([name for name in os.listdir(self.project) if name.endswith(".new")])

    def test_a_suite_with_its_own_run_is_repeated_and_selected(self) -> None:
        self.write("test_a.py", """
            import unittest
            class T(unittest.TestCase):
                def test_a(self): self.fail()
                def test_b(self): pass
            class Own(unittest.TestSuite):
                def run(self, result, debug=False): return super().run(result, debug)
            def load_tests(loader, tests, pattern): return Own([T("test_a"), T("test_b")])
        """)
        for words, number in ((("--repeat", "2"), 4), (("--until-leak", "--repeat", "2"), 4),
                              (("--last-failed",), 2), (("--until-leak", "--repeat", "1"), 2)):
            outcome = self.tidytest(*words)
            self.assertIn(f"Ran {number} tests", outcome.err)


class OneLineTests(ProjectTestCase):
    def test_help_does_nothing_else_and_comes_first(self) -> None:
        self.write("test_a.py", "raise SystemExit('loaded')")
        report = self.write("out.json", "old")
        for words in (
            ("--help", "--leak-json", "out.json", "--update-baseline", "--coverage"),
            ("-h", "--shuffle", "--reverse"), ("discover", "-h", "--html", "x.html"),
        ):
            with self.subTest(words):
                outcome = self.tidytest(*words)
                self.assertEqual((outcome.code, outcome.err), (0, ""))
                self.assertIn("--leak-baseline FILE", outcome.out)
        self.assertEqual(report.read_text(), "old")
        self.assertEqual(sorted(os.listdir(self.project)), ["out.json", "test_a.py"])

    def test_a_reader_who_leaves_early_breaks_nothing(self) -> None:
        command = f"{sys.executable} -m runner --help 2>errors | head -n 1"
        self.run_python("-c", f"import os; os.system({command!r})")
        self.assertEqual((self.project / "errors").read_text(), "")

    def test_an_invalid_value_is_refused_with_its_place(self) -> None:
        for line, reported in (
            ('temp-root = "nope"', "temp-root (pyproject.toml:2): no such directory: "),
            ('monitor = "x.txt"', "monitor (pyproject.toml:2): "),
        ):
            self.write("pyproject.toml", f"[tool.tidytest]\n{line}\n")
            self.assertRefused(self.tidytest("discover"), reported)
        (self.project / "pyproject.toml").unlink()
        self.assertRefused(self.tidytest("--monitor", "x.txt"), "error: --monitor: ")

    def test_show_settings_has_durations_and_the_baseline_in_use(self) -> None:
        self.write(".tidytest-leaks.json", '{"version": 1, "leaks": []}')
        shown = self.tidytest("--durations", "3", "--show-settings").out
        self.assertRegex(shown, r"(?m)^durations +3 +command line$")
        self.assertRegex(shown, r"(?m)^leak-baseline +.tidytest-leaks.json +default, since it")

    def test_sections_of_setup_cfg(self) -> None:
        self.write("setup.cfg", "[DEFAULT]\nfoo = 3\n[tidytest]\nkeep-runs = 9\n")
        self.assertRegex(self.tidytest("--show-settings").out, r"(?m)^keep-runs +9 +setup.cfg:4$")
        for name in ("tool:tidytest", "tidytest "):
            self.write("setup.cfg", f"[{name}]\nkeep-runs = 9\n")
            self.assertRefused(self.tidytest("discover"), "the section is called [tidytest]")

    def test_completion_knows_opposites_and_words(self) -> None:
        script = self.tidytest("--completion", "bash").out
        for word in ("--no-leak-baseline", "(term html xml json)", "(never on-failure always)"):
            self.assertIn(word, script)


class ReapingTests(ProjectTestCase):
    def test_an_empty_root_is_removed_without_a_message(self) -> None:
        from tempfiles.roots.claim import BARE_MODE

        bare = self.base / "tidy-0123abcd"
        bare.mkdir()
        bare.chmod(BARE_MODE)
        self.assertNotIn("earlier run", self.tidytest("discover").err)
        self.assertFalse(bare.exists())


class LikeUnittestTests(ProjectTestCase):
    def test_a_test_that_replaces_stderr_keeps_the_exit_code(self) -> None:
        for value in ("None", "io.StringIO()"):
            self.write("test_a.py", f"""
                import io, sys, tempfile, unittest
                class T(unittest.TestCase):
                    def test(self):
                        tempfile.mkdtemp()
                        sys.stderr = {value}
            """)
            outcome = self.tidytest("test_a")
            self.assertEqual(outcome.code, 0, outcome.err)
            self.assertIn("1 leaked by 1 test", outcome.err)

    def test_patched_os_functions_do_not_prevent_removal(self) -> None:
        self.write("test_a.py", """
            import os, tempfile, unittest
            def broken(*args, **kwargs): raise AssertionError("called while patched")
            class T(unittest.TestCase):
                def test_a(self): open(os.path.join(tempfile.mkdtemp(), "x"), "w").close()
                def test_b(self):
                    for name in "lstat stat listdir scandir unlink rmdir getcwd".split():
                        setattr(os, name, broken)
        """)
        outcome = self.tidytest("--html", "out.html", "--leak-json", "out.json", "test_a")
        self.assertEqual(outcome.code, 0, outcome.err)
        self.assertIn("1 leaked by 1 test (removed)", outcome.err)
        self.assertNotIn("defect", outcome.err)
        self.assertTrue((self.project / "out.html").exists())

    def test_the_name_of_the_program_is_unittests(self) -> None:
        self.write("test_a.py", """
            import sys, unittest
            class T(unittest.TestCase):
                def test(self): print(sys.argv[0])
        """)
        stock = self.run_python("-m", "unittest", "test_a").out
        self.assertEqual(self.tidytest("test_a").out, stock)


class FunctionTests(ProjectTestCase):
    def test_asynchronous_fixtures_marks_and_what_is_returned(self) -> None:
        self.write("test_a.py", """
            async def setup_module(): print("set up")
            async def teardown_module(): print("torn down")
            def test_a(): print("a")
            def test_no(): print("no")
            test_no.__test__ = False
            def test_returns(): return 3
        """)
        outcome = self.tidytest("--functions", "-v")
        self.assertEqual(outcome.code, 0, outcome.err)
        self.assertEqual(outcome.out, "set up\na\ntorn down\n")
        self.assertIn("DeprecationWarning: It is deprecated to return a value", outcome.err)

    def test_fixtures_that_fail_arguments_and_names(self) -> None:
        self.write("test_a.py", """
            def fails(): raise OSError("no server")
            def test_a(): print("a")
            test_a.setup = fails
            def test_b(): print("b")
            test_b.teardown = fails
            def test_c(argument): print("c")
            def test_d(): print("d")
            def test_many():
                yield 1
        """)
        outcome = self.tidytest("--functions", "test_a.test_d")
        self.assertEqual((outcome.code, outcome.out), (0, "d\n"), outcome.err)
        outcome = self.tidytest("--functions", "-k", "test_a.test_[abd]")
        self.assertEqual((outcome.code, outcome.out), (1, "b\nd\n"), outcome.err)
        self.assertIn("FAILED (errors=2)", outcome.err)
        self.assertRefused(self.tidytest("--functions", "test_a.test_c"), "needs argument, which")
        outcome = self.tidytest("--functions", "-k", "many")
        self.assertRefused(outcome, "test_a.test_many", "generator")


class DebuggerTests(ProjectTestCase):
    SUITE = """
        import tempfile, unittest
        class T(unittest.TestCase):
            def test_a(self): here = "a"; self.fail()
            def test_b(self): here = "b"; self.fail()
            def test_leak(self): tempfile.mkdtemp()
    """

    def test_quit_ends_the_run_in_order(self) -> None:
        self.write("test_a.py", self.SUITE)
        for commands in ("q\n", "quit\n", ""):
            outcome = self.tidytest("--pdb", "test_a", stdin=f"p here\n{commands}p here\n")
            self.assertEqual(outcome.code, 1)
            self.assertIn("'a'", outcome.out)
            self.assertNotIn("'b'", outcome.out)
            self.assertIn("Ran 1 test", outcome.err)

    def test_a_leak_has_no_line_to_debug(self) -> None:
        self.write("test_a.py", self.SUITE)
        outcome = self.tidytest("--pdb", "--leaks", "fail", "test_a.T.test_leak", stdin="w\nc\n")
        self.assertIn("(no line of the tests' own to debug)", outcome.out)
        self.assertNotIn("(Pdb)", outcome.out)

    def test_quitting_a_breakpoint_does_not_debug_the_debugger(self) -> None:
        self.write("test_a.py", """
            import unittest
            class T(unittest.TestCase):
                def test(self): breakpoint(); pass
                def test_z(self): pass
        """)
        outcome = self.tidytest("--pdb", "test_a", stdin="q\nc\n")
        self.assertEqual(outcome.out.count("(Pdb)"), 1, outcome.out)
        self.assertIn("Ran 2 tests", outcome.err)

    def test_an_interrupt_after_the_prompt_ends_the_run(self) -> None:
        self.write("test_a.py", """
            import os, signal, unittest
            class T(unittest.TestCase):
                def test_1(self): self.fail()
                def test_2(self): os.kill(os.getpid(), signal.SIGINT)
                def test_3(self): print("never")
        """)
        for options, code in ((), -signal.SIGINT), (("-c",), 1):
            outcome = self.tidytest("--pdb", *options, "test_a", stdin="c\nq\n")
            self.assertEqual(outcome.code, code, outcome.err)
            self.assertEqual(outcome.out.count("(Pdb)"), 1, outcome.out)
            self.assertNotIn("never", outcome.out)

    def test_a_run_cannot_be_started_again_from_the_prompt(self) -> None:
        self.write("test_a.py", self.SUITE)
        outcome = self.tidytest("--pdb", "test_a", stdin="run\nrestart x\np here\nc\nq\n")
        self.assertEqual(outcome.out.count("a test cannot be started again"), 2)
        self.assertIn("'a'", outcome.out)
        self.assertIn("FAILED (failures=2)", outcome.err)

    def test_a_call_of_exit_ends_the_run_as_quit_does(self) -> None:
        self.write("test_a.py", self.SUITE)
        outcome = self.tidytest("--pdb", "test_a", stdin="exit()\nc\n")
        self.assertEqual((outcome.code, outcome.out.count("(Pdb)")), (1, 1))
        self.assertIn("FAILED (failures=1)", outcome.err)


class ReportTests(ProjectTestCase):
    def test_two_names_of_one_file_are_refused(self) -> None:
        self.write("one.json", "")
        os.symlink("one.json", self.project / "two")
        outcome = self.tidytest("--leak-json", "one.json", "--html", "two")
        self.assertRefused(outcome, "--html name the same file")
        outcome = self.tidytest("--leak-json", ".tidytest_cache/tests.json")
        self.assertRefused(outcome, "the state between runs (", ") and --leak-json name the same")

    def test_no_leak_report_is_written_with_leaks_off(self) -> None:
        self.write("pyproject.toml", "[tool.tidytest]\nleak-json = 'out.json'\n")
        self.write("test_a.py", "")
        self.tidytest("--leaks", "off")
        self.assertFalse((self.project / "out.json").exists())
        self.tidytest()
        self.assertEqual(json.loads((self.project / "out.json").read_text())["leaks"], [])
