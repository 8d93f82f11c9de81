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


if __name__ == "__main__":
    unittest.main()
