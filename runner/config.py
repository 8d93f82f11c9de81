"""The settings of a run: defaults < settings file < environment < command line."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

from . import arguments, settings_files
from .errors import UsageError
from .options import BY_NAME, COMMAND_LINE, FILE, OPTIONS, Option, find, nearest

DEFAULT, FROM_FILE, FROM_ENVIRONMENT, FROM_ARGV = range(4)
_VARIABLES = "TIDYTEST_"


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


class Setting(NamedTuple):
    """A value and where it is from: `rank` is the strength of the place (DEFAULT to FROM_ARGV),
    `source` the place; its `str` is what a user is told."""

    value: Any
    rank: int
    source: object


Settings = dict[str, Setting]


class Loaded(NamedTuple):
    """What `load` found. `remaining` is the command line that is left for unittest."""

    config: Config
    remaining: list[str]
    settings: Mapping[str, Setting]

    @property
    def sources(self) -> dict[str, str]:
        """Where each setting comes from, by the option's name."""
        return {name: str(setting.source) for name, setting in self.settings.items()}


class _FileKey(NamedTuple):
    """The place of a key in a settings file; its line is looked for only when it is told."""

    file: settings_files.SettingsFile
    key: str
    cwd: str

    def __str__(self) -> str:
        return self.file.place(self.key, self.cwd)


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
    given = _from_argv(words.ours, base)
    if not (words.help or given.keys() & {"version", "completion"}):
        _overlay(settings, _from_file(base))
        _overlay(settings, _from_environment(environ, base))
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


def _located(option: Option, value: Any, base: str) -> Any:
    """Make a path absolute that was written relative to a directory."""
    if not option.type.is_path or value is None or value in ("ram", "disk"):
        return value
    return os.path.normpath(os.path.join(base, os.path.expanduser(value)))


def _from_argv(given: Sequence[arguments.Argument], cwd: str) -> Settings:
    found: Settings = {}
    for option, opposite, text in given:
        try:
            value = _argument_value(option, opposite, text)
        except ValueError as error:
            raise UsageError(f"--{option.name}: {error}") from None
        if option.repeatable and value and option.name in found:
            value = tuple(dict.fromkeys(found[option.name].value + value))
        found[option.name] = Setting(_located(option, value, cwd), FROM_ARGV, "command line")
    return found


def _argument_value(option: Option, opposite: bool, text: str | None) -> Any:
    if opposite:
        return option.off
    if text is None:  # a switch, or --shuffle without a seed
        return True
    if not option.repeatable:
        return option.type.from_text(text)
    texts = text.split(",") if option.commas else [text]
    return tuple(option.type.from_text(text.strip()) for text in texts)


def _from_environment(environ: Mapping[str, str], cwd: str) -> Settings:
    found: Settings = {}
    for variable in sorted(name for name in environ if name.startswith(_VARIABLES)):
        text = environ[variable]
        if not text:
            continue  # set to nothing is the shell's way of taking a setting back
        option, opposite = _option_of(variable[len(_VARIABLES) :].lower(), variable, COMMAND_LINE)
        try:
            value = _plain_value(option, opposite, text)
        except ValueError as error:
            raise UsageError(f"{variable}: {error}") from None
        source = f"environment {variable}"
        _refuse_second(option, variable, found)
        found[option.name] = Setting(_located(option, value, cwd), FROM_ENVIRONMENT, source)
    return found


def _from_file(cwd: str) -> Settings:
    file = settings_files.read(cwd)
    found: Settings = {}
    for key, native in file.values.items() if file is not None else ():
        assert file is not None
        source = _FileKey(file, key, cwd)
        option, opposite = _option_of(key, source, FILE)
        _refuse_second(option, source, found)
        try:
            if file.typed:
                value = _toml_value(option, opposite, native)
            else:
                value = _plain_value(option, opposite, str(native))
        except ValueError as error:
            raise UsageError(f"{source}: {key}: {error}") from None
        value = _located(option, value, os.path.dirname(file.path))
        found[option.name] = Setting(value, FROM_FILE, source)
    return found


def _refuse_second(option: Option, place: object, found: Settings) -> None:
    if option.name in found:
        raise UsageError(f"{place}: {option.name} is set already ({found[option.name].source})")


def _option_of(key: str, place: object, kind: str) -> tuple[Option, bool]:
    """Return the option that a key of a file or a variable means; refuse what is none."""
    found = find(key.replace("_", "-"))
    if found is None:
        near = BY_NAME[nearest(key)]
        if kind == FILE:
            raise UsageError(f"{place}: no setting is called {key!r}; the nearest is {near.name!r}")
        raise UsageError(f"{place}: there is no such setting; the nearest is {near.variable}")
    allowed = found[0].allowed
    if allowed == COMMAND_LINE or (kind == FILE and allowed != FILE):
        only = "on the command line" + (" or in the environment" if allowed != COMMAND_LINE else "")
        raise UsageError(f"{place}: {found[0].name!r} can only be set {only}")
    return found


def _plain_value(option: Option, opposite: bool, text: str) -> Any:
    """Return the value of a text of the environment or of setup.cfg, where one text is a list."""
    if option.repeatable and not opposite:
        texts = [part.strip() for part in text.replace("\n", ",").split(",")]
        return tuple(option.type.from_text(part) for part in texts if part)
    return _opposed(option, opposite, text)


def _toml_value(option: Option, opposite: bool, native: object) -> Any:
    if option.repeatable and not opposite:
        items = native if isinstance(native, list) else [native]
        return tuple(option.type.from_toml(item) for item in items)
    if opposite and not isinstance(native, bool):
        raise ValueError("must be true or false")
    return _opposed(option, opposite, str(native)) if opposite else option.type.from_toml(native)


def _opposed(option: Option, opposite: bool, text: str) -> Any:
    if not opposite:
        return option.type.from_text(text)
    from .option_types import SWITCH

    stated = SWITCH.from_text(text)
    if not stated and not option.is_switch:
        raise ValueError(f"only true makes sense here: it switches {option.name} off")
    return option.off if stated else True
