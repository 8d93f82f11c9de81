"""Register paths, ask for one, and remove, keep or move out one of them now."""

from __future__ import annotations

import errno
import os
import stat
from pathlib import Path

from ..errors import NotRegisteredError, PathTypeError, RemovalError
from ..fileops.remove import refuse_if_precious, remove_path
from ..registry import (
    cleanup,  # noqa: F401 - it removes at exit what is registered
    move,
    naming,
    registrations,
)
from ..registry.contexts import Context
from ..registry.naming import StrPath
from ..reports import RemovalReport


def register_file(path: StrPath | bytes) -> Path:
    """Have a file (or link, socket, FIFO) removed with the current context; return it absolute.

    A relative path is resolved against the working directory of now; it need not exist yet. A
    symlink itself is meant, not what it leads to. A path of another context changes hands.

    Raises:
        InvalidNameError: the path is empty or has NUL in it.
        PathTypeError: it is a directory.
        RefusedError: it is `/`, the home or working directory, or an ancestor of them.
    """
    return _register(path, directory=False)


def register_directory(path: StrPath | bytes) -> Path:
    """Have a directory, with all in it, removed with the current context; return it absolute.

    As `register_file`; what other contexts have registered inside it stays until they close.

    Raises:
        InvalidNameError: the path is empty or has NUL in it.
        PathTypeError: it exists and is not a directory.
        RefusedError: it is `/`, the home or working directory, or an ancestor of them.
    """
    return _register(path, directory=True)


def unregister(path: StrPath | bytes) -> Path:
    """Take a path from its context, and leave it where it is; return it absolute.

    Inside a registered directory it is still removed with that; `keep` prevents this.

    Raises:
        InvalidNameError: the path is empty or has NUL in it.
        NotRegisteredError: no context has it.
    """
    found = naming.absolute(path)
    registrations.unregister(found)
    return Path(found)


def is_registered(path: StrPath | bytes) -> bool:
    """Return whether this very path is registered, with whichever context.

    Raises:
        InvalidNameError: the path is empty or has NUL in it.
    """
    return registrations.owner(naming.absolute(path)) is not None


def get_context_for_file(path: StrPath | bytes) -> str | None:
    """Return the id of the context that a path, or the nearest directory above it, is registered
    with; None if there is none.

    Raises:
        InvalidNameError: the path is empty or has NUL in it.
    """
    holder = _holder(naming.absolute(path))
    return holder.id if holder is not None else None


def remove(path: StrPath | bytes) -> RemovalReport:
    """Remove one file (or link, socket, FIFO) now, registered or not; a missing one is no failure.

    Raises:
        InvalidNameError: the path is empty or has NUL in it.
        PathTypeError: it is a directory.
        RefusedError: it is `/`, the home or working directory, or an ancestor of them.
        RemovalError: it could not be removed; it stays registered.
    """
    return _remove(path, directory=False)


def remove_directory(path: StrPath | bytes) -> RemovalReport:
    """Remove one directory now with all in it, registered or not; a missing one is no failure.

    Raises:
        InvalidNameError: the path is empty or has NUL in it.
        PathTypeError: it is not a directory.
        RefusedError: it is `/`, the home or working directory, or an ancestor of them.
        RemovalError: something in it could not be removed; it stays registered.
    """
    return _remove(path, directory=True)


def keep(path: StrPath | bytes) -> Path:
    """Give a path up for clean-up: it stays, also in a registered directory; return it absolute.

    Raises:
        InvalidNameError: the path is empty or has NUL in it.
        NotRegisteredError: neither it nor a directory above it is registered.
    """
    found = naming.absolute(path)
    if _holder(found) is None and not registrations.is_kept(found):
        raise NotRegisteredError(f"not registered: {found}")
    registrations.keep(found)
    return Path(found)


def persist(path: StrPath | bytes, destination: StrPath | bytes) -> Path:
    """Move a file or directory to where it stays; it is no longer registered.

    The destination appears whole or not at all, also on another device, and nothing is ever
    overwritten. It is the new name itself, not a directory to move into.

    Returns:
        The destination, absolute.

    Raises:
        InvalidNameError: the path is empty or has NUL in it.
        DestinationExistsError: the destination exists.
        NotFoundError: the path or the destination's directory does not exist.
        FileSystemError: it could not be moved; it is where it was.
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


def _holder(path: str) -> Context | None:
    while True:
        found = registrations.owner(path)
        parent = os.path.dirname(path)
        if found is not None or parent == path:
            return found
        path = parent
