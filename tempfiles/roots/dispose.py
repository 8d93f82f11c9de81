"""Remove a run root whose lock the caller holds, so that a kill at any moment leaves it known.

All else goes first, then the journal, then the marker; before the marker goes, the directory gets
the mode that says "made by us, without a marker" (see `ownership`). With a deadline the removal
stops in time and can be taken up again.
"""

from __future__ import annotations

import contextlib
import errno
import os
import stat
import time

from ..fileops.access import freed
from ..fileops.remove import Identity, remove_path, remove_tree_at
from ..records import RemovalFailure, RemovalReport
from . import journal, locks, marker
from .ownership import BARE_MODE, TRASH_PREFIX

_KNOWN = (journal.JOURNAL, journal.CURRENT, locks.LOCK_FILE, marker.DRAFT)
_DEEPEST = 32
_OPEN = (
    os.O_RDONLY | getattr(os, "O_DIRECTORY", 0) | getattr(os, "O_NOFOLLOW", 0)
    | getattr(os, "O_CLOEXEC", 0)
)


class OutOfTimeError(Exception):
    """The deadline has passed and something is left."""


def dispose(
    root: str, lock: locks.DirectoryLock, *, deadline: float | None = None, measure: bool = True
) -> tuple[RemovalReport, bool]:
    """Remove a root whose lock is held; return what was done, and whether nothing is left of it.

    Args:
        root: the path of the root now.
        lock: the held lock; the caller releases it.
        deadline: when to stop, on the clock of `time.monotonic`; None for no limit.
        measure: whether to count bytes, which costs a look at each file.
    """
    disposal = _Disposal(root, lock.dir_fd, deadline, measure)
    try:
        disposal.clear()
    except OutOfTimeError:
        return disposal.report(), False
    finished = not disposal.failed and disposal.finish()
    return disposal.report(), finished


class _Disposal:
    """One removal under way: the root, what has been counted, and when to stop."""

    def __init__(
        self, root: str, dir_fd: int | None, deadline: float | None, measure: bool
    ) -> None:
        self.root = root
        self.dir_fd = dir_fd
        self.deadline = deadline
        self.measure = measure
        self.failed: list[RemovalFailure] = []
        self._done = RemovalReport()
        self._files = self._directories = self._bytes = 0

    def report(self) -> RemovalReport:
        counted = RemovalReport(self._files, self._directories, self._bytes)
        return counted + self._done + RemovalReport(failed=tuple(self.failed))

    def clear(self) -> None:
        """Remove all but the journal and the marker."""
        self._make_writable()
        known = {*_KNOWN, marker.NAME}
        before: set[str] = set()
        # Again, for what deep directories were moved to; until nothing but failures is left.
        while (names := {*self._names()} - known) and names != before:
            for name in sorted(names):
                self._remove_top(name)
            before = names

    def finish(self) -> bool:
        """Remove the journal, the marker and the directory; whether nothing is left."""
        for name in _KNOWN:
            self._unlink(name)
        if self.failed or {*self._names()} - {marker.NAME}:
            return False
        try:
            if self.dir_fd is not None:
                os.fchmod(self.dir_fd, BARE_MODE)
            self._unlink(marker.NAME)
            os.rmdir(self.root)
        except FileNotFoundError:
            return True
        except OSError as error:
            self._fail(self.root, error)
            return False
        self._directories += 1
        return True

    def _make_writable(self) -> None:
        if self.dir_fd is None:
            return
        with contextlib.suppress(OSError):  # then what cannot be removed is reported as such
            mode = stat.S_IMODE(os.fstat(self.dir_fd).st_mode)
            if mode & 0o700 != 0o700:
                os.fchmod(self.dir_fd, mode | 0o700)

    def _names(self) -> list[str]:
        try:
            return os.listdir(self.root if self.dir_fd is None else self.dir_fd)
        except FileNotFoundError:
            return []
        except OSError as error:
            self._fail(self.root, error)
            return []

    def _unlink(self, name: str) -> None:
        """Remove a file of ours; a directory that somebody put in its place goes as well."""
        at = os.path.join(self.root, name) if self.dir_fd is None else name
        try:
            status = os.stat(at, dir_fd=self.dir_fd, follow_symlinks=False)
            os.unlink(at, dir_fd=self.dir_fd)
            self._count(status)
        except FileNotFoundError:
            return
        except OSError:
            self._remove_top(name)

    def _remove_top(self, name: str) -> None:
        path = os.path.join(self.root, name)
        self._check_time()
        if self.dir_fd is None:
            self._add(remove_path(path, measure=self.measure))
        elif self.deadline is None:
            self._add(remove_tree_at(self.dir_fd, name, path=path, measure=self.measure))
        else:
            try:
                self._bounded(self.dir_fd, name, path, 0)
            except FileNotFoundError:
                return
            except OSError:
                self._add(remove_tree_at(self.dir_fd, name, path=path))

    def _bounded(self, parent: int, name: str, path: str, depth: int) -> None:
        """Remove one entry by descriptor, looking at the clock at each.

        What fails for a file is raised: the trouble is the permissions of the directory it is in.
        """
        self._check_time()
        status = os.stat(name, dir_fd=parent, follow_symlinks=False)
        if not stat.S_ISDIR(status.st_mode):
            os.unlink(name, dir_fd=parent)
            self._count(status)
            return
        identity = Identity(status.st_dev, status.st_ino)
        try:
            if depth >= _DEEPEST:
                # Neither recursion nor paths grow with the tree: its rest goes on from the top.
                new = f"deep-{os.urandom(8).hex()}"
                os.rename(name, new, src_dir_fd=parent, dst_dir_fd=self.dir_fd)
            else:
                self._bounded_directory(parent, name, path, depth)
        except FileNotFoundError:
            return
        except OSError:
            # All that `removal` can do about permissions and busy files.
            self._add(remove_tree_at(parent, name, path=path, expected=identity))

    def _bounded_directory(self, parent: int, name: str, path: str, depth: int) -> None:
        fd = os.open(name, _OPEN, dir_fd=parent)
        failures = len(self.failed)
        try:
            if os.fstat(fd).st_dev != os.fstat(parent).st_dev:
                raise OSError(errno.EXDEV, "another file system", path)
            with os.scandir(fd) as entries:
                for entry in entries:
                    self._bounded(fd, entry.name, os.path.join(path, entry.name), depth + 1)
        finally:
            os.close(fd)
        if len(self.failed) == failures:
            os.rmdir(name, dir_fd=parent)
            self._directories += 1

    def _add(self, done: RemovalReport) -> None:
        self.failed += done.failed
        self._done += RemovalReport(done.files, done.directories, done.bytes, done.retried)

    def _count(self, status: os.stat_result) -> None:
        self._files += 1
        self._bytes += freed(status)

    def _fail(self, path: str, error: OSError) -> None:
        self.failed.append(RemovalFailure(path, error.strerror or str(error), error.errno))

    def _check_time(self) -> None:
        if self.deadline is not None and time.monotonic() >= self.deadline:
            raise OutOfTimeError


def move_aside(root: str, lock: locks.DirectoryLock) -> str | None:
    """Give a root a name that says it is being removed, and return its new path.

    Returns None where it is not the directory that is locked (any more).

    Raises:
        OSError: it cannot be renamed.
    """
    parent, name = os.path.split(root)
    if name.startswith(TRASH_PREFIX) or lock.dir_fd is None:
        # An interrupted removal is gone on with; and an open directory cannot be renamed there.
        return root
    if not os.path.samestat(os.lstat(root), os.fstat(lock.dir_fd)):
        return None
    trash = os.path.join(parent, TRASH_PREFIX + os.urandom(4).hex())
    os.rename(root, trash)
    if os.path.samestat(os.lstat(trash), os.fstat(lock.dir_fd)):
        return trash
    # Somebody put another directory there between the look and the deed: give it back.
    with contextlib.suppress(OSError):
        if not os.path.lexists(root):
            os.rename(trash, root)
    return None
