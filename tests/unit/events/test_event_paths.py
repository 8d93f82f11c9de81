"""The links on the way to a path: the same answer by one call as by a look at each part."""

from __future__ import annotations

import contextlib
import ntpath
import os
import tempfile
import unittest
from unittest import mock

from tempfiles.events import event_paths
from tempfiles.system import syscalls


class LinkTests(unittest.TestCase):
    def setUp(self) -> None:
        self.top = os.path.realpath(self.enterContext(tempfile.TemporaryDirectory()))
        self.deep = os.path.join(self.top, *"abcdefgh")
        os.makedirs(self.deep)
        os.symlink(os.path.join(self.top, "a", "b"), os.path.join(self.top, "link"))

    def test_on_the_way_to_a_deep_path_are_resolved(self) -> None:
        through = os.path.join(self.top, "link", *"cdefgh", "new")
        self.assertEqual(event_paths.real(through, follow=False), os.path.join(self.deep, "new"))
        self.assertEqual(event_paths.real(f"{self.deep}/new", follow=True), f"{self.deep}/new")

    def test_a_link_at_the_path_itself_is_followed_only_if_asked(self) -> None:
        os.symlink(self.top, os.path.join(self.deep, "up"))
        path = os.path.join(self.deep, "up")
        self.assertEqual(event_paths.real(path, follow=False), path)
        self.assertEqual(event_paths.real(path, follow=True), self.top)

    def test_below_what_does_not_exist_each_part_is_looked_at(self) -> None:
        missing = os.path.join(self.top, "link", "c", "gone", *"1234", "new")
        expected = os.path.join(self.top, *"abc", "gone", *"1234", "new")
        self.assertEqual(event_paths.real(missing, follow=False), expected)

    @unittest.skipUnless(hasattr(os, "O_PATH"), "no such descriptors here")
    def test_of_a_deep_path_that_exists_take_no_call_for_each_part(self) -> None:
        with mock.patch.object(syscalls, "readlink", side_effect=AssertionError):
            path = os.path.join(self.deep, "new")
            self.assertEqual(event_paths.real(path, follow=False), path)

    @unittest.skipUnless(os.name == "posix", "the system tells it with links there")
    def test_in_the_working_directory_are_known_to_be_none(self) -> None:
        with contextlib.chdir(os.path.join(self.top, "link")):  # that is a/b
            with mock.patch.object(syscalls, "readlink", side_effect=AssertionError):
                path = os.path.join(self.top, "a", "b", "new")
                self.assertEqual(event_paths.real(path, follow=False), path)
            os.symlink(self.deep, "below")
            through = os.path.join(self.top, "a", "b", "below", "new")
            self.assertEqual(event_paths.real(through, follow=False), f"{self.deep}/new")
            through = os.path.join(self.top, "link", "new")
            self.assertEqual(event_paths.real(through, follow=False), path)


class WindowsTests(unittest.TestCase):
    def test_paths_become_absolute_with_one_separator(self) -> None:
        for name in ("isabs", "join", "normpath"):
            self.enterContext(mock.patch.object(syscalls, name, getattr(ntpath, name)))
        self.enterContext(mock.patch.object(event_paths, "POSIX", False))
        self.enterContext(
            mock.patch.object(event_paths, "working_directory", lambda: "C:\\work")
        )
        for path, expected in {
            "sub/a.txt": "C:\\work\\sub\\a.txt",
            "..\\b": "C:\\b",
            "D:/Temp/./x/": "D:\\Temp\\x",
            b"D:\\x": "D:\\x",
            "\\rooted": "C:\\rooted",
            "\\\\host\\share/x": "\\\\host\\share\\x",
        }.items():
            with self.subTest(path):
                found = event_paths.absolute(path, event_paths.CWD, "C:\\Temp\\tidy-1\\")
                self.assertEqual(found, expected)


if __name__ == "__main__":
    unittest.main()
