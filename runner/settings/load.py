"""Load the settings of a run. Where none is set anywhere, the options are not even imported."""

import os
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, NamedTuple

from . import files
from .config import NO_SETTINGS, VARIABLES, Config

if TYPE_CHECKING:
    from .layers import Setting


class Loaded(NamedTuple):
    """The settings of a run, and the words for unittest.

    `remaining` is the part of the command line for unittest. `settings` are all settings with
    their sources, empty where nothing is set anywhere.
    """

    config: Config
    remaining: list[str]
    settings: Mapping[str, "Setting"]

    @property
    def sources(self) -> dict[str, str]:
        """Where each setting comes from, by the option's name."""
        from .options import BY_NAME

        known = {name: str(setting.source) for name, setting in self.settings.items()}
        return {**dict.fromkeys(BY_NAME, "default"), **known}

    def with_source(self, message: str) -> str:
        """Name the file or the variable that set an option in a message on that option.

        `--monitor: ...` becomes `monitor (pyproject.toml:3): ...`; other messages stay as they
        are, and so does one on an option that was set on the command line.
        """
        name = message.removeprefix("--").partition(": ")[0].partition(" ")[0]
        setting = self.settings.get(name) if message.startswith("--") else None
        if setting is None or str(setting.source) in ("default", "command line"):
            return message
        return f"{name} ({setting.source}){message[len(name) + 2 :]}"


def load(
    argv: Sequence[str], *, cwd: str | os.PathLike[str], environ: Mapping[str, str]
) -> Loaded:
    """Load all settings.

    Args:
        argv: the words after the program's name.
        cwd: the working directory; the settings file is searched for from there upwards.
        environ: the environment.

    Raises:
        UsageError: a name or a value in one of the places is not valid, or two settings
            contradict each other.
    """
    base = os.path.abspath(cwd)
    jobs, words = _take_jobs(argv)
    if not (_may_set(words, environ) or files.read(base)):
        return Loaded(Config(jobs=jobs), words, {})
    from . import conflicts, layers, parser

    arguments = parser.parse(argv)
    settings = layers.merge(arguments, base, environ)
    conflicts.settle(settings, arguments)
    layers.resolve(settings, environ)
    return Loaded(layers.as_config(settings), arguments.remaining, settings)


_WITH_VALUE = ("-k", "-s", "-p", "-t")
"""The options of unittest that take the next word for their value."""


def _take_jobs(argv: Sequence[str]) -> tuple[int, list[str]]:
    """Return the number of `-j N`, and the other words; all words where it is another form.

    It is the option that is given most often alone: the table of options need not be imported.
    """
    words = list(argv)
    if "-j" in words[:-1] and "--" not in words:
        place = words.index("-j")
        number = words[place + 1]
        is_plain = number.isascii() and number.isdecimal() and number[0] != "0"
        before = words[place - 1] if place else ""
        if is_plain and not before.startswith("--") and before not in _WITH_VALUE:
            return int(number), [*words[:place], *words[place + 2 :]]
    return 1, words


def _may_set(argv: Sequence[str], environ: Mapping[str, str]) -> bool:
    """Return whether the command line or the environment may set something."""
    return (
        any(word.startswith(("--", "-j")) for word in argv)
        or "GITHUB_ACTIONS" in environ
        or any(name.startswith(VARIABLES) and name not in NO_SETTINGS for name in environ)
    )
