"""Descend into a tree with a stack of directories of which only the last few are held open.

The others are found again through `..`, which is accepted only if it leads to the same device and
inode as before: a process that moves a directory elsewhere cannot misdirect the removal.
"""

from __future__ import annotations

import errno
import os
from collections.abc import Iterator
from contextlib import AbstractContextManager
from dataclasses import dataclass, field

from .access import READ, close
from .identity import FileId, file_id
from .tally import Reading

_DESCRIPTORS = 24
_NO_DESCRIPTOR = frozenset({errno.EMFILE, errno.ENFILE})


@dataclass(slots=True, eq=False, kw_only=True)
class Directory(Reading):
    """A directory that is being emptied. `fd` is -1 while its descriptor is given up; `failed`
    names the entries that could not be removed."""

    name: str
    fd: int
    key: FileId | None = None
    readings: int = 0
    failed: set[str] = field(default_factory=set)


class Descent:
    """The directories from the parent of a tree (never read, never closed here) to the current."""

    def __init__(self, parent_fd: int, parent_path: str) -> None:
        self._parent_path = parent_path
        self.top = Directory(name="", fd=parent_fd, unread=False)
        self.current = self.top  # its descriptor is always open
        self._stack = [self.top]
        self._oldest = 1  # the lowest index above the top whose descriptor is open

    def path_of(self, directory: Directory, name: str) -> str:
        """Return the path of an entry of a directory, as far as it still holds."""
        names = (above.name for above in self._stack[1 : self._stack.index(directory) + 1])
        return os.path.join(self._parent_path, *names, name)

    def open(self, parent: Directory, name: str) -> int:
        """Return a descriptor of a directory, giving up others where there are too many.

        Raises:
            OSError: it cannot be opened, or is not a directory.
        """
        while True:
            try:
                return os.open(name, READ, dir_fd=parent.fd)
            except OSError as error:
                if error.errno not in _NO_DESCRIPTOR or not self._give_up_oldest():
                    raise

    def entries(self, directory: Directory) -> AbstractContextManager[Iterator[os.DirEntry[str]]]:
        """Return an iterator over the entries of a directory, to be closed.

        Raises:
            OSError: it cannot be read.
        """
        while True:
            try:
                return os.scandir(directory.fd)
            except OSError as error:
                if error.errno not in _NO_DESCRIPTOR or not self._give_up_oldest():
                    raise

    def enter(self, name: str, fd: int, key: FileId) -> None:
        """Make an open directory, an entry of the current one, the current one."""
        self.current = Directory(name=name, fd=fd, key=key)
        self._stack.append(self.current)
        if len(self._stack) - self._oldest > _DESCRIPTORS:
            self._give_up_oldest()

    def parent(self) -> Directory | None:
        """Return the parent of the current directory, open; None where it is not found again."""
        parent = self._stack[-2]
        if parent.fd >= 0:
            return parent
        try:
            fd = self.open(self.current, "..")
        except OSError:
            return None
        try:
            found = file_id(os.fstat(fd)) == parent.key
        except OSError:
            found = False
        if not found:
            close(fd)
            return None
        parent.fd = fd
        self._oldest = len(self._stack) - 2
        return parent

    def leave(self) -> None:
        """Make the parent, which `parent` has opened, the current directory."""
        close(self._stack.pop().fd)
        self.current = self._stack[-1]
        self._oldest = max(1, min(self._oldest, len(self._stack) - 1))

    def leave_all(self) -> str | None:
        """Go back to the top; return the name of its entry that was entered."""
        for directory in self._stack[self._oldest :]:
            close(directory.fd)
        name = self._stack[1].name if len(self._stack) > 1 else None
        del self._stack[1:]
        self.current = self.top
        self._oldest = 1
        return name

    def _give_up_oldest(self) -> bool:
        """Close the highest directory that is open, but neither the top nor the one at work."""
        if self._oldest >= len(self._stack) - 1:
            return False
        directory = self._stack[self._oldest]
        self._oldest += 1
        close(directory.fd)
        directory.fd = -1
        return True
