"""Know which files the run created: by device, inode and time of birth (`--clean-outside`).

An event comes before the call that creates a file. The file is therefore looked at when the next
event comes, or when the context closes. By then another program may have replaced it: only a file
that was born just after the event is the run's.
"""

from __future__ import annotations

import os

from ..fileops.identity import FileId, birth, file_id_with_birth
from ..system import syscalls

_MOST_PENDING = 64  # announced, but never created: the call failed
_LATEST_BIRTH = 100_000_000  # ns after the event: the call comes at once
_EARLIEST_BIRTH = -20_000_000  # kernels before 6.13 stamp with the time of a tick, 10 ms coarse


class Identities:
    """The identity of each file when it had just been created."""

    def __init__(self) -> None:
        birth(os.curdir, os.stat_result(range(10)))  # imports what it needs before the tests
        self._known: dict[str, FileId] = {}
        self._pending: dict[str, int] = {}  # when it was announced

    def announce(self, path: str, when: int | None = None) -> None:
        """Record that the run is about to create a file.

        Args:
            path: absolute.
            when: the time of the event, in ns since the epoch; None for now.
        """
        self._known.pop(path, None)
        self._pending[path] = syscalls.time_ns() if when is None else when

    def settle(self) -> None:
        """Identify what has been created since the last call."""
        for path, announced in list(self._pending.items()):
            try:
                found = file_id_with_birth(path, syscalls.lstat(path))
            except (OSError, ValueError):
                continue  # another thread is about to create it
            self._pending.pop(path, None)
            age = (found.birth or 0) - announced
            if _EARLIEST_BIRTH <= age <= _LATEST_BIRTH:
                self._known[path] = found
        for path in list(self._pending)[:-_MOST_PENDING]:
            self._pending.pop(path, None)

    def move(self, source: str, target: str) -> None:
        """Record that a path, with all below it, is about to be renamed, or to be linked."""
        self.settle()
        self._known.pop(target, None)
        self._pending.pop(target, None)
        for path, identity in list(self._known.items()):
            if path == source or path.startswith(source + syscalls.SEP):
                self._known[target + path[len(source) :]] = identity

    def remove(self, path: str) -> None:
        """Record that the run is about to remove a path."""
        self._pending.pop(path, None)

    def get(self, path: str) -> FileId | None:
        """Return the identity of the file that the run created at a path; None if unknown."""
        return self._known.get(path)
