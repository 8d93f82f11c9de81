"""List the temp directory of a run, and attribute what is new in it to contexts."""

from __future__ import annotations

import contextlib
import os
import sys
from collections.abc import Callable, Container, Sequence

from ..observation.observer import Observer
from ..observation.path_state import PathState
from ..processes.activity import Activity, activity_of
from ..processes.spawns import UNANNOUNCED
from ..registry import contexts
from ..registry.contexts import UNDECIDED, Context, encloses
from ..roots.root import RunRoot
from ..system import platform, syscalls
from ..system.platform import RACY_NS


class TempDirectoryScanner:
    """Lists the slots of a run root, and attributes what is new in them to contexts.

    Args:
        root: the run root.
        observer: what was observed.

    Attributes:
        server_slots: the slots in which processes of a shared server create their files.
        of_servers: returns the closed contexts whose processes may still write to the slot.
        beside: returns the contexts around one, or closed, whose processes run while it is open.
    """

    def __init__(self, root: RunRoot, observer: Observer) -> None:
        self.of_servers: Callable[[], Sequence[Context]] = tuple
        self.beside: Callable[[Context], Sequence[Context]] = lambda context: ()
        self.server_slots: Container[str] = ()
        self._had_children = False
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
        names: list[str] = []
        slot = self._slot
        # A context that created something here has changed it: that need not be asked.
        if made[0].path.startswith(slot) or self.changed():
            names = self._watched.names()
            is_empty = not names and len(self._root.slots) == 1
        for state in made:
            is_gone = state.is_nested or (is_empty and state.path.startswith(slot))
            if not is_gone and syscalls.lexists(state.path):
                return True
        # Last: a context that leaves something need not ask.
        return bool(names) and self._has_unknown(names)

    def _has_unknown(self, names: list[str]) -> bool:
        known = self._paths.get
        return any(known(self._slot + name) is None for name in names)

    def attribute_new(self, context: Context) -> int:
        """Attribute what is new in the current slot to a context; return how many names it holds.

        Where the context started nothing that may have created it, the innermost one around it gets
        it that did.
        """
        names = self._watched.names()
        new = self._paths.without_maker(self._slot, names)
        if new:
            others = self._others(context)
            for path in new:
                self._paths.found(path, self._maker(path, context, others))
        return len(names)

    def note_children(self) -> None:
        """Record that a context is closed that has started processes."""
        self._had_children = True

    def _maker(self, path: str, context: Context, others: list[Context]) -> Context:
        """Return the one context that may have created a path; `UNDECIDED` if several may have.

        Args:
            path: what no event named.
            context: the one that closes.
            others: what else may have created it.
        """
        own = _context_with_helpers(context, path)
        others = [other for other in others if other is not own]
        if own is None and not others:
            is_native = self._runs_native_code(context)
            return context if is_native or not self._had_children else UNDECIDED
        candidates = [*others, own] if own is not None else others
        if len(candidates) == 1:
            return candidates[0]
        from .name_evidence import child_that_made  # here: it loads much that few runs need

        children = {id(child): c for c in candidates for child in activity_of(c).children}
        named = child_that_made(path, [x for c in candidates for x in activity_of(c).children])
        return children[id(named)] if named is not None else UNDECIDED

    def _others(self, context: Context) -> list[Context]:
        """Return the contexts besides one and those around it whose processes may have run."""
        overlapping = [
            other for other in contexts.open_contexts()
            if other is not context and not encloses(other, context)
            and other.attachment is not None and other.attachment.children
        ]
        of_servers = (c for c in self.of_servers() if c is not context)
        return [*overlapping, *of_servers, *self.beside(context)]

    def _runs_native_code(self, context: Context) -> bool:
        """Whether this process may create files in a context without an event."""
        if self._observer.spawns.native_modules or not UNANNOUNCED.isdisjoint(sys.modules):
            return True
        around: Context | None = context
        while around is not None:
            if around.attachment is not None and around.attachment.native:
                return True
            around = around.parent
        return False

    def attribute_late(self) -> None:
        """Attribute what appeared in former slots to the contexts that these were left to."""
        for slot, context in zip(self._root.slots, self._root.owners, strict=True):
            # Processes of a shared server create files in its slot, whichever test starts them.
            owner = UNDECIDED if slot in self.server_slots else context
            for name in listing(slot):
                self._paths.found(os.path.join(slot, name), owner)


def _context_with_helpers(context: Context, path: str) -> Context | None:
    """Return the innermost context, from one outwards, whose helpers may have created a path.

    That is native code of the context itself, or a process that started before the path was there.
    """
    try:
        changed = syscalls.lstat(path).st_ctime + RACY_NS / 1e9
    except OSError:
        changed = float("inf")
    around: Context | None = context
    while around is not None:
        activity: Activity | None = around.attachment
        if activity is not None:
            if around is context and activity.native:
                return context
            is_asked = around is context or around.scope != "run"
            if is_asked and any(child.started <= changed for child in activity.children):
                return around
        around = around.parent
    return None


class Watched:
    """A directory whose time stamp says whether its listing has changed.

    It is held open, since asking a descriptor takes half the time, until `release` closes it.

    Args:
        path: the directory.
        lost: called when a test has closed the descriptor, and perhaps others.
    """

    __slots__ = ("_empty_size", "_inode", "_lost", "_open", "_stamp", "path")

    def __init__(self, path: str, lost: Callable[[], None] = lambda: None) -> None:
        self._lost = lost
        self.path = path
        self._stamp = -1
        status = syscalls.stat(path)
        self._inode = status.st_ino
        # Where the directory above it, which is not empty, is larger, the size tells (tmpfs, XFS).
        tells = status.st_size < syscalls.stat(os.path.dirname(path)).st_size
        self._empty_size = status.st_size if tells and not listing(path) else -1
        self._open: int | str = platform.park_directory(path)

    def changed(self) -> bool:
        """Whether it may hold other names than when `names` was last called."""
        try:  # not `suppress`, and no call of `_status`: this is done after every test
            found: os.stat_result | None = syscalls.stat(self._open)
        except OSError:
            found = None
        if found is None or found.st_ino != self._inode:
            found = self._status()
        return found is not None and found.st_mtime_ns != self._stamp

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
        names = [] if status.st_size == self._empty_size else listing(self.path)
        stamp = status.st_mtime_ns
        self._stamp = stamp if syscalls.time_ns() - stamp > RACY_NS else -1
        return names

    def _status(self) -> os.stat_result | None:
        status = None
        try:
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
