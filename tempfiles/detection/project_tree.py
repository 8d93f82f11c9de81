"""Compare the project tree and shared directories with what they held before.

The project tree is read once, at the start of a run that tracks; later only directories whose time
stamps changed are read again. The names of a large tree take too long to read and to keep: of most
of its directories only the time stamp is known, and what is new in them has a later time of birth.
Of shared directories (the system's temp directory, the home directory, /dev/shm) only the top level
is compared.
"""

from __future__ import annotations

import os
import stat
from collections.abc import Collection, Iterator, Mapping
from typing import NamedTuple

from ..fileops.identity import birth, is_original
from ..registry import contexts
from ..system import procfs, syscalls
from ..system.platform import RACY_NS
from .ignore import Ignored

# A larger tree is no project's: tests are run from a home directory.
MOST_ENTRIES = 100_000
_MOST_NAMES = 20_000  # that are kept: a megabyte, read in some ten milliseconds
# Where a directory without others in it has two links, so that it need not be read.
_COUNT_DIRECTORIES = frozenset({"ext4", "tmpfs", "xfs"})


class _Listing(NamedTuple):
    """What is known of a directory.

    Attributes:
        stamp: its time of modification when it was read; -1 where it may have changed since.
        joined: the names in it, each with a slash behind it; None where they were not read.
    """

    stamp: int
    joined: str | None

    @property
    def names(self) -> frozenset[str]:
        """The names; none where they were not read."""
        return frozenset((self.joined or "").split("/")[:-1])


class ProjectTree:
    """The directories of the project with what each held when it was last read.

    Attributes:
        known: whether it was read.
    """

    def __init__(self, top: str, ignored: Ignored, excluded: Collection[str]) -> None:
        self.top = top
        self._ignored = ignored
        self._excluded = excluded
        self._directories: dict[str, _Listing] = {}
        self._first: dict[str, _Listing] = {}
        self._since = 0
        self._names_left = _MOST_NAMES
        self._device: int | None = None  # of the directories that need not be read
        self.known = False

    def snapshot(self) -> None:
        """Read the tree; a tree that is too large is not followed at all."""
        self._since = syscalls.time_ns() - RACY_NS
        pending, entries = [self.top], 0
        while pending:
            directory = pending.pop()
            seen, below = self._read(directory)
            entries += seen
            if entries > MOST_ENTRIES:
                self._directories.clear()
                return
            pending += below
        self._first = dict(self._directories)
        self.known = True

    def entries(self) -> Iterator[str]:
        """Yield what was there at the snapshot, as far as its names are known, but no caches."""
        for directory, listing in self._first.items():
            for name in listing.names:
                path = os.path.join(directory, name)
                if not self._ignored(path):
                    yield path

    def lost(self, since: int) -> Iterator[str]:
        """Yield what was there at the snapshot and is not, or was replaced or copied since.

        Args:
            since: when the run began (ns since the epoch).
        """
        for directory, _ in _changed(self._first):
            now = _listing(directory)
            for name in self._first[directory].names:
                path = os.path.join(directory, name)
                if name not in now or _is_born_since(path, since):
                    yield path

    def may_miss_any(self) -> bool:
        """Whether a directory has changed of which it is not known what it held."""
        return any(self._first[directory].joined is None for directory, _ in _changed(self._first))

    def has_original(self, path: str, status: os.stat_result) -> bool:
        """Whether what was there at the snapshot has the name, time and content of a copy."""
        name = os.path.basename(path)
        places = [
            top for top, listing in self._first.items()
            if listing.joined is None or name in listing.names
        ]
        return any(is_original(os.path.join(top, name), path, status) for top in places)

    def new(self) -> Iterator[str]:
        """Yield the topmost paths that appeared since the last call."""
        for directory, is_there in list(_changed(self._directories)):
            if not is_there:
                del self._directories[directory]
            else:
                before = self._directories[directory]
                self._read(directory, all_names=True)
                after = self._directories[directory].names
                for name in sorted(self._added(directory, before, after)):
                    yield os.path.join(directory, name)

    def changed(self) -> bool:
        """Whether any directory of it may have other names than when last read."""
        return any(True for _ in _changed(self._directories))

    def has_new(self) -> bool:
        """Whether a directory of it that changed has other names than when last read."""
        return any(
            self._added(directory, self._directories[directory], _listing(directory))
            for directory, _ in _changed(self._directories)
        )

    def _added(
        self, directory: str, before: _Listing, after: frozenset[str]
    ) -> frozenset[str]:
        """Return which of the names in a directory are new."""
        if before.joined is not None:
            return after - before.names
        with contexts.untracked():  # it may import ctypes, which counts as native code else
            return frozenset(
                name for name in after if self._is_new(os.path.join(directory, name))
            )

    def _is_new(self, path: str) -> bool:
        try:
            status = syscalls.lstat(path)
        except OSError:
            return False
        # A change of the name changes the ctime: most files are not asked any further.
        return status.st_ctime_ns >= self._since and (birth(path, status) or 0) >= self._since

    def top_changed(self) -> bool:
        """Whether the top directory itself may have other names than when last read."""
        top = {self.top: self._directories.get(self.top, _Listing(-1, None))}
        return self.known and any(True for _ in _changed(top))

    def directories(self) -> list[str]:
        """Return the directories of the tree that are known."""
        return list(self._directories)

    def _read(self, directory: str, *, all_names: bool = False) -> tuple[int, list[str]]:
        """Read a directory; return how many entries were read, and the directories in it.

        Args:
            directory: the directory.
            all_names: keep its names, whatever their number.
        """
        names: list[str] = []
        below: list[str] = []
        wanted = None
        try:
            status = syscalls.stat(directory)
            stamp = status.st_mtime_ns
            if not all_names and self._names_left <= 0:
                wanted = self._count_directories(status)
            if wanted != 0:
                with syscalls.scandir(directory) as scan:
                    for entry in scan:
                        names.append(entry.name)
                        if entry.is_dir(follow_symlinks=False):
                            if not self._skips(entry.path):
                                below.append(entry.path)
                            if wanted is not None and (wanted := wanted - 1) == 0:
                                break
        except OSError:
            stamp = -1
        self._names_left -= len(names)
        if syscalls.time_ns() - stamp < RACY_NS:
            stamp = -1
        joined = "".join(f"{name}/" for name in names) if wanted is None else None
        self._directories[directory] = _Listing(stamp, joined)
        return len(names) or 1, below

    def _count_directories(self, status: os.stat_result) -> int | None:
        """Return how many directories are in one; None where its links do not tell."""
        if self._device is None:
            self._device = self._find_device()
        return status.st_nlink - 2 if status.st_dev == self._device else None

    def _find_device(self) -> int:
        """Return the device of the tree; -1 where each of its directories must be read."""
        status = syscalls.lstat(self.top)
        with contexts.untracked():  # it may import ctypes, which counts as native code else
            is_born = birth(self.top, status) is not None
        kind = procfs.file_system_type(self.top)
        return status.st_dev if is_born and kind in _COUNT_DIRECTORIES else -1

    def _skips(self, path: str) -> bool:
        return path in self._excluded or self._ignored.skips_directory(path)


class FileStates:
    """Size, time stamp and inode of every file of the project tree, for `--watch-modified`."""

    def __init__(self, tree: ProjectTree) -> None:
        self._tree = tree
        self._states = dict(self._read())

    def changes(self) -> Iterator[tuple[str, tuple[str, ...]]]:
        """Yield each file that was there at the last call and has changed since, and in what.

        A deleted file has an empty tuple.
        """
        before, self._states = self._states, dict(self._read())
        for path, state in before.items():
            now = self._states.get(path)
            if now is None:
                yield path, ()
            elif now != state:
                fields = zip(("inode", "size", "mtime"), state, now, strict=True)
                yield path, tuple(name for name, old, new in fields if old != new)

    def _read(self) -> Iterator[tuple[str, tuple[int, int, int]]]:
        for directory in self._tree.directories():
            try:
                with syscalls.scandir(directory) as scan:
                    for entry in scan:
                        status = entry.stat(follow_symlinks=False)
                        if not stat.S_ISDIR(status.st_mode):
                            yield (
                                entry.path,
                                (status.st_ino, status.st_size, status.st_mtime_ns),
                            )
            except OSError:
                continue


class SharedDirectories:
    """Directories that other programs use too: what is new in them needs evidence of its maker."""

    def __init__(self, places: list[str]) -> None:
        self._before = {place: _listing(place) for place in places}

    def lost(self) -> Iterator[str]:
        """Yield the paths that were there when this was made and are not any more."""
        for place, before in self._before.items():
            for name in before - _listing(place):
                yield os.path.join(place, name)

    def new(self) -> Iterator[str]:
        """Yield the paths that appeared since this was made and belong to this user."""
        for place, before in self._before.items():
            for name in sorted(_listing(place) - before):
                path = os.path.join(place, name)
                if is_own(path):
                    yield path


def shared_directories(base: str) -> list[str]:
    """Return the shared directories of this system, each once."""
    places = [base, "/tmp", os.path.expanduser("~"), "/dev/shm"]
    present = filter(syscalls.is_directory, places)
    return list(dict.fromkeys(map(syscalls.real_path, present)))


def _changed(listings: Mapping[str, _Listing]) -> Iterator[tuple[str, bool]]:
    """Yield each directory that may have other names than in its listing, and if it is there."""
    stat_of = syscalls.stat
    for directory, listing in listings.items():
        try:
            if stat_of(directory).st_mtime_ns == listing.stamp:
                continue
            is_there = True
        except OSError:
            is_there = False
        yield directory, is_there


def _is_born_since(path: str, since: int) -> bool:
    try:
        status = syscalls.lstat(path)
    except OSError:
        return True
    if stat.S_ISDIR(status.st_mode) or status.st_ctime_ns < since:
        return False
    return (birth(path, status) or since) >= since


def _listing(place: str) -> frozenset[str]:
    try:
        return frozenset(syscalls.listdir(place))
    except OSError:
        return frozenset()


def is_own(path: str) -> bool:
    """Return whether a path belongs to the user of this process."""
    try:
        return not hasattr(os, "getuid") or syscalls.lstat(path).st_uid == os.getuid()
    except OSError:
        return False
