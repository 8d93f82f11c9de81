"""Move a file or directory without ever replacing anything, whole or not at all."""

from __future__ import annotations

import contextlib
import errno
import functools
import os
import shutil
import stat
from collections.abc import Callable

from . import naming
from ._platform import LINUX, MACOS, WINDOWS
from .errors import DestinationExistsError, PathTypeError, translated
from .removal import remove_path

_AT_FDCWD = -100
_NO_REPLACE = 1  # RENAME_NOREPLACE of Linux
_EXCLUSIVE = 4  # RENAME_EXCL of macOS
_UNSUPPORTED = frozenset({errno.ENOSYS, errno.EINVAL, errno.ENOTSUP, errno.EPERM})


def move_without_replacing(source: str, target: str) -> None:
    """Move an absolute path; across devices by a copy that gets its name when it is complete.

    Raises:
        DestinationExistsError: the target exists.
        FileSystemError: it could not be moved; the source is where it was.
    """
    try:
        if os.path.lexists(target):
            raise DestinationExistsError(errno.EEXIST, os.strerror(errno.EEXIST), target)
        try:
            _rename(source, target)
        except OSError as error:
            if error.errno != errno.EXDEV:
                raise
            _copy_and_rename(source, target)
            remove_path(source)
    except DestinationExistsError:
        raise
    except OSError as error:
        # A directory that is not empty is in the way as much as a file is.
        if error.errno in (errno.EEXIST, errno.ENOTEMPTY):
            raise DestinationExistsError(error.errno, error.strerror, target) from error
        raise translated(error) from error


def _rename(source: str, target: str) -> None:
    if WINDOWS:
        os.rename(source, target)  # which does not replace there
        return
    number = _system_rename()(os.fsencode(source), os.fsencode(target))
    if number in _UNSUPPORTED:
        _rename_in_two_steps(source, target)
    elif number:
        raise OSError(number, os.strerror(number), source, None, target)


@functools.cache
def _system_rename() -> Callable[[bytes, bytes], int]:
    """Return the system's rename that does not replace: from two names to an errno, or 0."""
    call: Callable[[bytes, bytes], int] | None = None
    with contextlib.suppress(ImportError, OSError, AttributeError):
        import ctypes  # here: few runs move anything, and it is slow to import

        library = ctypes.CDLL(None, use_errno=True)
        if LINUX:
            renameat2 = library.renameat2
            call = lambda a, b: renameat2(_AT_FDCWD, a, _AT_FDCWD, b, _NO_REPLACE)  # noqa: E731
        elif MACOS:
            renamex = library.renamex_np
            call = lambda a, b: renamex(a, b, _EXCLUSIVE)  # noqa: E731
    if call is None:
        return lambda _source, _target: errno.ENOSYS
    chosen, last_error = call, ctypes.get_errno
    return lambda source, target: last_error() if chosen(source, target) else 0


def _rename_in_two_steps(source: str, target: str) -> None:
    """Without such a call: a second name for a file; for a directory, one to move over."""
    mode = os.lstat(source).st_mode
    if stat.S_ISDIR(mode):
        os.mkdir(target, 0o700)  # fails if something is there; `rename` needs it to be empty
        try:
            os.rename(source, target)
        except BaseException:
            os.rmdir(target)
            raise
        return
    os.link(source, target, follow_symlinks=False)
    os.unlink(source)


def _copy_and_rename(source: str, target: str) -> None:
    directory = os.path.dirname(target)
    private = os.path.join(directory, naming.new_name(".tidy-", ".partial"))
    try:
        _copy(source, private)
        _rename(private, target)
    except BaseException:
        remove_path(private)
        raise
    _synchronise(directory)


def _copy(source: str, target: str) -> None:
    mode = os.lstat(source).st_mode
    if stat.S_ISDIR(mode):
        try:
            shutil.copytree(source, target, symlinks=True, copy_function=_copy_file)
        except shutil.Error as error:
            first = error.args[0][0]
            raise OSError(errno.EIO, str(first[2]), first[0]) from error
        _synchronise(target)
    elif stat.S_ISLNK(mode):
        os.symlink(os.readlink(source), target)
    else:
        _copy_file(source, target)


def _copy_file(source: str, target: str) -> str:
    if not stat.S_ISREG(os.lstat(source).st_mode):
        raise PathTypeError(errno.EINVAL, "neither a file, nor a link, nor a directory", source)
    shutil.copyfile(source, target, follow_symlinks=False)
    shutil.copystat(source, target, follow_symlinks=False)
    _synchronise(target)
    return target


def _synchronise(path: str) -> None:
    """Have it on the disk before the source goes; where a directory cannot be, it is not."""
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
