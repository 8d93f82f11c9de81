"""What a terminal may be sent, and the colours of lines: the only import of colorama."""

from __future__ import annotations

import os
import re
import sys
from typing import Any

_COLOUR = re.compile(r"\x1b\[[0-9;]*m")
_STYLES = {
    "failure": ("Fore", "RED"), "ok": ("Fore", "GREEN"), "leak": ("Fore", "YELLOW"),
    "name": ("Style", "BRIGHT"), "quiet": ("Style", "DIM"), "hunk": ("Fore", "CYAN"),
}  # fmt: skip
"""What a style means: a failure, no failure, a leak; what to look at first, and last; where
a diff goes on."""
_WIDTH = 80
"""Columns of a row where neither COLUMNS nor a terminal tells."""


def wants_colour(stream: Any) -> bool:
    """Return whether to colour what is written to a stream.

    NO_COLOR and PYTHON_COLORS=0 switch colour off, FORCE_COLOR and PYTHON_COLORS=1 on, in the
    order of Python 3.14; without them colour is used if the stream is a terminal.
    """
    if os.environ.get("PYTHON_COLORS") in ("0", "1") and not sys.flags.ignore_environment:
        return os.environ["PYTHON_COLORS"] == "1"
    if os.environ.get("NO_COLOR"):
        return False
    if os.environ.get("FORCE_COLOR"):
        return True
    if os.environ.get("TERM") == "dumb":
        return False
    isatty = getattr(stream, "isatty", None)
    return isatty is not None and bool(isatty())


def without_colour(text: str) -> str:
    """Return text without colours, which unittest puts into tracebacks from Python 3.14 on."""
    return _COLOUR.sub("", text) if "\x1b" in text else text


def is_live(stream: Any) -> bool:
    """Return whether a stream is a terminal that can overwrite a line, not a log or CI."""
    if os.environ.get("TERM") == "dumb" or os.environ.get("CI", "").lower() not in ("", "false"):
        return False
    isatty = getattr(stream, "isatty", None)
    return isatty is not None and bool(isatty())


def columns_of(stream: Any) -> int:
    """Return how wide the terminal of a stream is, or COLUMNS; 0 where neither tells."""
    if os.environ.get("COLUMNS", "").isdecimal():
        return int(os.environ["COLUMNS"])
    try:
        return os.get_terminal_size(stream.fileno()).columns
    except (AttributeError, OSError, ValueError):
        return 0


class Painter:
    """Colours text for one stream, or leaves it unchanged where colour is not wanted.

    Args:
        stream: the stream; None for text without colour and of any width.

    Attributes:
        width: how many columns a row may take.
        longest: how many a sentence may take; in a log it stays on one line.
    """

    def __init__(self, stream: Any = None) -> None:
        columns = columns_of(stream) if stream is not None else sys.maxsize
        self.width = columns or _WIDTH
        self.longest = columns or sys.maxsize
        self._on = stream is not None and wants_colour(stream)
        if self._on:
            import colorama

            colorama.just_fix_windows_console()

    def paint(self, text: str, style: str) -> str:
        """Return a text in a style: `failure`, `ok`, `leak`, `name` or `quiet`."""
        if not (self._on and text):
            return text
        import colorama

        kind, name = _STYLES[style]
        return f"{getattr(getattr(colorama, kind), name)}{text}{colorama.Style.RESET_ALL}"
