"""Going into a directory safely: the flags it is opened with, its mount, its permissions."""

from __future__ import annotations

import os
import stat
from contextlib import suppress

from ..system.platform import HAS_PROC, LINUX, allocated

# Not all of these exist on Windows, where this module is imported but never used.
_NOFOLLOW = (
    getattr(os, "O_DIRECTORY", 0) | getattr(os, "O_NOFOLLOW", 0) | getattr(os, "O_CLOEXEC", 0)
)
_PATH_ONLY = getattr(os, "O_PATH", 0)

READ = os.O_RDONLY | _NOFOLLOW | getattr(os, "O_NONBLOCK", 0)
"""Flags that open a directory to be read: never a symlink, a FIFO or a device."""

PARENT = _PATH_ONLY | getattr(os, "O_DIRECTORY", 0) | getattr(os, "O_CLOEXEC", 0)
"""Flags that open a directory only to look up names in it, where possible without reading it."""


def close(fd: int) -> None:
    """Close a descriptor that was only read from: what goes wrong then has no consequence."""
    try:  # not `suppress`: this is done for every directory
        os.close(fd)
    except OSError:
        return


def freed(status: os.stat_result) -> int:
    """Return the bytes that removing a name frees: what a regular file with one name takes."""
    return allocated(status) if status.st_nlink == 1 and stat.S_ISREG(status.st_mode) else 0


def is_directory(parent_fd: int, name: str) -> bool:
    """Return whether a name is a directory, not a link to one; False where that cannot be told."""
    try:
        return stat.S_ISDIR(os.lstat(name, dir_fd=parent_fd).st_mode)
    except OSError:
        return False


def repair(parent_fd: int, name: str) -> None:
    """Let the owner into a directory that may not be read; without effect where that fails.

    The descriptor holds the very directory that is changed, so that one swapped for a link or a
    hard link to somebody's file meanwhile is not touched.
    """
    if not (_PATH_ONLY and HAS_PROC):
        with suppress(OSError, NotImplementedError):
            os.chmod(name, stat.S_IRWXU, dir_fd=parent_fd, follow_symlinks=False)
        return
    with suppress(OSError):
        fd = os.open(name, _PATH_ONLY | _NOFOLLOW, dir_fd=parent_fd)
        try:
            mode = stat.S_IMODE(os.fstat(fd).st_mode)
            os.chmod(f"/proc/self/fd/{fd}", mode | stat.S_IRWXU)
        finally:
            close(fd)


def let_in(directory: str) -> None:
    """Let the owner into a directory, given by its path; see `repair`."""
    parent, name = os.path.split(directory)
    with suppress(OSError):
        fd = os.open(parent, PARENT)
        try:
            repair(fd, name)
        finally:
            close(fd)


def same_mount(parent_fd: int, name: str) -> bool:
    """Return whether a directory is proven to be on the mount that its parent is on."""
    if not LINUX:
        return True  # no bind mounts: the device, which is always compared, tells it
    try:
        fd = os.open(name, _PATH_ONLY | _NOFOLLOW, dir_fd=parent_fd)
        try:
            return _mount_id(fd) == _mount_id(parent_fd)
        finally:
            close(fd)
    except (OSError, ValueError):
        return False


def _mount_id(fd: int) -> int:
    info = os.open(f"/proc/self/fdinfo/{fd}", os.O_RDONLY | os.O_CLOEXEC)
    try:
        lines = os.read(info, 4096).splitlines()
    finally:
        close(info)
    for line in lines:
        if line.startswith(b"mnt_id:"):
            return int(line.split()[1])
    raise ValueError("no mount id")
