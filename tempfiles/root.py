"""The run root: one private directory for all temporary files of a run.

It holds numbered slots; `tempfile.tempdir` and the environment point at the newest one.
"""

from __future__ import annotations

import contextlib
import os
import sys
import tempfile

from . import _contexts as contexts
from ._contexts import Context
from ._platform import HAS_DIR_FD
from .journal import Journal
from .ownership import establish
from .records import RemovalReport
from .removal import remove_path, remove_tree_at
from .syscalls import getcwd

_VARIABLES = ("TMPDIR", "TEMP", "TMP")


class RunRoot:
    """A new directory in `base` (default: the system's temp directory), private to this run.

    It is marked and locked as this process's (see `ownership`), and has a journal.

    Raises:
        OwnershipError: no directory could be made there.
    """

    def __init__(self, base: str | None, project: str) -> None:
        parent = os.path.realpath(base or tempfile.gettempdir())
        self._claim = establish(parent, project=project, argv=sys.orig_argv)
        self.path = self._claim.root
        self.journal = Journal(self.path)
        self.slots: list[str] = []
        self.owners: list[Context] = []
        self._saved: tuple[str | None, dict[str, str | None]] | None = None
        self.add_slot(contexts.root)

    @property
    def slot(self) -> str:
        """The directory that new temporary files go to."""
        return self.slots[-1]

    def add_slot(self, leaving_to: Context) -> None:
        """Make a new slot; what appears in the old one from now on is `leaving_to`'s."""
        if self.owners:
            self.owners[-1] = leaving_to
        path = os.path.join(self.path, str(len(self.slots)))
        os.mkdir(path, 0o700)
        self.slots.append(path)
        self.owners.append(contexts.root)
        if self._saved is not None:
            self._point()

    def redirect(self) -> None:
        """Point `tempfile.tempdir` and TMPDIR, TEMP and TMP at the current slot."""
        environment = {name: os.environ.get(name) for name in _VARIABLES}
        self._saved = (tempfile.tempdir, environment)
        self._point()

    def restore(self) -> None:
        """Put back what `redirect` changed, unless somebody has changed it again since."""
        if self._saved is None:
            return
        directory, environment = self._saved
        self._saved = None
        if tempfile.tempdir in (None, *self.slots):
            tempfile.tempdir = directory
        for name, value in environment.items():
            if os.environ.get(name) not in self.slots:
                continue
            if value is None:
                del os.environ[name]
            else:
                os.environ[name] = value

    def remove(self) -> RemovalReport:
        """Remove the directory with all in it; leave it first if the process works in it."""
        with contextlib.suppress(OSError):
            if (getcwd() + os.sep).startswith(self.path + os.sep):
                os.chdir(os.path.dirname(self.path))
        self.journal.close()
        report = _remove(self.path)
        self._claim.release()
        return report

    def _point(self) -> None:
        tempfile.tempdir = self.slot
        for name in _VARIABLES:
            os.environ[name] = self.slot


def _remove(path: str) -> RemovalReport:
    # A test may have left HOME in here: what `remove_path` would refuse is ours all the same.
    if not HAS_DIR_FD:
        return remove_path(path, measure=False)
    parent, name = os.path.split(path)
    parent_fd = os.open(parent, os.O_RDONLY | os.O_CLOEXEC)
    try:
        return remove_tree_at(parent_fd, name, path=path, measure=False)
    finally:
        os.close(parent_fd)
