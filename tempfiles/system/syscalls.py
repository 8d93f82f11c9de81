"""System calls of the tracking code, bound before any test can replace or count them.

Tests patch `os.listdir` or `time.time` and check how often it was called. The code that observes
them must neither show up in these counts nor be misled by a patch.
"""

from __future__ import annotations

import builtins
import contextlib
import io
import os
import time as clocks
from builtins import open as open_file
from collections.abc import Iterator
from os import close as close_fd
from os import dup, fstat, getcwd, listdir, lstat, readlink, scandir, stat
from os import open as open_fd
from os.path import samestat
from stat import S_ISDIR, S_ISLNK
from time import monotonic, sleep, time, time_ns

from .platform import WINDOWS
from .process_state import original_process_state

__all__ = [
    "close_fd", "dup", "fstat", "getcwd", "is_directory", "is_link", "is_same",
    "lexists", "listdir", "lstat", "monotonic", "open_fd", "open_file", "original_os_functions",
    "readlink", "real_path",
    "scandir", "sleep", "stat", "time", "time_ns",
]  # fmt: skip

_MOST_LINKS = 40  # the kernel's own limit (MAXSYMLINKS)


_OF_OS = (
    "access", "chdir", "chmod", "close", "fchmod", "fstat", "getcwd", "getpid", "listdir", "lstat",
    "mkdir", "open", "readlink", "remove", "rename", "replace", "rmdir", "scandir", "stat",
    "statvfs", "unlink", "write",
)
_OF_PATH = ("abspath", "exists", "isdir", "isfile", "islink", "lexists", "realpath", "samestat")
_OF_TIME = (
    "gmtime", "localtime", "monotonic", "perf_counter", "sleep", "strftime", "time", "time_ns",
)  # fmt: skip
_GENUINE = {
    (module, name): getattr(module, name)
    for module, names in (
        (os, _OF_OS), (os.path, _OF_PATH), (clocks, _OF_TIME), (builtins, ("open",)),
        (io, ("open",)),
    )
    for name in names if hasattr(module, name)
}  # fmt: skip


@contextlib.contextmanager
def original_os_functions() -> Iterator[None]:
    """Restore `open` and functions of `os` and `time`, as they were at import, for the block.

    A test may have replaced them and not put them back. What a run has created must still be
    removed. This includes `original_process_state`.
    """
    replaced = {
        place: getattr(*place) for place, function in _GENUINE.items()
        if getattr(*place, None) is not function
    }  # fmt: skip
    for module, name in replaced:
        setattr(module, name, _GENUINE[module, name])
    try:
        with original_process_state():
            yield
    finally:
        for (module, name), function in replaced.items():
            setattr(module, name, function)


def lexists(path: str) -> bool:
    """Whether there is anything at a path, be it a dangling link."""
    try:
        lstat(path)
    except (OSError, ValueError):
        return False
    return True


def is_link(path: str) -> bool:
    """Whether a path is a symbolic link."""
    try:
        return S_ISLNK(lstat(path).st_mode)
    except (OSError, ValueError):
        return False


def is_directory(path: str) -> bool:
    """Whether a path leads to a directory."""
    try:
        return S_ISDIR(stat(path).st_mode)
    except (OSError, ValueError):
        return False


def is_same(one: str, other: str) -> bool:
    """Whether two paths are names of one thing; links are not followed."""
    try:
        return samestat(lstat(one), lstat(other))
    except OSError:
        return False


def real_path(path: str, known: str = "") -> str:
    """Resolve all links of an absolute path; what does not exist stays as it is.

    Args:
        path: the path.
        known: a directory above it to which no links lead.
    """
    if WINDOWS:
        return os.path.realpath(path)
    pending = path[len(known) :].split("/")[::-1]
    resolved, followed = known, 0
    while pending:
        part = pending.pop()
        if part in ("", "."):
            continue
        if part == "..":
            resolved = resolved.rpartition("/")[0]
            continue
        try:
            target = readlink(f"{resolved}/{part}")
        except (OSError, ValueError):
            resolved = f"{resolved}/{part}"
            continue
        followed += 1
        if followed > _MOST_LINKS:
            return path
        if target.startswith("/"):
            resolved = ""
        pending += target.split("/")[::-1]
    return resolved or "/"
