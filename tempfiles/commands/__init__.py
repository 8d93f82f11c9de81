"""The sub-commands of `python -m tempfiles`, and what they share."""

from __future__ import annotations

import argparse
import os
import sys
from collections.abc import Callable
from typing import NoReturn, TypeVar

from ..errors import SettingError
from ..formatting import format_count, format_size, parse_age
from ..monitor.usage import Sample
from ..roots.location import root_directories
from . import litter

OK, FAILED, BAD_USAGE = 0, 1, 2
T = TypeVar("T")


class Parser(argparse.ArgumentParser):
    """A parser whose error is one line, without the usage, which would hide the cause."""

    def error(self, message: str) -> NoReturn:
        """Print the cause and exit with 2."""
        self.exit(BAD_USAGE, f"{self.prog}: error: {message}\n")


def age(text: str) -> float:
    """Parse the value of an option that takes an age."""
    return _parsed(parse_age, text)


def pattern(text: str) -> str:
    """Parse the value of an option that takes a pattern of names."""
    return _parsed(litter.check_pattern, text)


def directory(text: str) -> str:
    """Parse the value of an option that takes an existing directory."""
    return _parsed(_directory, text)


def temp_dirs(chosen: list[str] | None) -> list[str]:
    """Return the chosen directories, by default all where run roots can lie, each once.

    These are the platform's temp directory and the places in memory, as far as they exist.
    """
    return list(dict.fromkeys(map(os.path.realpath, chosen))) if chosen else root_directories()


def add_temp_dir(parser: argparse.ArgumentParser) -> None:
    """Add the option `--temp-dir`."""
    parser.add_argument(
        "--temp-dir", metavar="DIR", action="append", type=directory,
        help="look here (default: the system's temp directory, XDG_RUNTIME_DIR and /dev/shm); "
        "may be given again",
    )


def amount(sample: Sample) -> str:
    """Return the amount of a sample as text: `2 files, 1 directory, 1.2 KiB`."""
    return ", ".join((
        format_count(sample.files, "file"),
        format_count(sample.directories, "directory", "directories"),
        format_size(sample.bytes),
    ))


def warn(text: str) -> None:
    """Print a line to standard error."""
    print(text, file=sys.stderr)


def _directory(text: str) -> str:
    if not text or "\0" in text or not os.path.lexists(text):
        raise SettingError(f"no such directory: {text!r}")
    if not os.path.isdir(text):
        raise SettingError(f"{text!r} is not a directory")
    if not os.access(text, os.R_OK | os.X_OK):
        raise SettingError(f"{text!r} cannot be read")
    return os.path.abspath(text)


def _parsed(parse: Callable[[str], T], text: str) -> T:
    try:
        return parse(text)
    except SettingError as error:
        raise argparse.ArgumentTypeError(str(error)) from None
