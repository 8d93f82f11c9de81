"""Restore, for the end of a run, what a test may have taken away from the whole process.

A test may break the import of modules, use up all descriptors, change the root directory or the
effective user. unittest does not mind, as it has imported all that it needs. This code imports as
late as it can, and it must still find and remove what the run has created.
"""

from __future__ import annotations

import builtins
import contextlib
import errno
import os
import sys
from collections.abc import Callable, Iterator
from os import chdir, close, dup, fstat, stat
from os import open as open_fd
from os.path import samestat
from types import ModuleType
from typing import Any

from .platform import park

_SPARE_DESCRIPTORS = 6

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
    status: os.stat_result | None = None  # of that directory
    spares: tuple[int, ...] = ()
    modules: dict[str, ModuleType] = {}
    resource: Any = None


def remember(directory: str) -> None:
    """Remember the state of the process, before any code of the user runs.

    Args:
        directory: a directory; it is opened apart from its lock, and leads out of a new root.
    """
    forget()
    with contextlib.suppress(OSError):
        _AtStart.root = stat("/")
        _AtStart.directory = park(open_fd(directory, os.O_RDONLY))
        _AtStart.status = fstat(_AtStart.directory)
        _open_spares()
    _AtStart.user = os.geteuid() if hasattr(os, "geteuid") else -1


def forget() -> None:
    """Close the spare descriptors: the run has ended."""
    _AtStart.spares = (*_AtStart.spares, _AtStart.directory)
    _close_spares()
    _AtStart.directory, _AtStart.status = -1, None


def remember_modules() -> None:
    """Remember which modules are imported, before the first test runs."""
    with contextlib.suppress(ImportError):  # Windows
        import resource

        _AtStart.resource = resource
    _AtStart.modules = dict(sys.modules)


@contextlib.contextmanager
def original_process_state() -> Iterator[None]:
    """Make imports, descriptors and paths usable for the block, where a test has broken them.

    For code that must work after any test: a host's own code that reports a test. Where nothing is
    broken this costs some microseconds.
    """
    with contextlib.ExitStack() as undo:
        _leave_root_directory()
        _restore_imports(undo)
        _free_descriptors(undo)
        yield


def restore_user() -> None:
    """Give the process the effective user back that it began with, if it may take it."""
    if _AtStart.user != -1 and os.geteuid() != _AtStart.user:
        with contextlib.suppress(OSError):
            os.seteuid(_AtStart.user)


def _restore_imports(undo: contextlib.ExitStack) -> None:
    if builtins.__import__ is not _IMPORT:
        undo.callback(setattr, builtins, "__import__", builtins.__import__)
        builtins.__import__ = _IMPORT
    if sys.modules is not _MODULES:
        undo.callback(setattr, sys, "modules", sys.modules)
        sys.modules = _MODULES
    modules = sys.modules
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


def _holds(entries: Any, entry: object) -> bool:
    try:
        return entry in entries
    except TypeError:
        return False


def _remove_all(modules: dict[str, ModuleType], names: dict[str, ModuleType]) -> None:
    for name in names:
        modules.pop(name, None)


def _leave_root_directory() -> None:
    """Return to the root directory of the system, where a test has changed it, and stay there."""
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
        above = stat("..")
        while not samestat(stat("."), above):
            chdir("..")
            above = stat("..")
        os.chroot(".")
        chdir(before)
    except OSError:
        return
    finally:
        close(before)


def _free_descriptors(undo: contextlib.ExitStack) -> None:
    """Have some descriptors free: close the spare ones, else raise the limit of the process."""
    if _has_free_descriptors():
        return
    if _AtStart.spares:
        _close_spares()
        undo.callback(_try, _open_spares)
    resource = _AtStart.resource
    if resource is None or _has_free_descriptors():
        return
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    for limits in ((soft + 64, max(soft + 64, hard)), (hard, hard)):
        _try(resource.setrlimit, resource.RLIMIT_NOFILE, limits)
        if _has_free_descriptors():
            undo.callback(_try, resource.setrlimit, resource.RLIMIT_NOFILE, (soft, hard))
            return


def _has_free_descriptors() -> bool:
    opened: list[int] = []
    try:
        for _ in range(_SPARE_DESCRIPTORS):
            opened.append(dup(_AtStart.directory))
    except OSError as error:
        return error.errno != errno.EMFILE  # else a test has closed it, so that some are free
    finally:
        for descriptor in opened:
            close(descriptor)
    return True


def _open_spares() -> None:
    spares: list[int] = []
    with contextlib.suppress(OSError):
        for _ in range(_SPARE_DESCRIPTORS):
            spares.append(park(dup(_AtStart.directory)))
    _AtStart.spares = tuple(spares)


def _close_spares() -> None:
    spares, _AtStart.spares = _AtStart.spares, ()
    for spare in spares:
        with contextlib.suppress(OSError):
            # A test may have closed it, and opened a file under this number.
            if _AtStart.status is not None and samestat(fstat(spare), _AtStart.status):
                close(spare)


def _try(function: Callable[..., object], *arguments: object) -> None:
    with contextlib.suppress(OSError, ValueError):
        function(*arguments)
