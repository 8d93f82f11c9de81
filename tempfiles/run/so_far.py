"""Leaks so far: what a context has created and not removed, before it closes."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager

from ..detection.ignore import Ignored
from ..observation.observer import Observer
from ..registry import registrations
from ..registry.contexts import Context
from ..system import syscalls

_active: list[tuple[Observer, Ignored]] = []


@contextmanager
def observed() -> Iterator[None]:
    """Observe what is created in the block; within another such block or a run, do nothing."""
    if _active:
        yield
        return
    # No path lies below this root: every creation is recorded by its whole path.
    observer = Observer("\0", charges_runner=False)
    observer.start()
    activate(observer, Ignored((), syscalls.getcwd()))
    try:
        yield
    finally:
        deactivate(observer)
        observer.stop()


def activate(observer: Observer, ignored: Ignored) -> None:
    """Have `paths_left` use this observer from now on, and leave out what is ignored."""
    _active.append((observer, ignored))


def deactivate(observer: Observer) -> None:
    """Have `paths_left` use an observer no more."""
    _active[:] = [pair for pair in _active if pair[0] is not observer]


def paths_left(context: Context) -> list[str]:
    """Return the topmost unregistered paths that a context created, as observed, and that exist.

    Raises:
        RuntimeError: nothing is observed now.
    """
    if not _active:
        raise RuntimeError("nothing is observed: no run is open")
    observer, ignored = _active[-1]
    root = observer.root
    paths = [state.path for state in observer.paths.made_by(context) if not state.is_nested]
    made = [path for path in paths if path.startswith(root)]
    made += sorted(path for path in paths if not path.startswith(root))
    left: list[str] = []
    for path in made:
        below = any(path.startswith(top + os.sep) for top in left)
        is_ignored = ignored(path, path.startswith(root))
        excused = is_ignored or registrations.is_covered(path)
        if not below and not excused and syscalls.lexists(path):
            left.append(path)
    return left
