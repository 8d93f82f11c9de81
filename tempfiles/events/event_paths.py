"""Make the paths of audit events absolute, and resolve their links."""

from __future__ import annotations

import os
import sys
from typing import Any

from ..system import syscalls
from ..system.platform import POSIX, descriptor_path

_O_PATH = os.O_PATH | os.O_DIRECTORY | os.O_CLOEXEC if hasattr(os, "O_PATH") else None
_DEEP = 5  # parts, from which on three calls of the system are less than one for each part

CWD = -1
"""The `dir_fd` of events whose path is relative to the working directory."""


def absolute(path: Any, dir_fd: int, root: str) -> str | None:
    """Return the path of an event as an absolute one; None if it is no path.

    Args:
        path: as the event has it: text, bytes, anything.
        dir_fd: what a relative one is relative to.
        root: the run root, with a separator at its end.
    """
    if type(path) is not str:
        try:
            path = os.fsdecode(path)
        except TypeError:
            return None  # not a path: the call is about to fail
    # On Windows `\x` is on the drive of the working directory, which `join` adds.
    if not path.startswith(root) and not (POSIX and syscalls.isabs(path)):
        base = working_directory() if dir_fd == CWD else descriptor_path(dir_fd)
        if base is None:
            return None
        path = syscalls.join(base, path)
    if not POSIX or "//" in path or "/." in path or path.endswith("/"):
        path = syscalls.normpath(path)
    return str(path)


def real(path: str, follow: bool) -> str:
    """Resolve the links on the way to a path; with `follow`, also a link that it is itself."""
    if follow and syscalls.is_link(path):
        return syscalls.real_path(path)
    directory, name = syscalls.split_path(path)
    return syscalls.join(_real_directory(directory), name)


def _real_directory(path: str) -> str:
    """Resolve the links of a directory: of a deep one by one call, where the system offers that."""
    known = _known_above(path)
    if path == known:
        return path
    if _O_PATH is None or path.count(syscalls.SEP, len(known)) < _DEEP:
        return syscalls.real_path(path, known)
    try:
        fd = syscalls.open_fd(path, _O_PATH)
    except (OSError, ValueError):
        return syscalls.real_path(path, known)
    try:
        found = descriptor_path(fd)
    finally:
        syscalls.close_fd(fd)
    return found if found is not None and syscalls.isabs(found) else syscalls.real_path(path, known)


def _known_above(path: str) -> str:
    """Return the working directory, which has no links on its way, if a path is below it."""
    directory = working_directory() if POSIX else ""
    return directory if f"{path}/".startswith(f"{directory}/") else ""


def real_place(path: Any, absolute: str, follow: bool) -> str:
    """Resolve the links of the path of an event, which costs a call for each part of it.

    A mere name lies in the working directory, which has no links on its way.

    Args:
        path: as the event has it.
        absolute: the same, made absolute.
        follow: whether to resolve a link that it is itself, too.
    """
    if POSIX and type(path) is str and syscalls.SEP not in path and absolute[:1] == syscalls.SEP:
        return syscalls.real_path(absolute) if follow and syscalls.is_link(absolute) else absolute
    return real(absolute, follow)


def is_bytecode(path: str) -> bool:
    """Whether the interpreter keeps compiled code there."""
    if "__pycache__" in path or path.endswith(".pyc"):
        return True
    prefix = sys.pycache_prefix
    if not prefix:
        return False
    return f"{path}{syscalls.SEP}".startswith(syscalls.join(os.path.abspath(prefix), ""))


def may_become(source: str, target: str) -> bool:
    """Whether a rename can succeed: a directory replaces only directories, a file only files."""
    if not syscalls.lexists(target):
        return True
    return _is_real_directory(source) == _is_real_directory(target)


def _is_real_directory(path: str) -> bool:
    return syscalls.is_directory(path) and not syscalls.is_link(path)


def is_empty(path: str) -> bool:
    """Whether there is a file without content."""
    try:
        return syscalls.stat(path).st_size == 0
    except OSError:
        return False


def open_directories() -> list[str]:
    """Return the working directory and the directories that this process has open, if known."""
    try:
        descriptors = syscalls.listdir("/proc/self/fd")
    except OSError:
        descriptors = []
    opened = {descriptor_path(int(descriptor)) for descriptor in descriptors}
    # Nothing can be created in /proc; another thread may be listing what is open there.
    found = {path for path in opened if path and not path.startswith("/proc/")}
    here = working_directory()
    return ([here] if here else []) + sorted(filter(syscalls.is_directory, found - {here}))


def working_directory() -> str:
    """Return the working directory, empty if it was removed: nothing can be created in it."""
    try:
        return syscalls.getcwd()
    except OSError:
        return ""
