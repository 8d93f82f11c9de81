"""`tempfiles.events.siblings`: what the processes of one run tell each other."""

from __future__ import annotations

import tempfile
import unittest
from pathlib import Path

from tempfiles.events.siblings import SiblingLog


class SiblingLogTests(unittest.TestCase):
    def setUp(self) -> None:
        self.file = Path(self.enterContext(tempfile.TemporaryDirectory())) / "siblings"
        self.one, self.other = (SiblingLog(str(self.file), writes=True) for _ in range(2))

    def test_a_process_learns_what_another_has_noted(self) -> None:
        self.assertFalse(self.other.has("/p/a"))
        self.one.note("/p/a")
        self.one.note("/p/a")
        self.one.note("/p/two\nlines \udcff")
        self.assertTrue(self.other.has("/p/a"))
        self.assertTrue(self.other.has("/p/a/below"))
        self.assertTrue(self.other.has("/p/two\nlines \udcff"))
        self.assertFalse(self.other.has("/p"))
        self.assertFalse(self.other.has("/p/ab"))
        self.assertEqual(self.file.read_bytes().count(b"\n"), 2)

    def test_its_own_notes_are_no_siblings(self) -> None:
        self.one.note("/p/a")
        self.other.note("/p/a")
        self.assertFalse(self.one.has("/p/a"))
        self.one.note("/p/b")
        self.assertFalse(self.one.has("/p/b"))

    def test_a_file_that_cannot_be_written_is_no_error(self) -> None:
        log = SiblingLog(str(self.file / "below"), writes=True)
        log.note("/p/a")
        self.assertFalse(log.has("/p/b"))


if __name__ == "__main__":
    unittest.main()
