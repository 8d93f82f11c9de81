"""What a terminal may be sent, and the colours of lines: the only import of colorama."""

from __future__ import annotations

import os
import re
import sys
from typing import Any

_COLOUR = re.compile(r"\x1b\[[0-9;]*m")
_STYLES = {"leak": "YELLOW", "total": "CYAN"}


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


class Painter:
    """Colours lines for one stream, or leaves them unchanged where colour is not wanted."""

    def __init__(self, stream: Any) -> None:
        self._on = wants_colour(stream)
        if self._on:
            import colorama

            colorama.just_fix_windows_console()

    def paint(self, line: str, style: str) -> str:
        """Return a line in a style: `leak` or `total`."""
        if not self._on:
            return line
        import colorama

        colour: str = getattr(colorama.Fore, _STYLES[style])
        return f"{colour}{line}{colorama.Style.RESET_ALL}"
