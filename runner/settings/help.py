"""What the table of options looks like to a user: help, the settings in force, completion."""

from __future__ import annotations

import argparse
import os
import unittest
from collections.abc import Mapping

from ..errors import UsageError
from .config import DEFAULT_BASELINE
from .load import Loaded
from .options import OPTIONS, Option

_EXAMPLES = """\
Examples:
  tidytest discover -s tests                      as `python -m unittest discover -s tests`
  tidytest --leaks fail tests.test_report         a leak fails its test
  tidytest --update-baseline                      accept the leaks of today; from now on
  tidytest --leaks fail                           fail on new ones
  tidytest --keep on-failure --keep-dir kept      keep what a failed test had made
  tidytest --shuffle 42 --repeat 5                the same random order again, five times
  tidytest --coverage --coverage-report html,term measure coverage, and make two reports
  tidytest --temp-root ram --html leaks.html      temp files in memory; a page to read

Of each option that a settings file can switch on there is the opposite, --no-NAME. Names are not
abbreviated. Settings also come from [tool.tidytest] in pyproject.toml or [tidytest] in setup.cfg
(keys as above, without the dashes in front) and from the environment (TIDYTEST_LEAK_JSON).
"""


class _Stock(unittest.TestProgram):
    """unittest's program, never run: the home of its parsers."""

    def __init__(self) -> None:
        self.progName = "tidytest"
        self.module = None

    def parsers(self) -> tuple[argparse.ArgumentParser, argparse.ArgumentParser]:
        """Return unittest's own parsers: of the plain command line, and of `discover`."""
        parent: argparse.ArgumentParser = self._getParentArgParser()  # type: ignore[attr-defined]
        return (
            self._getMainArgParser(parent),  # type: ignore[attr-defined]
            self._getDiscoveryArgParser(parent),  # type: ignore[attr-defined]
        )


def add_options(parser: argparse.ArgumentParser, *, with_opposites: bool = False) -> None:
    """Add our options to a parser, in their groups, and each `--no-NAME` if that is wanted."""
    groups: dict[str, argparse._ArgumentGroup] = {}
    for option in OPTIONS:
        if option.group not in groups:
            groups[option.group] = parser.add_argument_group(option.group)
        if not option.left_to_unittest:
            _add(groups[option.group], option)
        opposite = f"--no-{option.name}"
        if with_opposites and option.has_opposite and opposite not in parser._option_string_actions:
            groups[option.group].add_argument(opposite, action="store_true", help="the opposite")


def help_text() -> str:
    """Return the help on our options, to stand below unittest's own."""
    parser = argparse.ArgumentParser(
        usage=argparse.SUPPRESS,
        add_help=False,
        formatter_class=argparse.RawDescriptionHelpFormatter,
        epilog=_EXAMPLES,
    )
    add_options(parser)
    return parser.format_help().lstrip("\n")


def settings_text(loaded: Loaded) -> str:
    """Return one aligned line a setting: its name, its value, and where it comes from."""
    sources = loaded.sources
    if loaded.config.leak_baseline is None and os.path.isfile(DEFAULT_BASELINE):
        loaded = loaded._replace(config=loaded.config._replace(leak_baseline=DEFAULT_BASELINE))
        sources["leak-baseline"] = "default, since it exists"
    rows = [
        (option.name, _shown(option, getattr(loaded.config, option.field)), sources[option.name])
        for option in OPTIONS
        if option.allowed != "command line"
    ]
    names = max(len(row[0]) for row in rows)
    values = max(len(row[1]) for row in rows)
    return "".join(f"{name:{names}}  {value:{values}}  {source}\n" for name, value, source in rows)


def completion_script(shell: str) -> str:
    """Return the script that completes our options and unittest's in a shell.

    Parameters:
        shell: bash, zsh or tcsh.

    Raises:
        UsageError: the extra `completion` is not installed.
    """
    try:
        import shtab
    except ImportError:
        raise UsageError(
            '--completion needs shtab: pip install "tidytest[completion]"'
        ) from None
    parser, discovery = _Stock().parsers()
    parser.prog = "tidytest"
    for action in discovery._actions:
        # `discover` is no subcommand to argparse: its options are offered beside the others.
        if action.option_strings and not parser._option_string_actions.keys() & set(
            action.option_strings
        ):
            parser._add_action(action)
    for action in parser._actions:
        if action.dest in ("tests", "start", "top"):
            place = shtab.FILE if action.dest == "tests" else shtab.DIRECTORY
            action.complete = place  # type: ignore[attr-defined]
    add_options(parser, with_opposites=True)
    script = str(shtab.complete(parser, shell))
    # Where a word is none of ours, bash still completes it as the name of a file.
    return script.replace("\ncomplete ", "\ncomplete -o default ") if shell == "bash" else script


def _add(group: argparse._ArgumentGroup, option: Option) -> None:
    names = [option.flag]
    if option.default is None and option.is_switch:
        names.append(f"--no-{option.name}")
    settled: Mapping[str, object] = {"dest": option.field, "help": _help(option)}
    if option.is_switch:
        action = group.add_argument(*names, action="store_true", **settled)  # type: ignore[arg-type]
    else:
        action = group.add_argument(
            *names,
            nargs="?" if option.value_optional else None,
            metavar=option.metavar.strip("[]"),
            choices=option.type.choices or None,
            **settled,  # type: ignore[arg-type]
        )
    if option.type.is_path:
        action.complete = {"bash": "_shtab_compgen_files", "zsh": "_files", "tcsh": "f"}  # type: ignore[attr-defined]


def _help(option: Option) -> str:
    text = option.help.replace("%", "%%")
    if option.is_switch or option.default in (None, ()):
        return text
    return f"{text} (default: {_shown(option, option.default)})"


def _shown(option: Option, value: object) -> str:
    if value is None:
        return "off" if option.is_switch or option.value_optional else "-"
    if isinstance(value, tuple):
        return ", ".join(map(option.type.show, value)) or "-"
    return option.type.show(value)
