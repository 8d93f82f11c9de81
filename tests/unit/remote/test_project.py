"""The files of a project: listed, compared, shipped."""

from __future__ import annotations

import os
import subprocess
import tempfile
import unittest
from pathlib import Path

from runner.remote import project


class ProjectTests(unittest.TestCase):
    def setUp(self) -> None:
        self.top = Path(self.enterContext(tempfile.TemporaryDirectory())).resolve()
        for name in ("a.py", "pkg/b.py", ".hidden/c", "venv/pyvenv.cfg", "venv/d.py", "out.xml"):
            path = self.top / name
            path.parent.mkdir(exist_ok=True)
            path.write_text(name)
        (self.top / "link").symlink_to("a.py")

    def test_git_says_what_belongs_to_the_project(self) -> None:
        subprocess.run(["git", "init", "--quiet"], cwd=self.top, check=True)
        (self.top / ".gitignore").write_text("venv\n")
        found = project.list_files(str(self.top), {str(self.top / "out.xml")})
        self.assertEqual(found, [".gitignore", ".hidden/c", "a.py", "link", "pkg/b.py"])

    def test_without_git_environments_are_left_out(self) -> None:
        found = project.list_files(str(self.top))
        self.assertEqual(found, ["a.py", "link", "out.xml", "pkg/b.py"])

    def test_differing_files_are_named(self) -> None:
        names = project.list_files(str(self.top))
        digests = project.digests_of(str(self.top), names)
        self.assertEqual(project.differences(str(self.top), digests), "")
        (self.top / "a.py").write_text("changed")
        (self.top / "pkg/b.py").unlink()
        self.assertIn("differ: a.py, pkg/b.py;", project.differences(str(self.top), digests))
        self.assertIn("has no directory", project.differences(f"{self.top}/none", digests))

    def test_shipped_project_is_the_same(self) -> None:
        os.chmod(self.top / "a.py", 0o755)
        names = project.list_files(str(self.top))
        target = self.enterContext(tempfile.TemporaryDirectory())
        project.unpack(project.pack(str(self.top), names), target)
        self.assertEqual(project.list_files(target), names)
        self.assertEqual(os.readlink(f"{target}/link"), "a.py")
        self.assertEqual(os.stat(f"{target}/a.py").st_mode & 0o777, 0o755)
        digests = project.digests_of(str(self.top), names)
        self.assertEqual(project.differences(target, digests), "")


if __name__ == "__main__":
    unittest.main()
