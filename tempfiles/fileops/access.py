"""Enter a directory safely: the flags that open it, its mount, access for its owner."""

from __future__ import annotations

import os
import stat
from contextlib import suppress

from ..system.platform import HAS_PROC, LINUX, POSIX, allocated
from .identity import with_parents

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
    """Close a descriptor that was only read from; an error then has no consequence."""
    try:  # not `suppress`: this is done for every directory
        os.close(fd)
    except OSError:
        return


def freed(status: os.stat_result) -> int:
    """Return the bytes that removing a name frees: what a regular file with one name takes."""
    return allocated(status) if status.st_nlink == 1 and stat.S_ISREG(status.st_mode) else 0


def is_directory(parent_fd: int, name: str) -> bool:
    """Return whether a name is a directory, not a link; False where it cannot be examined."""
    try:
        return stat.S_ISDIR(os.lstat(name, dir_fd=parent_fd).st_mode)
    except OSError:
        return False


def make_accessible(directory: int | str, status: os.stat_result) -> None:
    """Give the owner all permissions on a directory; without effect where that fails.

    Args:
        directory: it, open (or its path, for systems that cannot open directories).
        status: its status.
    """
    mode = stat.S_IMODE(status.st_mode)
    if mode & stat.S_IRWXU != stat.S_IRWXU:
        with suppress(OSError):  # a removal in it that fails is reported itself
            os.chmod(directory, mode | stat.S_IRWXU)


def make_entry_accessible(parent_fd: int, name: str) -> None:
    """Do the same for a directory that cannot be opened for reading yet.

    The descriptor holds the very directory that is changed, so that a link or a hard link to
    another file that takes its name meanwhile is not touched.
    """
    if not (_PATH_ONLY and HAS_PROC):
        with suppress(OSError, NotImplementedError):
            os.chmod(name, stat.S_IRWXU, dir_fd=parent_fd, follow_symlinks=False)
        return
    with suppress(OSError):
        fd = os.open(name, _PATH_ONLY | _NOFOLLOW, dir_fd=parent_fd)
        try:
            make_accessible(f"/proc/self/fd/{fd}", os.fstat(fd))
        finally:
            close(fd)


def make_path_accessible(directory: str) -> None:
    """Do the same for a directory given by its path."""
    parent, name = os.path.split(directory)
    with suppress(OSError):
        fd = os.open(parent, PARENT)
        try:
            make_entry_accessible(fd, name)
        finally:
            close(fd)


def same_mount(parent_fd: int, name: str) -> bool:
    """Return whether a directory is proven to be on the mount that its parent is on."""
    if not LINUX:
        return True  # no bind mounts: comparing the device, as is always done, is enough
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


def open_to_all(directory: str) -> str:
    """Return a directory in which every user may replace what leads to a path; empty if none.

    That is the directory or one above it, if it is writable by everyone and has no sticky bit.

    Raises:
        OSError: one of them cannot be examined.
    """
    for path in with_parents(os.path.realpath(directory)):
        mode = os.stat(path).st_mode
        if POSIX and mode & stat.S_IWOTH and not mode & stat.S_ISVTX:
            return path
    return ""


def is_private(directory: str) -> bool:
    """Whether other users cannot enter a directory, or one above it.

    Raises:
        OSError: one of them cannot be examined.
    """
    enter = stat.S_IXGRP | stat.S_IXOTH
    parents = with_parents(os.path.realpath(directory))
    return not POSIX or any(not os.stat(path).st_mode & enter for path in parents)
