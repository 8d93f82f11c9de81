"""How workers start and end, and what their tests see."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from pathlib import Path
from xml.etree import ElementTree

from tests.support.projects import ProjectTestCase, is_alive

SLEEPERS = """
    import os, subprocess, time, unittest
    class Sleeps(unittest.TestCase):
        def test_1(self): pass
        def test_2(self):
            child = subprocess.Popen(["sleep", "60"])
            open("ready-1", "w").write(str(child.pid))
            time.sleep(60)
    class Ignores(unittest.TestCase):
        def test_1(self):
            open("ready-2", "w").write(str(os.getpid()))
            while True:
                try:
                    time.sleep(60)
                except BaseException:
                    pass
"""


class EndTests(ProjectTestCase):
    def interrupted(self, number: int) -> tuple[int, str, float]:
        """Interrupt a run of hanging tests; return its exit code, output, and how long it took."""
        self.write("test_a.py", SLEEPERS)
        ready = [self.project / name for name in ("ready-1", "ready-2")]
        with subprocess.Popen(
            [sys.executable, "-m", "runner", "-j2", "--junit-xml=junit.xml"], cwd=self.project,
            env=self.environment(), stderr=subprocess.PIPE, text=True, start_new_session=True,
        ) as run:
            while not all(path.exists() and path.read_text("utf-8") for path in ready):
                time.sleep(0.01)
            began = time.monotonic()
            run.send_signal(number)
            _, err = run.communicate(timeout=60)
        took = time.monotonic() - began
        for path in ready:
            self.assertFalse(is_alive(int(path.read_text("utf-8"))))
        return run.returncode, err, took

    def test_interrupted_run_leaves_no_process(self) -> None:
        for number in (signal.SIGINT, signal.SIGTERM):
            with self.subTest(signal.Signals(number).name):
                code, err, took = self.interrupted(number)
                self.assertEqual(code, -number)
                self.assertIn("Interrupted: 3 of 3 tests ran.", err)
                self.assertIn("Up to the interrupt: errors=2, leaks=1\n", err)
                cases = ElementTree.parse(self.project / "junit.xml").getroot().iter("testcase")
                broken = [(case.get("name"), case.find("error") is not None) for case in cases]
                self.assertEqual(broken, [("test_1", True), ("test_1", False), ("test_2", True)])
                self.assertLess(took, 5)  # 3 s where the machine is not busy
                for name in ("ready-1", "ready-2"):
                    Path(self.project, name).unlink()
                self.assertEqual(os.listdir(self.base), [])

    def test_interrupt_while_a_worker_starts_is_not_lost(self) -> None:
        self.write("test_a.py", """
            import os, signal, time, unittest
            numbers = [signal.SIGINT]
            def interrupt():
                if numbers: os.kill(os.getpid(), numbers.pop())
            os.register_at_fork(after_in_parent=interrupt)
            class A(unittest.TestCase):
                def test_1(self): time.sleep(30)
        """)
        outcome = self.tidytest("-j2", "test_a")
        self.assertEqual(outcome.code, -signal.SIGINT)
        self.assertIn("Interrupted: ", outcome.err)
        self.assertNotIn("ignored", outcome.err)


class EnvironmentTests(ProjectTestCase):
    def test_worker_and_its_children_know_their_number(self) -> None:
        for name in "ab":
            self.write(f"test_{name}.py", """
                import os, subprocess, sys, time, unittest
                import runner
                class A(unittest.TestCase):
                    def test_1(self):
                        me = runner.worker()
                        child = subprocess.check_output([sys.executable, "-c",
                            "import runner; print(*runner.worker())"], text=True).split()
                        self.assertEqual(child, [str(me.number), me.run])
                        nested = [sys.executable, "-m", "runner", "discover", "-k", "nothing"]
                        subprocess.run(nested, check=False)
                        print(me.number, me.run, os.read(0, 1), flush=True)
                        time.sleep(0.3)
            """)
        outcome = self.tidytest("-j2")
        self.assertEqual(outcome.code, 0, outcome.err)
        first, second = (line.split() for line in outcome.out.splitlines())
        self.assertEqual({first[0], second[0]}, {"0", "1"})
        self.assertEqual(first[1], second[1])
        self.assertEqual(first[2], "b''")

    def test_exit_handlers_of_the_import_run_once(self) -> None:
        self.write("test_a.py", """
            import atexit, os, tempfile, unittest
            shared = tempfile.mkdtemp()
            def remove():
                os.rmdir(shared)
                print("removed", flush=True)
            atexit.register(remove)
            class A(unittest.TestCase):
                def test_1(self): self.assertTrue(os.path.isdir(shared))
            class B(A): pass
            class C(A): pass
        """)
        outcome = self.tidytest("-j2")
        self.assertEqual(outcome.out, "removed\n")
        self.assertIn("none leaked", outcome.err)


class SpawnTests(ProjectTestCase):
    def test_threads_of_the_import_lead_to_new_processes(self) -> None:
        self.write("test_a.py", """
            import threading, time, unittest
            threading.Thread(target=time.sleep, args=(1,), daemon=True, name="helper").start()
            class A(unittest.TestCase):
                def test_1(self): pass
        """)
        outcome = self.tidytest("-j2", "-v")
        self.assertEqual(outcome.code, 0, outcome.err)
        self.assertIn("workers are new processes: threads are alive after the import of the tests:"
                      " helper", outcome.err)

    def test_other_tests_in_a_new_process_are_refused(self) -> None:
        self.write("test_a.py", """
            import os, unittest
            class A(unittest.TestCase): pass
            setattr(A, f"test_{os.getpid()}", lambda self: None)
        """)
        outcome = self.tidytest("-j2", "--workers-by", "spawn")
        self.assertEqual(outcome.code, 2)
        self.assertIn("the tests have other ids when a worker loads them again", outcome.err)

    def test_dead_spawned_worker_is_replaced(self) -> None:
        self.write("test_a.py", """
            import os, unittest
            class A(unittest.TestCase):
                def test_1(self): os._exit(5)
                def test_2(self): pass
        """)
        outcome = self.tidytest("-j2", "--workers-by", "spawn")
        self.assertIn("ended with exit code 5", outcome.err)
        self.assertIn("Ran 2 tests", outcome.err)
