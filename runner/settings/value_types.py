"""The types of options' values: callables for argparse's `type`, also used for TOML values."""

from __future__ import annotations

import os
import re
from argparse import ArgumentTypeError
from collections.abc import Callable
from dataclasses import dataclass

from tempfiles import parse_size

_INFINITE = float("inf")
_SWITCH = {
    "true": True, "yes": True, "on": True, "1": True,
    "false": False, "no": False, "off": False, "0": False,
}  # fmt: skip
_TOML_NAMES = {
    bool: "a boolean", int: "an integer", float: "a float", str: "a string",
    list: "an array", dict: "a table",
}  # fmt: skip


def _show(value: object) -> str:
    if isinstance(value, bool):
        return "on" if value else "off"
    return f"{value:g}" if isinstance(value, float) else str(value)


@dataclass(frozen=True, slots=True)
class ValueType:
    """The type of an option's value. Called with a text, it returns the value, as argparse's
    `type` does.

    `noun` describes a valid value in messages. `read` returns the value of a text or raises
    ValueError. `toml_types` are the types that a value may have in a TOML file. If `is_path`, a
    value is a path relative to the place it was written in, except for the `words`. `choices` are
    the only valid texts, if there are any. `show` returns the text of a value.
    """

    noun: str
    read: Callable[[str], object]
    toml_types: tuple[type, ...] = (str,)
    is_path: bool = False
    words: tuple[str, ...] = ()
    choices: tuple[str, ...] = ()
    show: Callable[[object], str] = _show

    def __call__(self, text: str) -> object:
        """Return the value of a text.

        Raises:
            ArgumentTypeError: the text is not a valid value; the message is for the user.
        """
        try:
            return self.read(text)
        except ValueError:
            raise ArgumentTypeError(f"{text!r} is not {self.noun}") from None

    def from_toml(self, value: object) -> object:
        """Return the value of a TOML value.

        Raises:
            ArgumentTypeError: it has the wrong type, or is not a valid value.
        """
        if type(value) not in self.toml_types:
            found = _TOML_NAMES.get(type(value), "a date or time")
            raise ArgumentTypeError(f"must be {self.noun}, not {found}")
        return self(str(value).lower() if isinstance(value, bool) else str(value))


def is_integer(text: str) -> bool:
    """Return whether a text is an integer in decimal digits, with or without a minus."""
    return re.fullmatch(r"-?[0-9]+", text) is not None


def choice(*names: str) -> ValueType:
    """Return the type of an option that takes one of some words."""

    def read(text: str) -> str:
        if text not in names:
            raise ValueError
        return text

    return ValueType("one of " + ", ".join(names), read, choices=names)


def count(least: int) -> ValueType:
    """Return the type of an option that takes a whole number of at least `least`."""

    def read(text: str) -> int:
        if _read_integer(text) < least:
            raise ValueError
        return int(text)

    return ValueType(f"a whole number of at least {least}", read, (int,))


def _read_switch(text: str) -> bool:
    value = _SWITCH.get(text.strip().lower())
    if value is None:
        raise ValueError
    return value


def _read_text(text: str) -> str:
    if not text or "\0" in text:
        raise ValueError
    return text


def _read_file_name(text: str) -> str:
    if text.endswith(("/", os.sep)):  # the name of a directory
        raise ValueError
    return _read_text(text)


def _read_integer(text: str) -> int:
    if not is_integer(text):  # `int` also takes spaces, underscores and a plus
        raise ValueError
    return int(text)


def _read_seed(text: str) -> int | bool:
    # An integer is a seed, 0 and 1 too; true asks for a random seed, false for none.
    return int(text) if is_integer(text) else _read_switch(text)


def _number_up_to(most: float) -> Callable[[str], float]:
    def read(text: str) -> float:
        value = float(text)
        if not 0 <= value <= most or value == _INFINITE:
            raise ValueError
        return value

    return read


def _read_limit(text: str) -> float:
    value = _number_up_to(_INFINITE)(text)
    if not value:
        raise ValueError
    return value


def _read_workers(text: str) -> str:
    is_engine = all(part.isidentifier() for part in text.replace(":", ".", 1).split("."))
    if "://" not in text and not text.endswith(".json") and text != "dask" and (
        not is_engine or ":" not in text
    ):
        raise ValueError
    return _read_text(text)


def _read_resource(text: str) -> tuple[str, int]:
    name, sign, most = (part.strip() for part in text.partition("="))
    if not (name and sign) or _read_integer(most) < 1:
        raise ValueError
    return _read_text(name), int(most)


def _show_resource(value: object) -> str:
    return "{}={}".format(*value) if isinstance(value, tuple) else str(value)


def _read_shard(text: str) -> tuple[int, int]:
    number, sign, shards = text.partition("/")
    if not sign or not 1 <= _read_integer(number) <= _read_integer(shards):
        raise ValueError
    return int(number), int(shards)


def _show_shard(value: object) -> str:
    return "{}/{}".format(*value) if isinstance(value, tuple) else str(value)


def _read_jobs(text: str) -> int:
    if text == "auto":
        return _usable_cores()
    if _read_integer(text) < 1:
        raise ValueError
    return int(text)


def _usable_cores() -> int:
    """Return how many cores this process may use."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


def _show_size(value: object) -> str:
    number = value if isinstance(value, int) else 0
    for power, suffix in ((40, "T"), (30, "G"), (20, "M"), (10, "K")):
        if number and number % (1 << power) == 0:
            return f"{number >> power}{suffix}"
    return str(value)


SWITCH = ValueType("true or false", _read_switch, (bool,))
FILE_NAME = ValueType("the name of a file", _read_file_name, is_path=True)
REPORT = ValueType(
    "the name of a file, or - for standard output", _read_file_name, is_path=True, words=("-",)
)
DIRECTORY = ValueType("the name of a directory", _read_text, is_path=True)
TEMP_ROOT = ValueType(
    "ram, disk or the name of a directory", _read_text, is_path=True, words=("ram", "disk")
)
GLOB = ValueType("a pattern", _read_text)
INTEGER = ValueType("a whole number", _read_integer, (int,))
SEED = ValueType("a whole number (the seed), true or false", _read_seed, (int, bool))
JOBS = ValueType("a whole number of at least 1, or auto", _read_jobs, (int, str))
SECONDS = ValueType("a number of seconds", _number_up_to(_INFINITE), (int, float))
TIME_LIMIT = ValueType("a number of seconds above 0", _read_limit, (int, float))
WORKERS = ValueType(
    "the address of a scheduler such as tcp://HOST:8786, its .json file, dask or MODULE:FUNCTION",
    _read_workers,
)
RESOURCE = ValueType("NAME=MAX, MAX at least 1", _read_resource, show=_show_resource)
SHARD = ValueType("I/N, with I from 1 to N", _read_shard, show=_show_shard)
PERCENT = ValueType("a number from 0 to 100", _number_up_to(100), (int, float))
SIZE = ValueType("a size such as 512M or 1G", parse_size, (str, int), show=_show_size)
