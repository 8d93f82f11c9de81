"""Globs of paths to ignore, also where names have no case and a backslash separates them."""

from __future__ import annotations

import ntpath
import unittest
from types import SimpleNamespace
from unittest import mock

from tempfiles.detection import ignore


class WindowsTests(unittest.TestCase):
    def test_globs_match_in_any_case_and_with_either_separator(self) -> None:
        windows = SimpleNamespace(path=ntpath, sep="\\")
        self.enterContext(mock.patch.object(ignore, "os", windows))
        ignored = ignore.Ignored(("Build/*.LOG", "D:\\Data\\*"), "C:\\work")
        for path, expected in {
            "C:\\work\\build\\a.log": True,
            "C:\\work\\build\\a.txt": False,
            "d:\\data\\x": True,
            "C:\\build\\a.log": False,
        }.items():
            with self.subTest(path):
                self.assertEqual(ignored(path, everywhere=True), expected)


class AddedTests(unittest.TestCase):
    def test_plain_path_is_ignored_with_all_below_it_and_is_no_glob(self) -> None:
        ignored = ignore.Ignored((), "/work")
        ignored.add("/tmp/pytest-of-me")
        self.assertFalse(ignored.has_globs)  # with globs, each path is compared
        self.assertEqual(ignored.directories, ("/tmp/pytest-of-me/",))
        for path in ("/tmp/pytest-of-me", "/tmp/pytest-of-me/a/b"):
            self.assertTrue(ignored(path) and ignored(path, everywhere=True), path)
        self.assertTrue(ignored.by_name("/tmp/pytest-of-me/a"))
        self.assertFalse(ignored("/tmp/pytest-of-mes/a", everywhere=True))
        ignored.add("/tmp/a*/b")
        self.assertTrue(ignored.has_globs and ignored("/tmp/ab/b", everywhere=True))


if __name__ == "__main__":
    unittest.main()
