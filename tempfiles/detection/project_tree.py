"""Compare the project tree and shared directories with what they held before.

The project tree is read once, before the first work that no audit event describes; later only
directories whose time stamps changed are read again. Of shared directories (the system's temp
directory, the home directory, /dev/shm) only the top level is compared.
"""

from __future__ import annotations

import os
import stat
from collections.abc import Collection, Iterator

from ..fileops.identity import birth, is_original
from ..system import syscalls
from ..system.platform import RACY_NS
from .ignore import Ignored

# A larger tree is no project's: tests are run from a home directory.
MOST_ENTRIES = 100_000


class ProjectTree:
    """The directories of the project with the names that each held when it was last read."""

    def __init__(self, top: str, ignored: Ignored, excluded: Collection[str]) -> None:
        self.top = top
        self._ignored = ignored
        self._excluded = excluded
        self._directories: dict[str, tuple[int, frozenset[str]]] = {}
        self._first: dict[str, tuple[int, frozenset[str]]] = {}
        self.known = False

    def snapshot(self) -> None:
        """Read the tree; a tree that is too large is not followed at all."""
        pending, entries = [self.top], 0
        while pending:
            directory = pending.pop()
            names, below = self._read(directory)
            entries += len(names)
            if entries > MOST_ENTRIES:
                self._directories.clear()
                return
            pending += below
        self._first = dict(self._directories)
        self.known = True

    def lost(self, since: int) -> Iterator[str]:
        """Yield what was there at the snapshot and is not, or was replaced or copied since.

        Args:
            since: when the run began (ns since the epoch).
        """
        for directory, (stamp, names) in self._first.items():
            if _stamp(directory) != stamp:
                now = _listing(directory)
                for name in names:
                    path = os.path.join(directory, name)
                    if name not in now or _is_born_since(path, since):
                        yield path

    def has_original(self, path: str, status: os.stat_result) -> bool:
        """Whether what was there at the snapshot has the name, time and content of a copy."""
        name = os.path.basename(path)
        places = [top for top, (_, names) in self._first.items() if name in names]
        return any(is_original(os.path.join(top, name), path, status) for top in places)

    def new(self) -> Iterator[str]:
        """Yield the topmost paths that appeared since the last call."""
        for directory, (stamp, before) in list(self._directories.items()):
            now = _stamp(directory)
            if now is None:
                del self._directories[directory]
            elif now != stamp:
                after, _ = self._read(directory)
                for name in sorted(after - before):
                    yield os.path.join(directory, name)

    def changed(self) -> bool:
        """Whether any directory of it may have other names than when last read."""
        return any(
            _stamp(directory) != stamp for directory, (stamp, _) in self._directories.items()
        )

    def has_new(self) -> bool:
        """Whether a directory of it that changed has other names than when last read."""
        return any(
            _stamp(directory) != stamp and _listing(directory) - names
            for directory, (stamp, names) in self._directories.items()
        )

    def top_changed(self) -> bool:
        """Whether the top directory itself may have other names than when last read."""
        stamp, _ = self._directories.get(self.top, (-1, None))
        return self.known and _stamp(self.top) != stamp

    def directories(self) -> list[str]:
        """Return the directories of the tree that are known."""
        return list(self._directories)

    def _read(self, directory: str) -> tuple[frozenset[str], list[str]]:
        names: list[str] = []
        below: list[str] = []
        try:
            stamp = syscalls.stat(directory).st_mtime_ns
            with syscalls.scandir(directory) as scan:
                for entry in scan:
                    names.append(entry.name)
                    if entry.is_dir(follow_symlinks=False) and not self._skips(entry.path):
                        below.append(entry.path)
        except OSError:
            stamp = -1
        if syscalls.time_ns() - stamp < RACY_NS:
            stamp = -1
        self._directories[directory] = (stamp, frozenset(names))
        return frozenset(names), below

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
                if _is_own(path):
                    yield path


def shared_directories(base: str) -> list[str]:
    """Return the shared directories of this system, each once."""
    places = [base, "/tmp", os.path.expanduser("~"), "/dev/shm"]
    present = filter(syscalls.is_directory, places)
    return list(dict.fromkeys(map(syscalls.real_path, present)))


def _stamp(directory: str) -> int | None:
    try:
        return syscalls.stat(directory).st_mtime_ns
    except OSError:
        return None


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


def _is_own(path: str) -> bool:
    try:
        return not hasattr(os, "getuid") or syscalls.lstat(path).st_uid == os.getuid()
    except OSError:
        return False
