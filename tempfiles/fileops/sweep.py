"""What a path is and how much lies in it, and what is new in a directory."""

from __future__ import annotations

import os
import stat
from dataclasses import dataclass

from ..system import syscalls
from ..system.platform import allocated

TYPE_CHECKING = False
if TYPE_CHECKING:
    from ..records import ResourceType

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


@dataclass(frozen=True, slots=True)
class Extent:
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
