"""Runs of a test that brings a user's file into the temp directory."""

from __future__ import annotations

import json
import os
import tempfile
from pathlib import Path
from typing import Any

from tempfiles.fileops import identity
from tests.support.projects import ProjectTestCase

HEAD = """
import os, shutil, subprocess, tempfile, unittest
class T(unittest.TestCase):
    def test(self):
        temp = tempfile.gettempdir()
"""


def knows_births(directory: str) -> bool:
    return identity.birth(directory, os.lstat(directory)) is not None


class RescueCase(ProjectTestCase):
    def setUp(self) -> None:
        super().setUp()
        if not knows_births(str(self.base)):
            self.skipTest("nothing here tells when a file was born")
        (self.project / "precious.txt").write_text("precious")

    def other_file_system(self) -> Path:
        """Return a new directory on another file system than the temp directory."""
        memory = Path("/dev/shm")
        if not memory.exists() or memory.stat().st_dev == self.base.stat().st_dev:
            self.skipTest("there is no other file system")
        return Path(self.enterContext(tempfile.TemporaryDirectory(dir=memory)))

    def leave(self, body: str, *words: str, **environment: str) -> tuple[str, Any]:
        """Run a test with this body; return what was reported, and the JSON report, if no options
        are given."""
        lines = "".join(f"        {line}\n" for line in body.splitlines())
        self.write("test_a.py", HEAD + lines)
        asked = words or ("--leak-json", "../leaks.json")
        outcome = self.run_python("-m", "runner", *asked, "test_a", **environment)
        self.assertNotIn("defect", outcome.err)
        written = self.project.parent / "leaks.json"
        return outcome.err, json.loads(written.read_text()) if written.exists() else None

    def assert_is_moved(self, reported: str, name: str = "precious.txt") -> None:
        """Fail unless only the precious file lies in the temp directory, and is reported."""
        self.assertEqual(os.listdir(self.base), [name])
        self.assertEqual((self.base / name).read_text(), "precious")
        line = f"precious.txt existed before the run: moved to {self.base}/{name}"
        self.assertIn(f"\n{line}\n", reported)
        self.assertNotIn(f"\n    file  {self.base}/", reported)  # in the list of shared places
