"""Merge the settings from the settings file, the environment and the command line.

Defaults < settings file < environment < command line: the stronger place wins.
"""

from __future__ import annotations

import os
from argparse import ArgumentTypeError
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

from ..errors import UsageError
from . import files
from .config import NO_SETTINGS, VARIABLES, Config
from .options import BY_NAME, COMMAND_LINE, FILE, OPTIONS, Option, find, nearest
from .parser import Arguments
from .value_types import RESOURCE, SWITCH

DEFAULT, FROM_FILE, FROM_ENVIRONMENT, FROM_ARGV = range(4)


@dataclass(frozen=True, slots=True)
class Setting:
    """A value and where it comes from.

    `rank` is the strength of the place (DEFAULT to FROM_ARGV); the `str` of `source` names the
    place for the user. If `drops`, the values of weaker places are dropped where this one would be
    added to them.
    """

    value: Any
    rank: int
    source: object
    drops: bool = False


Settings = dict[str, Setting]


def merge(arguments: Arguments, base: str, environ: Mapping[str, str]) -> Settings:
    """Return every setting, from the strongest place that has it.

    Args:
        arguments: the command line.
        base: the working directory, absolute.
        environ: the environment.

    Raises:
        UsageError: a name or a value in one of the places is not valid.
    """
    settings = {option.name: Setting(option.default, DEFAULT, "default") for option in OPTIONS}
    if not arguments.given.keys() & {"version", "completion"}:
        _overlay(settings, _from_file(base))
        _overlay(settings, _from_environment(environ, base))
    _overlay(settings, _from_arguments(arguments, base))
    return settings


def as_config(settings: Settings) -> Config:
    """Return the record of complete settings."""
    return Config(**{BY_NAME[name].field: setting.value for name, setting in settings.items()})


def resolve(settings: Settings, environ: Mapping[str, str]) -> None:
    """Fill in what depends on this run: whether it is on GitHub, and the random seed."""
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
        weaker = settings[name]
        if BY_NAME[name].joins and setting.value and weaker.rank and not setting.drops:
            source = f"{weaker.source}, {setting.source}"
            setting = Setting(weaker.value + setting.value, setting.rank, source)
        settings[name] = setting


def _from_arguments(arguments: Arguments, base: str) -> Settings:
    return {
        name: Setting(
            _absolute(BY_NAME[name], value, base), FROM_ARGV, COMMAND_LINE,
            name in arguments.cleared,
        )
        for name, value in arguments.given.items()
    }  # fmt: skip


def _from_environment(environ: Mapping[str, str], base: str) -> Settings:
    found: Settings = {}
    for variable in sorted(name for name in environ if name.startswith(VARIABLES)):
        text = environ[variable] if variable not in NO_SETTINGS else ""
        if not text:
            continue  # an empty variable is how a shell takes a setting back
        key = variable[len(VARIABLES) :].lower()
        option, is_opposite = _option_of(key, variable, COMMAND_LINE)
        try:
            value = _value_of_text(option, is_opposite, text)
        except ArgumentTypeError as error:
            raise UsageError(f"{variable}: {error}") from None
        source = f"environment {variable}"
        _refuse_second(option, variable, found)
        found[option.name] = Setting(_absolute(option, value, base), FROM_ENVIRONMENT, source)
    return found


def _from_file(cwd: str) -> Settings:
    file = files.read(cwd)
    found: Settings = {}
    for key, given in file.values.items() if file is not None else ():
        assert file is not None
        source = _FileKey(file, key, cwd)
        option, is_opposite = _option_of(key, source, FILE)
        _refuse_second(option, source, found)
        try:
            if file.is_toml:
                value = _value_of_toml(option, is_opposite, given)
            else:
                value = _value_of_text(option, is_opposite, str(given))
        except ArgumentTypeError as error:
            raise UsageError(f"{source}: {key}: {error}") from None
        value = _absolute(option, value, os.path.dirname(file.path))
        found[option.name] = Setting(value, FROM_FILE, source)
    return found


@dataclass(frozen=True, slots=True)
class _FileKey:
    """A key in a settings file. Its line is searched for only when the user needs it."""

    file: files.SettingsFile
    key: str
    cwd: str

    def __str__(self) -> str:
        return self.file.place(self.key, self.cwd)


def _absolute(option: Option, value: Any, base: str) -> Any:
    """Make a path absolute that was written relative to a directory; return other values as is."""
    if not option.type.is_path or not value or value in option.type.words:
        return value
    if option.many:
        return tuple(os.path.join(base, os.path.expanduser(each)) for each in value)
    return os.path.normpath(os.path.join(base, os.path.expanduser(value)))


def _refuse_second(option: Option, place: object, found: Settings) -> None:
    if option.name in found:
        raise UsageError(f"{place}: {option.name} is set already ({found[option.name].source})")


def _option_of(key: str, place: object, kind: str) -> tuple[Option, bool]:
    """Return the option of a key in a file or of a variable, and whether it is the opposite."""
    found = find(key.replace("_", "-"))
    if found is None:
        name = nearest(key)
        wrong = f"no setting is called {key!r}" if kind == FILE else "there is no such setting"
        if name is not None:
            wrong += f"; the nearest is {repr(name) if kind == FILE else BY_NAME[name].variable}"
        raise UsageError(f"{place}: {wrong}")
    allowed = found[0].allowed
    if allowed == COMMAND_LINE or (kind == FILE and allowed != FILE):
        only = "on the command line" + (" or in the environment" if allowed != COMMAND_LINE else "")
        raise UsageError(f"{place}: {found[0].name!r} can only be set {only}")
    return found


def _value_of_text(option: Option, is_opposite: bool, text: str) -> Any:
    """Return the value of a text in the environment or setup.cfg, where a list is one text."""
    if is_opposite:
        return _value_of_opposite(option, text)
    if option.repeatable:
        parts = [part.strip() for part in text.replace("\n", ",").split(",")]
        return tuple(option.type(part) for part in parts if part)
    return option.type(text)


def _value_of_toml(option: Option, is_opposite: bool, given: object) -> Any:
    if is_opposite:
        if not isinstance(given, bool):
            raise ArgumentTypeError("must be true or false")
        return _value_of_opposite(option, str(given))
    if option.repeatable:
        if isinstance(given, dict) and option.type is RESOURCE:
            given = list(map(_limit_of_table, given.items()))
        items = given if isinstance(given, list) else [given]
        return tuple(option.type.from_toml(item) for item in items)
    return option.type.from_toml(given)


def _limit_of_table(entry: tuple[str, object]) -> str:
    """Return `NAME=MAX` for an entry of `[tool.tidytest.resources]`, `name = { max = 2 }`."""
    name, value = entry
    most = value.get("max") if isinstance(value, dict) and len(value) == 1 else value
    if type(most) is not int or most < 1:
        wanted = f"a whole number of at least 1, as in `{name} = {{ max = 2 }}`"
        raise ArgumentTypeError(f"{name!r} must have {wanted}")
    return f"{name}={most}"


def _value_of_opposite(option: Option, text: str) -> Any:
    if SWITCH(text):
        return option.off
    if not option.is_switch:
        raise ArgumentTypeError(f"only true is valid here; it switches {option.name} off")
    return True
