"""What lies in the temp directory of a run, compared with what is known of it."""

from __future__ import annotations

import contextlib
import os

from ..observation.activity import Activity, Entry, activity_of
from ..observation.observer import Observer
from ..registry import contexts
from ..registry.contexts import Context
from ..roots.root import RunRoot
from ..system import platform, syscalls

# Kernels before 6.13 stamp directories with the tick's time, up to 10 ms coarse: a directory that
# changed this recently (ns) may change again without a new stamp.
RACY_NS = 20_000_000


class Slots:
    """Lists the slots of a run root, and gives what is new in them to contexts."""

    def __init__(self, root: RunRoot, observer: Observer) -> None:
        self._root = root
        self._observer = observer
        self._watched = Watched(root.slot)
        self._seen: frozenset[str] = frozenset()  # the names that the slot held when last listed
        self.changed = self._watched.changed

    def replace(self, leaving_to: Context) -> None:
        """Have the run use a new slot; what appears in the old one is a context's from now on.

        On a disk that is full the run goes on with the old one.
        """
        try:
            self._root.add_slot(leaving_to)
        except OSError:
            return
        self._watched.release()
        self._watched = Watched(self._root.slot)
        self._seen = frozenset()
        self.changed = self._watched.changed

    def release(self) -> None:
        """Let go of the current slot, which is about to be removed."""
        self._watched.release()

    def has_new(self) -> bool:
        """Whether the slot holds other names than when it was last listed."""
        return frozenset(self._watched.names()) != self._seen

    def all_gone(self, activity: Activity) -> bool:
        """Whether nothing new is in the slot, and nothing is left of what a context made."""
        if (activity.created or self.changed()) and not self._hold_nothing_of(activity.created):
            return False
        return not any(map(syscalls.lexists, activity.outside))

    def _hold_nothing_of(self, created: list[str]) -> bool:
        names = self._watched.names()
        if (names or self._seen) and frozenset(names) != self._seen:
            return False
        if len(self._root.slots) > 1:
            paths = (os.path.join(self._root.path, key) for key in created)
            return not any(map(syscalls.lexists, paths))  # some may lie in a former slot
        return not self._seen or all(key.partition(os.sep)[2] not in self._seen for key in created)

    def assign_new(self, context: Context) -> int:
        """Give what is new in the current slot to a context; return how many names it holds."""
        names = self._watched.names()
        self._seen = frozenset(names)
        slot = str(len(self._root.slots) - 1)
        owner = context
        if not self._observer.spawning.native_modules:
            owner = _who_has_processes(context)
        for name in names:
            self._assign(f"{slot}{os.sep}{name}", owner)
        return len(names)

    def assign_late(self) -> None:
        """Give what has appeared in former slots to the contexts that these were left to."""
        owners = zip(self._root.slots, self._root.owners, strict=True)
        for number, (slot, owner) in enumerate(owners):
            for name in listing(slot):
                if self._assign(f"{number}{os.sep}{name}", owner) and owner is not contexts.root:
                    self._observer.late[owner] = None

    def _assign(self, key: str, context: Context) -> bool:
        if key in self._observer.entries:
            return False
        self._observer.entries[key] = Entry(context, None, seen=True)
        activity_of(context).created.append(key)
        return True


def _who_has_processes(context: Context) -> Context:
    """Return the innermost context, from this one outwards, that may have made what no event named.

    A test that started nothing did not: a server that its class has started may have.
    """
    activity: Activity | None = context.attachment
    if activity is not None and (activity.children or activity.native):
        return context
    parent = context.parent
    while parent is not None:
        has_children = parent.attachment is not None and parent.attachment.children
        if has_children and parent.scope != "run":
            return parent
        parent = parent.parent
    return context


class Watched:
    """A directory whose listing is read again only when its time stamp says that it changed.

    It is held open, since asking a descriptor takes half the time; `release` lets go of it.
    """

    __slots__ = ("_inode", "_open", "_stamp", "path")

    def __init__(self, path: str) -> None:
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
