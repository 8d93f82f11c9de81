"""The registered paths of the process, and the context that owns each.

A registration belongs to the process that made it. A forked child knows its parent's registrations
and never removes them.
"""

from __future__ import annotations

import _thread
import os
from collections import deque
from collections.abc import Callable, Iterable, Sequence
from itertools import repeat

from ..errors import NotRegisteredError
from ..fileops.identity import file_id, with_parents
from ..system import syscalls
from . import contexts
from .contexts import Context


def protect_nothing(paths: Iterable[str]) -> None:
    """Replace `before_removal` outside of a run."""


before_removal: Callable[[Iterable[str]], None] = protect_nothing
"""Called with the registered paths that are about to be removed, so that a run can move the user's
files out of them first. The argument is an iterator, so that many paths are not copied."""

_owners: dict[str, Context] = {}
_inherited: dict[str, Context] = {}
_kept: set[str] = set()
_files = 0  # registered by this process, in all contexts
_lock = _thread.RLock()


def contexts_in_use() -> tuple[Context, ...]:
    """Return the contexts that are open or still own a registered path."""
    with _lock:
        return tuple(dict.fromkeys([*contexts.open_contexts(), *_owners.values()]))


def register(path: str, *, directory: bool, context: Context | None = None) -> None:
    """Register an absolute path with a context (default: the current one), and with no other.

    A path that the parent process of a fork has registered stays the parent's.
    """
    global _files
    if context is None:
        context = contexts.current()
    with _lock:
        if path in _inherited:
            return
        if path in _owners:
            unregister(path)
        _owners[path] = context
        _kept.discard(path)
        if directory:
            if context.directories is None:
                context.directories = {}
            context.directories[path] = syscalls.time()
        else:
            if context.files is None:
                context.files = {}
            context.files[path] = syscalls.time()
            _files += 1
        _note_parent(path, context)


def _note_parent(path: str, context: Context) -> None:
    """Record the identity of the parent directory: a symlink may replace it before the removal."""
    parent = path.rpartition(os.sep)[0]
    if context.parent_keys is None:
        context.parent_keys = {}
    if parent not in context.parent_keys:
        try:
            context.parent_keys[parent] = file_id(syscalls.stat(parent or os.sep))
        except OSError:
            context.parent_keys[parent] = None


def unregister(path: str) -> None:
    """Unregister an absolute path; the file itself is not touched.

    Raises:
        NotRegisteredError: no context has registered it.
    """
    global _files
    with _lock:
        context = _owners.pop(path, None)
        if context is None:
            if path in _inherited:
                return
            raise NotRegisteredError(f"not registered: {path}")
        if context.files is not None and context.files.pop(path, None) is not None:
            _files -= 1
        if context.directories is not None:
            context.directories.pop(path, None)
        if not (context.files or context.directories):
            context.parent_keys = None


def release(path: str, context: Context) -> bool:
    """Unregister a path if this process registered it with this context; return whether it did."""
    with _lock:
        if _owners.get(path) is not context:
            return False
        unregister(path)
        return True


def release_files(paths: Sequence[str], context: Context) -> None:
    """Unregister those of many files that this process registered with this context."""
    global _files
    with _lock:
        files = context.files or {}
        if [*map(_owners.get, paths)].count(context) == len(paths):  # the usual case
            deque(map(_owners.pop, paths), maxlen=0)
            _files -= len(paths) - [*map(files.pop, paths, repeat(None))].count(None)
            if not _owners:
                _owners.clear()  # frees the memory; an emptied dictionary keeps its size
        else:
            for path in paths:
                if path in files and _owners.get(path) is context:
                    del _owners[path], files[path]
                    _files -= 1
        if not (files or context.directories):
            context.parent_keys = None


def keep(path: str) -> None:
    """Unregister a path and protect it from the removal of a registered directory above it."""
    with _lock:
        if path in _owners:
            unregister(path)
        _kept.add(path)


def is_kept(path: str) -> bool:
    """Return whether an absolute path was protected with `keep`."""
    return path in _kept


def kept() -> frozenset[str]:
    """Return the absolute paths that were protected with `keep`."""
    return frozenset(_kept)


def is_covered(path: str) -> bool:
    """Return whether an absolute path, or a directory above it, is registered or kept."""
    if not (_owners or _kept):
        return False
    return any(part in _owners or part in _kept for part in with_parents(path))


def file_count() -> int:
    """Return how many files this process has registered, in all contexts."""
    return _files


def protected_from(context: Context) -> dict[str, Context | None]:
    """Return the paths that the removal of a context's paths must not touch, each with its owner.

    The owner is another context of this process; None for a kept path or one of the parent process.
    """
    with _lock:
        paths: dict[str, Context | None] = dict.fromkeys(_kept)
        paths.update(dict.fromkeys(_inherited))
        paths.update(item for item in _owners.items() if item[1] is not context)
        return paths


def below(directory: str) -> tuple[str, ...]:
    """Return the paths below a directory that this process has registered."""
    prefix = directory.rstrip(os.sep) + os.sep
    with _lock:
        return tuple(path for path in _owners if path.startswith(prefix))


def owner(path: str) -> Context | None:
    """Return the context that an absolute path is registered with, or None.

    A registration of the parent process counts.
    """
    return _owners.get(path) or _inherited.get(path)


def local_owner(path: str) -> Context | None:
    """Return the context that this process has registered an absolute path with, or None."""
    return _owners.get(path)


def _inherit() -> None:
    global _lock, _files
    # Another thread may have held the lock at the fork; in the child it would never be released.
    _lock = _thread.RLock()
    for context in _owners.values():
        context.files = context.directories = context.parent_keys = None
    _inherited.update(_owners)
    _owners.clear()
    _files = 0


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_inherit)
