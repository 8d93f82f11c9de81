"""Take the runner's own options out of a command line; all else is left for unittest.

Ours are known by their exact names only, so that every abbreviation unittest knows stays its own.
A word after an option of unittest that takes a value is that value, whatever it looks like.
"""

from __future__ import annotations

import sys
from collections.abc import Sequence
from typing import NamedTuple

from ..errors import UsageError
from .option_types import is_integer
from .options import BY_NAME, Option, find

_STOCK_SWITCHES = (
    "--verbose", "--quiet", "--locals", "--failfast", "--catch", "--buffer", "--help",
)  # fmt: skip
_STOCK_VALUED = ("--start-directory", "--pattern", "--top-level-directory") + (
    ("--durations",) if sys.version_info >= (3, 12) else ()
)
_STOCK_LETTERS = "vqfcbh"
_STOCK_VALUED_LETTERS = "kspt"


class Argument(NamedTuple):
    """One of our options as it was given. `text` is None where it had no value; `opposite` says
    that it was given as `--no-NAME`."""

    option: Option
    opposite: bool
    text: str | None


class SplitArguments(NamedTuple):
    """A command line, taken apart: our options in order, and what is left for unittest.

    `verbose` and `help` tell whether unittest will be verbose, and whether it prints its help.
    """

    ours: list[Argument]
    remaining: list[str]
    verbose: bool
    help: bool


def split(argv: Sequence[str]) -> SplitArguments:
    """Take a command line apart.

    Parameters:
        argv: the words after the program's name.

    Raises:
        UsageError: one of our options lacks its value or has one it does not take, or a word
            is no option at all but nearly one of ours.
    """
    return _Splitter(argv).run()


class _Splitter:
    def __init__(self, argv: Sequence[str]) -> None:
        self.words = list(argv)
        self.next = 0
        self.ours: list[Argument] = []
        self.passed: list[list[str]] = []  # to unittest: each word with its value
        self.verbose = False
        self.help = False

    def run(self) -> SplitArguments:
        while self.next < len(self.words):
            word = self.words[self.next]
            if word == "--":
                self._pass(len(self.words) - self.next)
            elif word.startswith("--"):
                self._long(word)
            elif len(word) > 1 and word[0] == "-":
                self._pass(2 if self._cluster_wants_value(word) else 1)
            else:
                self._pass(1)
        remaining = [word for words in self.passed for word in words]
        return SplitArguments(self.ours, remaining, self.verbose, self.help)

    def _pass(self, number: int) -> None:
        """Leave words to unittest; where the last is `--`, so is everything after it."""
        words = self.words[self.next : self.next + number]
        if words[-1] == "--":
            words = self.words[self.next :]
        self.passed.append(words)
        self.next += len(words)

    def _long(self, word: str) -> None:
        name, equals, text = word.partition("=")
        found = find(name[2:])
        if found is not None and (found[1] or not found[0].left_to_unittest):
            if found[0].left_to_unittest:
                self._take_back(f"--{found[0].name}")
            self.next += 1
            self.ours.append(self._argument(found, text if equals else None))
            return
        if found is not None:
            self._note_stock(found[0], text if equals else self._following())
        stock = _stock(name)
        if not stock:
            _refuse_misspelt(name)
        elif stock[0] in ("--verbose", "--quiet"):
            self.verbose = stock[0] == "--verbose"
        elif stock[0] == "--help":
            self.help = True
        self._pass(2 if stock and stock[0] in _STOCK_VALUED and not equals else 1)

    def _take_back(self, name: str) -> None:
        """Drop what was given of an option of unittest, whose opposite, ours, comes after it."""
        self.passed = [
            words for words in self.passed if _stock(words[0].partition("=")[0]) != [name]
        ]

    def _following(self) -> str:
        return self.words[self.next + 1] if self.next + 1 < len(self.words) else ""

    def _note_stock(self, option: Option, text: str) -> None:
        """Know also an option that is left to unittest, as far as it is fit to be shown."""
        if is_integer(text) and int(text) >= 0:
            self.ours.append(Argument(option, False, text))

    def _argument(self, found: tuple[Option, bool], text: str | None) -> Argument:
        option, opposite = found
        if option.is_switch or opposite:
            if text is not None:
                raise UsageError(f"--{'no-' * opposite}{option.name} takes no value")
        elif text is None and (value := self._value(option)) is not None:
            text = value
            self.next += 1
        return Argument(option, opposite, text)

    def _value(self, option: Option) -> str | None:
        """Return the next word if it is the option's value."""
        word = self.words[self.next] if self.next < len(self.words) else None
        if option.value_optional:
            return word if word is not None and is_integer(word) else None
        if word is None:
            raise UsageError(f"--{option.name} needs a value: {option.type.noun}")
        if len(word) > 1 and word[0] == "-" and not _is_number(word):
            # As argparse has it: this is far more often the next option than a value.
            raise UsageError(
                f"--{option.name} needs a value before {word!r}"
                f" (or write --{option.name}={word})"
            )
        return word

    def _cluster_wants_value(self, word: str) -> bool:
        """Read short options (`-vk`); return whether the last takes the next word as its value."""
        for position, letter in enumerate(word[1:], 2):
            if letter in _STOCK_VALUED_LETTERS:
                return position == len(word)
            if letter not in _STOCK_LETTERS:
                return False
            if letter in "vq":
                self.verbose = letter == "v"
            self.help = self.help or letter == "h"
        return False


def _stock(name: str) -> list[str]:
    """Return the options of unittest that a name, which may be abbreviated, can mean."""
    return [known for known in _STOCK_SWITCHES + _STOCK_VALUED if known.startswith(name)]


def _is_number(word: str) -> bool:
    return word[1:].replace(".", "", 1).isdecimal()


def _refuse_misspelt(name: str) -> None:
    import difflib

    known = [f"--{option}" for option in BY_NAME if not BY_NAME[option].left_to_unittest]
    near = difflib.get_close_matches(name.lower().replace("_", "-"), known, 1, 0.8)
    if near:
        raise UsageError(f"there is no option {name!r}; the nearest is {near[0]!r}")
