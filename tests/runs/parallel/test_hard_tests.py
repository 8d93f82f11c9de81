"""Single tests that are hard on their worker; the campaign is `torture_parallel`."""

from __future__ import annotations

import os
import signal

from tests.support.projects import ProjectTestCase


class HardTests(ProjectTestCase):
    def test_sigterm_ends_a_worker_whose_test_has_forked(self) -> None:
        self.write("test_a.py", """
            import os, signal, time, unittest
            class A(unittest.TestCase):
                def test_1_forks(self):
                    child = os.fork()
                    if child == 0:
                        os._exit(0)
                    os.waitpid(child, 0)
                def test_2_ends(self):
                    signal.signal(signal.SIGTERM, signal.SIG_DFL)
                    os.kill(os.getpid(), signal.SIGTERM)
                    time.sleep(30)
                def test_3_goes_on(self): pass
        """)
        outcome = self.tidytest("-j2", "test_a")
        self.assertEqual(outcome.code, 1)
        self.assertIn("the process of this test was killed by SIGTERM", outcome.err)
        self.assertIn("Ran 3 tests", outcome.err)
        self.assertIn("FAILED (errors=1)", outcome.err)

    def test_sigterm_that_comes_in_a_fork_ends_the_run(self) -> None:
        self.write("test_a.py", """
            import time, unittest
            class A(unittest.TestCase):
                def test_1(self): time.sleep(30)
        """)
        # What is registered first is called last before a fork: when the signal is blocked.
        outcome = self.run_python("-c", """if 1:
            import os, runpy, signal
            os.register_at_fork(before=lambda: os.kill(os.getpid(), signal.SIGTERM))
            runpy.run_module("runner", run_name="__main__", alter_sys=True)
        """, "-j2", "test_a")
        self.assertEqual(outcome.code, -signal.SIGTERM, outcome.err)
        self.assertNotIn("Exception ignored", outcome.err)
        self.assertIn("Interrupted: ", outcome.err)
        self.assertEqual(os.listdir(self.base), [])

    def test_signal_of_a_test_to_itself_interrupts_the_run(self) -> None:
        self.write("test_a.py", """
            import os, signal, time, unittest
            class Interrupts(unittest.TestCase):
                def test_1(self): self.end(signal.SIGINT)
                def end(self, number):
                    os.kill(os.getpid(), number)
                    time.sleep(2)
            class Terminates(Interrupts):
                def test_1(self): self.end(signal.SIGTERM)
        """)
        for name, code in (("Interrupts", -signal.SIGINT), ("Terminates", -signal.SIGTERM)):
            with self.subTest(name):
                outcome = self.tidytest("-j2", f"test_a.{name}")
                self.assertEqual(outcome.code, code, outcome.err)
                self.assertIn("Interrupted: 1 of 1 test ran.", outcome.err)
        outcome = self.tidytest("-j2", "--catch", "test_a.Interrupts")
        self.assertIn("Interrupted: 1 of 1 test ran.", outcome.err)

    def test_daemon_of_a_test_that_died_leaves_no_root_behind(self) -> None:
        self.write("test_a.py", """
            import os, signal, time, unittest
            class A(unittest.TestCase):
                def test_1(self):
                    if os.fork() == 0:
                        os.setsid()
                        time.sleep(0.7)
                        os._exit(0)
                    time.sleep(0.1)
                    os.kill(os.getpid(), signal.SIGKILL)
        """)
        outcome = self.tidytest("-j2", "test_a")  # which sees that nothing is left
        self.assertNotIn("Could not be removed", outcome.err)

    def test_garbage_collector_knows_what_the_parent_has_loaded(self) -> None:
        self.write("test_a.py", """
            import gc, unittest
            LOADED = [[]]
            class A(unittest.TestCase):
                def test_1(self):
                    self.assertIn(LOADED, gc.get_referrers(LOADED[0]))
        """)
        outcome = self.tidytest("-j2", "test_a")
        self.assertEqual(outcome.code, 0, outcome.err)
