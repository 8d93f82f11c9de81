"""Interrupted runs clean up, report and end as under unittest."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import unittest

from tests.support.programs import Outcome
from tests.support.projects import ProjectTestCase

SUITE = """
    import os, signal, tempfile, time, unittest
    class T(unittest.TestCase):
        @classmethod
        def setUpClass(cls):
            cls.addClassCleanup(print, "class cleaned up", flush=True)
        def tearDown(self): print("torn down", flush=True)
        def test_a(self):
            tempfile.mkdtemp()
        def test_b(self):
            tempfile.mkdtemp(prefix="of_b")
            print("ready", flush=True)
            while not os.path.exists("../signalled"):  # with -c only the end of the test stops it
                time.sleep(0.01)
        def test_c(self): print("never")
"""


@unittest.skipUnless(os.name == "posix", "signals")
class InterruptTests(ProjectTestCase):
    def interrupted(self, number: signal.Signals, *words: str, module: str = "runner") -> Outcome:
        """Start a run, send it a signal in its second test, and return how it ended."""
        self.write("test_a.py", SUITE)
        with subprocess.Popen(
            [sys.executable, "-m", module, *words, "test_a"], cwd=self.project, text=True,
            env=self.environment(), stdout=subprocess.PIPE, stderr=subprocess.PIPE,
        ) as process:
            assert process.stdout is not None
            reported = ""
            while "ready" not in reported:
                reported += process.stdout.readline()
            process.send_signal(number)
            if "-c" in words:
                self.write("../signalled", "")
            out, err = process.communicate(timeout=60)
        return Outcome(process.returncode, reported + out, err)

    def assertEndedInOrder(self, outcome: Outcome) -> None:
        self.assertEqual(os.listdir(self.base), [], outcome.err)
        self.assertNotIn("never", outcome.out)
        self.assertIn("of_b", outcome.err)
        self.assertIn("Temporary files: 2 created", outcome.err)
        leaks = json.loads((self.project / "out.json").read_text("utf-8"))["leaks"]
        self.assertEqual(
            [leak["context"] for leak in leaks], ["test_a.T.test_a", "test_a.T.test_b"]
        )
        self.assertIn("<testsuites", (self.project / "out.xml").read_text("utf-8"))

    def frames(self, outcome: Outcome) -> list[str]:
        """Return the frames of unittest and of the runner, the one that starts it left out."""
        found = [line for line in outcome.err.splitlines() if line.startswith("  File ")]
        own = ("/unittest/", "/runner/", "<tidytest")
        return [line for line in found if any(part in line for part in own)
                and "__main__.py" not in line]

    def reports(self) -> tuple[str, ...]:
        return "--leak-json", "out.json", "--junit-xml", "out.xml"

    def test_an_interrupt_ends_as_unittest_does(self) -> None:
        stock = self.interrupted(signal.SIGINT, module="unittest")
        for name in os.listdir(self.base):
            os.rmdir(self.base / name)
        ours = self.interrupted(signal.SIGINT, *self.reports())
        self.assertEqual((ours.code, ours.out), (stock.code, stock.out), ours.err)
        self.assertIn("KeyboardInterrupt", ours.err)
        self.assertNotIn("<tidytest", ours.err)
        self.assertEqual(self.frames(ours), self.frames(stock))
        self.assertEndedInOrder(ours)

    def test_an_interrupt_with_c_shows_the_results_so_far(self) -> None:
        outcome = self.interrupted(signal.SIGINT, "-c", *self.reports())
        self.assertIn("Ran 2 tests", outcome.err)
        self.assertEndedInOrder(outcome)

    def test_the_last_line_says_how_many_tests_ran(self) -> None:
        for number, words in (
            (signal.SIGINT, ()), (signal.SIGINT, ("-v",)), (signal.SIGINT, ("-q",)),
            (signal.SIGTERM, ()), (signal.SIGTERM, ("-v",)), (signal.SIGINT, ("-c",)),
            (signal.SIGTERM, ("--leaks", "off")), (signal.SIGINT, ("--leaks", "off", "-q")),
        ):  # fmt: skip
            with self.subTest(number, words=words):
                (self.project.parent / "signalled").unlink(missing_ok=True)
                lines = self.interrupted(number, *words).err.splitlines()
                self.assertEqual(lines[-1], "Interrupted: 2 of 3 tests ran.", lines)
                if "-v" not in words and "-q" not in words:
                    self.assertIn(lines[0], (".", ".."), "the line of dots ends")
        lines = self.interrupted(signal.SIGTERM, "--repeat", "4").err.splitlines()
        self.assertEqual(lines[-1], "Interrupted: 5 of 12 tests ran.")

    def test_an_interrupt_of_the_import_says_that_no_test_ran(self) -> None:
        for signal_of in "SIGTERM", "SIGINT":
            self.write("test_a.py", f"""
                import os, signal, time
                os.kill(os.getpid(), signal.{signal_of})
                time.sleep(9)
            """)
            lines = self.run_python("-m", "runner", "test_a").err.splitlines()
            self.assertEqual(lines[-1], "Interrupted: no test ran.", lines)

    def test_no_such_line_follows_an_exit_of_another_kind(self) -> None:
        for body in ("raise SystemExit(3)", "self.fail()", "pass"):
            self.write("test_a.py", f"import unittest\nclass T(unittest.TestCase):\n"
                                    f" def test(self): {body}\n def test_b(self): pass")
            self.assertNotIn("Interrupted", self.tidytest("--failfast").err)
        self.assertNotIn("Interrupted", self.tidytest("no_such_module").err)
        self.assertNotIn("Interrupted", self.tidytest("--nonsense").err)

    def test_sigterm_is_what_it_dies_of_after_it_has_cleaned_up(self) -> None:
        outcome = self.interrupted(signal.SIGTERM, *self.reports())
        self.assertEqual(outcome.code, -signal.SIGTERM)
        self.assertEqual(outcome.err.count("Traceback"), 0, outcome.err)
        self.assertEndedInOrder(outcome)

    def test_the_handler_of_sigterm_is_the_default_to_tests(self) -> None:
        self.write("test_a.py", """
            import os, signal, time, unittest
            class T(unittest.TestCase):
                def test_saved_and_put_back(self):
                    self.assertIs(signal.getsignal(signal.SIGTERM), signal.SIG_DFL)
                    old = signal.signal(signal.SIGTERM, lambda *a: None)
                    self.assertIs(old, signal.SIG_DFL)
                    self.assertIs(type(old), signal.Handlers)
                    signal.signal(signal.SIGTERM, old)
                def test_a_forked_child_dies_of_it(self):
                    for _ in range(50):
                        child = os.fork()
                        if child == 0:
                            time.sleep(9)
                            os._exit(3)
                        os.kill(child, signal.SIGTERM)
                        self.assertEqual(os.waitpid(child, 0)[1], signal.SIGTERM)
        """)
        outcome = self.tidytest("test_a")
        self.assertEqual(outcome.code, 0, outcome.err)


class EndOfRunTests(ProjectTestCase):
    def test_a_defect_in_one_component_does_not_stop_the_others(self) -> None:
        self.write("test_a.py", """
            import runner.session.summary, tempfile, unittest
            class T(unittest.TestCase):
                def test(self):
                    tempfile.mkdtemp()
                    def broken(*args): raise RuntimeError("broken on purpose")
                    runner.session.summary.write_summary = broken
        """)
        outcome = self.tidytest("--leak-json", "out.json", "test_a")
        self.assertEqual(outcome.code, 0, outcome.err)
        self.assertIn("broken on purpose", outcome.err)
        self.assertEqual(len(json.loads((self.project / "out.json").read_text())["leaks"]), 1)

    def test_a_run_whose_root_a_test_removed(self) -> None:
        self.write("test_a.py", """
            import os, shutil, tempfile, unittest
            class T(unittest.TestCase):
                def test(self): shutil.rmtree(os.path.dirname(tempfile.gettempdir()))
                def test_z(self): pass
        """)
        outcome = self.tidytest("test_a")
        self.assertEqual(outcome.code, 0, outcome.err)
        self.assertNotIn("Traceback", outcome.err)

    @unittest.skipUnless(hasattr(os, "fork"), "needs fork")
    def test_an_exception_in_a_forked_child_does_not_end_the_run(self) -> None:
        self.write("test_a.py", """
            import os, tempfile, unittest
            class T(unittest.TestCase):
                def test(self):
                    tempfile.mkdtemp()
                    child = os.fork()
                    if child == 0: raise SystemExit(4)
                    os.waitpid(child, 0)
                    self.assertEqual(len(os.listdir(tempfile.gettempdir())), 1)
        """)
        outcome = self.tidytest("test_a")
        self.assertEqual(outcome.code, 0, outcome.err)
        self.assertEqual(outcome.err.count("Temporary files: "), 1, outcome.err)

    def test_exits_of_tests_and_of_handlers(self) -> None:
        self.write("test_a.py", """
            import atexit, os, sys, tempfile, unittest
            path = tempfile.mkdtemp()
            atexit.register(os.rmdir, path)
            class T(unittest.TestCase):
                def test(self): sys.exit(5)
        """)
        outcome = self.tidytest("test_a")
        self.assertEqual(outcome.code, 1)
        self.assertIn("none leaked", outcome.err)
