"""Restore, for the end of a run, what a test may have taken away from the whole process.

A test may break the import of modules, use up all descriptors, change the root directory or the
effective user. unittest does not mind, as it has imported all that it needs. This code imports as
late as it can, and it must still find and remove what the run has created.
"""

from __future__ import annotations

import builtins
import contextlib
import os
import sys
from collections.abc import Iterator
from os import chdir, close, stat
from os import open as open_fd
from os.path import samestat
from types import ModuleType
from typing import Any

from . import descriptors
from .platform import park

_IMPORT = builtins.__import__
_MODULES = sys.modules
_LISTS = tuple(
    (name, tuple(getattr(sys, name))) for name in ("meta_path", "path_hooks", "path")
)
_NEEDED = (__name__, "os", "sys", "importlib._bootstrap_external")


class _AtStart:
    """The state of the process when the run began."""

    root: os.stat_result | None = None
    user = -1
    directory = -1
    modules: dict[str, ModuleType] = {}
    recursion_limit = 0


def remember(directory: str) -> None:
    """Remember the state of the process, before any code of the user runs.

    Args:
        directory: a directory; it is opened apart from its lock, and leads out of a new root.
    """
    forget()
    with contextlib.suppress(OSError):
        _AtStart.root = stat("/")
        _AtStart.directory = park(open_fd(directory, os.O_RDONLY))
        descriptors.reserve(_AtStart.directory)
    _AtStart.user = os.geteuid() if hasattr(os, "geteuid") else -1


def forget() -> None:
    """Close the descriptors of this module: the run has ended."""
    descriptors.release()
    _AtStart.directory = -1


def remember_modules() -> None:
    """Remember which modules are imported, before the first test runs."""
    descriptors.follow_limits()
    _AtStart.modules = dict(sys.modules)
    _AtStart.recursion_limit = sys.getrecursionlimit()


@contextlib.contextmanager
def original_process_state() -> Iterator[None]:
    """Make imports, descriptors and paths usable for the block, where a test has broken them.

    For code that must work after any test: a host's own code that reports a test. Where nothing is
    broken this costs some microseconds.
    """
    with contextlib.ExitStack() as undo:
        _leave_root_directory()
        _restore_recursion_limit(undo)
        _restore_imports(undo)
        descriptors.make_free(undo)
        yield


def restore_user() -> None:
    """Give the process the effective user back that it began with, if it may take it."""
    if _AtStart.user != -1 and os.geteuid() != _AtStart.user:
        with contextlib.suppress(OSError):
            os.seteuid(_AtStart.user)


def _restore_recursion_limit(undo: contextlib.ExitStack) -> None:
    limit = sys.getrecursionlimit()
    if limit < _AtStart.recursion_limit:
        sys.setrecursionlimit(_AtStart.recursion_limit)
        undo.callback(_try_recursion_limit, limit)


def _try_recursion_limit(limit: int) -> None:
    with contextlib.suppress(RecursionError):  # the stack is deeper here than in the test
        sys.setrecursionlimit(limit)


def _restore_imports(undo: contextlib.ExitStack) -> None:
    if builtins.__import__ is not _IMPORT:
        undo.callback(setattr, builtins, "__import__", builtins.__import__)
        builtins.__import__ = _IMPORT
    if sys.modules is not _MODULES:
        undo.callback(setattr, sys, "modules", sys.modules)
        sys.modules = _MODULES
    modules = sys.modules
    _allow_imports(modules, undo)
    if all(map(modules.__contains__, _NEEDED)):
        if len(modules) != len(_AtStart.modules):
            _AtStart.modules = dict(modules)
    else:
        missing = {
            name: module for name, module in _AtStart.modules.items() if name not in modules
        }
        modules.update(missing)
        undo.callback(_remove_all, modules, missing)
    for name, at_start in _LISTS:
        current = getattr(sys, name, None)
        missing_entries = [entry for entry in at_start if not _holds(current, entry)]
        if missing_entries:
            undo.callback(setattr, sys, name, current)
            setattr(sys, name, [*(current or ()), *missing_entries])


def _allow_imports(modules: dict[str, Any], undo: contextlib.ExitStack) -> None:
    """Give back the modules whose import a test forbids: it puts None in their place."""
    for name in [name for name, module in modules.items() if module is None]:
        if name.partition(".")[0] in sys.stdlib_module_names:
            undo.callback(modules.__setitem__, name, None)
            del modules[name]
            if name in _AtStart.modules:
                modules[name] = _AtStart.modules[name]


def _holds(entries: Any, entry: object) -> bool:
    try:
        return entry in entries
    except TypeError:
        return False


def _remove_all(modules: dict[str, ModuleType], names: dict[str, ModuleType]) -> None:
    for name in names:
        modules.pop(name, None)


def _leave_root_directory() -> None:
    """Return to the root directory of the start, where a test has changed it, and stay there."""
    if _AtStart.root is None or _AtStart.directory < 0:
        return
    try:
        if samestat(stat("/"), _AtStart.root):
            return
        before = open_fd(".", os.O_RDONLY)
    except OSError:
        return
    try:
        chdir(_AtStart.directory)
        # Not further: the run itself may have begun below the root of the system.
        while not samestat(stat("."), _AtStart.root):
            if samestat(stat("."), stat("..")):
                return
            chdir("..")
        os.chroot(".")
        chdir(before)
    except OSError:
        return
    finally:
        close(before)
