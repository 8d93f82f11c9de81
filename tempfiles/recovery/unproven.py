"""Decide about what lies in the root of a dead run and is younger than it: it may be the user's.

A child process that moves a file to another mount, or within an overlay, leaves a copy, which keeps
the time of the last change only. It is the run's if the original still lies in the project.
"""

from __future__ import annotations

import os
import time

from ..fileops.identity import is_original
from ..fileops.tally import OutOfTimeError
from ..system import procfs

_MOST_ENTRIES = 100_000  # of a project that is searched


class UnprovenCopies:
    """Tell which entries of the root of a dead run may be copies of the user's files.

    Args:
        project: the working directory of the run.
        created: when the root was created (ns since the epoch).
        deadline: when to stop, on the clock of `time.monotonic`; None for no limit.
    """

    def __init__(self, project: str, created: int, deadline: float | None) -> None:
        self._project = project
        self._created = created
        self._deadline = deadline
        self._places: dict[str, list[str]] | None = None

    def __call__(self, path: str, status: os.stat_result) -> bool:
        """Whether nothing proves that the run created a path.

        Args:
            path: in the root.
            status: its lstat.

        Raises:
            OutOfTimeError: the time was up before the project was searched.
        """
        return status.st_mtime_ns < self._created and not self._has_original(path, status)

    def _has_original(self, path: str, status: os.stat_result) -> bool:
        if self._places is None:
            self._places = self._search()
        name = os.path.basename(path)
        return any(
            is_original(os.path.join(place, name), path, status)
            for place in self._places.get(name, ())
        )

    def _search(self) -> dict[str, list[str]]:
        """Return the directories of the project in which each name occurs."""
        places: dict[str, list[str]] = {}
        entries = 0
        for directory, below, names in os.walk(self._project):
            entries += len(below) + len(names)
            if entries > _MOST_ENTRIES:
                break
            if self._deadline is not None and time.monotonic() >= self._deadline:
                raise OutOfTimeError
            for name in (*below, *names):
                places.setdefault(name, []).append(directory)
        return places


def are_copied(root: str, project: str) -> bool:
    """Whether a move from the project into a run root copies files."""
    try:
        return procfs.mount_of(root) != procfs.mount_of(project)
    except OSError:
        return True  # the project is gone
