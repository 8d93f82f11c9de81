"""Locks of other programs on their own files: whether somebody holds one."""

from __future__ import annotations

import os
import re
import stat

from ..system.platform import HAS_FCNTL

if HAS_FCNTL:
    import fcntl

_OPEN = (
    os.O_RDONLY | getattr(os, "O_NONBLOCK", 0) | getattr(os, "O_NOFOLLOW", 0)
    | getattr(os, "O_CLOEXEC", 0)
)


def is_held(path: str, status: os.stat_result) -> bool:
    """Whether a process holds a lock on a path, whose `lstat` is `status`.

    Only files and directories are opened to see that; a FIFO or a device never is.

    Raises:
        OSError: it cannot be opened, for another reason than its permissions.
    """
    if not (stat.S_ISREG(status.st_mode) or stat.S_ISDIR(status.st_mode)):
        return False
    try:
        fd = os.open(path, _OPEN)
    except PermissionError:
        return False  # a lock that this system's table shows has been seen
    try:
        fcntl.flock(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
        if stat.S_ISREG(status.st_mode):
            fcntl.lockf(fd, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except (BlockingIOError, PermissionError):
        return True
    finally:
        os.close(fd)
    return False


def table() -> frozenset[tuple[int, int]]:
    """Return device and inode of each file that `/proc/locks` shows as locked."""
    found = set()
    try:
        with open("/proc/locks", encoding="ascii", errors="replace") as lines:
            for line in lines:
                match = re.search(r" ([0-9a-f]+):([0-9a-f]+):([0-9]+) ", line)
                if match:
                    device = os.makedev(int(match[1], 16), int(match[2], 16))
                    found.add((device, int(match[3])))
    except OSError:
        pass
    return frozenset(found)
