"""`--timeout` and `runner.timeout`: with workers, and in one worker."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time

from tests.support.projects import ProjectTestCase, is_alive


class TimeoutTests(ProjectTestCase):
    def test_hanging_test_is_an_error_with_all_stacks(self) -> None:
        self.write("test_a.py", """
            import subprocess, threading, time, unittest
            import runner

            def waits(): time.sleep(60)

            class Hangs(unittest.TestCase):
                def test_1(self):
                    child = subprocess.Popen(["sleep", "60"])
                    open("child", "w").write(str(child.pid))
                    threading.Thread(target=waits, daemon=True).start()
                    waits()
                @runner.timeout(30)
                def test_2_has_more_time(self): time.sleep(0.7)
                def test_3(self): pass

            class HangsInSetUp(unittest.TestCase):
                @classmethod
                def setUpClass(cls): waits()
                def test_1(self): pass
        """)
        outcome = self.tidytest("--timeout", "0.5")
        self.assertEqual(outcome.code, 1)
        self.assertRegex(outcome.err, r"ERROR: test_1 .*\n-+\nthe test did not end within 0.5 s")
        self.assertEqual(outcome.err.count("in waits"), 3)  # two threads, then the fixture
        self.assertRegex(outcome.err, r"ERROR: setUpClass \(.*\)\n-+\nthe fixture did not end")
        self.assertIn("Ran 3 tests", outcome.err)
        self.assertIn("FAILED (errors=2)", outcome.err)
        self.assertFalse(is_alive(int((self.project / "child").read_text("utf-8"))))

    def test_mark_alone_limits_a_test(self) -> None:
        self.write("test_a.py", """
            import time, unittest
            import runner
            class A(unittest.TestCase):
                @runner.timeout(0.3)
                def test_1(self): time.sleep(60)
        """)
        outcome = self.tidytest()
        self.assertIn("the test did not end within 0.3 s", outcome.err)

    def test_clock_pauses_while_the_worker_is_stopped(self) -> None:
        self.write("test_a.py", """
            import os, time, unittest
            class A(unittest.TestCase):
                def test_1(self):
                    open("pid", "w").write(str(os.getpid()))
                    time.sleep(0.5)
        """)
        command = [sys.executable, "-m", "runner", "--timeout", "2"]
        pid = self.project / "pid"
        with subprocess.Popen(
            command, cwd=self.project, env=self.environment(), stderr=subprocess.PIPE, text=True
        ) as run:
            while not (pid.exists() and pid.read_text("utf-8")):
                time.sleep(0.01)
            worker = int(pid.read_text("utf-8"))
            os.kill(worker, signal.SIGSTOP)
            time.sleep(3)
            os.kill(worker, signal.SIGCONT)
            _, err = run.communicate(timeout=60)
        self.assertIn("OK", err)
