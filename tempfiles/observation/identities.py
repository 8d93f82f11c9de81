"""Know which files the run created: by device, inode and time of birth (`--clean-outside`).

An event comes before the call that creates a file. The file is therefore looked at when the next
event comes, or when the context closes.
"""

from __future__ import annotations

import os

from ..fileops.identity import FileId, birth, file_id_with_birth
from ..system import syscalls

_MOST_PENDING = 64  # announced, but never created: the call failed


class Identities:
    """The identity of each file when it had just been created."""

    def __init__(self) -> None:
        birth(os.curdir, os.stat_result(range(10)))  # imports what it needs before the tests
        self._known: dict[str, FileId] = {}
        self._pending: dict[str, None] = {}

    def announce(self, path: str) -> None:
        """Record that the run is about to create a file."""
        self._known.pop(path, None)
        self._pending[path] = None

    def settle(self) -> None:
        """Identify what has been created since the last call."""
        for path in list(self._pending):
            try:
                self._known[path] = file_id_with_birth(path, syscalls.lstat(path))
            except (OSError, ValueError):
                continue  # another thread is about to create it
            self._pending.pop(path, None)
        for path in list(self._pending)[:-_MOST_PENDING]:
            self._pending.pop(path, None)

    def move(self, source: str, target: str) -> None:
        """Record that a path, with all below it, is about to be renamed."""
        self.settle()
        for path, identity in list(self._known.items()):
            if path == source or path.startswith(source + os.sep):
                self._known[target + path[len(source) :]] = identity

    def remove(self, path: str) -> None:
        """Record that the run is about to remove a path."""
        self._pending.pop(path, None)

    def get(self, path: str) -> FileId | None:
        """Return the identity of the file that the run created at a path; None if unknown."""
        return self._known.get(path)
