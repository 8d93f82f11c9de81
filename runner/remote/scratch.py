"""The directory of a node process for the shipped project and what else the run has there."""

from __future__ import annotations

import contextlib
import os
import shutil
import tempfile
import time

from tempfiles import untracked

PREFIX = "tidytest-node-"
_LOCK = "lock"
_NEW = 600.0
"""Seconds for which a directory without a lock is left alone: it may be about to be locked."""


class Scratch:
    """A directory that exists as long as the node process or the process that started it.

    Both hold the lock of its file `lock`. Where both were killed, the next run on this machine
    finds the directory without a lock, and removes it.

    Args:
        base: where to create it; None for the system's temp directory.

    Attributes:
        path: the directory.
        project: the directory in it for the shipped project.
        lock: the descriptor that holds the lock; the node process inherits it.
    """

    def __init__(self, base: str | None) -> None:
        base = base or tempfile.gettempdir()
        with untracked():
            _remove_abandoned(base)
            self.path = tempfile.mkdtemp(prefix=PREFIX, dir=base)
            self.project = os.path.join(self.path, "project")
            os.mkdir(self.project)
            self.lock = os.open(os.path.join(self.path, _LOCK), os.O_RDWR | os.O_CREAT, 0o600)
            _is_locked_by_us(self.lock)

    def remove(self) -> None:
        """Remove the directory."""
        os.close(self.lock)
        shutil.rmtree(self.path, ignore_errors=True)


def _remove_abandoned(base: str) -> None:
    for name in os.listdir(base):
        path = os.path.join(base, name)
        if name.startswith(PREFIX):
            with contextlib.suppress(OSError):
                _remove_if_abandoned(path)


def _remove_if_abandoned(path: str) -> None:
    status = os.lstat(path)
    if status.st_uid != os.getuid() or time.time() - status.st_mtime < _NEW:
        return
    lock = os.open(os.path.join(path, _LOCK), os.O_RDWR)
    try:
        if _is_locked_by_us(lock):
            shutil.rmtree(path, ignore_errors=True)
    finally:
        os.close(lock)


def _is_locked_by_us(lock: int) -> bool:
    import fcntl

    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        return False
    return True
