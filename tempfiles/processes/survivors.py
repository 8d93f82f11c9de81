"""Find the processes that survive the context that started them, or run beside its inner ones."""

from __future__ import annotations

import itertools
import os
import time
from collections.abc import Iterable, Iterator

from ..registry.contexts import Context
from ..roots.root import RunRoot
from ..system import syscalls
from .activity import Activity, ChildProcess
from .watch import Process, ProcessWatch, alive, has_servers_command, is_shared

_POLL = 0.02
_TICK = 0.02
"""Seconds within which a process may seem to have started before it was about to be."""


class SurvivorProcesses:
    """Find the processes that survive the context that started them.

    What such a process writes later still belongs to its context: its temp directory is a slot that
    no other context uses any more, and the end of the run waits a little for it.

    Args:
        root: the run root.

    Attributes:
        server_directories: the temp directories of the servers that all contexts share.
        late: the closed contexts that have started a process since the last context closed.
    """

    def __init__(self, root: RunRoot) -> None:
        self._watch = ProcessWatch(root.path, orphans=True)
        self._alive: dict[Context, list[Process]] = {}
        self._of_servers: dict[Context, list[Process]] = {}
        self.server_directories: set[str] = set()
        self.late: tuple[Context, ...] = ()
        self._were_late: list[Context] = []
        self._servers: list[Process] = []
        self._has_waited = False

    def find(self, context: Context, activity: Activity) -> None:
        """Record which of the processes that a context started are alive when it closes.

        Others may have been started by a context around it, or by one that is closed.
        """
        if not activity.children and not self.late:
            return
        self._add_new(context)
        while self._forget_ended(context):
            self._add_new(context)  # what has ended may have started another one before

    def _add_new(self, context: Context) -> None:
        """Record the processes that are new since the last call."""
        for process in self._watch.new_since_last():
            if not is_shared(process):
                owner = self._starter_of(process, context)
                self._alive.setdefault(owner, []).append(process)
                if has_servers_command(process):
                    self._of_servers.setdefault(owner, []).append(process)
                continue
            self._servers.append(process)
            if process.tmpdir is not None:
                self.server_directories.add(process.tmpdir)

    def forget_ended(self) -> None:
        """Forget the processes of open contexts that have ended, after one within them closed."""
        for context in [context for context in self._alive if not context.closed]:
            self._forget_ended(context)

    def _forget_ended(self, context: Context) -> bool:
        """Forget the processes of a context that have ended; return whether any has."""
        before = len(self._alive.get(context, ()))
        for found in (self._alive, self._of_servers):
            if context in found:
                found[context] = list(filter(alive, found[context]))
                if not found[context]:
                    del found[context]
        return len(self._alive.get(context, ())) < before

    def _starter_of(self, process: Process, context: Context) -> Context:
        """Return the context that started a process: the last one that did before it began."""
        for owner, processes in self._alive.items():
            if any(process.ppid == parent.pid for parent in processes):
                return owner
        began = _began(process)
        last, latest = context, 0.0
        for owner in (context, *_around(context), *self.late):
            for child in _children(owner):
                if latest < child.started <= began + _TICK:
                    last, latest = owner, child.started
        return last

    def beside(self, context: Context) -> list[Context]:
        """Return the contexts around one, and late ones, whose processes ran while it did."""
        around = [owner for owner in _around(context) if owner in self._alive]
        self._were_late = [owner for owner in self._were_late if self.live(owner)]
        late = dict.fromkeys((*self._were_late, *self.late))
        self._were_late = list(late)
        return [*around, *(owner for owner in late if owner is not context)]

    def owns_slot(self, context: Context) -> bool:
        """Whether a process survives a context whose temp directory no later process has.

        The children of multiprocessing's fork server have that of the server, whichever context
        started them.
        """
        return len(self._alive.get(context, ())) > len(self._of_servers.get(context, ()))

    def of_servers(self) -> list[Context]:
        """Return the closed contexts whose children of a fork server lived at the last call."""
        found = [context for context in self._of_servers if context.closed]
        for context in found:
            if not any(map(alive, self._of_servers[context])):
                del self._of_servers[context]
        return found

    def survive(self, context: Context) -> bool:
        """Whether a process of a context was alive when it closed."""
        return context in self._alive

    def pids(self) -> list[str]:
        """Return the ids of the processes that were alive when their context closed."""
        known = itertools.chain(self._servers, *self._alive.values())
        return [str(process.pid) for process in known]

    def live(self, context: Context) -> bool:
        """Whether a process of a closed context is alive."""
        return any(map(alive, self._alive.get(context, ())))

    def contexts(self) -> tuple[Context, ...]:
        """Return the contexts with survivor processes."""
        return tuple(context for context in self._alive if context.parent is not None)

    def wait(self, grace: float) -> None:
        """Wait until they have ended, at most `grace` seconds; a second time not at all."""
        if self._has_waited:
            return
        self._has_waited = True
        until = syscalls.monotonic() + grace
        waited_for = set(self._alive)
        while waited_for:
            for context in [each for each in waited_for if not self.live(each)]:
                self._add_new(context)  # what has ended may have started another one before
            waited_for = {context for context in self._alive if self.live(context)}
            if not waited_for or syscalls.monotonic() >= until:
                return
            syscalls.sleep(_POLL)


def _around(context: Context) -> Iterator[Context]:
    outer = context.parent
    while outer is not None:
        yield outer
        outer = outer.parent


def _children(context: Context) -> Iterable[ChildProcess]:
    activity: Activity | None = context.attachment
    return activity.children if activity is not None else ()


def _began(process: Process) -> float:
    """Return when a process began, in seconds since the epoch."""
    booted = syscalls.time() - time.clock_gettime(time.CLOCK_BOOTTIME)
    return booted + int(process.started) / os.sysconf("SC_CLK_TCK")
