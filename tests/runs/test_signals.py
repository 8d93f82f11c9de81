"""SIGTERM and ^C while tests, threads or a second signal delay the end of a run."""

from __future__ import annotations

import os
import signal
import time
import unittest

from tests.support.programs import Outcome
from tests.support.projects import ProjectTestCase

HEAD = """
import concurrent.futures, multiprocessing, os, signal, subprocess, sys, tempfile, threading, time
import unittest
def send(number=signal.SIGTERM): os.kill(os.getpid(), number)
"""
ENOUGH = 20.0  # seconds; what is waited for takes a fraction of one


@unittest.skipUnless(os.name == "posix", "signals")
class SignalCase(ProjectTestCase):
    def suite(self, body: str) -> None:
        """Write a suite whose first test, of two, has this body."""
        lines = "\n".join(f"        {line}" for line in body.strip().splitlines())
        self.write("test_a.py", f"""{HEAD}
class T(unittest.TestCase):
    def test_a(self):
        tempfile.mkdtemp()
{lines}
    def test_b(self): print("never")
""")

    def assertTerminated(self, outcome: Outcome) -> None:
        self.assertEqual(outcome.code, -signal.SIGTERM, outcome.err)
        self.assertNotIn("never", outcome.out)
        self.assertNotIn("Traceback", outcome.err)

    def assertInterrupted(self, outcome: Outcome) -> None:
        """Fail unless it ended by ^C with one traceback, in which nothing of ours is."""
        self.assertEqual(outcome.code, -signal.SIGINT, outcome.err)
        self.assertEqual(outcome.err.count("Traceback"), 1, outcome.err)
        last = r"\nKeyboardInterrupt\nInterrupted: \d+ of \d+ tests? ran\.\n\Z"
        self.assertRegex(outcome.err, last)
        self.assertNotIn("/tempfiles/", outcome.err)


class TerminationTests(SignalCase):
    def test_that_a_test_swallows_comes_again_before_the_next(self) -> None:
        self.suite("print('reported')\ntry: send()\nexcept: pass")
        outcome = self.tidytest("--junit-xml", "out.xml", "test_a")
        self.assertTerminated(outcome)
        self.assertEqual(outcome.out, "reported\n")
        self.assertIn("1 leaked by 1 test (removed)", outcome.err)
        self.assertIn('"interrupted"', (self.project / "out.xml").read_text("utf-8"))

    def test_that_a_fixture_swallows_comes_again_before_the_test(self) -> None:
        self.write("test_a.py", f"""{HEAD}
class T(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        try: send()
        except: pass
    def test(self): print("never")
""")
        self.assertTerminated(self.tidytest("test_a"))

    def test_that_the_last_test_swallows_is_what_the_run_dies_of(self) -> None:
        self.write("test_a.py", f"""{HEAD}
class T(unittest.TestCase):
    def test(self):
        try: send()
        except: pass
""")
        outcome = self.tidytest("test_a")
        self.assertTerminated(outcome)
        self.assertIn("Ran 1 test", outcome.err)

    def test_a_second_sigterm_kills_at_once_and_leaves_nothing(self) -> None:
        self.suite("""
import ctypes
try: send()
except: pass
subprocess.Popen(["sh", "-c", f"sleep 0.2; kill -TERM {os.getpid()}"], stderr=subprocess.DEVNULL)
ctypes.PyDLL(None).sleep(60)
""")
        outcome = self.run_python("-m", "runner", "test_a")
        self.assertTerminated(outcome)
        self.assertNotIn("Temporary files", outcome.err)
        end = time.monotonic() + ENOUGH
        while os.listdir(self.base):
            self.assertLess(time.monotonic(), end, os.listdir(self.base))
            time.sleep(0.01)

    def test_what_sees_to_that_is_no_child_of_the_test(self) -> None:
        self.suite("""
try: send()
except: pass
from tempfiles.registry import contexts as _contexts
print(getattr(_contexts.current().attachment, "children", []))
""")
        outcome = self.tidytest("test_a")
        self.assertTerminated(outcome)
        self.assertIn("[]\n", outcome.out)

    def test_waits_for_no_thread_or_process(self) -> None:
        waiters = {
            "a thread": "threading.Thread(target=threading.Event().wait).start()",
            "a pool": "concurrent.futures.ThreadPoolExecutor(1).submit(threading.Event().wait)",
            "a process": "multiprocessing.get_context('fork').Process(target=wait).start()",
        }
        for name, waiter in waiters.items():
            with self.subTest(name):
                self.suite(f"""
def wait(run=os.getpid()):
    os.close(1)
    os.close(2)
    while os.getppid() == run: time.sleep(0.01)
{waiter}
send()
""")
                outcome = self.tidytest("--late-grace", "0", "test_a")
                self.assertTerminated(outcome)
                self.assertIn("1 leaked by 1 test (removed)", outcome.err)

    def test_at_the_end_breaks_off_the_wait_for_a_thread_and_no_more(self) -> None:
        self.write("test_a.py", f"""{HEAD}
def wait():
    while threading.main_thread().is_alive(): time.sleep(0.01)
    send()
    threading.Event().wait()
class T(unittest.TestCase):
    def test(self):
        tempfile.mkdtemp()
        threading.Thread(target=wait).start()
""")
        outcome = self.tidytest("test_a")
        self.assertTerminated(outcome)
        self.assertIn("Ran 1 test", outcome.err)
        self.assertIn("1 leaked by 1 test (removed)", outcome.err)


IN_REMOVAL = """
import tempfiles.roots.dispose as disposal
genuine = disposal.dispose
def dispose(*args, **kwargs):
    send(signal.SIGINT)
    return genuine(*args, **kwargs)
disposal.dispose = dispose
"""


class SecondInterruptTests(SignalCase):
    def assertLeft(self, outcome: Outcome) -> None:
        """Fail unless one line tells what is left, and the next run removes that."""
        self.assertInterrupted(outcome)
        (root,) = os.listdir(self.base)
        reported = f"{self.base / root}: interrupted; the next run removes it\n"
        self.assertEqual(outcome.err.count(reported), 1, outcome.err)
        self.write("test_next.py", "")
        self.assertIn("test_a.T.test_a", self.tidytest("test_next").err)

    def test_during_the_removal_leaves_one_line_and_the_summary(self) -> None:
        self.suite(IN_REMOVAL + "send(signal.SIGINT)")
        outcome = self.run_python("-m", "runner", "test_a")
        self.assertLeft(outcome)
        self.assertIn("in test_a\n    send(signal.SIGINT)", outcome.err)
        self.assertIn("1 leaked by 1 test (failed)", outcome.err)

    def test_third_interrupt_during_the_message(self) -> None:
        self.suite(f"""{IN_REMOVAL}
import runner.session.summary
runner.session.summary.write_summary = lambda *args: send(signal.SIGINT)
send(signal.SIGINT)
""")
        self.assertLeft(self.run_python("-m", "runner", "test_a"))

    def test_while_what_the_test_left_is_looked_at(self) -> None:
        self.suite("""
from tempfiles.run.close import Closing
def close(*args): send(signal.SIGINT)
Closing.close = close
send(signal.SIGINT)
""")
        outcome = self.tidytest("test_a")
        self.assertInterrupted(outcome)
        self.assertIn("in test_a\n    send(signal.SIGINT)", outcome.err)

    def test_first_interrupt_ends_only_the_wait_for_processes(self) -> None:
        self.write("test_a.py", f"""{HEAD}
import tempfiles.system.syscalls as syscalls
genuine = syscalls.sleep
def sleep(seconds):
    send(signal.SIGINT)
    genuine(seconds)
class T(unittest.TestCase):
    def test(self):
        tempfile.mkdtemp()
        syscalls.sleep = sleep
        command = [sys.executable, "-c", "import sys; sys.stdin.read()"]
        kept.append(subprocess.Popen(command, stdin=subprocess.PIPE, stderr=subprocess.DEVNULL))
kept = []
""")
        outcome = self.tidytest("test_a")
        self.assertInterrupted(outcome)
        self.assertIn("1 leaked by 1 test (removed)", outcome.err)


class BrokenOffTests(SignalCase):
    def test_the_report_with_v_begins_a_line(self) -> None:
        self.write("test_a.py", f"""{HEAD}
class T(unittest.TestCase):
    @classmethod
    def setUpClass(cls): tempfile.mkdtemp()
    def test(self): send(signal.SIGINT)
""")
        outcome = self.tidytest("-v", "test_a")
        self.assertIn(" ... \nclass test_a.T\n", outcome.err)

    def assertToldAsBrokenOff(self, outcome: Outcome, code: int) -> str:
        self.assertEqual(outcome.code, code, outcome.err)
        self.assertIn("the run was interrupted: not all tests have run", outcome.out)
        report = (self.project / "out.xml").read_text("utf-8")
        self.assertIn('"interrupted"', report)
        return report

    def test_by_an_exit_in_a_fixture(self) -> None:
        self.write("test_a.py", """
            import sys, unittest
            class A(unittest.TestCase):
                def test(self): pass
            class B(unittest.TestCase):
                @classmethod
                def setUpClass(cls): sys.exit(3)
                def test(self): pass
        """)
        outcome = self.tidytest("--junit-xml", "out.xml", "--github", "test_a")
        self.assertToldAsBrokenOff(outcome, 3)

    def test_by_a_result_that_cannot_be_printed(self) -> None:
        self.suite(r'print("\ud800"); self.fail("on purpose")')
        outcome = self.tidytest("-b", "--junit-xml", "out.xml", "--github", "test_a")
        report = self.assertToldAsBrokenOff(outcome, 1)
        self.assertIn('<failure message="AssertionError: on purpose"', report)

    def test_by_an_interrupt_that_c_takes(self) -> None:
        self.suite("send(signal.SIGINT)")
        outcome = self.tidytest("-c", "--junit-xml", "out.xml", "--github", "test_a")
        self.assertToldAsBrokenOff(outcome, 0)
        self.assertNotIn("never", outcome.out)

    def test_what_ran_to_its_end_is_not(self) -> None:
        self.write("test_a.py", "import unittest\nclass T(unittest.TestCase):\n def test(self): 0")
        outcome = self.tidytest("--junit-xml", "out.xml", "--github", "-c", "test_a")
        self.assertEqual((outcome.code, outcome.out), (0, ""), outcome.err)
        self.assertNotIn("interrupted", (self.project / "out.xml").read_text("utf-8"))
