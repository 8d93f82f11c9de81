"""Names as they may be shown: nothing in them can move a cursor or break a line."""

from __future__ import annotations


def printable(text: str) -> str:
    """Return a text with what cannot be shown on one line (controls, bad bytes) escaped."""
    if text.isprintable():
        return text
    return "".join(
        char if char.isprintable() else char.encode("unicode_escape").decode("ascii")
        for char in text
    )
