"""The layers of settings laid over each other: defaults < file < environment < command line."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import replace

from . import conflicts, layers
from .config import Config
from .layers import DEFAULT, Setting, Settings
from .options import BY_NAME, OPTIONS
from .parser import SplitArguments


def merged(words: SplitArguments, base: str, environ: Mapping[str, str]) -> Settings:
    """Return every setting, from the strongest place that has it.

    Parameters:
        words: the command line, taken apart.
        base: the working directory, absolute.
        environ: the environment.

    Raises:
        UsageError: something in one of the places is unknown, malformed or contradictory.
    """
    settings = defaults()
    given = layers.from_argv(words.ours, base)
    if not (words.help or given.keys() & {"version", "completion"}):
        _overlay(settings, layers.from_file(base))
        _overlay(settings, layers.from_environment(environ, base))
    _overlay(settings, given)
    conflicts.settle(settings, verbose=words.verbose)
    _resolve(settings, environ)
    return settings


def defaults() -> Settings:
    """Return every option with its default."""
    return {option.name: Setting(option.default, DEFAULT, "default") for option in OPTIONS}


def as_config(settings: Settings) -> Config:
    """Return the record of complete settings."""
    return Config(**{BY_NAME[name].field: setting.value for name, setting in settings.items()})


def _resolve(settings: Settings, environ: Mapping[str, str]) -> None:
    """Decide what depends on the moment: whether this is GitHub, and the seed."""
    is_github = environ.get("GITHUB_ACTIONS", "").lower() not in ("", "false", "0")
    if settings["github"].value is None and is_github:
        settings["github"] = Setting(True, DEFAULT, "environment GITHUB_ACTIONS")
    shuffle = settings["shuffle"]
    if shuffle.value is True:
        seed = int.from_bytes(os.urandom(4), "big")
        settings["shuffle"] = replace(shuffle, value=seed)
    elif shuffle.value is False:
        settings["shuffle"] = replace(shuffle, value=None)


def _overlay(settings: Settings, stronger: Settings) -> None:
    for name, setting in stronger.items():
        below = settings[name]
        if BY_NAME[name].joins and setting.value and below.rank and not setting.drops:
            source = f"{below.source}, {setting.source}"
            setting = Setting(below.value + setting.value, setting.rank, source)
        settings[name] = setting
