"""Who keeps in the run under way. What keeps is imported and made when there is something to keep.

Outside of our runner, artifacts are kept by the settings in the environment and in the project's
settings file, as they were where this process began.
"""

from __future__ import annotations

import atexit
import os

from tempfiles.roots.root import system_directory

TYPE_CHECKING = False
if TYPE_CHECKING:
    from pathlib import Path

    from tempfiles.registry.contexts import Context

    from ..settings.config import Config
    from .keeping import Keeper


class Keeping:
    """The keeper of one run.

    Args:
        settings: of the run.
        directory: the working directory at its start.
        temp: the system's temp directory at its start; None to ask for it when it is needed.

    Attributes:
        keeper: None as long as nothing is to be kept.
    """

    def __init__(self, settings: Config, directory: str, temp: str | None) -> None:
        self.keeper: Keeper | None = None
        self._settings = settings
        self._directory = directory
        self._temp = temp

    def make(self) -> Keeper:
        """Return the keeper; it is made if it is not yet.

        Raises:
            UsageError: nothing can be kept in the directory of `--keep-dir`.
        """
        if self.keeper is None:
            from .keeping import Keeper, KeepSettings

            asked = self._settings
            self.keeper = Keeper(
                KeepSettings(
                    asked.keep, asked.keep_dir, asked.keep_runs, asked.keep_bytes,
                    asked.clean_outside, self._directory, self._temp,
                )
            )  # fmt: skip
        return self.keeper

    def begin(self) -> None:
        """From now on artifacts go to this keeper."""
        _under_way.append(self)

    def finish(self) -> None:
        """End that, and what the keeper does."""
        if self in _under_way:
            _under_way.remove(self)
        if self.keeper is not None:
            self.keeper.finish()


_under_way: list[Keeping] = []


def artifact(context: Context, name: str) -> Path:
    """Return the path of an artifact; see `Keeper.artifact`."""
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
