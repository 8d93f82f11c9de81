"""The project tree: names where there are few, else times of birth."""

from __future__ import annotations

import os
import tempfile
import time
import tracemalloc
import unittest
from pathlib import Path
from unittest import mock

from tempfiles.detection import project_tree
from tempfiles.detection.ignore import Ignored
from tempfiles.detection.project_tree import ProjectTree
from tempfiles.fileops.identity import birth
from tempfiles.system import procfs
from tempfiles.system.platform import RACY_NS

PAUSE = 2 * RACY_NS / 1e9


def counts_directories(path: str) -> bool:
    kind = procfs.file_system_type(path)
    return kind in project_tree._COUNT_DIRECTORIES and birth(path, os.lstat(path)) is not None


class TreeTestCase(unittest.TestCase):
    most_names = 1000

    def setUp(self) -> None:
        top = os.path.realpath(self.enterContext(tempfile.TemporaryDirectory()))
        self.top = Path(top)
        for name in ("a", "b/c"):
            (self.top / name).mkdir(parents=True)
            (self.top / name / "before").touch()
        time.sleep(PAUSE)  # else each directory counts as changed
        self.enterContext(mock.patch.object(project_tree, "_MOST_NAMES", self.most_names))
        self.tree = ProjectTree(top, Ignored((), top), excluded=())

    def new(self) -> list[str]:
        return sorted(os.path.relpath(path, self.top) for path in self.tree.new())


class SmallTreeTests(TreeTestCase):
    def test_new_and_lost_names_are_found(self) -> None:
        self.tree.snapshot()
        self.assertEqual((self.tree.changed(), self.new()), (False, []))
        (self.top / "a/after").touch()
        (self.top / "a/before").rename(self.top / "b/c/moved")
        self.assertEqual((self.tree.has_new(), self.new()), (True, ["a/after", "b/c/moved"]))
        self.assertEqual(self.new(), [])
        self.assertEqual(list(self.tree.lost(time.time_ns())), [str(self.top / "a/before")])
        self.assertFalse(self.tree.may_miss_any())

    def test_removed_file_is_lost(self) -> None:
        self.tree.snapshot()
        self.assertEqual(list(self.tree.lost(time.time_ns())), [])
        (self.top / "b/c/before").unlink()
        self.assertEqual(list(self.tree.lost(time.time_ns())), [str(self.top / "b/c/before")])


class LargeTreeTests(TreeTestCase):
    most_names = 0

    def setUp(self) -> None:
        super().setUp()
        if not counts_directories(str(self.top)):
            self.skipTest("this file system does not count directories")
        self.tree.snapshot()

    def test_leaves_are_not_read_until_they_change(self) -> None:
        leaves = {str(self.top / name): None for name in ("a", "b/c")}
        known = {path: listing.joined for path, listing in self.tree._directories.items()}
        self.assertEqual(known | leaves, known)
        self.assertFalse(self.tree.changed())

    def test_new_names_are_younger_than_the_snapshot(self) -> None:
        (self.top / "a/after").touch()
        (self.top / "a/before").write_text("changed")
        self.assertEqual((self.tree.has_new(), self.new()), (True, ["a/after"]))
        (self.top / "b/c/before").rename(self.top / "a/moved")  # its names are known now
        self.assertEqual(self.new(), ["a/moved"])

    def test_changed_leaf_may_miss_any_name(self) -> None:
        self.assertFalse(self.tree.may_miss_any())
        (self.top / "a/before").unlink()
        self.assertTrue(self.tree.may_miss_any())
        self.assertEqual(list(self.tree.lost(0)), [])


class MemoryTests(unittest.TestCase):
    def test_names_and_directories_take_little_memory(self) -> None:
        top = os.path.realpath(self.enterContext(tempfile.TemporaryDirectory()))
        for directory in range(100):
            os.mkdir(f"{top}/directory{directory}")
            for number in range(20):
                Path(f"{top}/directory{directory}/name{number}.txt").touch()
        tree = ProjectTree(top, Ignored((), top), excluded=())
        tracemalloc.start()
        self.addCleanup(tracemalloc.stop)
        tree.snapshot()
        # A directory less than 700 bytes and a name less than 20: 2,000 and 20,000 take 1.8 MB.
        self.assertLess(tracemalloc.get_traced_memory()[0], 100 * 700 + 2000 * 20)


if __name__ == "__main__":
    unittest.main()
