"""The bytes of what tests remove themselves, counted when it is gone.

An event comes before its deed, and the deed may be refused: so a removal is judged at the next
event of its thread, or when a context closes.
"""

from __future__ import annotations

from _thread import get_ident
from dataclasses import dataclass

from ..fileops.access import freed
from ..fileops.identity import FileId, file_id
from ..registry.contexts import Context
from ..system import syscalls
from .activity import activity_of


@dataclass(frozen=True, slots=True)
class _Removal:
    """One that has been announced; `key` is of what was there."""

    path: str
    key: FileId
    bytes: int
    context: Context


class RemovedBytes:
    """Counts for the contexts that remove.

    Args:
        root: the run root, with a separator at its end.
    """

    def __init__(self, root: str) -> None:
        self._root = root
        self._announced: dict[int, _Removal] = {}  # by thread
        self._moved_out: set[str] = set()

    def announce_removal(self, path: str, context: Context) -> None:
        """Somebody is about to remove a path, or to put another thing there.

        Args:
            path: absolute; it counts if it lies in the run root or was moved out of it.
            context: who does it.
        """
        self.settle()
        if not self._is_ours(path):
            return
        try:
            status = syscalls.lstat(path)
        except (OSError, ValueError):
            return
        self._announced[get_ident()] = _Removal(path, file_id(status), freed(status), context)

    def announce_move(self, source: str | None, target: str | None, context: Context) -> None:
        """Somebody is about to rename a path: that takes what is at the target, and nothing else.

        Args:
            source: absolute; None if it is no path.
            target: likewise.
            context: who does it.
        """
        if source is None or target is None:
            return
        is_new = not syscalls.lexists(target)
        if self._is_ours(source) and not self._is_ours(target):
            if not is_new:  # there it is nothing of the run's any more
                self.announce_removal(source, context)
                return
            self._moved_out.add(target)
        self.announce_removal(target, context)

    def settle(self) -> None:
        """Count what this thread has removed, if it is gone."""
        removal = self._announced.pop(get_ident(), None)
        if removal is not None:
            _count(removal)

    def settle_all(self) -> None:
        """Count what all threads have removed."""
        while self._announced:
            _count(self._announced.popitem()[1])

    def _is_ours(self, path: str) -> bool:
        return path.startswith(self._root) or path in self._moved_out


def _count(removal: _Removal) -> None:
    try:
        is_there = file_id(syscalls.lstat(removal.path)) == removal.key
    except OSError:
        is_there = False
    if not is_there:
        activity_of(removal.context).bytes_removed += removal.bytes
