"""Text of tests is escaped and shortened for reports."""

from __future__ import annotations

import unittest

from runner.output import escape
from tempfiles.formatting import printable
from tests.support.report_samples import HOSTILE


class TextTests(unittest.TestCase):
    def test_a_block_keeps_its_lines(self) -> None:
        self.assertEqual(escape.printable_block("a\r\n\tb\rc\x00"), "a\n\tb\\rc\\x00")

    def test_hostile_text_can_always_be_written(self) -> None:
        for escaped in (printable(HOSTILE), escape.printable_block(HOSTILE)):
            escaped.encode("utf-8")
            self.assertNotIn("\x1b", escaped)

    def test_long_text_is_shortened_in_the_middle(self) -> None:
        short = escape.shorten("a" * 600 + "b" * 600, 100)
        self.assertTrue(short.startswith("a" * 50 + "\n[... 1,100 characters left out"))
        self.assertTrue(short.endswith("b" * 50))
        self.assertEqual(escape.clip("x" * 500, 11), "xxxx...xxxx")


if __name__ == "__main__":
    unittest.main()
