"""The pictures in the documentation show what the program prints today, and each one is used."""

from __future__ import annotations

import sys
import tempfile
import unittest
import xml.etree.ElementTree as ElementTree
from pathlib import Path

from tests.support import documentation

DOCS = documentation.PROJECT / "docs"
sys.path.append(str(DOCS))

import screenshots  # noqa: E402
import terminal  # noqa: E402


def words(drawing: str) -> str:
    """Return the text in the drawing of a terminal."""
    lines = ElementTree.fromstring(drawing).iter("{http://www.w3.org/2000/svg}text")
    return "".join(" ".join(map(str.strip, line.itertext())) + "\n" for line in lines)


class PictureTests(unittest.TestCase):
    def test_terminal_shows_what_is_printed_today(self) -> None:
        directory = Path(self.enterContext(tempfile.TemporaryDirectory()))
        printed = screenshots.printed(screenshots.COMMAND, directory)
        today = words(terminal.draw(screenshots.COMMAND, printed, screenshots.COLUMNS))
        shown = words((screenshots.IMAGES / screenshots.TERMINAL).read_text("utf-8"))
        self.assertIsNone(documentation.difference(shown, today), "run `make screenshots`")

    def test_each_picture_is_used(self) -> None:
        pages = [documentation.PROJECT / "README.md", *DOCS.rglob("*.md")]
        text = "".join(page.read_text("utf-8") for page in pages if "_build" not in page.parts)
        pictures = [picture.name for picture in screenshots.IMAGES.iterdir()]
        self.assertEqual([name for name in pictures if f"images/{name}" not in text], [])


class DrawingTests(unittest.TestCase):
    def test_colours_become_classes_and_text_stays_text(self) -> None:
        drawing = terminal.draw("x", "\x1b[1;31m<b>\x1b[0m & plain \x1b[33myellow\x1b[39m\n", 40)
        spans = [(span.get("class"), span.text) for span in
                 ElementTree.fromstring(drawing).iter("{http://www.w3.org/2000/svg}tspan")]
        self.assertEqual(spans[2:],
                         [("bold red", "<b>"), (None, " & plain "), ("yellow", "yellow")])

    def test_long_lines_are_wrapped_where_a_terminal_wraps_them(self) -> None:
        self.assertEqual(words(terminal.draw("x", "a" * 45 + "\x1b[32mb\x1b[0m", 20)),
                         "$ x\n" + "a" * 20 + "\n" + "a" * 20 + "\naaaaa b\n")


if __name__ == "__main__":
    unittest.main()
