"""When a path was born, which no move changes: what is older than the run is the user's.

Where the file system or the system does not tell, it is not known: nothing else is proof.
"""

from __future__ import annotations

import functools
import os
import stat
import sys
import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import suppress

from ..system import procfs
from ..system.platform import LINUX
from .access import Key, key_of, let_in

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

_LOOKS = 1000  # entries for each look at the clock
_AT_FDCWD = -100
_NO_FOLLOW = 0x100  # AT_SYMLINK_NOFOLLOW
_BIRTH = 0x800  # STATX_BTIME
_SIZE = 256
_ORDER = sys.byteorder
_SECONDS, _NANOSECONDS = slice(80, 88), slice(88, 92)  # of stx_btime


def birth(path: str, status: os.stat_result) -> int | None:
    """Return when a path itself was born, in ns since the epoch; None where it is not known.

    Args:
        path: the path.
        status: its lstat.
    """
    known = getattr(status, "st_birthtime", None)
    if known is not None:
        return int(getattr(status, "st_birthtime_ns", known * 1e9))
    return _system_birth()(path)


def born_before(
    root: str, deadline: float | None = None, within: Iterable[str] = ()
) -> list[str] | None:
    """Return the topmost paths below a run root that are older than it is, and nowhere else.

    A file with another name elsewhere is none: that name keeps it. Nor is what another file
    system, or another part of one, shows there.

    Args:
        root: the run root, without links on its way.
        deadline: when to stop, on the clock of `time.monotonic`; None for no limit.
        within: look only at these paths of it, and what lies below them.

    Returns:
        None if there was no time to look at all.
    """
    try:
        status = os.lstat(root)
    except OSError:
        return []
    made = birth(root, status)
    return [] if made is None else _Search(root, made, status.st_dev).run(within, deadline)


def is_younger(path: str, root: str) -> bool:
    """Whether a path is known to be born after a run root was: it was copied or written anew."""
    try:
        born, made = birth(path, os.lstat(path)), birth(root, os.lstat(root))
    except OSError:
        return False
    return born is not None and made is not None and born >= made


class _Search:
    def __init__(self, root: str, made: int, device: int) -> None:
        self._made = made
        self._device = device
        self._pending: list[str] = []
        self._root = root
        self._mounted = {point for point in procfs.mounts() if point.startswith(root + os.sep)}
        self._found: list[str] = []
        self._names: dict[tuple[Key, int], list[str]] = {}

    def run(self, within: Iterable[str], deadline: float | None) -> list[str] | None:
        for path in _topmost(within) or (self._root,):
            with suppress(OSError):
                self._look(path, os.lstat(path))
        while self._pending:
            for number, (path, status) in enumerate(_entries(self._pending.pop())):
                if deadline is not None and not number % _LOOKS and time.monotonic() >= deadline:
                    return None
                if status.st_dev == self._device and path not in self._mounted:
                    self._look(path, status)
        for (_, links), paths in self._names.items():
            if len(paths) == links:
                self._found += paths
        return self._found

    def _look(self, path: str, status: os.stat_result) -> None:
        is_directory = stat.S_ISDIR(status.st_mode)
        born = birth(path, status)
        if born is None or born >= self._made:
            if is_directory:
                self._pending.append(path)
        elif is_directory:
            self._found.append(path)
        else:
            self._names.setdefault((key_of(status), status.st_nlink), []).append(path)


def _topmost(paths: Iterable[str]) -> list[str]:
    """Return the paths that lie below none of the others."""
    known = set(paths)
    return [path for path in known if known.isdisjoint(_above(path))]


def _above(path: str) -> Iterator[str]:
    while (parent := os.path.dirname(path)) != path:
        yield parent
        path = parent


def _entries(directory: str) -> Iterator[tuple[str, os.stat_result]]:
    with suppress(OSError), _scan(directory) as entries:
        for entry in entries:
            with suppress(OSError):
                yield entry.path, os.lstat(entry.path)


def _scan(directory: str) -> Any:
    try:
        return os.scandir(directory)
    except PermissionError:
        let_in(directory)
        return os.scandir(directory)


@functools.cache
def _system_birth() -> Callable[[str], int | None]:
    """Return what asks Linux, which tells it by a call that Python does not have."""
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
