"""Files are replaced in one step, and a failure leaves the old one."""

from __future__ import annotations

import os
import stat
import unittest
from unittest import mock

from tempfiles.fileops.write import try_draft, write_atomically
from tests.support.projects import ProjectTestCase


class WriteAtomicallyTests(ProjectTestCase):
    def setUp(self) -> None:
        super().setUp()
        self.path = str(self.project / "report")

    def names(self) -> list[str]:
        return sorted(os.listdir(self.project))

    def test_new_file_has_the_mode_of_the_umask(self) -> None:
        before = self.names()
        write_atomically(self.path, b"new")
        with open(self.path, "rb") as file:
            self.assertEqual(file.read(), b"new")
        umask = os.umask(0)
        os.umask(umask)
        self.assertEqual(stat.S_IMODE(os.stat(self.path).st_mode), 0o666 & ~umask)
        self.assertEqual(self.names(), sorted([*before, "report"]))

    def test_replaced_file_keeps_its_mode(self) -> None:
        write_atomically(self.path, b"old")
        os.chmod(self.path, 0o640)
        write_atomically(self.path, b"new")
        self.assertEqual(stat.S_IMODE(os.stat(self.path).st_mode), 0o640)

    def test_failure_leaves_the_old_file_and_no_draft(self) -> None:
        write_atomically(self.path, b"old")
        before = self.names()
        with (
            mock.patch("os.replace", side_effect=OSError(28, "full")),
            self.assertRaises(OSError),
        ):
            write_atomically(self.path, b"new")
        with open(self.path, "rb") as file:
            self.assertEqual(file.read(), b"old")
        self.assertEqual(self.names(), before)

    def test_long_name_is_written(self) -> None:
        write_atomically(str(self.project / ("n" * 255)), b"")
        with self.assertRaises(OSError):
            write_atomically(str(self.project / ("n" * 256)), b"")

    def test_draft_is_tried_without_a_trace(self) -> None:
        before = self.names()
        try_draft(self.path)
        self.assertEqual(self.names(), before)
        with self.assertRaises(FileNotFoundError):
            try_draft(str(self.project / "missing" / "report"))


if __name__ == "__main__":
    unittest.main()
