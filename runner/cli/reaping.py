"""What runs that died have left: removed at the start, told in one line, the rest at the end."""

from __future__ import annotations

import errno
import os
import time

from tempfiles.roots.claim import KEPT_PREFIX, PREFIX, is_held
from tempfiles.roots.places import all_places
from tempfiles.roots.root import system_directory

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from tempfiles.recovery.reap import Reaped, ReapReport

# The first test waits no longer than 100 ms for what others have left, also on a busy machine.
_SECONDS_AT_START = 0.06
_SECONDS_TO_PLAN = 0.03
_FULL = (errno.ENOSPC, getattr(errno, "EDQUOT", errno.ENOSPC))


class Reaper:
    """Removes the orphans of this user's, as far as the time allows, in two goes.

    It looks where run roots lie by themselves, on disk and in memory.

    Args:
        directory: where this run's root will lie, if it is none of those.
    """

    def __init__(self, directory: str | None = None) -> None:
        own = [os.path.realpath(directory)] if directory is not None else []
        self._directory = directory
        self._directories = list(dict.fromkeys([*own, *all_places()]))
        self._unfinished = False
        self._told: set[str] = set()

    def begin(self, stream: Any) -> None:
        """Reap quickly, before this run's own root is made; tell what was done."""
        start = time.monotonic()
        # Most often there is nothing, or only live runs, and then nothing is imported for it.
        if not any(map(_has_dead, self._directories)):
            return
        from tempfiles.recovery import reap

        plan = reap.plan(self._directories, deadline=_SECONDS_TO_PLAN)
        left = max(0.0, start + _SECONDS_AT_START - time.monotonic())
        report = reap.reap(plan, deadline=left)
        self._unfinished = bool(report.remaining.chosen) or not plan.complete
        self._tell(stream, report)

    def make_room(self, error: OSError, stream: Any) -> bool:
        """Reap all on the file system that has no room for this run's root, however long it takes.

        Args:
            error: why the root could not be made.
            stream: where to tell what was done.

        Returns:
            Whether there may be room now.
        """
        if error.errno not in _FULL:
            return False
        from tempfiles.recovery import reap

        device = _device(self._directory or system_directory())
        full = [directory for directory in self._directories if _device(directory) == device]
        report = reap.reap(reap.plan(full))
        self._tell(stream, report)
        return report.removal.removed > 0

    def end(self, stream: Any) -> None:
        """Reap what there was no time for at the start."""
        if self._unfinished:
            from tempfiles.recovery import reap

            self._tell(stream, reap.reap(reap.plan(self._directories)))

    def _tell(self, stream: Any, report: ReapReport) -> None:
        dead = [root for root in report.roots if root.fate != "skipped" and not _is_bare(root)]
        if not dead:
            return
        rest = [root for root in dead if root.marker is not None and root.marker.root in self._told]
        self._told = {root.marker.root for root in dead if root.marker is not None and root.leaks}
        from .dead_runs import lines

        for line in lines([root for root in dead if root not in rest], rest):
            stream.write(f"{line}\n")
        stream.flush()


def _is_bare(root: Reaped) -> bool:
    """Whether a root was no more than an empty directory: perhaps of a run that was just starting,
    and has made another."""
    return root.marker is None and root.removal.files + root.removal.directories <= 1


def _device(directory: str) -> int:
    try:
        return os.stat(directory).st_dev
    except OSError:
        return -1


def _has_dead(directory: str) -> bool:
    """Whether a directory may hold the root of a run that is dead."""
    try:
        names = os.listdir(directory)
    except OSError:  # a place in memory of another user's
        return False
    return any(
        name.startswith(PREFIX)
        and not name.startswith(KEPT_PREFIX)
        and not is_held(os.path.join(directory, name))
        for name in names
    )
