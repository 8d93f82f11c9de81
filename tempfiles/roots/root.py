"""The run root: one private directory for all temporary files of a run.

It holds numbered slots; `tempfile.tempdir` and the environment point at the newest one.
"""

from __future__ import annotations

import contextlib
import os
import sys
import time
from collections.abc import Callable
from typing import Any, Protocol

from ..registry import contexts
from ..registry.contexts import Context
from ..reports import RemovalFailure, RemovalReport
from ..system import process_state
from ..system.platform import TEMP_VARIABLES
from ..system.syscalls import getcwd
from . import flock, journal, marker
from .claim import BARE_MODE, establish, outside_of_roots, refusal

_PATIENCE = 0.25
_OWN_FILES = frozenset({
    journal.CURRENT, journal.JOURNAL, journal.FORKED, journal.CHILDREN, journal.SIBLINGS,
})  # fmt: skip


class RootGuard(Protocol):
    """A process that removes the root of a run that has died (see `recovery.guard`)."""

    def announce(self, root: str) -> None:
        """Tell it a path that is about to become the root."""

    def release(self) -> None:
        """Let it check whether anything is left, and end."""


class RunRoot:
    """A new directory in `base` (default: the system's temp directory), private to this run.

    It is marked and locked as this process's (see `claim`), and has a journal.

    Args:
        base: where to create it; None for the system's temp directory.
        project: the working directory of the run, for the marker.
        start_guard: starts a guard of roots in a directory; None where there can be none.
        guarded: start a guard now, not only with `guard`.

    Attributes:
        base: the directory that it lies in; for one in another run root, that of the outer one.
        is_going: whether the removal has begun.
        owner: the id of the process that created it; a forked child has another.

    Raises:
        OwnershipError: no directory could be created there.
    """

    def __init__(
        self, base: str | None, project: str, start_guard: Callable[[str], RootGuard | None],
        guarded: bool = False,
    ) -> None:
        parent = os.path.realpath(base or system_directory())
        self._start_guard = start_guard
        self._guard = start_guard(parent) if guarded else None
        announce = self._guard.announce if self._guard is not None else None
        try:
            self._claim = establish(parent, project=project, argv=sys.orig_argv, announce=announce)
        except OSError:
            if self._guard is not None:
                self._guard.release()
            raise
        self.path = self._claim.root
        self.base = outside_of_roots(parent)
        self.journal = journal.Journal(self.path)
        self.made = time.time_ns()
        self.slots: list[str] = []
        self.is_going = False
        self.owner = os.getpid()
        self.owners: list[Context] = []
        self._saved: tuple[str | None, dict[str, str | None]] | None = None
        try:
            self.add_slot(contexts.root)
        except OSError as error:
            self.remove_empty()
            raise refusal(parent, error) from error

    @property
    def slot(self) -> str:
        """The directory that new temporary files go to."""
        return self.slots[-1]

    def add_slot(self, leaving_to: Context) -> None:
        """Create a new slot; what appears in the old one from now on belongs to `leaving_to`."""
        path = os.path.join(self.path, str(len(self.slots)))
        os.mkdir(path, 0o700)
        os.chmod(path, 0o700)  # a test may have set a umask that takes even this from the owner
        if self.owners:
            self.owners[-1] = leaving_to
        self.slots.append(path)
        self.owners.append(contexts.root)
        if self._saved is not None:
            self._point()

    def redirect(self) -> None:
        """Point `tempfile.tempdir` and TMPDIR, TEMP and TMP at the current slot."""
        environment = {name: os.environ.get(name) for name in TEMP_VARIABLES}
        module = _tempfile()
        self._saved = (module.tempdir if module is not None else None, environment)
        self._point()

    def restore(self) -> None:
        """Undo `redirect`, except where a test has changed the same variable since."""
        if self._saved is None:
            return
        directory, environment = self._saved
        self._saved = None
        module = _tempfile()
        if module is not None and module.tempdir in (None, *self.slots):
            module.tempdir = directory
        for name, value in environment.items():
            if os.environ.get(name) not in self.slots:
                continue
            if value is None:
                del os.environ[name]
            else:
                os.environ[name] = value

    def guard(self) -> None:
        """Start a process that removes the directory when this one has died."""
        if self._guard is None:
            self._guard = self._start_guard(os.path.dirname(self.path))
            if self._guard is not None:
                self._guard.announce(self.path)

    def remove_empty(self) -> bool:
        """Remove the directory if nothing was left in it; return whether that was so.

        The marker goes last, as in `dispose`, so that a kill in between leaves a known root.
        """
        lock = self._claim.lock
        place = lock.dir_fd
        if not self._claim.is_in_place() or (place is not None and not lock.is_open()):
            return False
        try:
            known = {*_OWN_FILES, marker.NAME, *map(os.path.basename, self.slots)}
            if not known.issuperset(os.listdir(self.path if place is None else place)):
                return False  # such as the root of a worker that was killed
            for slot in self.slots:
                os.rmdir(self._located(slot), dir_fd=place)
        except OSError:
            return False
        self.journal.close()
        with contextlib.suppress(OSError):
            os.chmod(self.path if place is None else place, BARE_MODE)
            for name in (*_OWN_FILES, marker.NAME):
                with contextlib.suppress(FileNotFoundError):
                    os.unlink(self._located(os.path.join(self.path, name)), dir_fd=place)
            os.rmdir(self.path)
            self._release()
            return True
        return False

    def _located(self, path: str) -> str:
        """Return what to call an entry for system calls: its name, where the root is open."""
        return path if self._claim.lock.dir_fd is None else os.path.basename(path)

    def remove(self) -> RemovalReport:
        """Remove the directory with everything in it; leave it if it is the working directory."""
        from .dispose import dispose

        self.is_going = True
        if self.is_replaced():
            self.leave()
            return self._not_removed(
                "another directory has the place of the run root, and was not touched"
            )
        with contextlib.suppress(OSError):
            if (getcwd() + os.sep).startswith(self.path + os.sep):
                os.chdir(os.path.dirname(self.path))
        self.journal.close()
        lock: flock.DirectoryLock | None = self._claim.lock
        if self._claim.lock.dir_fd is not None and not self._claim.lock.is_open():
            try:
                lock = flock.acquire(self.path, patience=_PATIENCE)
                if lock is not None and not self._claim.is_root(lock):
                    lock.release()
                    lock = None
            except FileNotFoundError:  # a test has removed it
                self._release()
                return RemovalReport()
        if lock is None:
            return self._not_removed("another process holds its lock")
        report, finished = dispose(self.path, lock, measure=False)
        self._release()
        if report.ok and not finished and os.path.lexists(self.path):
            report += self._not_removed("something keeps adding to it")
        return report

    def _not_removed(self, cause: str) -> RemovalReport:
        return RemovalReport(failed=(RemovalFailure(self.path, cause),))

    def lock_again(self) -> None:
        """Take the lock again if a test has closed its descriptor."""
        if os.getpid() == self.owner:
            self._claim.lock_again()

    def is_replaced(self) -> bool:
        """Whether something else has the path of the root: nothing of that is the run's."""
        return os.path.lexists(self.path) and not self._claim.is_in_place()

    def leave(self) -> None:
        """Release the directory with its content: the next run will try to remove it."""
        self.journal.close()
        self._release()

    def _release(self) -> None:
        process_state.forget()
        self._claim.release()
        if self._guard is not None:
            self._guard.release()

    def _point(self) -> None:
        module = _tempfile()
        if module is not None:
            module.tempdir = self.slot
        for name in TEMP_VARIABLES:
            os.environ[name] = self.slot


def _tempfile() -> Any:
    """Return the module `tempfile` if it was imported.

    Otherwise it will read TMPDIR, and a suite without temporary files need not pay for it.
    """
    return sys.modules.get("tempfile")


def system_directory() -> str:
    """Return where run roots lie by default: the result of `tempfile.gettempdir()`.

    Where possible without importing `tempfile`, and without the file that it creates to try the
    directory: a kill would leave that behind.
    """
    module = _tempfile()
    if module is not None and module.tempdir is not None:
        return os.fsdecode(module.tempdir)
    for name in TEMP_VARIABLES:
        directory = os.environ.get(name)
        if directory and os.path.isabs(directory) and os.access(directory, os.W_OK | os.X_OK):
            return directory
    if module is None and os.access("/tmp", os.W_OK | os.X_OK) and not any(
        os.environ.get(name) for name in TEMP_VARIABLES
    ):
        return "/tmp"
    import tempfile

    return tempfile.gettempdir()
