"""Record what child processes have reported, under the contexts that started them."""

from __future__ import annotations

from collections.abc import Sequence

from ..events import event_paths
from ..observation.activity import Activity, ChildProcess
from ..observation.observer import Observer
from ..registry import contexts
from ..registry.contexts import Context
from ..system import syscalls


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
        """Record what children have reported outside the temp directory since the last call."""
        for made in self._observer.child_log.read():
            path = event_paths.real(made.path, follow=False)
            is_outside = not path.startswith(self._observer.root)
            owner = self._owner_of(made.command) if is_outside else None
            if owner is None or not syscalls.lexists(path):
                continue
            known = self._paths.get(path)
            if known is not None and known.maker is owner:
                known.trail = known.trail or made.origin
            elif self._observer.new_paths.accepts_outside(path, "open", owner, is_new=True):
                self._paths.created(path, owner, made.origin, was_there=True).is_traced = True

    def _owner_of(self, command: tuple[str, ...]) -> Context | None:
        """Return the one context that may have started a child; None if there are several."""
        started = [*self._survivors]
        for context in contexts.open_contexts():
            activity: Activity | None = context.attachment
            started += [(context, child) for child in (activity.children if activity else ())]
        is_pool = any("multiprocessing" in word for word in command)
        same = {
            context for context, child in started
            if child.command == command or (is_pool and child.call == "multiprocessing")
        } or {context for context, _ in started}
        return same.pop() if len(same) == 1 else None
