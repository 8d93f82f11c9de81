"""SIGTERM and ^C where tests, threads or a second signal stand in the way of a run's end."""

from __future__ import annotations

import os
import unittest

from tests.projects import ProjectTestCase

HEAD = """
import concurrent.futures, multiprocessing, os, signal, subprocess, sys, tempfile, threading, time
import unittest
def send(number=signal.SIGTERM): os.kill(os.getpid(), number)
"""


@unittest.skipUnless(os.name == "posix", "signals")
class BrokenOff(ProjectTestCase):
    def test_the_report_with_v_begins_a_line(self) -> None:
        self.write("test_a.py", f"""{HEAD}
class T(unittest.TestCase):
    @classmethod
    def setUpClass(cls): tempfile.mkdtemp()
    def test(self): send(signal.SIGINT)
""")
        outcome = self.tidytest("-v", "test_a")
        self.assertIn(" ... \nclass test_a.T\n", outcome.err)
