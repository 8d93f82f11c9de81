"""What lies in the temp directory of a run, compared with what is known of it."""

from __future__ import annotations

import os

from ..fileops import sweep
from ..observation.activity import Activity, Entry, activity_of
from ..observation.observer import Observer
from ..registry import contexts
from ..registry.contexts import Context
from ..roots.root import RunRoot
from ..system import syscalls


class Slots:
    """Lists the slots of a run root, and gives what is new in them to contexts."""

    def __init__(self, root: RunRoot, observer: Observer) -> None:
        self._root = root
        self._observer = observer
        self._watched = sweep.Watched(root.slot)
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
        self._watched = sweep.Watched(self._root.slot)
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
            for name in sweep.listing(slot):
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
