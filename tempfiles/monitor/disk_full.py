"""A full disk: how large the temp directory is, and which contexts fill it."""

from __future__ import annotations

import contextlib
import errno
import os
import re
from collections.abc import Callable, Iterable, Iterator
from typing import Any

from ..fileops.measure import WalkRules, measure
from ..registry import contexts
from ..registry.contexts import Context
from ..system import syscalls
from ..system.platform import RACY_NS

MakerOf = Callable[[str], Context | None]

_MOST_LINES = 5
_FULL = (errno.ENOSPC, getattr(errno, "EDQUOT", errno.ENOSPC))
# What programs and libraries say where no error number comes through.
_WORDS = (*map(os.strerror, _FULL), "No space left on device", "database or disk is full")
# With less than this nothing of use can be written any more.
_LEAST_BYTES = 16 << 10

_PATH = re.compile(r"/[^\s'\":,;]+")

Extents = dict[str, tuple[int, int]]
"""Bytes and entries by key: of topmost entries, or of contexts by their ids."""

_State = tuple[str, int, int, tuple[int, ...]]
_last: dict[_State, Extents] = {}


def suspicion(error: BaseException | None, root: str) -> str:
    """Return a line on how full the disk of a run root is, if a failure may be due to that.

    It may be while no room is left. Where there is room again, since the failing test has removed
    what filled the disk, the error or one of its causes must say that a disk was full, and not the
    disk of another file system.
    """
    if _has_no_room(root):
        return f"No space left: the temp directory {_account(root)}"
    causes = list(_causes(error))
    if any(_names(cause, root) for cause in causes):
        return f"No space was left: by now the temp directory {_account(root)}"
    if any(_may_be(cause, root) for cause in causes):
        return f"No space was left, perhaps here: by now the temp directory {_account(root)}"
    return ""


def full_lines(root: str, maker_of: MakerOf | None) -> Iterator[str]:
    """Yield a line for each of the largest contexts in a run root whose disk is full.

    Args:
        root: the run root.
        maker_of: returns the context that created a path; what has none is the current context's.
            None: the run does not track, and there are no lines.
    """
    if maker_of is None:
        return
    from ..formatting import format_count, format_size, printable

    column = 1 if _inodes(root) else 0
    extents = _by_context(root, _measured(root), maker_of)
    largest = sorted(extents.items(), key=lambda item: item[1][column], reverse=True)
    for context, extent in largest[:_MOST_LINES]:
        if not extent[column]:
            break
        amount = format_count(extent[1], "entry", "entries") if column else format_size(extent[0])
        yield f"    {amount:>10}  {printable(context)}"


def _account(root: str) -> str:
    from ..formatting import format_count, format_size, printable

    extents = _measured(root)
    size, number = (sum(column) for column in zip((0, 0), *extents.values(), strict=True))
    inodes = _inodes(root)
    amount = format_size(size)
    if inodes:
        amount += f" in {format_count(number, 'entry', 'entries')}"
    return f"{printable(root)} holds {amount}{_disk(root)}{inodes}"


def _causes(error: BaseException | None) -> Iterator[BaseException]:
    pending, seen = [error], set()
    while pending:
        cause = pending.pop()
        if cause is None or id(cause) in seen:
            continue
        seen.add(id(cause))
        yield cause
        pending += [cause.__cause__, cause.__context__, *getattr(cause, "exceptions", ())]


def _names(error: BaseException, root: str) -> bool:
    """Whether an error says that the file system of a path is full, which is that of the root."""
    return _is_full(error) and any(_is_on_disk_of(root, name) for name in _file_names(error))


def _may_be(error: BaseException, root: str) -> bool:
    """Whether an error says that a disk is full, and not of another one."""
    if _is_full(error):
        return not _file_names(error)
    text = " ".join(_texts(error))
    if not any(words in text for words in _WORDS):
        return False
    paths = _PATH.findall(text)
    return not paths or any(_is_on_disk_of(root, path) for path in paths)


def _is_full(error: BaseException) -> bool:
    return isinstance(error, OSError) and error.errno in _FULL


def _file_names(error: Any) -> list[str]:
    return [name for name in (error.filename, error.filename2) if isinstance(name, str)]


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


def _measured(root: str) -> Extents:
    """Return what topmost entries hold; measured once for all tests that fail on one full disk."""
    slots = sorted(filter(str.isdigit, _listing(root)))
    state = _state(root, slots)
    if state is None:
        return _extents(root, slots)
    if state not in _last:
        _last.clear()
        _last[state] = _extents(root, slots)
    return _last[state]


def _state(root: str, slots: Iterable[str]) -> _State | None:
    """Return what changes whenever something in a full root does; None where that is not known."""
    status = _status(root)
    if status is None or not _has_no_room(root):
        return None
    try:
        stamps = tuple(syscalls.stat(os.path.join(root, slot)).st_mtime_ns for slot in slots)
    except OSError:
        return None
    if syscalls.time_ns() - max(stamps, default=0) < RACY_NS:
        return None
    return root, status.f_bavail, status.f_favail, stamps


def _extents(root: str, slots: Iterable[str]) -> Extents:
    keys = [os.path.join(slot, name) for slot in slots for name in _listing(f"{root}/{slot}")]
    rules = WalkRules(linked=set())
    extents = ((key, measure(os.path.join(root, key), rules=rules)) for key in keys)
    return {key: (extent.taken, extent.entries) for key, extent in extents}


def _by_context(root: str, measured: Extents, maker_of: MakerOf) -> Extents:
    extents: Extents = {}
    current = contexts.open_contexts()[-1]
    for key, (size, number) in measured.items():
        context = maker_of(os.path.join(root, key)) or current
        before = extents.get(context.id, (0, 0))
        extents[context.id] = before[0] + size, before[1] + number
    return extents


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
    from ..formatting import format_size

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
