"""Warnings of a parallel run are those of a serial one."""

from __future__ import annotations

import re

from tests.support.projects import ProjectTestCase

SUITE = """
    import time, unittest, warnings
    def deprecated(): warnings.warn("here", DeprecationWarning)
    class A(unittest.TestCase):
        def test_1(self): deprecated(); time.sleep(0.1)
        def test_2(self): deprecated(); open("/dev/null")
    class B(unittest.TestCase):
        def test_1(self): deprecated(); time.sleep(0.1)
        def test_2(self):
            with self.assertWarns(DeprecationWarning): deprecated()
            with warnings.catch_warnings():
                warnings.simplefilter("always")
                deprecated(); deprecated()
        def test_3(self): deprecated(); print("printed", flush=True)
    class C(unittest.TestCase):
        def test_1(self): deprecated(); open("/dev/null")
        def test_2(self): deprecated(); warnings.warn("c")
"""


class WarningTests(ProjectTestCase):
    def test_each_is_shown_as_often_as_in_a_serial_run(self) -> None:
        self.write("test_a.py", SUITE)
        for python, words in (([], []), ([], ["-v"]), (["-Wonce"], []), (["-Walways"], ["-b"])):
            with self.subTest(python + words):
                found = [
                    self.run_python(*python, "-m", "runner", *words, *jobs, "test_a")
                    for jobs in ([], ["-j3"])
                ]
                serial, parallel = (re.sub(r"\d\.\d+s", "", outcome.err) for outcome in found)
                self.assertEqual(parallel, serial)
                self.assertEqual(found[0].out, found[1].out)
                self.assertEqual("Warning: here" in serial, "-b" not in words)
