"""Count the bytes of files that tests remove themselves.

An event comes before the call, and the call may fail: whether the file is gone is checked at the
next event of the same thread, or when a context closes.
"""

from __future__ import annotations

from _thread import get_ident
from dataclasses import dataclass

from ..fileops.access import freed
from ..fileops.identity import FileId, file_id
from ..processes.activity import activity_of
from ..registry.contexts import Context
from ..system import syscalls


@dataclass(frozen=True, slots=True)
class _Removal:
    """A removal that an event announced, and the file that was there."""

    path: str
    identity: FileId
    bytes: int
    context: Context


class RemovedBytes:
    """Count for the contexts that remove.

    Args:
        root: the run root, with a separator at its end.
    """

    def __init__(self, root: str) -> None:
        self._root = root
        self._announced: dict[int, _Removal] = {}  # by thread
        self._moved_out: set[str] = set()

    def announce_removal(self, path: str, context: Context) -> None:
        """Record that a context is about to remove a path, or to put another file there.

        Args:
            path: absolute; it counts if it lies in the run root or was moved out of it.
            context: the context.
        """
        self.settle()
        if not self._is_of_run(path):
            return
        try:
            status = syscalls.lstat(path)
        except (OSError, ValueError):
            return
        self._announced[get_ident()] = _Removal(path, file_id(status), freed(status), context)

    def announce_move(self, source: str | None, target: str | None, context: Context) -> None:
        """Record that a context is about to rename a path, which removes what is at the target.

        Args:
            source: absolute; None if it is no path.
            target: likewise.
            context: the context.
        """
        if source is None or target is None:
            return
        is_new = not syscalls.lexists(target)
        if self._is_of_run(source) and not self._is_of_run(target):
            if not is_new:  # there it is no file of the run any more
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

    def _is_of_run(self, path: str) -> bool:
        return path.startswith(self._root) or path in self._moved_out


def _count(removal: _Removal) -> None:
    try:
        is_there = file_id(syscalls.lstat(removal.path)) == removal.identity
    except OSError:
        is_there = False
    if not is_there:
        activity_of(removal.context).bytes_removed += removal.bytes
