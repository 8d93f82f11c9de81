"""A worker that dies costs the test that was running, or the fixture; the rest runs on."""

from __future__ import annotations

import signal
import subprocess
import sys
import time
from xml.etree import ElementTree

from tests.support.programs import Outcome
from tests.support.projects import ProjectTestCase, is_alive

DEATHS = """
    import ctypes, os, signal, tempfile, unittest

    class Dies(unittest.TestCase):
        @classmethod
        def setUpClass(cls): print("set up", flush=True)
        def test_1_leaks(self): tempfile.mkstemp(prefix="left-")
        def test_2_segfault(self):
            print("just before", flush=True)
            ctypes.string_at(0)
        def test_3_goes_on(self): pass
        def test_4_exits(self):
            with self.subTest(): self.fail("before the end")
            tempfile.mkdtemp(prefix="crash-")
            os._exit(3)
        def test_5_is_killed(self): os.kill(os.getpid(), signal.SIGKILL)
        def test_6_goes_on(self): pass

    class DiesInSetUp(unittest.TestCase):
        @classmethod
        def setUpClass(cls): os._exit(0)
        def test_1(self): pass

    class DiesInTearDown(unittest.TestCase):
        @classmethod
        def tearDownClass(cls): os._exit(4)
        def test_1(self): pass

    class ClosesAll(unittest.TestCase):
        def test_1(self): os.closerange(3, 4096)
        def test_2(self): pass
"""


class DeadWorkerTests(ProjectTestCase):
    outcome: Outcome

    def setUp(self) -> None:
        super().setUp()
        self.write("test_a.py", DEATHS)
        self.outcome = self.tidytest("-j2", "-v", "--junit-xml", "junit.xml")

    def test_each_death_is_the_error_of_its_test(self) -> None:
        err, out = self.outcome.err, self.outcome.out
        self.assertIn("Ran 9 tests", err)
        self.assertIn("FAILED (failures=1, errors=5)", err)
        self.assertIn("AssertionError: before the end", err)
        for name, fate in (
            ("test_2_segfault", "the process of this test was killed by SIGSEGV"),
            ("test_4_exits", "the process of this test ended with exit code 3"),
            ("test_5_is_killed", "the process of this test was killed by SIGKILL"),
            ("setUpClass", "the process of this fixture ended with exit code 0"),
            ("tearDownClass", "the process of this fixture ended with exit code 4"),
        ):
            with self.subTest(name):
                self.assertRegex(err, rf"ERROR: {name} \(.*\)\n-+\n{fate}")
        for name in ("test_3_goes_on", "test_6_goes_on", "test_2"):
            self.assertRegex(err, rf"{name} \(.*\) \.\.\. ok")
        # The stack has the test's own frames; fixtures run again in the new worker.
        self.assertRegex(err, r'Segmentation fault\n\nCurrent thread .*\n  File .*\n  File "\S+'
                              r'test_a\.py", line 10 in test_2_segfault\n\n')
        self.assertEqual(out.count("set up"), 4)
        self.assertIn("just before", out)
        # What the dead worker left is reported under its test, and removed.
        self.assertRegex(err, r"test_4_exits .* ERROR\n  left 1 in .*\n    dir .* crash-")
        self.assertIn("2 leaked by 2 tests (removed)", err)

        cases = ElementTree.parse(self.project / "junit.xml").getroot().iter("testcase")
        errors = [case.get("name") for case in cases if case.find("error") is not None]
        self.assertEqual(len(errors), 5, errors)


class RescueTests(ProjectTestCase):
    def test_users_file_is_rescued_from_a_dead_worker(self) -> None:
        (self.project / "settings.ini").write_text("mine", "utf-8")
        self.write("test_a.py", """
            import os, shutil, tempfile, unittest
            class A(unittest.TestCase):
                def test_1(self):
                    shutil.move("settings.ini", os.path.join(tempfile.mkdtemp(), "x"))
                    os._exit(1)
        """)
        outcome = self.run_python("-m", "runner", "-j2")
        (rescued,) = self.base.iterdir()
        self.assertEqual(rescued.read_text("utf-8"), "mine")
        self.assertIn(f"x existed before the run: moved to {rescued}\n", outcome.err)
        self.assertEqual(outcome.err.count("existed before the run"), 1)

    def test_users_file_is_rescued_from_a_worker_that_ends(self) -> None:
        (self.project / "settings.ini").write_text("mine", "utf-8")
        self.write("test_a.py", """
            import os, shutil, tempfile, unittest
            class A(unittest.TestCase):
                def test_1(self):
                    shutil.move("settings.ini", os.path.join(tempfile.mkdtemp(), "x"))
        """)
        outcome = self.run_python("-m", "runner", "-j2")
        (rescued,) = self.base.iterdir()
        self.assertEqual(rescued.read_text("utf-8"), "mine")
        self.assertEqual(outcome.err.count("existed before the run"), 1)

    def test_dead_parent_takes_its_workers_along(self) -> None:
        self.write("test_a.py", """
            import os, time, unittest
            class A(unittest.TestCase):
                def test_1(self):
                    os.closerange(3, 900)
                    open("pid", "w").write(str(os.getpid()))
                    time.sleep(60)
        """)
        command = [sys.executable, "-m", "runner", "-j2"]
        with subprocess.Popen(command, cwd=self.project, env=self.environment()) as run:
            pid = self.wait_for_pid()
            run.send_signal(signal.SIGKILL)
        deadline = time.monotonic() + 10
        while is_alive(pid) and time.monotonic() < deadline:
            time.sleep(0.01)
        self.assertFalse(is_alive(pid))

    def wait_for_pid(self) -> int:
        """Return what a test has written to the file `pid`."""
        deadline = time.monotonic() + 30
        while time.monotonic() < deadline:
            time.sleep(0.01)
            file = self.project / "pid"
            if file.exists() and file.read_text("utf-8"):
                return int(file.read_text("utf-8"))
        raise AssertionError("no test has started")
