"""What a dead run was about: the context under way, and all that it and those before it left."""

from __future__ import annotations

import os
import stat
import time
from collections.abc import Iterator
from dataclasses import dataclass

from . import journal
from .journal import Current
from .marker import Marker
from .records import Leak, ResourceType
from .usage import measure
from .walk import CancelledError

_TYPES: dict[int, ResourceType] = {
    stat.S_IFREG: "file", stat.S_IFDIR: "directory", stat.S_IFLNK: "symlink",
    stat.S_IFIFO: "fifo", stat.S_IFSOCK: "socket",
}


@dataclass(frozen=True, slots=True)
class Aftermath:
    """`running` is the context that was under way, None where none was. `leaks` are those that
    the journal names, then what was in the slots besides: the running context's. Their paths are
    those that the run itself had seen."""

    running: Current | None = None
    leaks: tuple[Leak, ...] = ()


def examine(root: str, marker: Marker | None, *, deadline: float | None = None) -> Aftermath:
    """Read what a dead run has left in its root; nothing is changed.

    Args:
        root: where the root is now.
        marker: its marker; its paths are told as they were at `marker.root`.
        deadline: when to stop measuring sizes (they are then 0), on the clock of
            `time.monotonic`; None for no limit.
    """
    view = journal.read(root)
    home = marker.root if marker else root
    known = {leak.path for leak in view.leaks}
    found = tuple(
        _leak(path, os.path.join(home, name), view.current, deadline)
        for path, name in _slot_entries(root)
        if os.path.join(home, name) not in known
    )
    return Aftermath(view.current, view.leaks + found)


def _slot_entries(root: str) -> Iterator[tuple[str, str]]:
    """Yield the topmost entries of the slots: the path, and the path as seen from the root."""
    for slot in sorted(filter(str.isdecimal, _names(root)), key=int):
        directory = os.path.join(root, slot)
        if os.path.islink(directory):
            continue
        for name in sorted(_names(directory)):
            yield os.path.join(directory, name), os.path.join(slot, name)


def _names(directory: str) -> list[str]:
    try:
        return os.listdir(directory)
    except OSError:
        return []


def _leak(path: str, name: str, running: Current | None, deadline: float | None) -> Leak:
    type, size, entries = _size(path, deadline)
    context, scope = (running.id, running.scope) if running else ("run", "run")
    return Leak(name, type, size, entries, context, scope)


def _size(path: str, deadline: float | None) -> tuple[ResourceType, int, int]:
    try:
        status = os.lstat(path)
    except OSError:
        return "other", 0, 1
    type = _TYPES.get(stat.S_IFMT(status.st_mode), "other")
    if type != "directory":
        return type, status.st_size if type == "file" else 0, 1
    try:
        sample = measure(path, cancelled=lambda: _late(deadline))
    except CancelledError:
        return type, 0, 1
    return type, sample.bytes, sample.files + sample.directories + 1


def _late(deadline: float | None) -> bool:
    return deadline is not None and time.monotonic() >= deadline
