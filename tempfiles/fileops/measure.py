"""Measure what lies at a path without opening, following or waiting for anything in it.

The walk reads directories only, never follows a link, and does not enter another file system.
A mount point that the caller has looked up is left out without so much as a `stat`, because one
on a dead network mount never returns.
"""

from __future__ import annotations

import errno
import os
import stat
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field

from ..records import ResourceType
from ..system import syscalls
from ..system.platform import HAS_DIR_FD, allocated
from ..system.procfs import mounts

# A path from an open directory must stay below PATH_MAX (4096 bytes, names up to 255 characters
# of up to 4 bytes); below a longer one the walk goes on from a descriptor further down.
_LONGEST = 700

_OPEN = (
    os.O_RDONLY
    | getattr(os, "O_DIRECTORY", 0)
    | getattr(os, "O_NOFOLLOW", 0)
    | getattr(os, "O_CLOEXEC", 0)
)
_TYPES: dict[int, ResourceType] = {
    stat.S_IFREG: "file",
    stat.S_IFDIR: "directory",
    stat.S_IFLNK: "symlink",
    stat.S_IFIFO: "fifo",
    stat.S_IFSOCK: "socket",
}
_VANISHED = {errno.ENOENT, errno.ENOTDIR, errno.ELOOP}


class CancelledError(Exception):
    """The walk was given up because its caller wanted it to."""


def walk_tree(path: str) -> Iterator[tuple[str, os.stat_result]]:
    """Yield a path and everything below it with its `lstat`, directories before their entries.

    Raises:
        OSError: an entry cannot be examined or read.
    """
    pending = [path]
    while pending:
        path = pending.pop()
        status = os.lstat(path)
        yield path, status
        if stat.S_ISDIR(status.st_mode):
            pending += (os.path.join(path, name) for name in os.listdir(path))


def mount_points(directory: str) -> frozenset[str]:
    """Return the mount points below a directory, relative to it; none where they are not listed."""
    prefix = os.path.join(directory, "")  # "/" stays "/"
    below = (path for path in mounts() if path.startswith(prefix))
    return frozenset(path[len(prefix) :] for path in below) - {""}


def type_of(status: os.stat_result) -> ResourceType:
    """Return the type of a resource from its `lstat`."""
    return _TYPES.get(stat.S_IFMT(status.st_mode), "other")


@dataclass(slots=True)
class Extent:
    """How much was measured: `bytes` is the sum of the lengths of regular files, `taken` what they
    take on the disk (holes: nothing). `files` counts everything that is not a directory.
    """

    bytes: int = 0
    taken: int = 0
    files: int = 0
    directories: int = 0

    @property
    def entries(self) -> int:
        """The number of files and directories."""
        return self.files + self.directories


@dataclass(frozen=True, slots=True)
class WalkRules:
    """What a walk counts, and when it gives up.

    Args:
        matches: says of a name whether it counts; a directory that counts does so with everything
            below it. None: all names count.
        mounted: the mount points below the top, which are not entered (see `mount_points`).
        linked: device and inode of the files with several names that have been counted, to count
            each once; None: each name counts.
        cancelled: asked at each directory whether to give up.
        excludes: says of a path whether to leave it out, with everything below it.
    """

    matches: Callable[[str], object] | None = None
    mounted: frozenset[str] = frozenset()
    linked: set[tuple[int, int]] | None = None
    cancelled: Callable[[], bool] | None = None
    excludes: Callable[[str], bool] | None = None


_ALL = WalkRules()


def measure(
    path: str, status: os.stat_result | None = None, rules: WalkRules = _ALL
) -> Extent:
    """Return how much lies at a path, itself included; what vanishes meanwhile is left out.

    Args:
        path: an absolute path; a link at its end is not followed.
        status: its `lstat`, where the caller has it.
        rules: what to count below it.

    Raises:
        CancelledError: `rules.cancelled` said so.
    """
    try:
        status = status or syscalls.lstat(path)
    except OSError:
        return Extent()
    if not stat.S_ISDIR(status.st_mode):
        return Extent(*_lengths(status, rules.linked), files=1)
    walk = Walk(path, rules)
    walk.run()
    extent = walk.total()
    extent.directories += 1
    return extent


def _lengths(status: os.stat_result, linked: set[tuple[int, int]] | None) -> tuple[int, int]:
    """Return the length of a file and what it takes on the disk; 0 if it was counted already."""
    if not stat.S_ISREG(status.st_mode):
        return 0, 0
    if linked is not None and status.st_nlink > 1:
        key = status.st_dev, status.st_ino
        if key in linked:
            return 0, 0
        linked.add(key)
    return status.st_size, allocated(status)


@dataclass(slots=True)
class _Pending:
    """A directory yet to be read; `counts` says that all below it does."""

    path: str
    counts: bool
    extent: Extent


@dataclass(slots=True)
class _Anchor:
    """An open directory, its path from the top, and the directories yet to be read, relative to it.

    `fd` is -1 where the system cannot open relative to a descriptor.
    """

    fd: int
    path: str
    pending: list[_Pending] = field(default_factory=list)

    def close(self) -> None:
        if self.fd >= 0:
            syscalls.close_fd(self.fd)


class Walk:
    """One walk below `top`: depth first, without recursion, with few descriptors open.

    Args:
        top: the path of a directory, free of links.
        rules: what to count.

    `extents` holds how much lies in each topmost directory, itself included, `loose` the names and
    the lengths of the other topmost entries.
    """

    def __init__(self, top: str, rules: WalkRules) -> None:
        self.top = top
        self.extents: dict[str, Extent] = {}
        self.loose: list[tuple[str, int]] = []
        self.unreadable = 0
        self.mounts = 0
        self._rules = rules
        self._device = 0
        self._loose = Extent()

    def total(self) -> Extent:
        """Return the sum of what was measured, without the top itself."""
        extents = [self._loose, *self.extents.values()]
        return Extent(
            sum(extent.bytes for extent in extents),
            sum(extent.taken for extent in extents),
            sum(extent.files for extent in extents),
            sum(extent.directories for extent in extents),
        )

    def run(self) -> None:
        """Count all; raises CancelledError where `cancelled` said so."""
        try:
            self._device = syscalls.lstat(self.top).st_dev
            anchor = _Anchor(syscalls.open_fd(self.top, _OPEN) if HAS_DIR_FD else -1, "")
        except OSError as error:
            self.unreadable += error.errno not in _VANISHED
            return
        anchors = [anchor]
        try:
            anchor.pending.append(_Pending("", self._rules.matches is None, self._loose))
            while anchors:
                self._step(anchors)
        finally:
            for anchor in anchors:
                anchor.close()

    def _step(self, anchors: list[_Anchor]) -> None:
        """Read one pending directory, or close an anchor that has none left."""
        anchor = anchors[-1]
        if not anchor.pending:
            anchors.pop().close()
            return
        if self._rules.cancelled is not None and self._rules.cancelled():
            raise CancelledError
        directory = anchor.pending.pop()
        try:
            self._read(anchors, directory)
        except OSError as error:
            self.unreadable += error.errno not in _VANISHED

    def _read(self, anchors: list[_Anchor], directory: _Pending) -> None:
        anchor = anchors[-1]
        if anchor.fd < 0:
            path = os.path.join(self.top, directory.path)
            if self._is_ours(syscalls.lstat(path).st_dev):
                anchor.pending += self._scan(path, anchor.path, directory)
            return
        fd = syscalls.open_fd(directory.path or ".", _OPEN, dir_fd=anchor.fd)
        try:
            if not self._is_ours(syscalls.fstat(fd).st_dev):
                return
            found = self._scan(fd, anchor.path, directory)
            if len(directory.path) > _LONGEST and found:
                path = os.path.join(anchor.path, directory.path)
                for below in found:
                    below.path = os.path.basename(below.path)
                anchors.append(_Anchor(syscalls.dup(fd), path, found))
                if not anchor.pending:  # a deep chain needs two descriptors, not thousands
                    anchors.remove(anchor)
                    anchor.close()
            else:
                anchor.pending += found
        finally:
            syscalls.close_fd(fd)

    def _is_ours(self, device: int) -> bool:
        """Whether a directory is of the file system of the top; else it is not entered."""
        self.mounts += device != self._device
        return device == self._device

    def _scan(self, where: int | str, above: str, directory: _Pending) -> list[_Pending]:
        """Count the entries of one directory and return the directories among them."""
        found: list[_Pending] = []
        extent, path = directory.extent, directory.path
        is_top, matches = not path and not above, self._rules.matches
        with syscalls.scandir(where) as entries:
            for entry in entries:
                name = entry.name
                if self._is_excluded(above, path, name):
                    continue
                counts = directory.counts or bool(matches is not None and matches(name))
                if entry.is_dir(follow_symlinks=False):
                    below = self.extents.setdefault(name, Extent()) if is_top else extent
                    below.directories += counts
                    found.append(_Pending(f"{path}/{name}" if path else name, counts, below))
                elif counts and (lengths := self._lengths(entry)) is not None:
                    extent.files += 1
                    extent.bytes += lengths[0]
                    extent.taken += lengths[1]
                    if is_top:
                        self.loose.append((name, lengths[0]))
        return found

    def _is_excluded(self, above: str, path: str, name: str) -> bool:
        if self._rules.mounted and os.path.join(above, path, name) in self._rules.mounted:
            self.mounts += 1
            return True
        if self._rules.excludes is None:
            return False
        return self._rules.excludes(os.path.join(self.top, above, path, name))

    def _lengths(self, entry: os.DirEntry[str]) -> tuple[int, int] | None:
        """Return length and allocation of an entry that is no directory, None if it vanished."""
        try:
            if not entry.is_file(follow_symlinks=False):
                return 0, 0
            return _lengths(entry.stat(follow_symlinks=False), self._rules.linked)
        except OSError as error:
            if error.errno in _VANISHED:
                return None
            self.unreadable += 1
            return 0, 0
