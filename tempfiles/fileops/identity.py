"""Identify files: device, inode number and, where the system reports it, the time of birth.

File systems reuse inode numbers at once, so device and inode distinguish a file only from those
that exist at the same time. The time of birth distinguishes it from later ones as well.
"""

import functools
import os
import stat
import sys
from collections.abc import Callable, Iterator
from typing import NamedTuple

from ..system import procfs, syscalls
from ..system.platform import LINUX

AnyPath = str | bytes | os.PathLike[str]

_LAYERED = frozenset({"aufs", "fuse.fuse-overlayfs", "overlay", "overlayfs", "unionfs"})
_AT_FDCWD = -100
_NO_FOLLOW = 0x100  # AT_SYMLINK_NOFOLLOW
_BIRTH = 0x800  # STATX_BTIME
_SIZE = 256
_BLOCK = 1 << 20
_ORDER = sys.byteorder
_SECONDS, _NANOSECONDS = slice(80, 88), slice(88, 92)  # of stx_btime


class FileId(NamedTuple):
    """The identity of a file. `birth` (ns since the epoch) is None unless it was asked for."""

    device: int
    inode: int
    birth: int | None = None


def with_parents(path: str) -> Iterator[str]:
    """Yield a path and the directories that it lies in, innermost first."""
    yield path
    while (parent := os.path.dirname(path)) != path:
        yield parent
        path = parent


def file_id(status: os.stat_result) -> FileId:
    """Return the identity in a status, without the time of birth."""
    return FileId(status.st_dev, status.st_ino)


def version(status: os.stat_result) -> tuple[int, ...]:
    """Return a value that changes when a path is replaced, written to, or gets new entries."""
    return (*_content(status), status.st_ctime_ns)


def is_same_version(then: os.stat_result, now: os.stat_result) -> bool:
    """Whether a path is what it was, although other links to its file may have been removed."""
    return version(now) == version(then) or (
        now.st_nlink < then.st_nlink and _content(now) == _content(then)
    )


def _content(status: os.stat_result) -> tuple[int, ...]:
    return status.st_dev, status.st_ino, status.st_size, status.st_mtime_ns


def has_same_content(one: str, other: str) -> bool:
    """Whether two paths are regular files with the same bytes, or links with the same target."""
    try:
        if syscalls.is_link(one) and syscalls.is_link(other):
            return syscalls.readlink(one) == syscalls.readlink(other)
        if not (syscalls.is_regular(one) and syscalls.is_regular(other)):
            return False
        if syscalls.lstat(one).st_size != syscalls.lstat(other).st_size:
            return False
        with syscalls.open_file(one, "rb") as a, syscalls.open_file(other, "rb") as b:
            while block := a.read(_BLOCK):
                if block != b.read(_BLOCK):
                    return False
    except (OSError, ValueError):
        return False
    return True


def is_original(path: str, copy: str, status: os.stat_result) -> bool:
    """Whether a path has the time and content of a copy; the entries of directories are not read.

    Args:
        path: what may be the original.
        copy: the path of the copy.
        status: its lstat.
    """
    try:
        found = syscalls.lstat(path)
    except (OSError, ValueError):
        return False
    if found.st_mtime_ns != status.st_mtime_ns:
        return False
    if stat.S_ISDIR(found.st_mode) and stat.S_ISDIR(status.st_mode):
        return True
    return has_same_content(path, copy)


def file_id_at(path: AnyPath) -> FileId:
    """Return the identity of a path itself, not of what it links to, without the time of birth.

    Raises:
        OSError: the path does not exist or cannot be looked at.
    """
    return file_id(os.lstat(path))


def file_id_with_birth(path: str, status: os.stat_result) -> FileId:
    """Return the identity of a path with its time of birth, where the system reports that.

    Args:
        path: the path.
        status: its lstat.
    """
    return FileId(status.st_dev, status.st_ino, birth(path, status))


def birth(path: str, status: os.stat_result) -> int | None:
    """Return when a path itself was born, in ns since the epoch; None where that is not known.

    Args:
        path: the path.
        status: its lstat.
    """
    known = getattr(status, "st_birthtime", None)
    if known is not None:
        return int(getattr(status, "st_birthtime_ns", known * 1e9))
    return _system_birth()(path)


def is_younger(path: str, root: str) -> bool:
    """Whether a path is known to be born after a run root: it was copied or written again."""
    try:
        born, created = birth(path, os.lstat(path)), birth(root, os.lstat(root))
    except (OSError, ValueError):  # a block without a root has none that a path can have
        return False
    return born is not None and created is not None and born >= created


def births_hold(path: str) -> bool:
    """Whether a file at a path that is younger than the run was created in the run.

    A rename keeps the time of birth. But an overlay copies a file of a lower layer when it is
    renamed or written to, and the clock of a network file system is another host's.
    """
    kind = procfs.file_system_type(os.path.dirname(path))
    return kind not in _LAYERED and procfs.lock_is_trusted(kind)


@functools.cache
def _system_birth() -> Callable[[str], int | None]:
    """Return the function that asks Linux by statx, which Python does not offer."""
    if not LINUX:
        return lambda path: None
    try:
        import ctypes  # here: few runs need it, and it is slow to import

        statx, new_buffer = ctypes.CDLL(None).statx, ctypes.create_string_buffer
    except (ImportError, OSError, AttributeError):
        return lambda path: None

    def ask(path: str) -> int | None:
        buffer = new_buffer(_SIZE)  # of this call alone: it lets other threads run
        if statx(_AT_FDCWD, os.fsencode(path), _NO_FOLLOW, _BIRTH, buffer):
            return None
        answer = buffer.raw
        if not int.from_bytes(answer[:4], _ORDER) & _BIRTH:
            return None
        seconds = int.from_bytes(answer[_SECONDS], _ORDER, signed=True)
        return seconds * 1_000_000_000 + int.from_bytes(answer[_NANOSECONDS], _ORDER)

    return ask
