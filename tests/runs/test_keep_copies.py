"""Which files of a failed test `--keep` can copy, also to another file system."""

from __future__ import annotations

import os
import re
import stat
import tempfile
from pathlib import Path

from tests.support.keeping import KeepTestCase
from tests.support.programs import Outcome

SHARED_MEMORY = Path("/dev/shm")


class UncopiableFileTests(KeepTestCase):
    def setUp(self) -> None:
        super().setUp()
        self.other = self.project / "kept"
        if SHARED_MEMORY.is_dir() and SHARED_MEMORY.stat().st_dev != self.base.stat().st_dev:
            self.other = Path(self.enterContext(tempfile.TemporaryDirectory(dir=SHARED_MEMORY)))

    def keep_elsewhere(self, *words: str) -> Outcome:
        """Run with a directory on another file system, where there is one."""
        return self.tidytest("--keep", "on-failure", "--keep-dir", str(self.other), *words)

    def test_is_reported_and_all_else_is_kept(self) -> None:
        self.write("test_a.py", """
            import os, stat, tempfile
            from runner import TrackedTestCase
            def fill(directory):
                with open(os.path.join(directory, "evidence.log"), "w") as file: file.write("text")
                os.mkfifo(os.path.join(directory, "fifo"))
                os.mknod(os.path.join(directory, "sock"), stat.S_IFSOCK | 0o600)
                os.symlink("nowhere", os.path.join(directory, "link"))
            class T(TrackedTestCase):
                def test_registered(self):
                    directory = self.createTempDirectory() / "in"
                    directory.mkdir(); fill(directory); self.fail()
                def test_leaked(self):
                    directory = os.path.join(tempfile.mkdtemp(), "in")
                    os.mkdir(directory); fill(directory); self.fail()
                def test_nothing_else(self):
                    os.mknod(os.path.join(tempfile.gettempdir(), "lone"), stat.S_IFSOCK | 0o600)
                    self.fail()
        """)
        outcome = self.keep_elsewhere("test_a")
        (run,) = self.other.iterdir()
        for name in ("registered", "leaked"):
            with self.subTest(name):
                (found,) = run.glob(f"test_a.T.test_{name}/*/in")
                names = {"evidence.log", "fifo", "link"}
                is_moved = self.other == self.project / "kept" and name == "registered"
                self.assertEqual({*os.listdir(found)}, names | ({"sock"} if is_moved else set()))
                self.assertEqual((found / "evidence.log").read_text(), "text")
                self.assertTrue(stat.S_ISFIFO((found / "fifo").lstat().st_mode))
                if not is_moved:
                    place = re.escape(str(found.parent.parent))
                    reported = rf"Kept: {place} \(without {found.parent.name}/in/sock: a socket\)\n"
                    self.assertRegex(outcome.err, reported)
        self.assertIn("\nNot kept: lone: a socket\n", outcome.err)
        self.assertIn(f"Kept files of 2 tests: {run}\n", outcome.err)
        self.assertEqual(
            {*os.listdir(run)} - {"marker.json"},
            {"test_a.T.test_registered", "test_a.T.test_leaked"},
        )

    def test_is_named_by_the_end_of_a_long_path(self) -> None:
        self.write("test_a.py", """
            import os, stat, tempfile, unittest
            class T(unittest.TestCase):
                def test(self):
                    deep = os.path.join(tempfile.mkdtemp(), *["deep" * 10] * 20)
                    os.makedirs(deep)
                    os.mknod(os.path.join(deep, "sock"), stat.S_IFSOCK | 0o600)
                    self.fail()
        """)
        outcome = self.keep("--keep", "on-failure", "test_a")
        self.assertRegex(outcome.err, r"without \.\.\.[deep/]{155}/sock: a socket\)\n")

    def test_alone_leaves_no_directory_and_no_word_of_keeping(self) -> None:
        self.write("test_a.py", """
            import os, stat, tempfile, unittest
            class T(unittest.TestCase):
                def test(self):
                    os.mknod(os.path.join(tempfile.gettempdir(), "lone"), stat.S_IFSOCK | 0o600)
                    self.fail()
        """)
        outcome = self.keep_elsewhere("test_a")
        self.assertEqual([*self.other.iterdir()], [])
        self.assertNotIn("Kept", outcome.err)
        self.assertIn("1 leaked by 1 test (removed)", outcome.err)

    def test_of_a_passing_test_is_reported_separately(self) -> None:
        self.write("test_a.py", """
            import os, stat, tempfile, unittest
            class T(unittest.TestCase):
                def test(self):
                    os.mknod(os.path.join(tempfile.gettempdir(), "lone"), stat.S_IFSOCK | 0o600)
        """)
        outcome = self.keep("--keep", "always", "test_a")
        reported = "tidytest: cannot keep all of test_a.T.test: lone: a socket\n"
        self.assertEqual((outcome.code, outcome.err.count(reported)), (0, 1), outcome.err)

    def test_holes_are_kept_as_holes_and_cost_no_room(self) -> None:
        self.write("test_a.py", """
            import os, tempfile
            from runner import TrackedTestCase
            class T(TrackedTestCase):
                def test(self):
                    for path in (self.createTempFile(extension="sparse"),
                                 os.path.join(tempfile.gettempdir(), "leak.sparse")):
                        with open(path, "wb") as file:
                            file.write(b"head"); file.truncate(5 << 30)
                    self.fail()
        """)
        outcome = self.keep_elsewhere("test_a")
        kept = [*self.other.glob("*/*/*.sparse")]
        self.assertEqual(len(kept), 2, outcome.err)
        for path in kept:
            self.assertEqual(path.stat().st_size, 5 << 30)
            self.assertLess(path.stat().st_blocks * 512, 1 << 20)
            with path.open("rb") as file:
                self.assertEqual(file.read(5), b"head\0")

    def test_within_the_limit_is_reported(self) -> None:
        self.write("test_a.py", """
            import os, tempfile, unittest
            class T(unittest.TestCase):
                def make(self, name, size):
                    with open(os.path.join(tempfile.gettempdir(), name), "w") as file:
                        file.write("x" * size)
                def test(self):
                    self.make("1.large", 50_000); self.make("2.small", 5_000); self.fail()
                def test_too(self):
                    self.make("3.more", 8_000); self.fail()
        """)
        outcome = self.keep("--keep", "on-failure", "--keep-bytes", "10k", "test_a")
        (run,) = self.kept()
        self.assertEqual([p.name for p in run.glob("*/*")], ["2.small"])
        self.assertIn(
            "test_a.T.test (without 1.large: 48.8 KiB, and the limit leaves room for 10.0 KiB)",
            outcome.err,
        )
        self.assertIn("Not kept: 3.more: 7.8 KiB, and the limit leaves room for", outcome.err)
