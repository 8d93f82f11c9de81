"""A temp directory that has filled up: how large it is, and whose the files in it are."""

from __future__ import annotations

import contextlib
import errno
import os
import stat
from collections.abc import Iterable, Iterator, Mapping

from . import _contexts as contexts
from . import syscalls

TYPE_CHECKING = False
if TYPE_CHECKING:
    from .activity import Entry

_MOST_TOLD = 5
_FULL = (errno.ENOSPC, getattr(errno, "EDQUOT", errno.ENOSPC))
# What programs and libraries say where no error number comes through.
_WORDS = (*map(os.strerror, _FULL), "No space left on device", "database or disk is full")
# With less than this nothing of use can be written any more.
_LEAST_BYTES = 16 << 10

Extents = dict[str, tuple[int, int]]
"""Bytes and entries of contexts, by their ids."""

_last: dict[tuple[str, int, int, int], Extents] = {}


def is_behind(error: BaseException | None, root: str) -> bool:
    """Whether a failure may come of it that the file system of a run root is full.

    It is taken so where there is no room left, as after a child process that met it, and where
    the error, or one that led to it, says so and is not of another file system.
    """
    return _has_no_room(root) or any(_tells(cause, root) for cause in _causes(error))


def full_lines(root: str, entries: Mapping[str, Entry] | None) -> Iterator[str]:
    """Yield lines on a run root whose disk is full: its size, and its largest contexts.

    Args:
        root: the run root.
        entries: what is known of it, by `slot/name`; what is not yet is the current context's.
            None: whose its files are is not known.
    """
    from .quantities import format_count, format_size
    from .text import printable

    extents = _measured(root, entries or {})
    size, number = (sum(column) for column in zip((0, 0), *extents.values(), strict=True))
    inodes = _inodes(root)
    told = format_size(size) + (f" in {format_count(number, 'entry', 'entries')}" if inodes else "")
    yield f"No space left: the temp directory {printable(root)} holds {told}{_disk(root)}{inodes}"
    column = 1 if inodes else 0
    largest = sorted(extents.items(), key=lambda item: item[1][column], reverse=True)
    for context, extent in largest[: _MOST_TOLD if entries is not None else 0]:
        if not extent[column]:
            break
        amount = format_count(extent[1], "entry", "entries") if inodes else format_size(extent[0])
        yield f"    {amount:>10}  {printable(context)}"


def _causes(error: BaseException | None) -> Iterator[BaseException]:
    pending, seen = [error], set()
    while pending:
        cause = pending.pop()
        if cause is None or id(cause) in seen:
            continue
        seen.add(id(cause))
        yield cause
        pending += [cause.__cause__, cause.__context__, *getattr(cause, "exceptions", ())]


def _tells(error: BaseException, root: str) -> bool:
    if isinstance(error, OSError) and error.errno in _FULL:
        names = [name for name in (error.filename, error.filename2) if isinstance(name, str)]
        return not names or any(_is_on_disk_of(root, name) for name in names)
    told = " ".join(_texts(error))
    return any(words in told for words in _WORDS)


def _texts(error: BaseException) -> Iterator[str]:
    """Yield what an error says, and what the child process said that it is about."""
    with contextlib.suppress(Exception):  # it is the user's own class
        yield str(error)
        for said in (getattr(error, "stderr", None), getattr(error, "output", None)):
            if isinstance(said, (bytes, str)):
                yield said if isinstance(said, str) else said.decode(errors="replace")


def _is_on_disk_of(root: str, path: str) -> bool:
    place = os.path.abspath(path)
    try:
        while not os.path.lexists(place):  # it could not be made
            place = os.path.dirname(place)
        return syscalls.lstat(place).st_dev == syscalls.lstat(root).st_dev
    except (OSError, ValueError):
        return True


def _measured(root: str, entries: Mapping[str, Entry]) -> Extents:
    """Return what contexts hold; measured once for all tests that fail on the same full disk."""
    status = _status(root)
    if status is None or not _has_no_room(root):
        return _by_context(root, entries)
    state = (root, status.f_bavail, status.f_favail, len(entries))
    if state not in _last:
        _last.clear()
        _last[state] = _by_context(root, entries)
    return _last[state]


def _by_context(root: str, entries: Mapping[str, Entry]) -> Extents:
    extents: Extents = {}
    current = contexts.opened()[-1]
    for slot in filter(str.isdigit, _listing(root)):
        for name in _listing(os.path.join(root, slot)):
            key = os.path.join(slot, name)
            context = entries[key].context if key in entries else current
            size, number = extents.get(context.id, (0, 0))
            more, others = _extent(os.path.join(root, key))
            extents[context.id] = size + more, number + others
    return extents


def _extent(path: str) -> tuple[int, int]:
    """Return how many bytes a path takes, with all below it, and how many entries it is."""
    size, number, pending = 0, 0, [path]
    while pending:
        path = pending.pop()
        try:
            status = syscalls.lstat(path)
        except OSError:
            continue
        number += 1
        if stat.S_ISDIR(status.st_mode):
            pending += [os.path.join(path, name) for name in _listing(path)]
        elif stat.S_ISREG(status.st_mode):
            # Of a file with holes only what is there.
            size += min(status.st_size, getattr(status, "st_blocks", status.st_size) * 512)
    return size, number


def _listing(path: str) -> Iterable[str]:
    try:
        return syscalls.listdir(path)
    except OSError:
        return ()


def _status(root: str) -> os.statvfs_result | None:
    try:
        return os.statvfs(root)
    except (OSError, AttributeError):
        return None


def _has_no_room(root: str) -> bool:
    status = _status(root)
    if status is None:
        return False
    no_bytes = status.f_blocks and status.f_bavail * status.f_frsize < _LEAST_BYTES
    return bool(no_bytes or (status.f_files and not status.f_favail))


def _disk(root: str) -> str:
    from .quantities import format_size

    status = _status(root)
    if status is None or not status.f_blocks:
        return ""
    size, free = status.f_blocks * status.f_frsize, status.f_bavail * status.f_frsize
    return f"; its file system has {format_size(free)} of {format_size(size)} free"


def _inodes(root: str) -> str:
    """Return what to tell of the inodes, if it is they that are used up."""
    status = _status(root)
    if status is None or not status.f_files or status.f_favail * 100 > status.f_files:
        return ""
    return f", {status.f_favail:,} of {status.f_files:,} inodes"
