"""Remove the roots of dead runs, as a host does at its start.

Most often there is none: the check for that loads little.
"""

from __future__ import annotations

import os
import time
from collections.abc import Iterable
from typing import TYPE_CHECKING

from ..roots.claim import KEPT_PREFIX, PREFIX, is_held
from ..roots.location import root_directories
from ..roots.marker import user_id

if TYPE_CHECKING:
    from .reap import ReapReport


def reap(
    directories: Iterable[str] | None = None, *, deadline: float | None = None,
    same_device_as: str | None = None,
) -> ReapReport:
    """Remove the roots of dead runs of this user.

    Args:
        directories: where to look; None for all directories in which runs create their roots.
        deadline: how many seconds this may take; None for no limit.
        same_device_as: look only on the file system of this directory, to make room on it.

    Returns:
        The result, root by root. `complete` is false where the time was up.
    """
    from . import reap as reaping

    start = time.monotonic()
    places = list(root_directories() if directories is None else directories)
    if same_device_as is not None:
        device = _device(same_device_as)
        places = [place for place in places if _device(place) == device]
    plan = reaping.plan(places, deadline=None if deadline is None else deadline / 2)
    left = None if deadline is None else max(0.0, start + deadline - time.monotonic())
    return reaping.execute(plan, deadline=left)


def has_orphans(directories: Iterable[str] | None = None) -> bool:
    """Return whether there may be roots of dead runs: a check that is cheaper than `reap`.

    Args:
        directories: as for `reap`.
    """
    return any(map(_has_orphan, root_directories() if directories is None else directories))


def _has_orphan(directory: str) -> bool:
    try:
        names = os.listdir(directory)
    except OSError:  # such as another user's directory in memory
        return False
    return any(
        name.startswith(PREFIX)
        and not name.startswith(KEPT_PREFIX)
        and _is_orphan(os.path.join(directory, name))
        for name in names
    )


def _is_orphan(root: str) -> bool:
    try:
        return os.lstat(root).st_uid == user_id() and not is_held(root)
    except OSError:  # it has gone
        return False


def _device(directory: str) -> int:
    try:
        return os.stat(directory).st_dev
    except OSError:
        return -1
