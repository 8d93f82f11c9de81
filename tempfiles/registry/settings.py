"""The settings of the library: where new files go, how they are named, when they are removed."""

from __future__ import annotations

import difflib
import math
import os
import tempfile
import threading
from collections.abc import Callable
from dataclasses import dataclass, fields, replace
from pathlib import Path
from typing import Any, Literal, TypedDict, Unpack

from ..errors import InvalidNameError, SettingError
from . import naming

CleanupPolicy = Literal["on-close", "on-exit", "never"]
POLICIES = ("on-close", "on-exit", "never")


@dataclass(frozen=True, slots=True)
class Settings:
    """The settings in effect.

    Attributes:
        temp_dir: the directory of new files; None for `tempfile.gettempdir()` at each creation.
        prefix: the beginning of their names.
        cleanup_on_exit: whether the process removes registered paths when it exits.
        cleanup_delay: seconds to wait before the paths of a closing context are removed.
        max_temp_files: how many registered files may exist at once in this process; None for any.
        cleanup_policy: when a context's registered paths are removed: `on-close` when it closes,
            `on-exit` when the process exits, `never` only by `cleanup_context` or `cleanup_all`.
    """

    temp_dir: str | None = None
    prefix: str = "tmp"
    cleanup_on_exit: bool = True
    cleanup_delay: float = 0.0
    max_temp_files: int | None = None
    cleanup_policy: CleanupPolicy = "on-close"


class SettingChanges(TypedDict, total=False):
    """The keyword arguments of `configure`; `Settings` describes them."""

    temp_dir: str | os.PathLike[str] | None
    prefix: str
    cleanup_on_exit: bool
    cleanup_delay: float
    max_temp_files: int | None
    cleanup_policy: CleanupPolicy


_settings = Settings()
_lock = threading.Lock()


def configure(**changes: Unpack[SettingChanges]) -> Settings:
    """Change some settings and return all; without arguments, return the settings in effect.

    If one value is refused, no setting changes.

    Raises:
        SettingError: a setting does not exist, or its value has the wrong type or range.
    """
    global _settings
    checked = {name: _checked(name, value) for name, value in changes.items()}
    with _lock:
        _settings = replace(_settings, **checked)
        return _settings


def current() -> Settings:
    """Return the settings in effect."""
    return _settings


def set_temp_dir(path: str | os.PathLike[str] | None) -> None:
    """Set the directory of new files; None for `tempfile.gettempdir()`.

    Raises:
        SettingError: it is not an existing directory.
    """
    configure(temp_dir=path)


def get_temp_dir() -> Path:
    """Return the directory of new files, absolute."""
    return Path(temp_dir())


def temp_dir() -> str:
    """Return the directory of new files as an absolute string."""
    chosen = _settings.temp_dir
    if chosen is not None:
        return chosen
    path = tempfile.gettempdir()
    return path if os.path.isabs(path) else os.path.abspath(path)


def _checked(name: str, value: object) -> Any:
    check = _CHECKS.get(name)
    if check is None:
        near = difflib.get_close_matches(name, _CHECKS, n=1, cutoff=0.0)[0]
        raise SettingError(f"unknown setting {name!r}; did you mean {near!r}?")
    return check(name, value)


def _refusal(name: str, meant: str, value: object) -> SettingError:
    return SettingError(f"{name} must be {meant}, not {value!r}")


def _directory(name: str, value: object) -> str | None:
    if value is None:
        return None
    if not isinstance(value, str | os.PathLike) or not os.fspath(value):
        raise _refusal(name, "a path or None", value)
    path = os.path.abspath(os.fsdecode(value))
    try:
        if os.path.isdir(path):
            return path
    except ValueError:  # a NUL in the path
        pass
    raise _refusal(name, "an existing directory", value)


def _prefix(name: str, value: object) -> str:
    if not isinstance(value, str):
        raise _refusal(name, "text", value)
    try:
        return naming.checked_part(value, "prefix")
    except InvalidNameError as error:
        raise SettingError(str(error)) from None


def _switch(name: str, value: object) -> bool:
    if not isinstance(value, bool):
        raise _refusal(name, "True or False", value)
    return value


def _seconds(name: str, value: object) -> float:
    if not isinstance(value, int | float) or isinstance(value, bool):
        raise _refusal(name, "a number of seconds", value)
    if not 0 <= value <= threading.TIMEOUT_MAX or math.isnan(value):
        raise _refusal(name, "zero or more seconds", value)
    return float(value)


def _limit(name: str, value: object) -> int | None:
    if value is None:
        return None
    if not isinstance(value, int) or isinstance(value, bool) or value < 1:
        raise _refusal(name, "a whole number from 1 on, or None", value)
    return value


def _policy(name: str, value: object) -> str:
    if not isinstance(value, str) or value not in POLICIES:
        raise _refusal(name, f"one of {', '.join(POLICIES)}", value)
    return value


_CHECKS: dict[str, Callable[[str, object], Any]] = {
    "temp_dir": _directory,
    "prefix": _prefix,
    "cleanup_on_exit": _switch,
    "cleanup_delay": _seconds,
    "max_temp_files": _limit,
    "cleanup_policy": _policy,
}
assert set(_CHECKS) == {field.name for field in fields(Settings)}
