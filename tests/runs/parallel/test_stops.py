"""A run in workers that stops before its end reports what a serial run reports."""

from __future__ import annotations

import json
import re

from tests.support.projects import ProjectTestCase


class StopTests(ProjectTestCase):
    maxDiff = None

    def assert_equal_to_serial(self, *words: str) -> str:
        """Check that a run in two workers prints what a serial run does; return that."""
        serial, parallel = self.tidytest(*words), self.tidytest("-j2", *words)
        printed, expected = (
            re.sub(r"in [0-9.]+s", "", outcome.err) for outcome in (parallel, serial)
        )
        self.assertEqual(printed, expected)
        self.assertEqual((parallel.code, parallel.out), (serial.code, serial.out))
        return printed

    def test_first_failure_of_the_suite_stops_the_run(self) -> None:
        self.write("test_a.py", """
            import os, time, unittest
            import runner
            @runner.serial
            class Last(unittest.TestCase):
                def test_1(self): pass
            class Fails(unittest.TestCase):
                @classmethod
                def tearDownClass(cls):
                    print("torn down", flush=True)
                    time.sleep(0.1)  # the parent has applied the failure by now
                    raise OSError("no end")
                def test_1(self): time.sleep(0.4)
                def test_2(self): self.fail("the first one of the suite")
                def test_3(self): pass
            class Sooner(unittest.TestCase):
                def test_1(self): os._exit(1)
                def test_2(self): print("must not run", flush=True)
            class After(unittest.TestCase):
                def test_1(self): open("must-not-run", "w").close()
        """)
        self.write(".tidytest_cache/durations.json", """{"version": 1, "units": {
            "test_a.Last": [0.1, 1], "test_a.Fails": [0.2, 3], "test_a.Sooner": [9.0, 2]}}""")
        classes = [f"test_a.{name}" for name in ("Last", "Fails", "Sooner", "After")]
        printed = self.assert_equal_to_serial("-v", "-f", *classes)
        self.assertIn("Ran 3 tests", printed)
        self.assertIn("OSError: no end", printed)
        self.assertFalse((self.project / "must-not-run").exists())
        cache = self.project / ".tidytest_cache"
        units = json.loads((cache / "durations.json").read_text("utf-8"))["units"]
        self.assertEqual(units["test_a.Fails"], [0.2, 3])  # what has run in part is not measured
        orders = [json.loads(path.read_text("utf-8"))["tests"]
                  for path in cache.glob("worker-*.json")]
        ran = {id.removeprefix("test_a.") for order in orders for id in order}
        self.assertEqual(ran, {"Last.test_1", "Fails.test_1", "Fails.test_2", "Sooner.test_1"})

    def test_test_that_asks_for_a_stop_stops_the_run(self) -> None:
        self.write("test_a.py", """
            import unittest
            class A(unittest.TestCase):
                def run(self, result=None):
                    super().run(result)
                    if result.failures:
                        result.stop()
                    return result
                def test_1(self): self.fail()
                def test_2(self): pass
            class B(unittest.TestCase):
                def test_1(self): pass
            class C(B): pass
            class D(B): pass
        """)
        self.assertIn("Ran 1 test ", self.assert_equal_to_serial("test_a"))

    def test_interrupt_under_catch_reports_what_has_run(self) -> None:
        self.write("test_a.py", """
            import os, signal, time, unittest
            class A(unittest.TestCase):
                def test_1(self): time.sleep(0.8)
                def test_2(self): pass
            class B(unittest.TestCase):
                def test_1(self):
                    time.sleep(0.3)
                    os.kill(os.getppid(), signal.SIGINT)
                    time.sleep(0.3)
                    self.fail("seen")
                def test_2(self): pass
        """)
        outcome = self.tidytest("-j2", "--catch", "test_a")
        self.assertIn("Interrupted: 2 of 4 tests ran.", outcome.err)
        self.assertIn("AssertionError: seen", outcome.err)
        self.assertEqual(outcome.code, 1)

    def test_rounds_end_with_the_first_leak(self) -> None:
        self.write("test_a.py", """
            import os, tempfile, unittest
            class A(unittest.TestCase):
                def test_1(self):
                    with open("count", "a") as file: file.write(".")
                    if os.path.getsize("count") == 3: tempfile.mkstemp()
            class B(unittest.TestCase):
                def test_1(self): pass
        """)
        (self.project / "count").touch()
        outcome = self.tidytest("-j2", "--until-leak")
        self.assertIn("1 leaked by 1 test", outcome.err)
        self.assertEqual((self.project / "count").read_text("utf-8"), "...")
