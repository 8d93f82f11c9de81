"""Retention of the current run's files, created when there is something to keep.

Outside of this runner, artifacts are kept by the settings in the environment and in the project's
settings file, as they were when this process began.
"""

from __future__ import annotations

import atexit
import contextlib
import os
import sys
from collections.abc import Iterator
from typing import TYPE_CHECKING

from tempfiles import system_directory

from ..errors import UsageError

if TYPE_CHECKING:
    from pathlib import Path

    from tempfiles import Context, Retention

    from ..settings.config import Config


class Keeping:
    """The retention of one run.

    Args:
        settings: those of the run.
        directory: the working directory at its start.
        temp: the system's temp directory at its start; None for the present one.

    Attributes:
        keeper: None as long as nothing is to be kept.
    """

    def __init__(self, settings: Config, directory: str, temp: str | None) -> None:
        self.keeper: Retention | None = None
        self._settings = settings
        self._directory = directory
        self._temp = temp

    def make(self) -> Retention:
        """Return the retention; it is created by the first call.

        Raises:
            UsageError: nothing can be kept in the directory of `--keep-dir`.
        """
        if self.keeper is None:
            from tempfiles import Retention, RetentionSettings, SettingError

            asked = self._settings
            settings = RetentionSettings(
                asked.keep, asked.keep_dir, asked.keep_runs, asked.keep_bytes,
                asked.clean_outside, self._directory, self._temp,
            )  # fmt: skip
            try:
                self.keeper = Retention(settings, _warn)
            except SettingError as error:
                raise UsageError(f"--keep-dir {error}") from error
        return self.keeper

    def lines(self) -> Iterator[str]:
        """Yield the line on where files were kept, if any were."""
        kept = self.keeper.kept_contexts() if self.keeper is not None else []
        if self.keeper is not None and kept:
            from tempfiles import printable

            from ..output.lines import counted_contexts

            yield f"Kept files of {counted_contexts(kept)}: {printable(self.keeper.place or '')}"

    def begin(self) -> None:
        """Make this the retention to which artifacts go."""
        _under_way.append(self)

    def finish(self) -> None:
        """End that, and remove the oldest kept runs beyond the limits."""
        if self in _under_way:
            _under_way.remove(self)
        if self.keeper is not None:
            self.keeper.finish()


def _warn(text: str) -> None:
    with contextlib.suppress(Exception):  # a test may have replaced stderr by anything
        sys.stderr.write(f"tidytest: {text}\n")


_under_way: list[Keeping] = []


def artifact(context: Context, name: str) -> Path:
    """Return the path of an artifact; see `Retention.artifact`."""
    if not _under_way:
        _begin_without_runner()
    return _under_way[-1].make().artifact(context, name)


def _begin_without_runner() -> None:
    from ..settings.load import load

    keeping = Keeping(load((), cwd=_DIRECTORY, environ=os.environ).config, _DIRECTORY, _TEMP)
    keeping.begin()
    process = os.getpid()

    def finish() -> None:
        if os.getpid() == process:  # not in a forked child
            keeping.finish()

    atexit.register(finish)


def _directory_at_start() -> str:
    try:
        return os.getcwd()
    except OSError:  # it is gone; no settings and no earlier runs are to be found then
        return os.sep


def _temp_at_start() -> str | None:
    try:
        return system_directory()
    except OSError:  # there is none; that is an error where something is to be kept
        return None


_DIRECTORY, _TEMP = _directory_at_start(), _temp_at_start()  # a test may change them
