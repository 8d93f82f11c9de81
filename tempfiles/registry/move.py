"""Move a file or directory without ever replacing an existing one."""

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
    """Move an absolute path whole or not at all; to another device by a copy that is then renamed.

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


def move_partially(source: str, target: str, missed: Missed) -> None:
    """Move an absolute path that will be removed; to another device, as far as it can be copied.

    The source is removed even if some of its entries could not be copied. It stays if nothing
    could be copied.

    Args:
        source: the path.
        target: its new name, at which nothing exists.
        missed: called with each path that could not be copied and the error.

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
            with contextlib.suppress(RefusedError):  # the working directory stays
                remove_path(source)


def _rename(source: str, target: str) -> None:
    if WINDOWS:
        os.rename(source, target)  # does not replace on Windows
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
    """Return the system's rename that does not replace: it takes two names and returns an errno."""
    call: Callable[[bytes, bytes], int] | None = None
    with contextlib.suppress(ImportError, OSError, AttributeError):
        import ctypes  # slow to import, and few runs move a file

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
    """Rename without such a call: link a file, or rename a directory over an empty one."""
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
        with contexts.untracked():
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
