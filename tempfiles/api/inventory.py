"""Register, list and count paths, and remove, keep or move out a registered one."""

from __future__ import annotations

import errno
import os
import stat
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from ..errors import NotRegisteredError, PathTypeError, RemovalError
from ..fileops.identity import with_parents
from ..fileops.measure import WalkRules, measure, type_of
from ..fileops.remove import refuse_if_precious, remove_path
from ..records import Resource, ResourceType
from ..registry import (
    cleanup,  # noqa: F401 - removes registered paths at exit
    move,
    naming,
    registrations,
)
from ..registry.contexts import Context
from ..registry.naming import StrPath
from ..reports import RemovalReport


@dataclass(frozen=True, slots=True)
class Usage:
    """How many files and directories are registered, and the bytes of all files in them."""

    files: int = 0
    directories: int = 0
    bytes: int = 0


@dataclass(frozen=True, slots=True)
class Stats:
    """The registrations of this process.

    `contexts` counts those that are open or own a registered path. `by_context` maps an id to its
    usage; contexts of the same id are added up.
    """

    contexts: int
    files: int
    directories: int
    bytes: int
    by_context: Mapping[str, Usage]


def register_file(path: StrPath | bytes) -> Path:
    """Register a file (or link, socket, FIFO) with the current context; return its absolute path.

    A relative path is resolved against the current working directory. The file need not exist yet.
    A symlink is registered itself, not its target. A path of another context changes its owner.

    Raises:
        InvalidNameError: the path is empty or contains NUL.
        PathTypeError: it is a directory.
        RefusedError: it is `/`, the home or working directory, or an ancestor of them.
    """
    return _register(path, directory=False)


def register_directory(path: StrPath | bytes) -> Path:
    """Register a directory and its content with the current context; return its absolute path.

    As `register_file`. Paths inside that other contexts have registered stay until these close.

    Raises:
        InvalidNameError: the path is empty or contains NUL.
        PathTypeError: it exists and is not a directory.
        RefusedError: it is `/`, the home or working directory, or an ancestor of them.
    """
    return _register(path, directory=True)


def unregister(path: StrPath | bytes) -> Path:
    """Unregister a path without touching the file; return its absolute path.

    Inside a registered directory it is still removed with the directory; `keep` prevents this.

    Raises:
        InvalidNameError: the path is empty or contains NUL.
        NotRegisteredError: no context has registered it.
    """
    found = naming.absolute(path)
    registrations.unregister(found)
    return Path(found)


def is_registered(path: StrPath | bytes) -> bool:
    """Return whether this path itself is registered with any context.

    Raises:
        InvalidNameError: the path is empty or contains NUL.
    """
    return registrations.owner(naming.absolute(path)) is not None


def get_context_for_file(path: StrPath | bytes) -> str | None:
    """Return the id of the context that owns a path, or None.

    The owner is the context of the path or of the nearest registered directory above it.

    Raises:
        InvalidNameError: the path is empty or contains NUL.
    """
    owner = _owner_above(naming.absolute(path))
    return owner.id if owner is not None else None


def get_registered_files(context: str | None = None) -> tuple[Resource, ...]:
    """Return the registered files of this process, or only those of the contexts with an id."""
    return tuple(
        _resource(path, owner.id, created, "file")
        for owner in _with_id(context)
        for path, created in tuple((owner.files or {}).items())
    )


def get_registered_directories(context: str | None = None) -> tuple[Resource, ...]:
    """Return the registered directories of this process, or only those of contexts with an id.

    `size` is that of the directory itself, without its content.
    """
    return tuple(
        _resource(path, owner.id, created, "directory")
        for owner in _with_id(context)
        for path, created in tuple((owner.directories or {}).items())
    )


def stats() -> Stats:
    """Count the registered paths and add up the sizes of their files in bytes."""
    by_context: dict[str, Usage] = {}
    contexts = registrations.contexts_in_use()
    for owner in contexts:
        before = by_context.get(owner.id, Usage())
        files, directories = tuple(owner.files or ()), tuple(owner.directories or ())
        by_context[owner.id] = Usage(
            before.files + len(files),
            before.directories + len(directories),
            before.bytes + sum(map(_size, [*files, *directories])),
        )
    usages = by_context.values()
    return Stats(
        len(contexts),
        sum(usage.files for usage in usages),
        sum(usage.directories for usage in usages),
        sum(usage.bytes for usage in usages),
        by_context,
    )


def remove(path: StrPath | bytes) -> RemovalReport:
    """Remove a file (or link, socket, FIFO) now, registered or not; a missing one is no error.

    Raises:
        InvalidNameError: the path is empty or contains NUL.
        PathTypeError: it is a directory.
        RefusedError: it is `/`, the home or working directory, or an ancestor of them.
        RemovalError: it could not be removed; it stays registered.
    """
    return _remove(path, directory=False)


def remove_directory(path: StrPath | bytes) -> RemovalReport:
    """Remove a directory and its content now, registered or not; a missing one is no error.

    Raises:
        InvalidNameError: the path is empty or contains NUL.
        PathTypeError: it is not a directory.
        RefusedError: it is `/`, the home or working directory, or an ancestor of them.
        RemovalError: an entry could not be removed; the directory stays registered.
    """
    return _remove(path, directory=True)


def keep(path: StrPath | bytes) -> Path:
    """Never remove a path, not even with a registered directory; return its absolute path.

    Raises:
        InvalidNameError: the path is empty or contains NUL.
        NotRegisteredError: neither it nor a directory above it is registered.
    """
    found = naming.absolute(path)
    if _owner_above(found) is None and not registrations.is_kept(found):
        raise NotRegisteredError(f"not registered: {found}")
    registrations.keep(found)
    return Path(found)


def persist(path: StrPath | bytes, destination: StrPath | bytes) -> Path:
    """Move a file or directory to a permanent place and unregister it.

    The destination appears complete or not at all, also on another device, and is never
    overwritten. It is the new path itself, not a directory to move into.

    Returns:
        The destination, absolute.

    Raises:
        InvalidNameError: the path is empty or contains NUL.
        DestinationExistsError: the destination exists.
        NotFoundError: the path or the destination's directory does not exist.
        FileSystemError: it could not be moved and is unchanged.
    """
    source, target = naming.absolute(path), naming.absolute(destination)
    move.move_without_replacing(source, target)
    for moved in (source, *registrations.below(source)):
        if registrations.local_owner(moved) is not None and not os.path.lexists(moved):
            registrations.unregister(moved)
    return Path(target)


def _register(path: StrPath | bytes, *, directory: bool) -> Path:
    found = naming.absolute(path)
    refuse_if_precious(os.path.realpath(found) if directory else found)
    _check_type(found, directory=directory)
    registrations.register(found, directory=directory)
    return Path(found)


def _remove(path: StrPath | bytes, *, directory: bool) -> RemovalReport:
    found = naming.absolute(path)
    refuse_if_precious(found)
    _check_type(found, directory=directory, link=False)
    report = remove_path(found)
    for gone in (found, *(registrations.below(found) if directory else ())):
        if registrations.local_owner(gone) is not None and not os.path.lexists(gone):
            registrations.unregister(gone)
    if report.failed:
        first = report.failed[0]
        raise RemovalError(first.errno or errno.EIO, first.cause, first.path)
    return report


def _check_type(path: str, *, directory: bool, link: bool = True) -> None:
    """A link to a directory may be registered as either: only the link is removed."""
    try:
        mode = os.lstat(path).st_mode
    except OSError:
        return
    if directory and not stat.S_ISDIR(mode) and not (link and os.path.isdir(path)):
        raise PathTypeError(errno.ENOTDIR, "not a directory", path)
    if not directory and stat.S_ISDIR(mode):
        raise PathTypeError(errno.EISDIR, "a directory, not a file", path)


def _owner_above(path: str) -> Context | None:
    owners = map(registrations.owner, with_parents(path))
    return next((owner for owner in owners if owner is not None), None)


def _with_id(id: str | None) -> tuple[Context, ...]:
    return tuple(found for found in registrations.contexts_in_use() if id in (None, found.id))


def _resource(path: str, context: str, created: float, type: ResourceType) -> Resource:
    try:
        status = os.lstat(path)
    except OSError:
        return Resource(path, type, context, created)
    found = type_of(status)
    return Resource(path, found, context, created, status.st_size, status.st_mtime)


def _size(path: str) -> int:
    """Return the bytes of the files at a path, without those below that are registered too."""
    rules = WalkRules(excludes=lambda below: registrations.owner(below) is not None)
    return measure(path, rules=rules).bytes
