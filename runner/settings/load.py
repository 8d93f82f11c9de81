"""The settings of this run. Where none is set anywhere, nothing that reads them is imported."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from typing import NamedTuple

from . import files
from .config import VARIABLES, Config

TYPE_CHECKING = False
if TYPE_CHECKING:
    from .layers import Setting


class Loaded(NamedTuple):
    """What `load` found.

    `remaining` is the command line that is left for unittest. `settings` are all settings with
    their places, empty where nothing is set anywhere.
    """

    config: Config
    remaining: list[str]
    settings: Mapping[str, Setting]

    def placed(self, message: str) -> str:
        """Return a message on an option with the place where it was set, if that is a file or the
        environment: `--monitor: ...` becomes `monitor (pyproject.toml:3): ...`."""
        name = message.removeprefix("--").partition(": ")[0].partition(" ")[0]
        setting = self.settings.get(name) if message.startswith("--") else None
        if setting is None or str(setting.source) in ("default", "command line"):
            return message
        return f"{name} ({setting.source}){message[len(name) + 2 :]}"

    @property
    def sources(self) -> dict[str, str]:
        """Where each setting comes from, by the option's name."""
        from .options import BY_NAME

        known = {name: str(setting.source) for name, setting in self.settings.items()}
        return {**dict.fromkeys(BY_NAME, "default"), **known}


def load(
    argv: Sequence[str], *, cwd: str | os.PathLike[str], environ: Mapping[str, str]
) -> Loaded:
    """Read all settings.

    Parameters:
        argv: the words after the program's name.
        cwd: the working directory; the settings file is looked for from there upwards.
        environ: the environment.

    Raises:
        UsageError: something in one of the places is unknown, malformed or contradictory.
    """
    base = os.path.abspath(cwd)
    if not (_may_set(argv, environ) or files.read(base)):
        return Loaded(Config(), list(argv), {})
    from . import merging, parser

    words = parser.split(argv)
    settings = merging.merged(words, base, environ)
    return Loaded(merging.as_config(settings), words.remaining, settings)


def _may_set(argv: Sequence[str], environ: Mapping[str, str]) -> bool:
    """Whether the command line or the environment may set something, or ask for help."""
    return (
        any(word.startswith("--") or (word.startswith("-") and "h" in word) for word in argv)
        or "GITHUB_ACTIONS" in environ
        or any(name.startswith(VARIABLES) for name in environ)
    )
