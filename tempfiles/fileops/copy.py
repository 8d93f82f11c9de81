"""Copy a file or a tree as it is: holes stay holes, links stay links, FIFOs are created again."""

from __future__ import annotations

import contextlib
import errno
import os
import shutil
import stat
from collections.abc import Callable

from ..errors import PathTypeError
from ..system.platform import WINDOWS
from .access import close

Missed = Callable[[str, OSError], None]
"""Called with the path of what cannot be copied, and why."""

_READ = (
    os.O_RDONLY | getattr(os, "O_NOFOLLOW", 0) | getattr(os, "O_NONBLOCK", 0)
    | getattr(os, "O_CLOEXEC", 0) | getattr(os, "O_BINARY", 0)
)  # fmt: skip
_WRITE = (
    os.O_WRONLY | os.O_CREAT | os.O_EXCL | getattr(os, "O_CLOEXEC", 0) | getattr(os, "O_BINARY", 0)
)
_IN_KERNEL = 64 << 20  # bytes copied by one call, so that ^C is heard between
_BUFFER = 1 << 20


def copy(source: str, target: str, missed: Missed, *, faithful: bool = False) -> None:
    """Copy an absolute path to a free one; of a tree, every entry that can be copied.

    Args:
        source: a file, a link, a FIFO, or a directory with all below it.
        target: the name of the copy.
        missed: called with each path that is not copied. What it raises ends the copying, and
            leaves what has been copied so far.
        faithful: modes and times that cannot be copied are missed too, and everything is on the
            disk when this returns: for a copy that replaces its source.
    """
    directories = []
    pending = [(source, target)]
    while pending:  # not by recursion: trees can be deeper than the stack
        here, there = pending.pop()
        try:
            if stat.S_ISDIR(os.lstat(here).st_mode):
                os.mkdir(there, 0o700)
                directories.append((here, there))
                names = sorted(os.listdir(here), reverse=True)
                pending += [(os.path.join(here, name), os.path.join(there, name)) for name in names]
            else:
                _copy_one(here, there, faithful)
        except OSError as error:
            missed(here, error)
    for here, there in reversed(directories):  # after their entries, which change their times
        try:
            _finish(here, there, faithful)
        except OSError as error:
            missed(here, error)


def synchronise(path: str) -> None:
    """Flush a path to the disk before its source is removed; a directory where possible."""
    flags = os.O_RDONLY if not WINDOWS else os.O_RDWR
    try:
        fd = os.open(path, flags)
    except OSError:
        return
    try:
        os.fsync(fd)
    except OSError as error:
        if error.errno not in (errno.EINVAL, errno.EBADF):
            raise
    finally:
        os.close(fd)


def _copy_one(source: str, target: str, faithful: bool) -> None:
    mode = os.lstat(source).st_mode
    if stat.S_ISLNK(mode):
        os.symlink(os.readlink(source), target)
        _copy_status(source, target, faithful=False)  # few systems let a link have a mode
    elif stat.S_ISFIFO(mode):
        os.mkfifo(target, 0o600)
        _copy_status(source, target, faithful)
    elif stat.S_ISREG(mode):
        _copy_file(source, target, faithful)
    else:
        raise PathTypeError(errno.EINVAL, "a socket" if stat.S_ISSOCK(mode) else "a device", source)


def _copy_file(source: str, target: str, faithful: bool) -> None:
    reading = os.open(source, _READ)
    try:
        status = os.fstat(reading)
        if not stat.S_ISREG(status.st_mode):
            raise PathTypeError(errno.EINVAL, "it was replaced while it was copied", source)
        writing = os.open(target, _WRITE, 0o600)
        try:
            with contextlib.closing(os.fdopen(writing, "wb", buffering=0)):
                _copy_content(reading, writing, status.st_size)
            _finish(source, target, faithful)
        except BaseException:
            os.unlink(target)
            raise
    finally:
        close(reading)


def _copy_content(reading: int, writing: int, size: int) -> None:
    """Copy the first `size` bytes, and of holes only their length."""
    position = 0
    while position < size:
        start, end = _next_data(reading, position, size)
        os.lseek(reading, start, os.SEEK_SET)
        os.lseek(writing, start, os.SEEK_SET)
        _copy_range(reading, writing, end - start)
        position = end
    os.ftruncate(writing, size)


def _next_data(fd: int, position: int, size: int) -> tuple[int, int]:
    """Return where the next bytes that are no hole begin and end, as far as the system says."""
    if not hasattr(os, "SEEK_DATA"):
        return position, size
    try:
        start = os.lseek(fd, position, os.SEEK_DATA)
        return min(start, size), min(os.lseek(fd, start, os.SEEK_HOLE), size)
    except OSError as error:
        # ENXIO: there is none any more; else this file system does not know.
        return (size, size) if error.errno == errno.ENXIO else (position, size)


def _copy_range(reading: int, writing: int, length: int) -> None:
    """Copy so many bytes from where both files are; where possible they share them from then on."""
    in_kernel = getattr(os, "copy_file_range", None)
    try:
        while in_kernel is not None and length > 0:
            done = in_kernel(reading, writing, min(length, _IN_KERNEL))
            if not done:
                break
            length -= done
    except OSError as error:
        if error.errno in (errno.ENOSPC, errno.EDQUOT, errno.EFBIG, errno.EIO):
            raise  # else these two file systems cannot do it
    while length > 0 and (content := os.read(reading, min(length, _BUFFER))):
        length -= len(content)
        while content:
            content = content[os.write(writing, content) :]


def _finish(source: str, target: str, faithful: bool) -> None:
    _copy_status(source, target, faithful)
    if faithful:
        synchronise(target)


def _copy_status(source: str, target: str, faithful: bool) -> None:
    try:
        shutil.copystat(source, target, follow_symlinks=False)
    except OSError:
        if faithful:
            raise
