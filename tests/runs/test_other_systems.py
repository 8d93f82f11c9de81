"""Runs where the system lacks what Linux has: they find the same, and leave nothing either.

The capabilities are taken away before the product is imported, so its branches for macOS and
Windows run on Linux.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import unittest
from pathlib import Path
from typing import Any

from tests.support.programs import REPOSITORY
from tests.support.projects import ProjectTestCase

LACKS: dict[str, dict[str, Any]] = {
    "locks (fcntl)": {"modules": ["fcntl"]},
    "operations in an open directory (dir_fd)": {"platform": {"HAS_DIR_FD": False}},
    "/proc": {"platform": {"HAS_PROC": False}},
    "system calls by ctypes (statx, renameat2)": {"modules": ["ctypes"]},
    "what macOS lacks": {"platform": {"LINUX": False, "MACOS": True, "HAS_PROC": False}},
    "what Windows lacks": {"modules": ["fcntl", "ctypes"], "platform": {
        "LINUX": False, "POSIX": False, "WINDOWS": True, "HAS_PROC": False, "HAS_DIR_FD": False,
    }},
}  # fmt: skip
LAUNCH = """
import fcntl, importlib.util, json, runpy, sys, types
import tempfile, unittest, subprocess, shutil, pathlib, multiprocessing, typing
lack, repository, module, *words = sys.argv[1:]
lack = json.loads(lack)
sys.path[0:0] = ["", repository]
lock = fcntl.lockf
sys.modules["msvcrt"] = types.SimpleNamespace(
    LK_NBLCK=6, locking=lambda fd, mode, size: lock(fd, mode, size)  # 6: LOCK_EX | LOCK_NB
)
sys.modules.update(dict.fromkeys(lack.get("modules", ())))
name = "tempfiles.system.platform"
spec = importlib.util.spec_from_file_location(name, f"{repository}/{name.replace('.', '/')}.py")
sys.modules[name] = platform = importlib.util.module_from_spec(spec)
spec.loader.exec_module(platform)
vars(platform).update(lack.get("platform", {}))
sys.argv[1:] = words
runpy.run_module(module, run_name="__main__", alter_sys=True)
"""
SUITE = """
    import os, pathlib, shutil, subprocess, sys, tempfile, unittest
    import runner
    class T(runner.TrackedTestCase):
        def test_directory(self):
            directory = tempfile.mkdtemp(prefix="tree-")
            pathlib.Path(directory, "a/b").mkdir(parents=True)
            pathlib.Path(directory, "a/b/c").write_text("x")
        def test_file(self):
            os.close(tempfile.mkstemp(prefix="file-")[0])
        def test_outside(self):
            pathlib.Path("outside.txt").write_text("x")
        def test_child(self):
            code = "open('child.txt', 'w').close()"
            subprocess.run([sys.executable, "-c", code], check=True)
        def test_registered(self):
            path = self.createTempDirectory()
            pathlib.Path(path, "x").touch()
            os.chmod(path, 0o500)
        def test_moved(self):
            shutil.move("mine.txt", tempfile.gettempdir())
        def test_clean(self):
            with tempfile.TemporaryDirectory(): pass
        def test_z_killed(self):
            if os.environ.get("KILLED"):
                tempfile.mkdtemp(prefix="late-")
                os._exit(9)
"""
LEAKS = [
    ("child.txt", "T.test_child", 15), ("file", "T.test_file", 10),
    ("mine.txt", "T.test_moved", 21), ("outside.txt", "T.test_outside", 12),
    ("tree", "T.test_directory", 6),
]  # fmt: skip


class LackTests(ProjectTestCase):
    def test_a_run_finds_and_removes_what_one_on_linux_does(self) -> None:
        runs = {lack: self.start(lack) for lack in LACKS}
        for lack, (process, place) in runs.items():
            with self.subTest(lack):
                _, err = process.communicate(timeout=60)
                self.assertEqual(process.returncode, 1, err)
                self.assertIn("Ran 8 tests", err)
                self.assertIn("mine.txt existed before the run: moved to ", err)
                self.assertEqual(os.listdir(place / "base"), ["mine.txt"], err)
                self.assertEqual(leaks(place), LEAKS, err)

    def test_what_a_dead_run_left_is_removed_by_the_next(self) -> None:
        lack = "what Windows lacks"
        process, place = self.start(lack, KILLED="1")
        process.communicate(timeout=60)
        self.assertEqual(process.returncode, 9)
        self.assertEqual([name[:5] for name in os.listdir(place / "base")], ["tidy-"])
        _, err = self.start(lack)[0].communicate(timeout=60)
        self.assertIn("an earlier run died during test_a.T.test_z_killed", err)
        self.assertIn("mine.txt existed before that run: it is now ", err)
        self.assertEqual(os.listdir(place / "base"), ["mine.txt"], err)

    def start(self, lack: str, **environment: str) -> tuple[subprocess.Popen[str], Path]:
        """Start a run in a project and a temp directory of its own, or once more in these."""
        place = self.project / f"lack-{list(LACKS).index(lack)}"
        if not place.exists():
            (place / "base").mkdir(parents=True)
            self.write(f"{place.name}/project/test_a.py", SUITE)
            self.write(f"{place.name}/project/mine.txt", "")
        words = ["runner", "test_a", "--leaks", "fail", "--leak-json", "leaks.json"]
        process = subprocess.Popen(
            [sys.executable, "-c", LAUNCH, json.dumps(LACKS[lack]), REPOSITORY, *words],
            cwd=place / "project", stderr=subprocess.PIPE, text=True,
            env=self.environment(TMPDIR=str(place / "base"), **environment),
        )
        return process, place


def leaks(place: Path) -> list[tuple[str, str, int]]:
    """Return the name, the test and the line of each leak."""
    document = json.loads((place / "project/leaks.json").read_text("utf-8"))
    return sorted(
        (Path(leak["path"]).name.partition("-")[0], leak["context"].partition(".")[2],
         leak["origin"]["line"])
        for leak in document["leaks"]
    )  # fmt: skip


if __name__ == "__main__":
    unittest.main()
