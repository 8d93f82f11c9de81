"""Record what child processes have reported, under the contexts that started them."""

from __future__ import annotations

import os
from collections.abc import Sequence

from ..events import event_paths
from ..events.child_log import ChildCreation
from ..observation.activity import Activity, ChildProcess
from ..observation.observer import Observer
from ..registry import contexts
from ..registry.contexts import Context
from ..system import syscalls

_OF_POOLS = ("multiprocessing", "process pool")


class ChildCreations:
    """Puts the creations of child processes into the path table.

    Args:
        observer: what was observed.
        survivors: the processes that run longer than their context, which is closed.
    """

    def __init__(
        self, observer: Observer, survivors: Sequence[tuple[Context, ChildProcess]]
    ) -> None:
        self._observer = observer
        self._paths = observer.paths
        self._survivors = survivors

    def read(self) -> None:
        """Record what children have reported since the last call.

        What lies in the temp directory is recorded only for workers of pools: the listing of that
        directory finds the rest.
        """
        for made in self._observer.child_log.read():
            path = event_paths.real(made.path, follow=False)
            is_outside = not path.startswith(self._observer.root)
            giver = self._observer.forks.context_of(made.key)
            owner = self._starter_of(made) if giver is None and is_outside else giver
            if owner is None or not syscalls.lexists(path):
                continue
            known = self._paths.get(path)
            if known is not None and known.maker is owner:
                known.trail = known.trail or made.origin
            elif self._accepts(path, owner, is_outside):
                self._paths.created(path, owner, made.origin, was_there=True).is_traced = True

    def _accepts(self, path: str, owner: Context, is_outside: bool) -> bool:
        if is_outside:
            return self._observer.new_paths.accepts_outside(path, "open", owner, is_new=True)
        slot = os.path.dirname(path)
        is_topmost = os.path.dirname(slot) + os.sep == self._observer.root
        return is_topmost and self._paths.get(path) is None

    def _starter_of(self, made: ChildCreation) -> Context | None:
        """Return the one context that may have started a child; None if there are several."""
        started = [*self._survivors]
        for context in contexts.open_contexts():
            activity: Activity | None = context.attachment
            started += [(context, child) for child in (activity.children if activity else ())]
        is_pool = any("multiprocessing" in word for word in made.command)
        same = {
            context for context, child in started
            if child.command == made.command or (is_pool and child.call in _OF_POOLS)
        } or {context for context, _ in started}
        return same.pop() if len(same) == 1 else None
