"""What a path is and how much lies in it, and what is new in a directory."""

from __future__ import annotations

import contextlib
import os
import stat

from ..record import Record
from ..system import platform, syscalls
from ..system.platform import allocated

TYPE_CHECKING = False
if TYPE_CHECKING:
    from ..records import ResourceType

# Kernels before 6.13 stamp directories with the tick's time, up to 10 ms coarse: a directory that
# changed this recently (ns) may change again without a new stamp.
RACY_NS = 20_000_000

_TYPES: dict[int, ResourceType] = {
    stat.S_IFREG: "file",
    stat.S_IFDIR: "directory",
    stat.S_IFLNK: "symlink",
    stat.S_IFIFO: "fifo",
    stat.S_IFSOCK: "socket",
}


def type_of(status: os.stat_result) -> ResourceType:
    """Return the type of a resource from its lstat."""
    return _TYPES.get(stat.S_IFMT(status.st_mode), "other")


class Extent(Record):
    """How much a path is: the lengths of its files, what they take on the disk (holes: nothing),
    its entries (itself one), how many of them are files."""

    bytes: int
    taken: int
    entries: int
    files: int


def measure(path: str, status: os.stat_result) -> Extent:
    """Return how much a path is, with all below it.

    Directories count as entries but not as bytes, and all else counts as files. What vanishes or
    cannot be read is left out.
    """
    if not stat.S_ISDIR(status.st_mode):
        is_file = stat.S_ISREG(status.st_mode)
        return Extent(status.st_size, allocated(status), 1, 1) if is_file else Extent(0, 0, 1, 1)
    size, taken, entries, directories, pending = 0, 0, 1, 1, [path]
    while pending:
        try:
            with syscalls.scandir(pending.pop()) as scan:
                for entry in scan:
                    entries += 1
                    if entry.is_dir(follow_symlinks=False):
                        pending.append(entry.path)
                        directories += 1
                    elif entry.is_file(follow_symlinks=False):
                        status = entry.stat(follow_symlinks=False)
                        size += status.st_size
                        taken += allocated(status)
        except OSError:
            continue
    return Extent(size, taken, entries, entries - directories)


class Watched:
    """A directory whose listing is read again only when its time stamp says that it changed.

    It is held open, since asking a descriptor takes half the time; `release` lets go of it.
    """

    __slots__ = ("_inode", "_open", "_stamp", "path")

    def __init__(self, path: str) -> None:
        self.path = path
        self._stamp = -1
        self._inode = syscalls.stat(path).st_ino
        self._open: int | str = platform.park_directory(path)

    def changed(self) -> bool:
        """Whether it may hold other names than when `names` was last called."""
        status = self._status()
        return status is not None and status.st_mtime_ns != self._stamp

    def release(self) -> None:
        """Close the directory; it is asked by its path from now on."""
        held, self._open = self._open, self.path
        if isinstance(held, int):
            with contextlib.suppress(OSError):
                if syscalls.stat(held).st_ino == self._inode:
                    os.close(held)

    def names(self) -> list[str]:
        """Return the names in it now; none if it is gone."""
        status = self._status()
        if status is None:
            return []
        names = listing(self.path)
        stamp = status.st_mtime_ns
        self._stamp = stamp if syscalls.time_ns() - stamp > RACY_NS else -1
        return names

    def _status(self) -> os.stat_result | None:
        status = None
        try:  # not `suppress`: this is done after every test
            status = syscalls.stat(self._open)
        except OSError:
            self._open = self.path
        if status is not None and status.st_ino == self._inode:
            return status
        # A test has closed our descriptor, and perhaps another file has its number now.
        self._open = self.path
        try:
            return syscalls.stat(self.path)
        except OSError:
            return None


def listing(path: str) -> list[str]:
    """Return the names in a directory; none if it is gone or cannot be read."""
    try:
        return syscalls.listdir(path)
    except OSError:
        return []
