"""Tests that pass, and leave files behind in several ways."""

import os
import subprocess
import sys
import tempfile
import unittest
from pathlib import Path

from runner import TrackedTestCase

from leaky import archive, export

ROWS = [("apples", 3), ("pears", 5)]


class ReportTests(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.shared = tempfile.mkdtemp(prefix="shared-")

    def test_export(self):
        self.assertTrue(export(ROWS).exists())

    def test_archive(self):
        directory = archive(ROWS)
        self.assertEqual(os.listdir(directory), ["rows.db"])

    def test_child_process(self):
        code = "import tempfile; tempfile.mkstemp(prefix='child-')"
        subprocess.run([sys.executable, "-c", code], check=True)

    def test_forgotten_in_the_project(self):
        Path("debug.log").write_text("a line\n")

    def test_cleans_up(self):
        with tempfile.TemporaryDirectory() as directory:
            Path(directory, "rows.txt").write_text("apples\n")


class TrackedReportTests(TrackedTestCase):
    def test_registered(self):
        path = self.createTempFile("apples,3\n", "csv")
        self.assertEqual(path.read_text(), "apples,3\n")

    def test_tree(self):
        tree = self.createTempTree({"in": {"rows.csv": "pears,5\n"}, "out": None})
        self.assertTreeEqual(tree, {"in": {"rows.csv": "pears,5\n"}, "out": None})


if __name__ == "__main__":
    unittest.main()
