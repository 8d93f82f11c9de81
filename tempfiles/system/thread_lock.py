"""Locks between threads that a forked child finds free, whichever thread held them at the fork.

A handler of audit events may run inside any import, so that it must never wait for long: the
holder of the lock may be waiting for that import (`Patient`). For the same reason nothing is
imported while a lock is held that handlers take.
"""

from __future__ import annotations

import _thread
import os

_LONGEST_WAIT = 1.0


def new_lock() -> _thread.RLock:
    """Return a lock for the life of the process, which one thread may take several times."""
    lock = _thread.RLock()
    if hasattr(os, "register_at_fork"):
        os.register_at_fork(after_in_child=lock._at_fork_reinit)  # type: ignore[attr-defined]
    return lock


class Patient:
    """A `with` block that waits for a lock, but after a second goes on without it.

    The block receives whether it has the lock.
    """

    __slots__ = ("_is_held", "_lock")

    def __init__(self, lock: _thread.RLock) -> None:
        self._lock = lock
        self._is_held = False

    def __enter__(self) -> bool:
        self._is_held = self._lock.acquire(timeout=_LONGEST_WAIT)
        return self._is_held

    def __exit__(self, *exception: object) -> None:
        if self._is_held:
            self._lock.release()
