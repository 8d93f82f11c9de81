"""Move a file or directory without ever replacing anything: whole or not at all, or what can be."""

from __future__ import annotations

import contextlib
import errno
import functools
import os
import stat
import sys
from collections.abc import Callable

from ..errors import DestinationExistsError, RefusedError, translated
from ..fileops import copy
from ..fileops.copy import Missed
from ..fileops.remove import remove_path
from ..system.platform import LINUX, MACOS, WINDOWS
from . import contexts, naming

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


def move_what_can_be(source: str, target: str, missed: Missed) -> None:
    """Move an absolute path to one where nothing is; across devices, what can be copied.

    What cannot be is gone afterwards as well, unless nothing at all could be copied: for what is
    about to be removed.

    Args:
        source: the path.
        target: its new name.
        missed: told of each path that could not be copied, and why.

    Raises:
        OSError: it could not be moved; the source is where it was.
    """
    try:
        _rename(source, target)
    except OSError as error:
        if error.errno != errno.EXDEV:
            raise
        copy.copy(source, target, missed)
        if os.path.lexists(target):
            with contextlib.suppress(RefusedError):  # the working directory, which stays
                remove_path(source)


def _rename(source: str, target: str) -> None:
    if WINDOWS:
        os.rename(source, target)  # which does not replace there
        return
    rename = _system_rename()
    sys.audit("os.rename", source, target, -1, -1)  # as `os.rename` does
    number = rename(os.fsencode(source), os.fsencode(target))
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
        with contexts.untracked():  # it is only a name on the way
            copy.copy(source, private, _refuse, faithful=True)
        _rename(private, target)
    except BaseException:
        remove_path(private)
        raise
    copy.synchronise(directory)


def _refuse(path: str, error: OSError) -> None:
    if error.filename is None:
        error.filename = path
    raise error
