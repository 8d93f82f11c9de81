"""Recognise the user's files by their content: a copy in the run root may be all that is left.

A test may read a file and write it to the temp directory, and a child process may do the same
(`cat a > $TMPDIR/b; rm a`): no event and no time stamp tells that the copy is the user's.
"""

from __future__ import annotations

import contextlib
import os
import stat
from collections.abc import Iterable
from itertools import islice

from ..fileops.identity import has_same_content, version
from ..system import syscalls

_HEAD = 1024  # bytes that are compared before the whole content is
_MOST_READ = 2_000  # files of the project: some 30 ms
_MOST_LOST = 5_000
_NO_FILES = tuple(f"{os.sep}{name}{os.sep}" for name in ("dev", "proc", "sys"))


class UserContents:
    """The size and the beginning of the user's files, as they were before the run changed them.

    Attributes:
        known: the paths that need no further look.
    """

    def __init__(self) -> None:
        self.known: set[str] = set()
        self._originals: dict[tuple[int, int], list[tuple[str, tuple[int, ...]]]] = {}
        self._sizes: set[int] = set()
        self._lost = 0

    def __bool__(self) -> bool:
        """Whether the content of any file is known."""
        return bool(self._originals)

    def add_all(self, paths: Iterable[str]) -> None:
        """Read the first thousands of the user's files, before a process may change them."""
        for path in islice(paths, _MOST_READ):
            self._add(path)

    def add_lost(self, path: str) -> None:
        """Read a file of the user's that this process is about to remove, replace or write to.

        Args:
            path: absolute, outside the run root.
        """
        if self._lost < _MOST_LOST and not path.startswith(_NO_FILES):
            self._lost += 1
            self._add(path)
        self.known.add(path)

    def _add(self, path: str) -> None:
        try:
            status = syscalls.lstat(path)
            if path in self.known or not _has_content(status):
                return
            head = _head(path)
        except Exception:  # an audit hook of the user may forbid to open it
            return
        self.known.add(path)
        self._sizes.add(status.st_size)
        originals = self._originals.setdefault((status.st_size, head), [])
        originals.append((path, version(status)[:4]))

    def copies_at(self, top: str) -> dict[str, str]:
        """Return the copies at a path and below it that are all that is left of originals."""
        found: dict[str, str] = {}
        if not self._originals:
            return found
        below = (os.path.join(place, name) for place, _, names in os.walk(top) for name in names)
        for path in (top, *below):
            with contextlib.suppress(OSError):
                original = self.original_of(path, syscalls.lstat(path))
                if original is not None:
                    found[path] = original
        return found

    def original_of(self, path: str, status: os.stat_result) -> str | None:
        """Return the path of the user's file of which only a copy is left.

        Args:
            path: what may be the copy.
            status: its lstat.

        Returns:
            None if it is no copy, or the user has the content elsewhere.
        """
        if status.st_size not in self._sizes or not _has_content(status):
            return None
        try:
            originals = self._originals.get((status.st_size, _head(path)), ())
        except OSError:
            return None
        if any(_is_safe(original, was, path) for original, was in originals):
            return None
        return originals[0][0] if originals else None


def _has_content(status: os.stat_result) -> bool:
    return stat.S_ISREG(status.st_mode) and status.st_size > 0


def _head(path: str) -> int:
    fd = syscalls.open_fd(path, os.O_RDONLY)
    try:
        return hash(syscalls.read_fd(fd, _HEAD))
    finally:
        syscalls.close_fd(fd)


def _is_safe(path: str, was: tuple[int, ...], copy: str) -> bool:
    """Whether a file is as it was, or has the content of a copy."""
    try:
        if version(syscalls.lstat(path))[:4] == was:
            return True
    except (OSError, ValueError):
        return False
    return has_same_content(path, copy)
