"""Lock a directory: a BSD flock on the directory itself, without a lock file beside it.

The lock belongs to the open file, so forked children hold it too; it is free when the last of
them is gone. systemd-tmpfiles skips a directory that is locked so. Where there is no flock
(Windows) a file inside the directory is locked.
"""

from __future__ import annotations

import contextlib
import importlib
import os
import time
from typing import Any

from ..system import platform
from ..system.platform import HAS_FCNTL

if HAS_FCNTL:
    import fcntl

LOCK_FILE = "lock"
HELD_FILE = "current"
"""The file of a root whose lock lives as long as a mapping of it: a test can close all descriptors,
but not that."""
_PAUSE = 0.001


class DirectoryLock:
    """A held lock; `fd` is the directory's descriptor (the lock file's where there is no flock)."""

    __slots__ = ("_status", "fd", "path")

    def __init__(self, path: str, fd: int) -> None:
        self.path = path
        self.fd = fd
        self._status = os.fstat(fd)

    @property
    def dir_fd(self) -> int | None:
        """The directory's descriptor, or None where a directory cannot be opened."""
        return self.fd if HAS_FCNTL else None

    def park(self) -> None:
        """Move the descriptor to a high number, out of the way of tests."""
        self.fd = platform.park(self.fd)

    def is_open(self) -> bool:
        """Whether the descriptor still is the directory's: a test may have closed it."""
        try:
            return os.path.samestat(os.fstat(self.fd), os.stat(self.path))
        except OSError:
            return False

    def is_at(self, path: str) -> bool:
        """Whether a path, without following a link, is the directory that was locked."""
        if self.dir_fd is None:
            return True
        try:
            return os.path.samestat(os.lstat(path), self._status)
        except OSError:
            return False

    def is_same(self, other: DirectoryLock) -> bool:
        """Whether this lock and another one are on the same directory."""
        return os.path.samestat(self._status, other._status)

    def release(self) -> None:
        """Release the lock; forked children keep theirs. A second call does nothing."""
        fd, self.fd = self.fd, -1
        if fd >= 0:
            # A test may have closed every descriptor there is, and opened a file under this number.
            with contextlib.suppress(OSError):
                if os.path.samestat(os.fstat(fd), self._status):
                    os.close(fd)


def acquire(path: str, *, patience: float = 0.0, shared: bool = False) -> DirectoryLock | None:
    """Lock a directory, never through a symbolic link; None if another holds the lock.

    `patience` is how long to try, in seconds: a process that only examines the directory holds a
    shared lock for some microseconds.

    Raises:
        OSError: it cannot be opened, or is not a directory.
    """
    fd = _open(path)
    end = time.monotonic() + patience
    try:
        while not _try(fd, shared):
            if time.monotonic() >= end:
                os.close(fd)
                return None
            time.sleep(_PAUSE)
    except BaseException:
        os.close(fd)
        raise
    return DirectoryLock(path, fd)


def acquire_unused(
    path: str, *, patience: float = 0.0, shared: bool = False
) -> DirectoryLock | None:
    """Lock a root, as `acquire` does; None also if a process has mapped and locked its file."""
    lock = acquire(path, patience=patience, shared=shared)
    if lock is not None and _is_held(os.path.join(path, HELD_FILE)):
        lock.release()
        return None
    return lock


def hold(fd: int) -> None:
    """Lock the open file `HELD_FILE`; the lock ends with the last descriptor and mapping of it."""
    if HAS_FCNTL:
        with contextlib.suppress(OSError):
            fcntl.flock(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)


def _is_held(path: str) -> bool:
    if not HAS_FCNTL:
        return False
    try:
        fd = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_NOFOLLOW | os.O_CLOEXEC)
    except OSError:
        return False  # no context was entered yet
    try:
        return not _try(fd, True)
    except OSError:
        return False
    finally:
        os.close(fd)


def open_directory(path: str) -> int | None:
    """Open a directory, never through a symbolic link; None where directories cannot be opened.

    Raises:
        OSError: it cannot be opened, or is not a directory.
    """
    if not HAS_FCNTL:
        return None
    return os.open(path, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC)


def _open(path: str) -> int:
    fd = open_directory(path)
    if fd is not None:
        return fd
    return os.open(os.path.join(path, LOCK_FILE), os.O_RDWR | os.O_CREAT, 0o600)


def _try(fd: int, shared: bool) -> bool:
    try:
        if HAS_FCNTL:
            fcntl.flock(fd, (fcntl.LOCK_SH if shared else fcntl.LOCK_EX) | fcntl.LOCK_NB)
        else:
            msvcrt: Any = importlib.import_module("msvcrt")
            msvcrt.locking(fd, msvcrt.LK_NBLCK, 1)
    except (BlockingIOError, PermissionError):
        return False
    return True
