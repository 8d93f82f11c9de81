"""A leak as a line of the terminal and of the reports."""

from __future__ import annotations

import unittest

from runner.output.leaks import leak_line, leak_notes
from runner.output.lines import context_lines
from tempfiles.records import Leak, Origin
from tempfiles.reports import ContextReport


class LineTests(unittest.TestCase):
    def test_leak_is_one_line(self) -> None:
        leak = Leak("/tmp/x\n/d", "directory", 2048, 4, "c", "test",
                    Origin("t.py", 3, "f", "open"), never_closed=True, where="outside")
        self.assertEqual(
            leak_line(leak),
            "directory /tmp/x\\n/d 2.0 KiB, 3 entries, created at t.py:3 in f  open, "
            "outside the temp directory, its object was never closed, left",
        )

    def test_contents_of_a_directory_are_as_on_the_terminal(self) -> None:
        for entries, files, reported in ((1, 0, "empty"), (2, 1, "1 file"), (2, 0, "1 entry"),
                                     (5, 3, "4 entries"), (2_001, 2_000, "2,000 files")):
            leak = Leak("/tmp/d", "directory", 9, entries, "c", "test", outcome="removed",
                        files=files)
            self.assertEqual(leak_line(leak), f"directory /tmp/d 9 B, {reported}")
            *_, row = context_lines(ContextReport("c", "test", leaks=(leak,)))
            self.assertIn(f"d/  {reported}", row)

    def test_notes_name_the_reason_and_rescued_files(self) -> None:
        leak = Leak("/p/d", "directory", 0, 2, "c", "test", outcome="left", where="outside",
                    reason="it holds x", rescued=("/tmp/y\n",))
        self.assertEqual(leak_notes(leak), [
            "outside the temp directory", "left: it holds x",
            "held a preexisting file, now at /tmp/y\\n",
        ])  # fmt: skip


if __name__ == "__main__":
    unittest.main()
