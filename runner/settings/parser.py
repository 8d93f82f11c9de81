"""Parse the command line: the runner's own options with argparse, the rest is left for unittest.

Options of the runner are known by their exact names only, so that every abbreviation that unittest
accepts stays an option of unittest.
"""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from dataclasses import dataclass, field
from itertools import groupby, pairwise
from typing import Any

from ..errors import UsageError
from .options import OPTIONS, Option, find, nearest
from .unittest_arguments import UnittestArguments, unknown_to_unittest
from .value_types import is_integer


@dataclass(frozen=True, slots=True)
class Arguments:
    """A parsed command line.

    `given` are the values of the runner's options, by name. `cleared` are the names of options
    whose opposite, `--no-NAME`, drops the values of weaker places. `remaining` are the words for
    unittest, in order.
    """

    given: dict[str, Any] = field(default_factory=dict)
    cleared: frozenset[str] = frozenset()
    remaining: list[str] = field(default_factory=list)

    def is_verbose(self) -> bool:
        """Return whether the words for unittest make it verbose."""
        return UnittestArguments(self.remaining).verbosity > 1

    def fails_fast(self) -> bool:
        """Return whether the words for unittest stop the run at the first failure."""
        return bool(UnittestArguments(self.remaining).failfast)

    def unittest_help(self, name: str = "tidytest") -> str | None:
        """Return unittest's help if the words for unittest ask for it, else None.

        Args:
            name: the name of the program in the help.
        """
        if not any(word.startswith("-") and "h" in word for word in self.remaining):
            return None
        program = UnittestArguments(self.remaining, name)
        return program.printed if program.exit_code == 0 else None


def parse(argv: Sequence[str]) -> Arguments:
    """Parse a command line.

    Args:
        argv: the words after the program's name.

    Raises:
        UsageError: a value is missing, superfluous or not valid, or a word is no option at all
            but resembles one of the runner's.
    """
    words, unparsed = _divide(_with_long_names(argv))
    namespace = argparse.Namespace(cleared=set())
    try:
        given, unknown = option_parser().parse_known_args(_with_seeds(words), namespace)
    except argparse.ArgumentError as error:
        raise UsageError(_message(error, words)) from None
    for word in unknown:
        _refuse_misspelt(word)
    values = vars(given)
    return Arguments(values, frozenset(values.pop("cleared")), [*unknown, *unparsed])


def option_parser(opposites_help: str = argparse.SUPPRESS) -> argparse.ArgumentParser:
    """Return the parser of the runner's own options.

    Args:
        opposites_help: the help of the form of an option that does not change the default; by
            default the help does not list that form.
    """
    parser = argparse.ArgumentParser(
        usage=argparse.SUPPRESS,
        add_help=False,
        allow_abbrev=False,
        exit_on_error=False,
        argument_default=argparse.SUPPRESS,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    for title, options in groupby(OPTIONS, key=lambda option: option.group):
        group = parser.add_argument_group(title)
        for option in options:
            _add(group, option, opposites_help)
    return parser


def _add(group: argparse._ArgumentGroup, option: Option, opposites_help: str) -> None:
    name, opposite = f"--{option.name}", f"--no-{option.name}"
    help_of = {name: opposites_help, opposite: opposites_help, option.flag: _help(option)}
    settings: dict[str, Any] = {"dest": option.name, "help": help_of[name]}
    if option.is_switch:
        group.add_argument(name, action="store_const", const=True, **settings)
    else:
        group.add_argument(
            name,
            action=_Collect if option.repeatable else "extend" if option.many else "store",
            type=option.from_argument,
            nargs="?" if option.value_optional else "+" if option.many else None,
            metavar=option.metavar.strip("[]."),
            **settings,
        )
    if option.has_opposite:
        settings["help"] = help_of[opposite]
        group.add_argument(opposite, action=_Clear, nargs=0, const=option.off, **settings)


def _help(option: Option) -> str:
    text = option.help.replace("%", "%%")
    if option.is_switch or option.default in (None, ()):
        return text
    return f"{text} (default: {option.show(option.default)})"


class _Collect(argparse.Action):
    """Add to the values of a repeatable option."""

    def __call__(self, parser: Any, namespace: Any, values: Any, option_string: Any = None) -> None:
        given = getattr(namespace, self.dest, ())
        setattr(namespace, self.dest, tuple(dict.fromkeys((*given, *values))))


class _Clear(argparse.Action):
    """Store the value of `--no-NAME`."""

    def __call__(self, parser: Any, namespace: Any, values: Any, option_string: Any = None) -> None:
        setattr(namespace, self.dest, self.const)
        namespace.cleared.add(self.dest)


def _with_long_names(argv: Sequence[str]) -> list[str]:
    """Write `-j 4` and `-j4` as `--jobs 4`: the only option of the runner with a short name."""
    words = list(argv)
    end = words.index("--") if "--" in words else len(words)
    for index, word in enumerate(words[:end]):
        if word == "-j":
            words[index] = "--jobs"
        elif word.startswith("-j"):
            words[index] = f"--jobs={word[2:].removeprefix('=')}"
    return words


def _divide(argv: Sequence[str]) -> tuple[list[str], list[str]]:
    """Divide a command line into the words to parse, and those that unittest alone must read.

    These begin with `--`, or with an option of unittest that takes the name of a following option
    of the runner for its value: unittest then reports that its own value is missing.
    """
    words = list(argv)
    for index, word in enumerate(words):
        if word == "--":
            return words[:index], words[index:]
        previous = words[index - 1] if index else ""
        follows_unittests = previous.startswith("-") and not _is_ours(previous)
        if _is_ours(word) and follows_unittests and unknown_to_unittest(previous) is None:
            return words[: index - 1], words[index - 1 :]
    return words, []


def _is_ours(word: str) -> bool:
    return word.startswith("--") and find(word[2:].partition("=")[0]) is not None


def _with_seeds(words: Sequence[str]) -> list[str]:
    """Write an optional value into the word of its option: argparse would take any next word."""
    joined: list[str] = []
    optional = {f"--{option.name}" for option in OPTIONS if option.value_optional}
    for word in words:
        if joined and joined[-1] in optional and is_integer(word):
            joined[-1] += f"={word}"
        else:
            joined.append(word)
    return [f"{word}=true" if word in optional else word for word in joined]


def _message(error: argparse.ArgumentError, words: Sequence[str]) -> str:
    name = str(error.argument_name)
    found = find(name[2:])
    assert found is not None, name
    option, is_opposite = found
    if isinstance(error.__context__, argparse.ArgumentTypeError):
        return f"{name}: {error.message}"
    if option.is_switch or is_opposite:
        return f"{name} takes no value"
    for word, following in pairwise(words):
        if word == name and following.startswith("-"):
            return f"{name} needs a value before {following!r} (or write {name}={following})"
    return f"{name} needs a value: {option.type.noun}"


def _refuse_misspelt(word: str) -> None:
    """Raise UsageError for a word that is no option of unittest and resembles one of the runner."""
    name = word.partition("=")[0]
    if not name.startswith("--") or unknown_to_unittest(name) != [name]:
        return
    near = nearest(name[2:], 0.7)
    if near is not None:
        raise UsageError(f"there is no option {name!r}; the nearest is '--{near}'")
