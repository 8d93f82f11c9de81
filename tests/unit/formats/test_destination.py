"""Destinations of reports: files are replaced in one step, devices and streams written to."""

from __future__ import annotations

import io
import os
import stat
import tempfile
import unittest

from runner.formats import destination as writer
from runner.formats.destination import ReportError


class DestinationTests(unittest.TestCase):
    def setUp(self) -> None:
        self.directory = self.enterContext(tempfile.TemporaryDirectory())
        self.path = os.path.join(self.directory, "report.txt")

    def test_checking_leaves_no_trace(self) -> None:
        writer.check(self.path)
        self.assertEqual(os.listdir(self.directory), [])
        with open(self.path, "w") as file:
            file.write("before")
        writer.check(self.path)
        with open(self.path) as file:
            self.assertEqual(file.read(), "before")

    def test_unwritable_destination_is_refused_in_one_line(self) -> None:
        bad = (
            os.path.join(self.directory, "missing", "x.html"), self.directory,
            self.directory + os.sep, "", "nul\0byte", os.path.join(self.directory, "n" * 300),
            os.path.join(self.directory, "esc\x1b[31m\n", "x"),
        )
        for path in bad:
            for attempt in (writer.check, lambda p: writer.write_text("x", p)):
                with self.subTest(path=path), self.assertRaises(ReportError) as raised:
                    attempt(path)
                self.assertNotRegex(str(raised.exception), r"[\n\x1b\0]")
                self.assertTrue(str(raised.exception).startswith("cannot write "))
        self.assertEqual(os.listdir(self.directory), [])

    def test_a_report_has_the_permissions_of_any_new_file(self) -> None:
        writer.write_text("x", self.path)
        umask = os.umask(0)
        os.umask(umask)
        self.assertEqual(stat.S_IMODE(os.stat(self.path).st_mode), 0o666 & ~umask)

    def test_a_replaced_report_keeps_its_permissions(self) -> None:
        writer.write_text("old", self.path)
        os.chmod(self.path, 0o640)
        writer.write_text("new", self.path)
        self.assertEqual(stat.S_IMODE(os.stat(self.path).st_mode), 0o640)
        self.assertEqual(os.listdir(self.directory), ["report.txt"])

    @unittest.skipUnless(hasattr(os, "symlink"), "no symbolic links here")
    def test_a_symlink_stays_and_its_target_is_replaced(self) -> None:
        writer.write_text("old", self.path)
        link = os.path.join(self.directory, "link")
        os.symlink("report.txt", link)
        writer.write_text("new", link)
        self.assertTrue(os.path.islink(link))
        with open(self.path) as file:
            self.assertEqual(file.read(), "new")

    @unittest.skipUnless(os.path.exists("/dev/null"), "no devices here")
    def test_a_device_is_written_to_and_not_replaced(self) -> None:
        writer.check("/dev/null")
        writer.write_text("x", "/dev/null")
        self.assertTrue(stat.S_ISCHR(os.stat("/dev/null").st_mode))

    def test_a_stream_gets_what_its_encoding_can_hold(self) -> None:
        stream = io.TextIOWrapper(io.BytesIO(), "ascii")
        writer.check(stream)
        writer.write_text("\u00fc\udcff", stream)
        self.assertEqual(stream.buffer.getvalue(), b"\\xfc\\udcff")
        plain = io.StringIO()
        writer.write_text("\udcff", plain)
        self.assertEqual(plain.getvalue(), "\\udcff")


if __name__ == "__main__":
    unittest.main()
