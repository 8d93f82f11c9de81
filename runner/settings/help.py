"""Show the table of options to the user: the help, the settings in force, shell completion."""

from __future__ import annotations

import os

from ..errors import UsageError
from .config import DEFAULT_BASELINE
from .load import Loaded
from .options import BY_NAME, COMMAND_LINE, OPTIONS
from .parser import option_parser
from .unittest_arguments import unittest_parsers

_EXAMPLES = """\
Examples:
  tidytest discover -s tests                      as `python -m unittest discover -s tests`
  tidytest --leaks fail tests.test_report         a leak fails its test
  tidytest --update-baseline                      accept the present leaks; then
  tidytest --leaks fail                           fail on new ones
  tidytest --keep on-failure --keep-dir kept      keep the files of a failed test
  tidytest --shuffle 42 --repeat 5                the same random order again, five times
  tidytest --coverage --coverage-report html,term measure coverage, write two reports
  tidytest --temp-root ram --html leaks.html      temp files in memory; an HTML page

Every option that a settings file can switch on has an opposite, --no-NAME. Names cannot be
abbreviated. Settings also come from [tool.tidytest] in pyproject.toml or [tidytest] in setup.cfg
(keys as above, without the dashes in front) and from the environment (TIDYTEST_LEAK_JSON).
"""


def help_text() -> str:
    """Return the help on the runner's options, which follows unittest's own."""
    return f"{option_parser().format_help()}\n{_EXAMPLES}".lstrip("\n")


def settings_text(loaded: Loaded) -> str:
    """Return a line for each setting, in columns: its name, its value, where it comes from."""
    config, sources = loaded.config, loaded.sources
    if config.leak_baseline is None and os.path.isfile(DEFAULT_BASELINE):
        config = config._replace(leak_baseline=DEFAULT_BASELINE)
        sources["leak-baseline"] = "default, since it exists"
    rows = [
        (option.name, option.show(getattr(config, option.field)), sources[option.name])
        for option in OPTIONS
        if option.allowed != COMMAND_LINE
    ]
    names = max(len(row[0]) for row in rows)
    values = max(len(row[1]) for row in rows)
    return "".join(f"{name:{names}}  {value:{values}}  {source}\n" for name, value, source in rows)


def completion_script(shell: str) -> str:
    """Return the script that completes the runner's options and unittest's in a shell.

    Args:
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
    parser = option_parser("the opposite")
    parser.prog = "tidytest"
    main, discovery = unittest_parsers()
    # `discover` is no subcommand to argparse: its options are completed beside the others.
    known = parser._option_string_actions
    for action in (*main._actions, *discovery._actions):
        is_new = not known.keys() & set(action.option_strings)
        if action.dest == "tests" or (action.option_strings and is_new):
            parser._add_action(action)
    for action in parser._actions:
        option = BY_NAME.get(action.dest)
        if action.dest in ("tests", "start", "top"):
            place = shtab.FILE if action.dest == "tests" else shtab.DIRECTORY
            action.complete = place  # type: ignore[attr-defined]
        elif option is not None and action.nargs != 0:
            action.choices = option.type.choices or None
            if option.type.is_path:
                action.complete = shtab.FILE  # type: ignore[attr-defined]
    script = str(shtab.complete(parser, shell))
    # Where the runner has no completion for a word, bash still completes it as a file name.
    return script.replace("\ncomplete ", "\ncomplete -o default ") if shell == "bash" else script
