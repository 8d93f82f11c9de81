"""Descriptors of our own, out of the way of the numbers that tests see and close."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Iterator

try:
    import fcntl
except ImportError:  # Windows
    HAS_FCNTL = False
else:
    HAS_FCNTL = True

_WANTED = 200
_RESERVE = 32


def floor() -> int:
    """Return the number that our descriptors start at: 200, or less where the limit is low."""
    try:
        limit = os.sysconf("SC_OPEN_MAX")
    except (AttributeError, OSError, ValueError):
        return 0
    return _WANTED if limit < 0 else max(0, min(_WANTED, limit - _RESERVE))


def park(fd: int) -> int:
    """Move a descriptor to a high number, closed on exec, and return that number.

    Where that cannot be done, `fd` itself is returned.
    """
    if not HAS_FCNTL:
        return fd
    try:
        parked = fcntl.fcntl(fd, fcntl.F_DUPFD_CLOEXEC, floor())
    except OSError:
        return fd
    os.close(fd)
    return parked


def park_directory(path: str) -> int | str:
    """Open a directory under a high number; where that cannot be done, return its path."""
    if not HAS_FCNTL:
        return path
    try:
        return park(os.open(path, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC))
    except OSError:
        return path


@contextlib.contextmanager
def only_high() -> Iterator[None]:
    """Let what is opened inside get a high number, by occupying the low ones meanwhile.

    For descriptors that cannot be moved afterwards, such as the one that a `mmap` keeps.
    """
    taken: list[int] = []
    try:
        if HAS_FCNTL:
            _occupy(taken, floor())
        yield
    finally:
        for fd in taken:
            os.close(fd)


def _occupy(taken: list[int], limit: int) -> None:
    with contextlib.suppress(OSError):
        taken.append(os.open(os.devnull, os.O_RDONLY))
        while taken[-1] < limit:
            taken.append(os.dup(taken[0]))
        os.close(taken.pop())
