"""Text of tests and file names, made fit to be read; it may hold anything."""

from __future__ import annotations

import re

# Control characters, lone surrogates, line separators, and what turns the direction of writing.
_UNSEEN = (
    r"\x00-\x08\x0b-\x1f\x7f-\x9f\u200e\u200f\u2028-\u202e\u2066-\u2069\ud800-\udfff\ufffe\uffff"
)
_UNSEEN_IN_BLOCK = re.compile(f"[{_UNSEEN}]")
_UNSEEN_IN_LINE = re.compile(f"[\t\n{_UNSEEN}]")
_SHORT = {"\t": "\\t", "\n": "\\n", "\r": "\\r"}


def visible(text: str) -> str:
    """Return text as one line, with each character that cannot be seen written as an escape."""
    return _UNSEEN_IN_LINE.sub(_escape, text)


def visible_block(text: str) -> str:
    """Return text of many lines, with all but tabs and line ends escaped as in `visible`."""
    return _UNSEEN_IN_BLOCK.sub(_escape, text.replace("\r\n", "\n"))


def shorten(text: str, limit: int) -> str:
    """Return at most `limit` characters and a note: the first and the last of a longer text."""
    if len(text) <= limit:
        return text
    half = limit // 2
    left_out = len(text) - 2 * half
    return f"{text[:half]}\n[... {left_out:,} characters left out ...]\n{text[len(text) - half:]}"


def clip(text: str, limit: int) -> str:
    """Return at most `limit` characters of one line, `...` in the middle of a longer one."""
    if len(text) <= limit:
        return text
    half = (limit - 3) // 2
    return f"{text[:half]}...{text[len(text) - half:]}"


def human_size(size: int) -> str:
    """Return a number of bytes for people: `12 B`, `1.2 KiB`."""
    if size < 1024:
        return f"{size} B"
    value = float(size)
    for unit in ("KiB", "MiB", "GiB"):
        value /= 1024
        if value < 1023.95:
            return f"{value:.1f} {unit}"
    return f"{value / 1024:.1f} TiB"


def plural(number: int, noun: str) -> str:
    """Return `1 leak`, `2 leaks`, `1,000 leaks`."""
    return f"{number:,} {noun}{'' if number == 1 else 's'}"


def _escape(match: re.Match[str]) -> str:
    character = match.group()
    code = ord(character)
    return _SHORT.get(character) or (f"\\x{code:02x}" if code < 256 else f"\\u{code:04x}")
