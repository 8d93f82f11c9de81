"""Count what lies below a directory without opening, following or waiting for anything in it.

The walk reads directories only, never follows a link, and does not enter another file system.
Where the system lists its mounts, a mount point is passed by without so much as a `stat`, because
one on a dead network mount never returns.
"""

from __future__ import annotations

import errno
import os
from collections.abc import Callable
from dataclasses import dataclass, field

from ..system.platform import HAS_DIR_FD
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
_VANISHED = {errno.ENOENT, errno.ENOTDIR, errno.ELOOP}


class CancelledError(Exception):
    """The walk was given up because its caller wanted it to."""


def mount_points(directory: str) -> frozenset[str]:
    """Return the mount points below a directory, relative to it; none where they are not listed."""
    prefix = os.path.join(directory, "")  # "/" stays "/"
    below = (path for path in mounts() if path.startswith(prefix))
    return frozenset(path[len(prefix) :] for path in below) - {""}


@dataclass(slots=True)
class Tally:
    """What was counted of one topmost entry."""

    name: str
    files: int = 0
    directories: int = 0
    bytes: int = 0


@dataclass(slots=True)
class _Pending:
    """A directory yet to be read; `counts` says that all below it does."""

    path: str
    counts: bool
    tally: Tally


@dataclass(slots=True)
class _Anchor:
    """An open directory, its path from the top, and what is yet to be read, as seen from it.

    `fd` is -1 where the system cannot open relative to a descriptor.
    """

    fd: int
    path: str
    pending: list[_Pending] = field(default_factory=list)

    def close(self) -> None:
        if self.fd >= 0:
            os.close(self.fd)


class Walk:
    """One walk below `top`: depth first, without recursion, with few descriptors open.

    Args:
        top: the path of a directory, free of links.
        matches: says of a name whether it counts; a directory that counts does so with all below
            it. None: all count.
        cancelled: asked at each directory whether to give up.

    `tallies` holds what the topmost directories hold, `loose` the names and sizes of the other
    topmost entries.
    """

    def __init__(
        self, top: str, matches: Callable[[str], object] | None, cancelled: Callable[[], bool]
    ) -> None:
        self.top = top
        self.tallies: dict[str, Tally] = {}
        self.loose: list[tuple[str, int]] = []
        self.unreadable = 0
        self.mounts = 0
        self._matches = matches
        self._cancelled = cancelled
        self._mounts = mount_points(top)
        self._device = 0
        self._linked: set[int] = set()

    def total(self) -> Tally:
        """Return the sum of all tallies."""
        tallies = self.tallies.values()
        return Tally(
            ".",
            sum(tally.files for tally in tallies) + len(self.loose),
            sum(tally.directories for tally in tallies),
            sum(tally.bytes for tally in tallies) + sum(size for _, size in self.loose),
        )

    def run(self) -> None:
        """Count all; raises CancelledError where `cancelled` said so."""
        try:
            self._device = os.lstat(self.top).st_dev
            anchor = _Anchor(os.open(self.top, _OPEN) if HAS_DIR_FD else -1, "")
        except OSError as error:
            self.unreadable += error.errno not in _VANISHED
            return
        anchors = [anchor]
        try:
            anchor.pending.append(_Pending("", self._matches is None, Tally("")))
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
        if self._cancelled():
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
            if self._is_ours(os.lstat(path).st_dev):
                anchor.pending += self._scan(path, anchor.path, directory)
            return
        fd = os.open(directory.path or ".", _OPEN, dir_fd=anchor.fd)
        try:
            if not self._is_ours(os.fstat(fd).st_dev):
                return
            found = self._scan(fd, anchor.path, directory)
            if len(directory.path) > _LONGEST and found:
                path = os.path.join(anchor.path, directory.path)
                for below in found:
                    below.path = os.path.basename(below.path)
                anchors.append(_Anchor(os.dup(fd), path, found))
                if not anchor.pending:  # a deep chain needs two descriptors, not thousands
                    anchors.remove(anchor)
                    anchor.close()
            else:
                anchor.pending += found
        finally:
            os.close(fd)

    def _is_ours(self, device: int) -> bool:
        """Whether a directory is of the file system of the top; else it is passed by."""
        self.mounts += device != self._device
        return device == self._device

    def _scan(self, where: int | str, above: str, directory: _Pending) -> list[_Pending]:
        """Count the entries of one directory and return the directories among them."""
        found: list[_Pending] = []
        tally, path, files = directory.tally, directory.path, 0
        loose = None if path or above else self.loose
        with os.scandir(where) as entries:
            for entry in entries:
                name = entry.name
                if self._mounts and os.path.join(above, path, name) in self._mounts:
                    self.mounts += 1
                    continue
                counts = directory.counts or bool(self._matches and self._matches(name))
                if entry.is_dir(follow_symlinks=False):
                    below = tally if loose is None else self._topmost(name)
                    below.directories += counts
                    found.append(_Pending(f"{path}/{name}" if path else name, counts, below))
                elif counts and (size := self._size(entry)) is not None:
                    files += 1
                    if loose is None:
                        tally.bytes += size
                    else:
                        loose.append((name, size))
        if loose is None:
            tally.files += files
        return found

    def _topmost(self, name: str) -> Tally:
        return self.tallies.setdefault(name, Tally(name))

    def _size(self, entry: os.DirEntry[str]) -> int | None:
        """Return how much an entry that is no directory counts for, None if it has vanished."""
        try:
            if not entry.is_file(follow_symlinks=False):
                return 0
            status = entry.stat(follow_symlinks=False)
        except OSError as error:
            if error.errno in _VANISHED:
                return None
            self.unreadable += 1
            return 0
        if status.st_nlink > 1:
            if status.st_ino in self._linked:
                return 0
            self._linked.add(status.st_ino)
        return status.st_size
