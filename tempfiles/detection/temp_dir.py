"""List the temp directory of a run, and attribute what is new in it to contexts."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Callable, Sequence

from ..observation.activity import Activity
from ..observation.observer import Observer
from ..observation.path_state import PathState
from ..registry.contexts import Context
from ..roots.root import RunRoot
from ..system import platform, syscalls

RACY_NS = 20_000_000
"""A directory that changed this recently may change again without a new time stamp: kernels before
6.13 stamp it with the time of the tick, which is up to 10 ms coarse."""


class TempDirectoryScanner:
    """Lists the slots of a run root, and attributes what is new in them to contexts.

    Args:
        root: the run root.
        observer: what was observed.
    """

    def __init__(self, root: RunRoot, observer: Observer) -> None:
        self._root = root
        self._observer = observer
        self._paths = observer.paths
        self._follow(root.slot)

    def _follow(self, slot: str) -> None:
        self._slot = slot + os.sep
        self._watched = Watched(slot, self._root.lock_again)
        self.changed = self._watched.changed

    def replace_slot(self, owner: Context) -> None:
        """Have the run use a new slot; what appears in the old one is a context's from now on.

        On a disk that is full the run continues with the old one.
        """
        try:
            self._root.add_slot(owner)
        except OSError:
            return
        self._watched.release()
        self._follow(self._root.slot)

    def release(self) -> None:
        """Release the current slot, which is about to be removed."""
        self._watched.release()

    def has_new(self) -> bool:
        """Whether the current slot holds a name that no context has got."""
        return self._has_unknown(self._watched.names())

    def holds(self, made: Sequence[PathState]) -> bool:
        """Whether something new is in the current slot, or any of the paths exists.

        Args:
            made: the records of what a context has created, at least one.
        """
        is_empty = False
        # A context that created something here has changed it: that need not be asked.
        if made[0].path.startswith(self._slot) or self.changed():
            names = self._watched.names()
            if names and self._has_unknown(names):
                return True
            is_empty = not names and len(self._root.slots) == 1
        for state in made:
            is_gone = state.is_nested or (is_empty and state.path.startswith(self._slot))
            if not is_gone and syscalls.lexists(state.path):
                return True
        return False

    def _has_unknown(self, names: list[str]) -> bool:
        known = self._paths.get
        return any(known(self._slot + name) is None for name in names)

    def attribute_new(self, context: Context) -> int:
        """Attribute what is new in the current slot to a context; return how many names it holds.

        Where the context started nothing that may have created it, the innermost one around it gets
        it that did.
        """
        names = self._watched.names()
        maker = context if self._observer.spawns.native_modules else _context_with_helpers(context)
        for name in names:
            self._paths.found(self._slot + name, maker)
        return len(names)

    def attribute_late(self) -> None:
        """Attribute what appeared in former slots to the contexts that these were left to."""
        for slot, owner in zip(self._root.slots, self._root.owners, strict=True):
            for name in listing(slot):
                self._paths.found(os.path.join(slot, name), owner)


def _context_with_helpers(context: Context) -> Context:
    """Return the innermost context, from this one outwards, that has children or native code."""
    activity: Activity | None = context.attachment
    if activity is not None and activity.has_helpers:
        return context
    parent = context.parent
    while parent is not None:
        has_children = parent.attachment is not None and parent.attachment.children
        if has_children and parent.scope != "run":
            return parent
        parent = parent.parent
    return context


class Watched:
    """A directory whose time stamp says whether its listing has changed.

    It is held open, since asking a descriptor takes half the time, until `release` closes it.

    Args:
        path: the directory.
        lost: called when a test has closed the descriptor, and perhaps others.
    """

    __slots__ = ("_inode", "_lost", "_open", "_stamp", "path")

    def __init__(self, path: str, lost: Callable[[], None] = lambda: None) -> None:
        self._lost = lost
        self.path = path
        self._stamp = -1
        self._inode = syscalls.stat(path).st_ino
        self._open: int | str = platform.park_directory(path)

    def changed(self) -> bool:
        """Whether it may hold other names than when `names` was last called."""
        status = self._status()
        return status is not None and status.st_mtime_ns != self._stamp

    def release(self) -> None:
        """Close the directory; it is asked by its path from now on."""
        held, self._open = self._open, self.path
        if isinstance(held, int):
            with contextlib.suppress(OSError):
                if syscalls.stat(held).st_ino == self._inode:
                    os.close(held)

    def names(self) -> list[str]:
        """Return the names in it now; none if it is gone."""
        status = self._status()
        if status is None:
            return []
        names = listing(self.path)
        stamp = status.st_mtime_ns
        self._stamp = stamp if syscalls.time_ns() - stamp > RACY_NS else -1
        return names

    def _status(self) -> os.stat_result | None:
        status = None
        try:  # not `suppress`: this is done after every test
            status = syscalls.stat(self._open)
        except OSError:
            self._open = self.path
        if status is not None and status.st_ino == self._inode:
            return status
        # A test has closed our descriptor, and perhaps another file has its number now.
        self._open = self.path
        self._lost()
        try:
            return syscalls.stat(self.path)
        except OSError:
            return None


def listing(path: str) -> list[str]:
    """Return the names in a directory; none if it is gone or cannot be read."""
    try:
        return syscalls.listdir(path)
    except OSError:
        return []
