"""Find what in a run root is older than the root: a move keeps the time of birth.

Where the system does not report birth times nothing is found: no other time stamp is proof.
"""

from __future__ import annotations

import os
import stat
import time
from collections.abc import Iterable, Iterator
from contextlib import suppress

from ..system import procfs
from .access import let_in
from .identity import FileId, birth, file_id

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

_LOOKS = 1000  # entries for each look at the clock



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


class _Search:
    def __init__(self, root: str, made: int, device: int) -> None:
        self._made = made
        self._device = device
        self._pending: list[str] = []
        self._root = root
        self._mounted = {point for point in procfs.mounts() if point.startswith(root + os.sep)}
        self._found: list[str] = []
        self._names: dict[tuple[FileId, int], list[str]] = {}

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
            self._names.setdefault((file_id(status), status.st_nlink), []).append(path)


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
