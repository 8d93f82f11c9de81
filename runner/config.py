"""The settings of a run: defaults < settings file < environment < command line."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from typing import NamedTuple

from . import arguments, layers
from .layers import DEFAULT, Setting, Settings
from .options import BY_NAME, OPTIONS


class Config(NamedTuple):
    """Every setting of a run, one field an option (see `options.OPTIONS` for their meaning).

    Paths are absolute. Sizes are bytes, times are seconds. `shuffle` is the seed, drawn already
    where none was given, or None.
    """

    leaks: str
    leak_trace: bool
    leak_ignore: tuple[str, ...]
    watch_modified: bool
    late_grace: float
    leak_baseline: str | None
    update_baseline: bool
    strict_baseline: bool
    clean_outside: bool
    reap: bool
    guard: bool
    keep: str
    keep_dir: str | None
    keep_runs: int
    keep_bytes: int
    leak_json: str | None
    junit_xml: str | None
    html: str | None
    github: bool
    monitor: str | None
    durations: int | None
    slowest_temp: int | None
    progress: bool
    functions: bool
    last_failed: bool
    leaked_last: bool
    shuffle: int | None
    reverse: bool
    repeat: int
    until_leak: bool
    pdb: bool
    coverage: bool
    coverage_report: tuple[str, ...]
    coverage_fail_under: float | None
    temp_root: str
    temp_root_min_free: int
    show_settings: bool
    version: bool
    completion: str | None


class Loaded(NamedTuple):
    """What `load` found. `remaining` is the command line that is left for unittest."""

    config: Config
    remaining: list[str]
    settings: Mapping[str, Setting]

    @property
    def sources(self) -> dict[str, str]:
        """Where each setting comes from, by the option's name."""
        return {name: str(setting.source) for name, setting in self.settings.items()}


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
    words = arguments.split(argv)
    settings = defaults()
    given = layers.from_argv(words.ours, base)
    if not (words.help or given.keys() & {"version", "completion"}):
        _overlay(settings, layers.from_file(base))
        _overlay(settings, layers.from_environment(environ, base))
    _overlay(settings, given)
    if any(setting.rank for setting in settings.values()):
        from . import contradictions

        contradictions.settle(settings, verbose=words.verbose)
    _resolve(settings, environ)
    return Loaded(as_config(settings), words.remaining, settings)


def defaults() -> Settings:
    """Return every option with its default."""
    return {option.name: Setting(option.default, DEFAULT, "default") for option in OPTIONS}


def as_config(settings: Settings) -> Config:
    """Return the record of complete settings."""
    return Config(**{BY_NAME[name].field: setting.value for name, setting in settings.items()})


def default_config() -> Config:
    """Return the settings of a run where nothing is set anywhere."""
    settings = defaults()
    _resolve(settings, {})
    return as_config(settings)


def _resolve(settings: Settings, environ: Mapping[str, str]) -> None:
    """Decide what depends on the moment: whether this is GitHub, and the seed."""
    if settings["github"].value is None:
        here = environ.get("GITHUB_ACTIONS", "").lower() not in ("", "false", "0")
        source = "environment GITHUB_ACTIONS" if here else "default"
        settings["github"] = Setting(here, DEFAULT, source)
    shuffle = settings["shuffle"]
    if shuffle.value is True:
        seed = int.from_bytes(os.urandom(4), "big")
        settings["shuffle"] = shuffle._replace(value=seed)
    elif shuffle.value is False:
        settings["shuffle"] = shuffle._replace(value=None)


def _overlay(settings: Settings, stronger: Settings) -> None:
    for name, setting in stronger.items():
        below = settings[name]
        if BY_NAME[name].joins and setting.value and below.rank:
            source = f"{below.source}, {setting.source}"
            setting = Setting(below.value + setting.value, setting.rank, source)
        settings[name] = setting
