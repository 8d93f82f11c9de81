"""Probe the operating system, and keep descriptors of our own at high numbers.

No other module asks which system this is; features are probed, not assumed. High numbers keep our
descriptors apart from those that tests see and close.
"""

from __future__ import annotations

import contextlib
import os
import sys
from collections.abc import Iterator
from os import readlink

try:
    import fcntl
except ImportError:  # Windows
    HAS_FCNTL = False
else:
    HAS_FCNTL = True

RACY_NS = 20_000_000
"""A directory that changed this recently may change again without a new time stamp: kernels before
6.13 stamp it with the time of the tick, which is up to 10 ms coarse."""

TEMP_VARIABLES = ("TMPDIR", "TEMP", "TMP")
"""The environment variables that name the temp directory."""

POSIX = os.name == "posix"
WINDOWS = os.name == "nt"
MACOS = sys.platform == "darwin"
LINUX = sys.platform.startswith("linux")

HAS_DIR_FD = {os.open, os.unlink, os.rmdir, os.stat} <= os.supports_dir_fd and (
    os.scandir in os.supports_fd
)
HAS_PROC = LINUX and os.path.isdir("/proc/self/fd")

_LOWEST = 200
_RESERVE = 32


def has_glibc() -> bool:
    """Return whether this is Linux, and Python uses the GNU C library."""
    try:
        return LINUX and bool(os.confstr("CS_GNU_LIBC_VERSION"))
    except (AttributeError, OSError, ValueError):  # another C library
        return False


def allocated(status: os.stat_result) -> int:
    """Return how many bytes of a regular file take space: its size, less what are holes."""
    return min(status.st_size, getattr(status, "st_blocks", status.st_size) * 512)


def descriptor_path(fd: int) -> str | None:
    """Return the path that a descriptor was opened by; None where the system does not say it."""
    try:
        if HAS_PROC:
            path = readlink(f"/proc/self/fd/{fd}")
            return path if path.startswith("/") else None
        if MACOS:
            # F_GETPATH fills a buffer of MAXPATHLEN (1024) bytes.
            return os.fsdecode(fcntl.fcntl(fd, 50, bytes(1024)).rstrip(b"\0"))
    except OSError:
        return None
    return None


def _lowest_number() -> int:
    """Return the number that our descriptors start at: 200, or less where the limit is low."""
    try:
        limit = os.sysconf("SC_OPEN_MAX")
    except (AttributeError, OSError, ValueError):
        return 0
    return _LOWEST if limit < 0 else max(0, min(_LOWEST, limit - _RESERVE))


def park(fd: int) -> int:
    """Move a descriptor to a high number, closed on exec, and return that number.

    Where that cannot be done, `fd` itself is returned.
    """
    if not HAS_FCNTL:
        return fd
    try:
        parked = fcntl.fcntl(fd, fcntl.F_DUPFD_CLOEXEC, _lowest_number())
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
    """Give descriptors opened inside a high number, by occupying the low ones meanwhile.

    For descriptors that cannot be moved afterwards, such as the one that a `mmap` keeps.
    """
    taken: list[int] = []
    try:
        if HAS_FCNTL:
            _occupy(taken, _lowest_number())
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
