"""The places that settings come from: the command line, the environment, the settings file."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from ..errors import UsageError
from . import files
from .config import VARIABLES
from .option_types import SWITCH
from .options import BY_NAME, COMMAND_LINE, FILE, Option, find, nearest
from .parser import Argument

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

DEFAULT, FROM_FILE, FROM_ENVIRONMENT, FROM_ARGV = range(4)


@dataclass(frozen=True, slots=True)
class Setting:
    """A value and where it is from: `rank` is the strength of the place (DEFAULT to FROM_ARGV),
    `source` the place; its `str` is what a user is told. `drops` says that what weaker places have
    is dropped, where it would be added to."""

    value: Any
    rank: int
    source: object
    drops: bool = False


Settings = dict[str, Setting]


@dataclass(frozen=True, slots=True)
class _FileKey:
    """The place of a key in a settings file; its line is looked for only when it is told."""

    file: files.SettingsFile
    key: str
    cwd: str

    def __str__(self) -> str:
        return self.file.place(self.key, self.cwd)


def _located(option: Option, value: Any, base: str) -> Any:
    """Make a path absolute that was written relative to a directory."""
    if not option.type.is_path or not value or value in option.type.words:
        return value
    return os.path.normpath(os.path.join(base, os.path.expanduser(value)))


def from_argv(given: Sequence[Argument], cwd: str) -> Settings:
    """Return what the command line sets.

    Raises:
        UsageError: a value does not fit; the message names the option.
    """
    found: Settings = {}
    for argument in given:
        option = argument.option
        try:
            value = _argument_value(argument)
        except ValueError as error:
            raise UsageError(f"--{option.name}: {error}") from None
        earlier, drops = found.get(option.name), argument.opposite
        if option.repeatable and value and earlier is not None:
            value, drops = tuple(dict.fromkeys(earlier.value + value)), earlier.drops
        found[option.name] = Setting(_located(option, value, cwd), FROM_ARGV, "command line", drops)
    return found


def _argument_value(argument: Argument) -> Any:
    option, text = argument.option, argument.text
    if argument.opposite:
        return option.off
    if text is None:  # a switch, or --shuffle without a seed
        return True
    if not option.repeatable:
        return option.type.from_text(text)
    texts = text.split(",") if option.commas else [text]
    return tuple(option.type.from_text(text.strip()) for text in texts)


def from_environment(environ: Mapping[str, str], cwd: str) -> Settings:
    """Return what `TIDYTEST_*` variables set; one that is empty sets nothing.

    Raises:
        UsageError: a variable is unknown, or its value does not fit; the message names it.
    """
    found: Settings = {}
    for variable in sorted(name for name in environ if name.startswith(VARIABLES)):
        text = environ[variable]
        if not text:
            continue  # set to nothing is the shell's way of taking a setting back
        option, opposite = _option_of(variable[len(VARIABLES) :].lower(), variable, COMMAND_LINE)
        try:
            value = _plain_value(option, opposite, text)
        except ValueError as error:
            raise UsageError(f"{variable}: {error}") from None
        source = f"environment {variable}"
        _refuse_second(option, variable, found)
        found[option.name] = Setting(_located(option, value, cwd), FROM_ENVIRONMENT, source)
    return found


def from_file(cwd: str) -> Settings:
    """Return what the settings file that counts in a directory sets.

    Raises:
        UsageError: a key is unknown, or its value does not fit; the message names file and line.
    """
    file = files.read(cwd)
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
    stated = SWITCH.from_text(text)
    if not stated and not option.is_switch:
        raise ValueError(f"only true makes sense here: it switches {option.name} off")
    return option.off if stated else True
