"""Rescue kept and preexisting files from any run root: move each to a free name beside the root."""

from __future__ import annotations

import logging
import os
import stat
import time
from collections.abc import Iterable, Iterator, Mapping
from contextlib import AbstractContextManager, suppress
from itertools import islice

from ..errors import DestinationExistsError, FileSystemError
from ..fileops.access import make_path_accessible
from ..fileops.identity import FileId, birth, file_id, with_parents
from ..registry.move import move_without_replacing
from ..reports import RemovalFailure, RemovalReport
from ..roots.journal_reader import preexisting
from ..system import procfs, syscalls

_log = logging.getLogger("tempfiles")
_ATTEMPTS = 1000
_ENTRIES_PER_CHECK = 1000  # of the clock


def rescue(paths: Iterable[str], root: str) -> dict[str, str]:
    """Move the paths that lie below a run root out of it, next to it; nothing is overwritten.

    Returns:
        Where each is now. What could not be moved is logged, and left out.
    """
    moved: dict[str, str] = {}
    for path in sorted(set(paths)):
        # What lies in a rescued directory has gone with it.
        location = _location(path)
        if location.startswith(root + os.sep) and syscalls.lexists(location):
            target = _move_out(location, os.path.dirname(root))
            if target is not None:
                moved[path] = target
    return moved


def location_after(path: str, moved: Mapping[str, str]) -> str | None:
    """Return where a path is after a rescue, moved by itself or with a directory, else None."""
    part = next((part for part in with_parents(path) if part in moved), None)
    return None if part is None else moved[part] + path[len(part) :]


def still_below(paths: Iterable[str], moved: Mapping[str, str], root: str) -> tuple[str, ...]:
    """Return those of the paths that still lie below a root: it must not be removed."""
    return tuple(
        path for path in sorted(paths)
        if location_after(path, moved) is None and syscalls.lexists(path)
        and _location(path).startswith(root + os.sep)
    )


def _location(path: str) -> str:
    """Return where a path lies: a directory above it may have become a link out of the root."""
    return os.path.join(os.path.realpath(os.path.dirname(path)), os.path.basename(path))


def rescue_failures(paths: Iterable[str]) -> RemovalReport:
    """Return the report on preexisting paths for which a root was not removed."""
    cause = "it existed before the run, and could not be moved out of the root"
    return RemovalReport(failed=tuple(RemovalFailure(path, cause, None) for path in paths))


def rescue_from_dead(
    root: str, home: str, deadline: float | None = None
) -> tuple[dict[str, str], tuple[str, ...]] | None:
    """Move preexisting files out of the root of a dead run.

    These are the paths that its journal names, and those that are older than the root.

    Args:
        root: where the root is now; its lock is held.
        home: where it was created.
        deadline: when to stop looking, on the clock of `time.monotonic`; None for no limit.

    Returns:
        Where each is now, by the path it had in the run; and the paths that could not be moved.
        None if the time was up before all were found.
    """
    older = born_before(root, deadline)
    named = _journalled(root, home, deadline)
    if older is None or named is None:
        return None
    here = {**{path: home + path[len(root) :] for path in older}, **named}
    moved = rescue(here, root)
    left = still_below(here, moved, root)
    return {here[path]: target for path, target in moved.items()}, left


def _journalled(root: str, home: str, deadline: float | None) -> dict[str, str] | None:
    """Return the paths that the journal names: the path in the run, by the one that it has now.

    None if the time was up before the end.
    """
    here: dict[str, str] = {}
    for number, (path, source) in enumerate(preexisting(root), 1):
        if not number % _ENTRIES_PER_CHECK and _is_over(deadline):
            return None
        location = root + path[len(home) :]
        if not path.startswith(home + os.sep) or not syscalls.lexists(location):
            continue
        # A directory above it that has become a link leads to another file.
        if _location(location) == location and not syscalls.is_same(location, source):
            here[location] = path
    return here


def _move_out(path: str, directory: str) -> str | None:
    make_path_accessible(os.path.dirname(path))
    stem, extension = os.path.splitext(os.path.basename(path))
    for number in range(_ATTEMPTS):
        name = f"{stem}-{number}{extension}" if number else stem + extension
        target = os.path.join(directory, name)
        try:
            move_without_replacing(path, target)
        except DestinationExistsError:
            continue
        except FileSystemError as error:
            _log.warning("cannot move %s out of the run root: %s", path, error)
            return None
        return target
    return None


def born_before(
    root: str, deadline: float | None = None, within: Iterable[str] = ()
) -> list[str] | None:
    """Return the topmost paths below a run root that are older than the root.

    A move keeps the time of birth, so these are preexisting. Where the system does not report it
    nothing is found: no other time stamp is proof. Not included are files that have another name
    elsewhere, which keeps them, and mounted file systems.

    Args:
        root: the run root, without links on its way.
        deadline: when to stop, on the clock of `time.monotonic`; None for no limit.
        within: search only these paths and below them.

    Returns:
        None if the time was up before the end.
    """
    try:
        status = os.lstat(root)
    except OSError:
        return []
    created = birth(root, status)
    return [] if created is None else _Search(root, created, status.st_dev).run(within, deadline)


class _Search:
    def __init__(self, root: str, created: int, device: int) -> None:
        self._created = created
        self._device = device
        self._pending: list[str] = []
        self._root = root
        self._mounted = {point for point in procfs.mounts() if point.startswith(root + os.sep)}
        self._found: list[str] = []
        self._names: dict[tuple[FileId, int], list[str]] = {}

    def run(self, within: Iterable[str], deadline: float | None) -> list[str] | None:
        for path in _topmost(within) or (self._root,):
            with suppress(OSError):
                self._look(path, os.lstat(path))
        while self._pending:
            for number, (path, status) in enumerate(_entries(self._pending.pop())):
                if not number % _ENTRIES_PER_CHECK and _is_over(deadline):
                    return None
                if status.st_dev == self._device and path not in self._mounted:
                    self._look(path, status)
        for (_, links), paths in self._names.items():
            if len(paths) == links:
                self._found += paths
        return self._found

    def _look(self, path: str, status: os.stat_result) -> None:
        is_directory = stat.S_ISDIR(status.st_mode)
        born = birth(path, status)
        if born is None or born >= self._created:
            if is_directory:
                self._pending.append(path)
        elif is_directory:
            self._found.append(path)
        else:
            self._names.setdefault((file_id(status), status.st_nlink), []).append(path)


def _is_over(deadline: float | None) -> bool:
    return deadline is not None and time.monotonic() >= deadline


def _topmost(paths: Iterable[str]) -> list[str]:
    """Return the paths that lie below none of the others."""
    known = set(paths)
    return [path for path in known if known.isdisjoint(islice(with_parents(path), 1, None))]


def _entries(directory: str) -> Iterator[tuple[str, os.stat_result]]:
    with suppress(OSError), _scan(directory) as entries:
        for entry in entries:
            with suppress(OSError):
                yield entry.path, os.lstat(entry.path)


def _scan(directory: str) -> AbstractContextManager[Iterator[os.DirEntry[str]]]:
    try:
        return os.scandir(directory)
    except PermissionError:
        make_path_accessible(directory)
        return os.scandir(directory)
