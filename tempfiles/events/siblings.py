"""Tell the other processes of one run what this one creates outside its temp directory.

Workers of a parallel run share the project. What one of them creates there is new to the scan of
another, which must not take it for the work of a child process of its own.
"""

from __future__ import annotations

import contextlib
import os

from ..fileops.identity import with_parents
from ..roots.journal import SIBLINGS
from ..system import syscalls

NAME = SIBLINGS
"""The file in the run root of the process that started the others."""


class SiblingLog:
    """One process's end of the file that the processes of a run share.

    Args:
        path: the file; it need not exist. Each process appends to it, and no line is ever split.
        writes: whether this process has siblings which need to know of its creations.

    Attributes:
        path: the file.
    """

    def __init__(self, path: str, writes: bool) -> None:
        self.path = path
        self.writes = writes
        self._own: set[str] = set()
        self._others: set[str] = set()
        self._read_to = 0

    def note(self, path: str) -> None:
        """Append a path that is about to be created here."""
        if path in self._own:
            return
        self._own.add(path)
        line = os.fsencode(path).replace(b"\n", b"\0") + b"\n"
        flags = os.O_WRONLY | os.O_APPEND | os.O_CREAT
        with contextlib.suppress(OSError):  # the run root is gone, or all descriptors are taken
            descriptor = syscalls.open_fd(self.path, flags, 0o600)
            try:
                os.write(descriptor, line)
            finally:
                syscalls.close_fd(descriptor)

    def has(self, path: str) -> bool:
        """Return whether a sibling has created a path, or a directory that it lies in."""
        self._read()
        return bool(self._others) and not self._others.isdisjoint(with_parents(path))

    def _read(self) -> None:
        try:
            with syscalls.open_file(self.path, "rb") as file:
                file.seek(self._read_to)
                lines = file.read().splitlines(keepends=True)
        except OSError:
            return
        for line in lines:
            if line.endswith(b"\n"):
                self._read_to += len(line)
                self._others.add(os.fsdecode(line[:-1].replace(b"\0", b"\n")))
        self._others -= self._own
