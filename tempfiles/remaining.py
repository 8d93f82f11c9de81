"""What a context has made and not removed so far, for whoever asks before it closes."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager

from . import _contexts as contexts
from . import syscalls
from ._contexts import Context
from .activity import Activity
from .observer import Observer

_active: list[Observer] = []


@contextmanager
def observed() -> Iterator[None]:
    """Observe what is made in the block; within another such block, or in a run, do nothing."""
    if _active:
        yield
        return
    # A root that no path lies below: everything is noted by its whole path.
    observer = Observer("\0")
    observer.start()
    activate(observer)
    try:
        yield
    finally:
        deactivate(observer)
        observer.stop()


def activate(observer: Observer) -> None:
    """Have `paths_left` ask this observer from now on."""
    _active.append(observer)


def deactivate(observer: Observer) -> None:
    """Have `paths_left` ask it no more."""
    _active.remove(observer)


def paths_left(context: Context) -> list[str]:
    """Return the topmost paths that a context was seen to make, that exist and nobody looks after.

    Raises:
        RuntimeError: nothing is observed now.
    """
    if not _active:
        raise RuntimeError("nothing is observed: no run is open")
    observer = _active[-1]
    activity: Activity = context.attachment or Activity()
    made = [observer.root + key for key in activity.created] + sorted(activity.outside)
    left: list[str] = []
    for path in made:
        below = any(path.startswith(top + os.sep) for top in left)
        if not below and syscalls.lexists(path) and not contexts.is_looked_after(path):
            left.append(path)
    return left
