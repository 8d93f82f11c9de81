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
_MOST_LISTED = 2_000  # files of the project: some milliseconds
_MOST_LOST = 5_000
_NO_FILES = tuple(f"{os.sep}{name}{os.sep}" for name in ("dev", "proc", "sys"))


class UserContents:
    """What the user's files were before the run changed them: size, version and beginning.

    The beginning is read when this process is about to change a file. A child process tells
    nothing before: of what it may change only the size is known.

    Attributes:
        known: the paths that need no further look.
    """

    def __init__(self) -> None:
        self.known: set[str] = set()
        self._heads: dict[str, int | None] = {}
        self._originals: dict[int, dict[str, tuple[int, ...]]] = {}  # by size, then by path
        self._lost = 0

    def __bool__(self) -> bool:
        """Whether anything of a file is known."""
        return bool(self._originals)

    def add_all(self, files: Iterable[tuple[str, os.stat_result]]) -> None:
        """Note the first thousands of the user's files, before a process may change them.

        Args:
            files: the path and the lstat of each.
        """
        for path, status in islice(files, _MOST_LISTED):
            if path not in self._heads:
                self._add(path, status, reads=False)

    def add_lost(self, path: str) -> None:
        """Read a file of the user's that this process is about to remove, replace or write to.

        Args:
            path: absolute, outside the run root.
        """
        if self._lost < _MOST_LOST and not path.startswith(_NO_FILES):
            self._lost += 1
            with contextlib.suppress(Exception):  # an audit hook of the user may forbid to open it
                self._add(path, syscalls.lstat(path), reads=True)
        self.known.add(path)

    def _add(self, path: str, status: os.stat_result, *, reads: bool) -> None:
        if not _has_content(status):
            return
        was = version(status)[:4]
        known = self._originals.setdefault(status.st_size, {})
        if known.setdefault(path, was) == was:
            self._heads[path] = _head(path) if reads else None

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
        originals = self._originals.get(status.st_size)
        if not originals or not _has_content(status):
            return None
        try:
            head = _head(path)
        except OSError:
            return None
        like = [one for one in originals if self._heads.get(one) in (None, head)]
        changed = [one for one in like if not _is_as_before(one, originals[one])]
        if not changed or any(has_same_content(one, path) for one in like):
            return None
        return changed[0]


def _has_content(status: os.stat_result) -> bool:
    return stat.S_ISREG(status.st_mode) and status.st_size > 0


def _head(path: str) -> int:
    fd = syscalls.open_fd(path, os.O_RDONLY)
    try:
        return hash(syscalls.read_fd(fd, _HEAD))
    finally:
        syscalls.close_fd(fd)


def _is_as_before(path: str, was: tuple[int, ...]) -> bool:
    try:
        return version(syscalls.lstat(path))[:4] == was
    except (OSError, ValueError):
        return False
