"""Remove a run root whose lock the caller holds; a kill at any moment leaves it recognisable.

The journal goes after everything else, the marker last. Before the marker goes, the directory gets
the mode that says "created by a run, without a marker" (see `ownership`). With a deadline the
removal stops in time, and a later one can continue it.
"""

from __future__ import annotations

import contextlib
import os

from ..fileops.access import make_accessible
from ..fileops.remove import remove_entry
from ..fileops.tally import OutOfTimeError, Tally
from ..reports import RemovalReport
from . import flock, journal, marker
from .ownership import BARE_MODE, TRASH_PREFIX

_KNOWN = (journal.JOURNAL, journal.CURRENT, flock.LOCK_FILE, marker.DRAFT)

OWN_NAMES = frozenset({*_KNOWN, marker.NAME, journal.FORKED, journal.CHILDREN})
"""The names of the files that a run itself has in its root."""


def dispose(
    root: str, lock: flock.DirectoryLock, *, deadline: float | None = None, measure: bool = True
) -> tuple[RemovalReport, bool]:
    """Remove a root whose lock is held; return what was done, and whether all of it is gone.

    Args:
        root: the path of the root now.
        lock: the held lock; the caller releases it.
        deadline: when to stop, on the clock of `time.monotonic`; None for no limit.
        measure: whether to count bytes, which costs one `lstat` a file.
    """
    tally = Tally(measure, deadline)
    disposal = _Disposal(root, lock, tally)
    try:
        disposal.clear()
        finished = not tally.failed and disposal.finish()
    except OutOfTimeError:
        finished = False
    return tally.report(), finished


class _Disposal:
    """The removal of one root."""

    def __init__(self, root: str, lock: flock.DirectoryLock, tally: Tally) -> None:
        self._root = root
        self._lock = lock
        self._dir_fd = lock.dir_fd
        self._tally = tally

    def clear(self) -> None:
        """Remove everything but the journal and the marker."""
        self._make_writable()
        known = {*_KNOWN, marker.NAME}
        before: set[str] = set()
        # Again where another process has added entries, until only failures are left.
        while (names := {*self._names()} - known) and names != before:
            for name in sorted(names):
                self._tally.check_time()
                self._remove(name)
            before = names

    def finish(self) -> bool:
        """Remove the journal, the marker and the directory; return whether all is gone."""
        for name in _KNOWN:
            self._remove(name)
        if self._tally.failed or {*self._names()} - {marker.NAME}:
            return False
        try:
            if self._dir_fd is not None:
                os.fchmod(self._dir_fd, BARE_MODE)
            self._remove(marker.NAME)
            if not self._lock.is_at(self._root):
                self._tally.fail(self._root, "another directory has its name now")
                return False
            os.rmdir(self._root)
        except FileNotFoundError:
            return True
        except OSError as error:
            self._tally.fail(self._root, error)
            return False
        self._tally.directories += 1
        return True

    def _make_writable(self) -> None:
        if self._dir_fd is not None:
            with contextlib.suppress(OSError):  # a test may have closed the descriptor
                make_accessible(self._dir_fd, os.fstat(self._dir_fd))

    def _names(self) -> list[str]:
        try:
            return os.listdir(self._root if self._dir_fd is None else self._dir_fd)
        except FileNotFoundError:
            return []
        except OSError as error:
            self._tally.fail(self._root, error)
            return []

    def _remove(self, name: str) -> None:
        parent = self._root if self._dir_fd is None else self._dir_fd
        remove_entry(parent, name, path=os.path.join(self._root, name), tally=self._tally)


def move_aside(root: str, lock: flock.DirectoryLock) -> str | None:
    """Rename a root so that its name says it is being removed, and return its new path.

    Returns None where the locked directory does not have this path any more.

    Raises:
        OSError: it cannot be renamed.
    """
    parent, name = os.path.split(root)
    if name.startswith(TRASH_PREFIX) or lock.dir_fd is None:
        # An interrupted removal continues under its name; Windows cannot rename an open directory.
        return root
    if not os.path.samestat(os.lstat(root), os.fstat(lock.dir_fd)):
        return None
    trash = os.path.join(parent, TRASH_PREFIX + os.urandom(4).hex())
    os.rename(root, trash)
    if os.path.samestat(os.lstat(trash), os.fstat(lock.dir_fd)):
        return trash
    # Another process put a directory there between the check and the rename: move it back.
    with contextlib.suppress(OSError):
        if not os.path.lexists(root):
            os.rename(trash, root)
    return None
