"""Retention of the files of a run, created when there is something to keep.

Under other runners, artifacts are kept by the settings in the environment and in the settings file
of the project, as they were when this process started.
"""

from __future__ import annotations

import atexit
import contextlib
import os
import sys
from collections.abc import Iterable, Iterator, Sequence
from os import getpid  # a test may have replaced it
from time import strftime
from typing import TYPE_CHECKING

from tempfiles import system_directory

from ..errors import UsageError

if TYPE_CHECKING:
    from pathlib import Path

    from tempfiles import Context, Retention

    from ..settings.config import Config


class RunRetention:
    """Creates the retention of one run, for failed tests (`--keep`) and for artifacts.

    Args:
        settings: the settings of the run.
        directory: the working directory at its start.
        temp: the system's temp directory at its start; None for the present one.

    Attributes:
        recorded: lines on what the recorded runs have kept, with `--merge`.
    """

    def __init__(self, settings: Config, directory: str, temp: str | None) -> None:
        self._retention: Retention | None = None
        self.recorded: Sequence[str] = ()
        self._name = f"{strftime('%Y%m%d-%H%M%S')}-{os.urandom(3).hex()}"
        self._settings = settings
        self._directory = directory
        self._temp = temp

    @property
    def of_failed_tests(self) -> Retention | None:
        """The retention for files of tests; None with `--keep never`."""
        return self._retention if self._settings.keep != "never" else None

    @property
    def name(self) -> str:
        """The name of this run among the kept ones; a worker takes that of its parent."""
        return self._name

    @name.setter
    def name(self, name: str) -> None:
        self._name = name
        if self._retention is not None:
            self._retention.name = name

    def create(self) -> Retention:
        """Return the retention; the first call creates it.

        Raises:
            UsageError: nothing can be kept in the directory of `--keep-dir`.
        """
        if self._retention is None:
            from tempfiles import Retention, RetentionSettings, SettingError

            asked = self._settings
            settings = RetentionSettings(
                asked.keep, asked.keep_dir, asked.keep_runs, asked.keep_bytes,
                asked.clean_outside, self._directory, self._temp,
            )  # fmt: skip
            try:
                self._retention = Retention(settings, _warn)
            except SettingError as error:
                raise UsageError(f"--keep-dir {error}") from error
            self._retention.name = self._name
        return self._retention

    def lines(self) -> Iterator[str]:
        """Yield the line on where files were kept, if any were."""
        yield from self.recorded
        place, kept = self.kept
        if kept:
            yield kept_line(kept, place)

    @property
    def kept(self) -> tuple[str, list[tuple[str, str]]]:
        """The directory with kept files, and scope and id of the contexts whose files are there."""
        if self._retention is None:
            return "", []
        return self._retention.place or "", self._retention.kept_contexts()

    def join(self, contexts: Sequence[tuple[str, str]], number: int) -> None:
        """Add what a worker has kept.

        Args:
            contexts: the scope and the id of each of which it has kept something.
            number: how many registered files it has kept.
        """
        if contexts or self._retention is not None:
            self.create().join(contexts, number)

    def begin(self) -> None:
        """Have artifacts kept by this retention from now on."""
        _active.append(self)

    def finish(self) -> None:
        """End `begin`, and remove the oldest kept runs beyond the limits."""
        if self in _active:
            _active.remove(self)
        if self._retention is not None:
            self._retention.finish()


def kept_line(contexts: Iterable[tuple[str, str]], place: str, by: str = "") -> str:
    """Return the line on where files were kept.

    Args:
        contexts: the scope and the id of each whose files were kept.
        place: the directory.
        by: the name of the shard, if it is of one.
    """
    from tempfiles import printable

    from ..output.lines import counted_contexts

    return f"Kept files of {counted_contexts(contexts)}{by and f' by {by}'}: {printable(place)}"


def _warn(text: str) -> None:
    with contextlib.suppress(Exception):  # a test may have replaced stderr by anything
        sys.stderr.write(f"tidytest: {text}\n")


_active: list[RunRetention] = []


def artifact(context: Context, name: str) -> Path:
    """Return the path of an artifact; see `Retention.artifact`."""
    if not _active:
        _begin_without_runner()
    return _active[-1].create().artifact(context, name)


def _begin_without_runner() -> None:
    from ..settings.load import load

    kept = RunRetention(load((), cwd=_DIRECTORY, environ=os.environ).config, _DIRECTORY, _TEMP)
    kept.begin()
    process = getpid()

    def finish() -> None:
        if getpid() == process:  # not in a forked child
            kept.finish()

    atexit.register(finish)


def _directory_at_start() -> str:
    try:
        return os.getcwd()
    except OSError:  # removed: there are no settings and no earlier runs to find
        return os.sep


def _temp_at_start() -> str | None:
    try:
        return system_directory()
    except OSError:  # there is none: an error only if something is kept
        return None


_DIRECTORY, _TEMP = _directory_at_start(), _temp_at_start()  # a test may change them
