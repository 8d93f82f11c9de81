"""Rescue kept and preexisting files from any run root: move each to a free name beside the root."""

from __future__ import annotations

import errno
import logging
import os
import stat
import time
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import suppress
from itertools import islice

from ..errors import DestinationExistsError
from ..fileops.access import is_private, make_path_accessible
from ..fileops.identity import FileId, birth, births_hold, file_id, with_parents
from ..registry.move import move_without_replacing
from ..reports import RemovalFailure, RemovalReport
from ..roots.claim import outside_of_roots
from ..roots.dispose import OWN_NAMES
from ..roots.journal_reader import preexisting
from ..roots.marker import Marker
from ..system import procfs, syscalls
from .unproven import UnprovenCopies, are_copied

_log = logging.getLogger("tempfiles")
RESCUED_PREFIX = "tidytest-rescued-"
"""The beginning of the names of private directories for rescued files; no run root has it."""
_OTHERS = stat.S_IRWXG | stat.S_IRWXO
_ATTEMPTS = 1000
_ENTRIES_PER_CHECK = 1000  # of the clock

IsUnproven = Callable[[str, os.stat_result], bool]
"""Whether a path, whose `lstat` is given, may be the user's although it is younger than the run."""


def rescue(paths: Iterable[str], root: str, moved: dict[str, str]) -> None:
    """Move the paths that lie below a run root out of it, next to it; nothing is overwritten.

    The root is private. What others could read next to it goes into a new private directory there.
    What could not be moved is logged: then the root must not be removed.

    Args:
        paths: what to move.
        root: the run root.
        moved: gets where each is now, as soon as it is there: a signal may interrupt this.
    """
    target = _Target(outside_of_roots(os.path.dirname(root)))  # a worker's lies in another one
    for path in sorted(set(paths)):
        # What lies in a rescued directory has gone with it.
        location = _location(path)
        if location.startswith(root + os.sep) and syscalls.lexists(location):
            try:
                moved[path] = _move_out(location, target.directory_for(location))
            except Exception as error:  # an audit hook of the user may raise anything
                _log.warning("cannot move %s out of the run root: %s", location, error)
    target.remove_unused()


class _Target:
    """The directory that files are moved to, and a private one in it where that is needed."""

    def __init__(self, directory: str) -> None:
        self._directory = directory
        self._private = ""

    def directory_for(self, path: str) -> str:
        """Return where a path goes; others can then read no more of it than before."""
        mode = os.lstat(path).st_mode
        if stat.S_ISLNK(mode) or not mode & _OTHERS or is_private(self._directory):
            return self._directory
        if not self._private:
            path = os.path.join(self._directory, RESCUED_PREFIX + os.urandom(4).hex())
            os.mkdir(path, 0o700)
            self._private = path
        return self._private

    def remove_unused(self) -> None:
        """Remove the private directory if nothing was moved there."""
        if self._private:
            with suppress(OSError):
                os.rmdir(self._private)


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
    root: str, marker: Marker | None, deadline: float | None = None
) -> tuple[dict[str, str], tuple[str, ...]] | None:
    """Move preexisting files out of the root of a dead run.

    These are the paths that its journal names, those that are older than the root, and those that
    may have been copied there from before the run.

    Args:
        root: where the root is now; its lock is held.
        marker: its marker; None where it has none.
        deadline: when to stop looking, on the clock of `time.monotonic`; None for no limit.

    Returns:
        Where each is now, by the path it had in the run; and the paths that could not be moved.
        None if the time was up before all were found.

    Raises:
        OutOfTimeError: the time was up before it was known what was copied.
    """
    home, project = (marker.root, marker.project) if marker is not None else (root, "")
    try:
        older = born_before(root, deadline, project=project)
    except OSError:
        return {}, (root,)
    named = _journalled(root, home, deadline)
    if older is None or named is None:
        return None
    here = {**{path: home + path[len(root) :] for path in older}, **named}
    moved: dict[str, str] = {}
    rescue(here, root, moved)
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


def _move_out(path: str, directory: str) -> str:
    make_path_accessible(os.path.dirname(path))
    stem, extension = os.path.splitext(os.path.basename(path))
    for number in range(_ATTEMPTS):
        name = f"{stem}-{number}{extension}" if number else stem + extension
        target = os.path.join(directory, name)
        try:
            move_without_replacing(path, target)
        except DestinationExistsError:
            continue
        return target
    raise FileExistsError(errno.EEXIST, "no free name")


def born_before(
    root: str, deadline: float | None = None, within: Iterable[str] = (),
    is_unproven: IsUnproven | None = None, project: str = "",
) -> list[str] | None:
    """Return the topmost paths below a run root that are older than the root.

    A move keeps the time of birth, so these are preexisting. Where the system does not report it
    nothing is found: no other time stamp is proof. Not included are files that have another name
    elsewhere, which keeps them, and mounted file systems. A directory that cannot be read, although
    its permissions allow it, may hold anything: it is taken for preexisting.

    Args:
        root: the run root, without links on its way.
        deadline: when to stop, on the clock of `time.monotonic`; None for no limit.
        within: search only these paths and below them.
        is_unproven: whether what lies in the root may be preexisting although it is younger than
            the root. By default that is what was written before, where a move from the project
            copies, and its original is not there any more.
        project: the working directory of the run.

    Returns:
        None if the time was up before the end.

    Raises:
        OSError: the root itself cannot be read; or what an audit hook of the user raises.
    """
    try:
        status = os.lstat(root)
    except OSError:
        return []
    created = birth(root, status)
    if created is None:
        return []
    is_copied = not births_hold(root) or (project and are_copied(root, project))
    if is_unproven is None and is_copied:
        is_unproven = UnprovenCopies(project, created, deadline)
    return _Search(root, created, status.st_dev, is_unproven).run(within, deadline)


class _Search:
    def __init__(
        self, root: str, created: int, device: int,
        is_unproven: IsUnproven | None,
    ) -> None:
        self._created = created
        self._is_unproven = is_unproven
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
            directory = self._pending.pop()
            try:
                entries = _entries(directory)
            except Exception:  # no descriptor is free, or an audit hook of the user forbids it
                if directory == self._root:
                    raise
                if os.access(directory, os.R_OK | os.X_OK):
                    self._found.append(directory)
                continue
            for number, (path, status) in enumerate(entries):
                if not number % _ENTRIES_PER_CHECK and _is_over(deadline):
                    return None
                # An overlay may show another device for each file.
                is_entered = status.st_dev == self._device or not stat.S_ISDIR(status.st_mode)
                if is_entered and path not in self._mounted:
                    self._look(path, status)
        for (_, links), paths in self._names.items():
            if len(paths) == links:
                self._found += paths
        return self._found

    def _look(self, path: str, status: os.stat_result) -> None:
        is_directory = stat.S_ISDIR(status.st_mode)
        if not self._is_older(path, status):
            if is_directory:
                self._pending.append(path)
        elif is_directory:
            self._found.append(path)
        else:
            self._names.setdefault((file_id(status), status.st_nlink), []).append(path)

    def _is_older(self, path: str, status: os.stat_result) -> bool:
        born = birth(path, status)
        if born is not None and born < self._created:
            return True
        name = path[len(self._root) + 1 :]
        if self._is_unproven is None or not name or name.isdecimal() or name in OWN_NAMES:
            return False  # the run's own
        return self._is_unproven(path, status)


def _is_over(deadline: float | None) -> bool:
    return deadline is not None and time.monotonic() >= deadline


def _topmost(paths: Iterable[str]) -> list[str]:
    """Return the paths that lie below none of the others."""
    known = set(paths)
    return [path for path in known if known.isdisjoint(islice(with_parents(path), 1, None))]


def _entries(directory: str) -> Iterator[tuple[str, os.stat_result]]:
    try:
        names = os.listdir(directory)
    except PermissionError:
        make_path_accessible(directory)
        names = os.listdir(directory)
    return _statuses(os.path.join(directory, name) for name in names)


def _statuses(paths: Iterable[str]) -> Iterator[tuple[str, os.stat_result]]:
    for path in paths:
        with suppress(FileNotFoundError):
            yield path, os.lstat(path)
