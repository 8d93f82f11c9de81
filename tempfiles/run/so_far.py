"""Leaks so far: what a context has created and not removed, before it closes."""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator
from contextlib import contextmanager

from ..detection.ignore import Ignored
from ..observation.observer import Observer
from ..registry import registrations
from ..registry.contexts import Context, current
from ..system import syscalls
from ..system.thread_lock import new_lock

_active: list[tuple[Observer, Ignored]] = []
_lock = new_lock()
_blocks = 0  # that share the observer of the first one, in any thread
_shared: Observer | None = None


@contextmanager
def observed() -> Iterator[None]:
    """Observe what is created in the block; within a run, do nothing.

    Blocks that overlap, in one thread or several, share an observer.
    """
    _begin_block()
    try:
        yield
    finally:
        _end_block()


def _begin_block() -> None:
    global _blocks, _shared
    with _lock:
        _blocks += 1
        if not _active:
            # No path lies below this root: every creation is recorded by its whole path.
            _shared = Observer("\0", context_now=current)
            _shared.start()
            registrations.before_removal = _move_preexisting_out
            activate(_shared, Ignored((), syscalls.getcwd()))


def _end_block() -> None:
    global _blocks, _shared
    with _lock:
        _blocks -= 1
        if _shared is not None and not _blocks:
            deactivate(_shared)
            _shared.stop()
            _shared = None
            if registrations.before_removal is _move_preexisting_out:
                registrations.before_removal = registrations.protect_nothing


def _move_preexisting_out(paths: Iterable[str]) -> None:
    """Move what existed before the block out of registered paths, which are about to be removed."""
    preexisting = _shared.paths.preexisting if _shared is not None else None
    if not preexisting:
        return
    import logging  # these two here: few tests move the user's files

    from ..recovery.rescue import rescue, still_below

    log = logging.getLogger("tempfiles")
    sources = {
        path: source for path, source in preexisting.locations().items()
        if not preexisting.is_another(path, source)
    }
    for top in paths:
        sources |= preexisting.contents.copies_at(top)
        moved: dict[str, str] = {}
        rescue(sources, top, moved)
        for path, place in moved.items():
            log.warning("%s existed before the test: moved to %s", sources[path], place)
        for path in (*still_below(sources, moved, top), *sources.keys() & {top}):
            registrations.keep(path)


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
