"""System calls of the tracking code, bound before any test can replace or count them.

Tests patch `os.listdir` or `time.time` and check how often it was called. The code that observes
them must neither show up in these counts nor be misled by a patch.
"""

from __future__ import annotations

import builtins
import contextlib
import io
import os
import sys
import time as clocks
from _thread import get_ident
from builtins import open as open_file
from collections.abc import Iterator
from operator import itemgetter
from os import close as close_fd
from os import dup, fstat, getcwd, listdir, lstat, readlink, scandir, stat
from os import open as open_fd
from os import read as read_fd
from os import sep as SEP
from os.path import basename, dirname, isabs, join, normpath, samestat
from os.path import split as split_path
from stat import S_ISDIR, S_ISLNK, S_ISREG
from sys import _getframe as get_frame
from time import monotonic, sleep, time, time_ns
from types import ModuleType
from typing import Any

from .platform import WINDOWS
from .process_state import original_process_state

__all__ = [
    "SEP", "basename", "close_fd", "dirname", "dup", "fstat", "get_frame", "getcwd",
    "is_directory", "is_link", "is_regular", "is_same", "isabs", "join", "lexists", "listdir",
    "lstat", "monotonic", "normpath", "open_fd", "open_file", "original_os_functions",
    "read_fd", "readlink", "real_path", "scandir", "sleep", "split_path", "stat", "time",
    "time_ns",
]  # fmt: skip

_MOST_LINKS = 40  # the kernel's own limit (MAXSYMLINKS)


_OURS = ("mkfifo", "mknod")  # which the run itself replaces


def _functions(module: ModuleType) -> dict[str, Any]:
    return {
        name: value for name, value in vars(module).items()
        if (callable(value) or type(value) is str)  # `os.sep` and the like
        and not name.startswith("_") and name not in _OURS
    }


# Modules compile expressions as they are imported, which may be when the first leak is found.
_used_by_imports = [sys.modules[name] for name in ("re",) if name in sys.modules]
_GENUINE = [
    (module, tuple(functions), tuple(functions.values()), itemgetter(*functions))
    for module in (os, os.path, builtins, io, clocks, *_used_by_imports)
    for functions in (_functions(module),)
]


_restored_by = 0  # the thread whose block is the last one that has begun


def _forget_block() -> None:
    global _restored_by
    _restored_by = 0  # a forked child may never leave the block that forked it


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_forget_block)


@contextlib.contextmanager
def original_os_functions() -> Iterator[None]:
    """Restore what `os`, `os.path`, `io`, `time`, `re` and `builtins` had, for the block.

    A test may have replaced them and not put them back, or replaced them for its class. The run
    must still find and remove what it has created. This includes `original_process_state`. A block
    within another one of the same thread does nothing: to compare all functions takes some time.
    """
    global _restored_by
    thread = get_ident()
    if _restored_by == thread:
        yield
        return
    replaced = list(_replaced())
    for module, name, genuine, _ in replaced:
        setattr(module, name, genuine)
    try:
        _restored_by = thread
        with original_process_state():
            yield
    finally:
        if _restored_by == thread:
            _restored_by = 0
        for module, name, _, function in replaced:
            if function is not None:
                setattr(module, name, function)
            else:
                delattr(module, name)


def _replaced() -> Iterator[tuple[Any, str, Any, Any]]:
    """Yield each function that was replaced: its module and name, the genuine one, the other."""
    for module, names, genuine, get_all in _GENUINE:
        with contextlib.suppress(KeyError):  # a test has removed one
            if get_all(vars(module)) == genuine:  # identical ones are not compared any further
                continue
        current = tuple(map(vars(module).get, names))
        if current != genuine:
            for name, function, found in zip(names, genuine, current, strict=True):
                if found is not function:
                    yield module, name, function, found


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


def is_regular(path: str) -> bool:
    """Whether a path is a regular file, and no link to one."""
    try:
        return S_ISREG(lstat(path).st_mode)
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
    except (OSError, ValueError):
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
