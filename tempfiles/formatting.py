"""Format and parse ages, sizes and counts; escape text for one line of output."""

from __future__ import annotations

import re

from .errors import SettingError

_SECONDS = {"s": 1, "m": 60, "h": 3600, "d": 86400, "w": 604800}
_POWERS = {"": 0, "K": 1, "M": 2, "G": 3, "T": 4}
# Texts: to compile them would be a part of the start of every run.
_AGE = r"([0-9]+(?:\.[0-9]+)?)([smhdw])"
_SIZE = r"(?i)([0-9]+(?:\.[0-9]+)?) ?([KMGT]?)(?:iB|B)?"
_LONGEST = 100 * 365 * 86400
_LARGEST = 2**60


def parse_age(text: str) -> float:
    """Return the seconds that an age such as `30m`, `2h` or `7d` stands for.

    Raises:
        SettingError: it is not an age; the message says what would be.
    """
    match = re.fullmatch(_AGE, text.strip())
    if match is None:
        raise SettingError(f"{text!r} is not an age; write a number with s, m, h, d or w, as in 2h")
    seconds = float(match[1]) * _SECONDS[match[2]]
    if seconds > _LONGEST:
        raise SettingError(f"{text!r} is more than 100 years")
    return seconds


def parse_size(text: str) -> int:
    """Return the bytes that a size such as `512M`, `2G` or `1000` stands for (K is 1,024).

    Raises:
        SettingError: it is not a size; the message says what would be.
    """
    match = re.fullmatch(_SIZE, text.strip())
    if match is None:
        raise SettingError(
            f"{text!r} is not a size; write a number of bytes, or one with K, M, G or T, as in 512M"
        )
    size = float(match[1]) * 1024 ** _POWERS[match[2].upper()]
    if size > _LARGEST:
        raise SettingError(f"{text!r} is more than a file system holds")
    return int(size)


def format_size(size: int) -> str:
    """Return a number of bytes for people: `0 B`, `1.2 KiB`, `3.0 GiB`."""
    if size < 1024:
        return f"{size} B"
    value = float(size)
    for unit in ("KiB", "MiB", "GiB", "TiB"):
        value /= 1024
        if round(value, 1) < 1024 or unit == "TiB":
            break
    return f"{value:.1f} {unit}"


def format_age(seconds: float) -> str:
    """Return a span of time for people, in its largest unit: `45s`, `12m`, `3h`, `2d`."""
    whole = max(0, int(seconds))
    for unit in ("d", "h", "m"):
        if whole >= _SECONDS[unit]:
            return f"{whole // _SECONDS[unit]}{unit}"
    return f"{whole}s"


def format_count(number: int, singular: str, plural: str = "") -> str:
    """Return a number with its noun: `1 entry`, `2,000 entries`."""
    return f"{number:,} {singular if number == 1 else plural or singular + 's'}"


def format_contents(entries: int, files: int) -> str:
    """Return what is in a directory: `empty`, `2 files`, `3 entries` (where some are directories).

    Args:
        entries: of the whole tree, the directory itself counted.
        files: how many of them are not directories.
    """
    below = entries - 1
    if not below:
        return "empty"
    nouns = ("file", "files") if files == below else ("entry", "entries")
    return format_count(below, *nouns)


def printable(text: str) -> str:
    """Return a text with what cannot be shown on one line (controls, bad bytes) escaped."""
    if text.isprintable():
        return text
    return "".join(
        char if char.isprintable() else char.encode("unicode_escape").decode("ascii")
        for char in text
    )
