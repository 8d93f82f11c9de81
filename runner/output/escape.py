"""Escape and shorten text from tests, which may contain anything, before it is printed."""

from __future__ import annotations

import re

from tempfiles import printable

_WITHIN_LINE = re.compile(r"[^\t\n]+")


def printable_block(text: str) -> str:
    """Return text of several lines, escaped as `printable` does except for tabs and line ends."""
    if text.isprintable():
        return text
    return _WITHIN_LINE.sub(lambda part: printable(part.group()), text.replace("\r\n", "\n"))


def shorten(text: str, limit: int) -> str:
    """Return text unchanged up to `limit` characters; else its start and its end with a note."""
    if len(text) <= limit:
        return text
    half = limit // 2
    left_out = len(text) - 2 * half
    return f"{text[:half]}\n[... {left_out:,} characters left out ...]\n{text[len(text) - half:]}"


def clip(text: str, limit: int) -> str:
    """Return at most `limit` characters of one line, with `...` in the middle of a longer one."""
    if len(text) <= limit:
        return text
    half = (limit - 3) // 2
    return f"{text[:half]}...{text[len(text) - half:]}"
