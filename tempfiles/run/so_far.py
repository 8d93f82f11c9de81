"""What a context has made and not removed so far, for whoever asks before it closes."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager

from ..detection.ignore import Ignored
from ..observation.activity import Activity
from ..observation.observer import Observer
from ..registry import registrations
from ..registry.contexts import Context
from ..system import syscalls

_active: list[tuple[Observer, Ignored]] = []


@contextmanager
def observed() -> Iterator[None]:
    """Observe what is made in the block; within another such block, or in a run, do nothing."""
    if _active:
        yield
        return
    # A root that no path lies below: everything is noted by its whole path.
    observer = Observer("\0", charges_runner=False)
    observer.start()
    activate(observer, Ignored((), syscalls.getcwd()))
    try:
        yield
    finally:
        deactivate(observer)
        observer.stop()


def activate(observer: Observer, ignored: Ignored) -> None:
    """Have `paths_left` ask this observer from now on, and leave out what is ignored."""
    _active.append((observer, ignored))


def deactivate(observer: Observer) -> None:
    """Have `paths_left` ask it no more."""
    _active[:] = [pair for pair in _active if pair[0] is not observer]


def paths_left(context: Context) -> list[str]:
    """Return the topmost paths that a context was seen to make, that exist and nobody looks after.

    Raises:
        RuntimeError: nothing is observed now.
    """
    if not _active:
        raise RuntimeError("nothing is observed: no run is open")
    observer, ignored = _active[-1]
    activity: Activity = context.attachment or Activity()
    made = [observer.root + key for key in activity.created] + sorted(activity.outside)
    left: list[str] = []
    for path in made:
        below = any(path.startswith(top + os.sep) for top in left)
        is_ignored = ignored(path, path.startswith(observer.root))
        excused = is_ignored or registrations.is_covered(path)
        if not below and not excused and syscalls.lexists(path):
            left.append(path)
    return left
