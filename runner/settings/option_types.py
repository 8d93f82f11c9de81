"""The types that an option's value can have: read from text, or from a value of a TOML file."""

from __future__ import annotations

import os
import re
from collections.abc import Callable
from dataclasses import dataclass

_SWITCH = {
    "true": True, "yes": True, "on": True, "1": True,
    "false": False, "no": False, "off": False, "0": False,
}  # fmt: skip
_TOML_NAMES = {
    bool: "a boolean", int: "an integer", float: "a float", str: "a string",
    list: "an array", dict: "a table",
}  # fmt: skip


_INFINITE = float("inf")


@dataclass(frozen=True, slots=True)
class OptionType:
    """How values of one type are read and shown.

    `noun` says what is wanted, for messages. `read` makes the value of a text and raises
    ValueError for one that does not fit. `native` are the types that a TOML file may use.
    `is_path` tells that a value is a path, relative to where it was written, but for some `words`.
    """

    noun: str
    read: Callable[[str], object]
    native: tuple[type, ...] = (str,)
    is_path: bool = False
    words: tuple[str, ...] = ()
    choices: tuple[str, ...] = ()
    show: Callable[[object], str] = str

    def from_text(self, text: str) -> object:
        """Return the value that a text stands for.

        Raises:
            ValueError: it stands for none; the message is a line for the user.
        """
        try:
            return self.read(text)
        except ValueError:
            raise ValueError(f"{text!r} is not {self.noun}") from None

    def from_toml(self, value: object) -> object:
        """Return the value that a TOML value stands for.

        Raises:
            ValueError: it has the wrong type, or stands for none.
        """
        if type(value) not in self.native:
            found = _TOML_NAMES.get(type(value), "a date or time")
            raise ValueError(f"must be {self.noun}, not {found}")
        return self.from_text(str(value).lower() if isinstance(value, bool) else str(value))


def _switch(text: str) -> bool:
    try:
        return _SWITCH[text.strip().lower()]
    except KeyError:
        raise ValueError from None


def _text(text: str) -> str:
    if not text or "\0" in text:
        raise ValueError
    return text


def _file(text: str) -> str:
    if text.endswith(("/", os.sep)):  # it would name a directory
        raise ValueError
    return _text(text)


def _seed(text: str) -> int | bool:
    """A whole number is a seed, 0 and 1 too; words switch shuffling on (a fresh seed) or off."""
    if is_integer(text):
        return int(text)
    return _switch(text)


def _bounded(text: str, most: float) -> float:
    value = float(text)
    if not 0 <= value <= most or value == _INFINITE:
        raise ValueError
    return value


def _size(text: str) -> int:
    from tempfiles.formatting import parse_size

    return parse_size(text)


def _show_size(value: object) -> str:
    number = value if isinstance(value, int) else 0
    for power, suffix in ((40, "T"), (30, "G"), (20, "M"), (10, "K")):
        if number and number % (1 << power) == 0:
            return f"{number >> power}{suffix}"
    return str(value)


def _show_switch(value: object) -> str:
    return "on" if value else "off"


def is_integer(text: str) -> bool:
    """Return whether a text is a whole number in decimal digits, with or without a minus."""
    return re.fullmatch(r"-?[0-9]+", text) is not None


def choice(*names: str) -> OptionType:
    """Return the type of an option that takes one of some words."""

    def read(text: str) -> str:
        if text not in names:
            raise ValueError
        return text

    return OptionType("one of " + ", ".join(names), read, choices=names)


def count(least: int) -> OptionType:
    """Return the type of an option that takes a whole number of at least `least`."""

    def read(text: str) -> int:
        if not is_integer(text) or int(text) < least:
            raise ValueError
        return int(text)

    return OptionType(f"a whole number of at least {least}", read, (int,))


SWITCH = OptionType("true or false", _switch, (bool,), show=_show_switch)
FILE = OptionType("the name of a file", _file, is_path=True)
REPORT = OptionType(
    "the name of a file, or - for standard output", _file, is_path=True, words=("-",)
)
DIRECTORY = OptionType("the name of a directory", _text, is_path=True)
TEMP_ROOT = OptionType(
    "ram, disk or the name of a directory", _text, is_path=True, words=("ram", "disk")
)
GLOB = OptionType("a pattern", _text)
SEED = OptionType("a whole number (the seed), true or false", _seed, (int, bool))
SECONDS = OptionType(
    "a number of seconds", lambda text: _bounded(text, _INFINITE), (int, float), show="{:g}".format
)
PERCENT = OptionType(
    "a number from 0 to 100", lambda text: _bounded(text, 100.0), (int, float), show="{:g}".format
)
SIZE = OptionType("a size such as 512M or 1G", _size, (str, int), show=_show_size)
