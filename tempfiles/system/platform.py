"""The only module that asks which system this is; what it can do is probed, not assumed."""

from __future__ import annotations

import os
import sys
from os import readlink

POSIX = os.name == "posix"
WINDOWS = os.name == "nt"
MACOS = sys.platform == "darwin"
LINUX = sys.platform.startswith("linux")

HAS_DIR_FD = {os.open, os.unlink, os.rmdir, os.stat} <= os.supports_dir_fd and (
    os.scandir in os.supports_fd
)
HAS_PROC = LINUX and os.path.isdir("/proc/self/fd")


def allocated(status: os.stat_result) -> int:
    """Return how many bytes of a regular file take space: its size, less what are holes."""
    return min(status.st_size, getattr(status, "st_blocks", status.st_size) * 512)


def descriptor_path(fd: int) -> str | None:
    """Return the path that an open descriptor was opened by, or None where that cannot be told."""
    try:
        if HAS_PROC:
            path = readlink(f"/proc/self/fd/{fd}")
            return path if path.startswith("/") else None
        if MACOS:
            import fcntl

            # F_GETPATH fills a buffer of MAXPATHLEN (1024) bytes.
            return os.fsdecode(fcntl.fcntl(fd, 50, bytes(1024)).rstrip(b"\0"))
    except OSError:
        return None
    return None
