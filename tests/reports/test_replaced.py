"""Reports of runs whose tests replaced the functions that write them."""

from __future__ import annotations

import json
import os
import unittest
import xml.etree.ElementTree as ElementTree

from tests.support.projects import ProjectTestCase

REPORTS = ("--leak-json", "out.json", "--junit-xml", "out.xml", "--html", "out.html")


class ReplacedFunctionTests(ProjectTestCase):
    def assertReported(self, statements: str) -> None:
        """Fail unless all reports are complete after a class that ran these statements."""
        self.write("test_a.py", f"""
            import os, tempfile, unittest
            from unittest import mock
            class T(unittest.TestCase):
                @classmethod
                def setUpClass(cls):
                    {statements}
                def test(self): tempfile.mkdtemp()
        """)
        for name in REPORTS[1::2]:
            self.write(name, "old")
        outcome = self.tidytest(*REPORTS, "test_a")
        self.assertEqual(outcome.code, 0, outcome.err)
        self.assertNotIn("Traceback", outcome.err)
        self.assertEqual(len(json.loads(self.read("out.json"))["leaks"]), 1)
        self.assertLess(float(ElementTree.fromstring(self.read("out.xml")).get("time", "")), 60)
        self.assertIn("</html>", self.read("out.html"))

    def read(self, name: str) -> str:
        return (self.project / name).read_text("utf-8")

    def test_clocks(self) -> None:
        names = ("perf_counter", "time", "time_ns", "gmtime", "strftime", "monotonic")
        self.assertReported("; ".join(f'mock.patch("time.{name}").start()' for name in names))
        self.assertReported('mock.patch("time.perf_counter", return_value=1e7).start()')

    def test_open(self) -> None:
        self.assertReported('mock.patch("builtins.open").start()')
        self.assertReported('mock.patch("io.open").start()')

    @unittest.skipUnless(os.name == "posix", "modes")
    def test_the_mask_of_new_files(self) -> None:
        self.write("test_a.py", """
            import os, unittest
            class T(unittest.TestCase):
                def test(self): os.umask(0o777)
        """)
        before = os.umask(0o022)
        self.addCleanup(os.umask, before)
        self.tidytest(*REPORTS, "test_a")
        for name in REPORTS[1::2]:
            with self.subTest(name):
                self.assertEqual((self.project / name).stat().st_mode & 0o777, 0o644)
