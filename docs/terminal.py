"""Draw what a program prints on a terminal as SVG, with its colours."""

from __future__ import annotations

import re
from collections.abc import Iterator
from html import escape

WIDTH, LINE = 8.4, 19
_LEFT, _TOP = 18, 44
_SEQUENCE = re.compile(r"\x1b\[([\d;]*)m")
_COLOURS = {
    "31": "red", "32": "green", "33": "yellow", "34": "blue", "35": "magenta", "36": "cyan",
    "90": "dim", "91": "red", "92": "green", "93": "yellow", "94": "blue", "95": "magenta",
    "96": "cyan",
}  # fmt: skip
_STYLE = """
rect { fill: #1d2024; } circle { fill: #4a515a; }
text { fill: #d7dae0; font: 14px ui-monospace, SFMono-Regular, Menlo, Consolas,
  "DejaVu Sans Mono", monospace; white-space: pre; }
.bold { font-weight: 700; } .dim { fill: #9aa3ae; } .red { fill: #ff8a80; }
.green { fill: #7fd6a2; } .yellow { fill: #f0b65a; } .blue { fill: #7cb8f5; }
.magenta { fill: #d9a0e8; } .cyan { fill: #74c7d4; } .prompt { fill: #9aa3ae; }
"""


def draw(command: str, printed: str, columns: int) -> str:
    """Return the SVG of a terminal in which a command was typed.

    Args:
        command: that was typed, which is also the title of the drawing.
        printed: what it printed, with its colours as escape sequences.
        columns: of the terminal; longer lines are wrapped, as a terminal does.
    """
    lines = [[("prompt", "$ "), ("bold", command)], *_wrapped(printed, columns)]
    width, height = round(2 * _LEFT + columns * WIDTH), _TOP + len(lines) * LINE + 8
    dots = "".join(f'<circle cx="{20 + 18 * n}" cy="18" r="5"/>' for n in range(3))
    texts = (_text(line, _TOP + index * LINE) for index, line in enumerate(lines))
    return "\n".join([
        f'<svg xmlns="http://www.w3.org/2000/svg" role="img" width="{width}" height="{height}"'
        f' viewBox="0 0 {width} {height}" aria-labelledby="title">',
        f'<title id="title">{escape(command)}, in a terminal</title>',
        f"<style>{_STYLE}</style>",
        f'<rect width="{width}" height="{height}" rx="9"/>{dots}',
        *texts,
        "</svg>\n",
    ])  # fmt: skip


def _wrapped(printed: str, columns: int) -> Iterator[list[tuple[str, str]]]:
    """Yield the lines of a terminal as pairs of a class and a text."""
    style = ""
    for line in printed.splitlines():
        row: list[tuple[str, str]] = []
        room = columns
        for index, part in enumerate(_SEQUENCE.split(line)):
            if index % 2:
                style = _restyled(style, part)
                continue
            while len(part) > room:
                yield [*row, (style, part[:room])]
                row, part, room = [], part[room:], columns
            if part:
                row.append((style, part))
            room -= len(part)
        yield row


def _restyled(style: str, codes: str) -> str:
    """Return the classes after an escape sequence."""
    classes = style.split()
    for code in codes.split(";"):
        if code in ("", "0"):
            classes = []
        elif code in ("1", "2"):
            classes.append({"1": "bold", "2": "dim"}[code])
        elif code in ("22", "39"):
            classes = [each for each in classes if (each in ("bold", "dim")) != (code == "22")]
        elif code in _COLOURS:
            classes = [each for each in classes if each == "bold"] + [_COLOURS[code]]
    return " ".join(classes)


def _text(row: list[tuple[str, str]], y: int) -> str:
    parts, at = [], 0
    for style, words in row:
        if words.strip():
            css = f' class="{style}"' if style else ""
            place = f'x="{_LEFT + at * WIDTH:.1f}" textLength="{len(words) * WIDTH:.1f}"'
            parts.append(f"<tspan {place}{css}>{escape(words)}</tspan>")
        at += len(words)
    return f'<text y="{y + 14}" xml:space="preserve">{"".join(parts)}</text>'
