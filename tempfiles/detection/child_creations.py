"""Record what child processes have reported, under the contexts that started them."""

from __future__ import annotations

import os
from collections.abc import Sequence
from typing import NamedTuple

from ..events import event_paths
from ..events.child_log import ChildCreation, ChildStart
from ..observation.observer import Observer
from ..processes.activity import Activity, ChildProcess
from ..processes.survivors import SurvivorProcesses
from ..registry import contexts
from ..registry.contexts import Context
from ..system import syscalls

_OF_POOLS = ("multiprocessing", "process pool")
_WORKERS = ("multiprocessing", "loky")  # in the command lines of workers, which serve many contexts


class Starter(NamedTuple):
    """The context that a process works for, and the start of it, if that is known too."""

    context: Context
    child: ChildProcess | None = None


class ChildCreations:
    """Puts the creations of child processes into the path table.

    Args:
        observer: what was observed.
        survivors: the processes that run longer than their context, which is closed.
        processes: tells which of them are alive.
    """

    def __init__(
        self, observer: Observer, survivors: Sequence[tuple[Context, ChildProcess]],
        processes: SurvivorProcesses,
    ) -> None:
        self._observer = observer
        self._paths = observer.paths
        self._depth = observer.root.count(os.sep) + 1  # of the topmost entries
        self._survivors = survivors
        self._processes = processes
        self._live: list[tuple[Context, ChildProcess]] = []
        self._looked_at = 0  # how many survivors there were
        self._starters: dict[str, Starter | None] = {}

    def read(self) -> None:
        """Record what children have reported since the last call."""
        for report in self._observer.child_log.read():
            if isinstance(report, ChildStart):
                self._starters[report.process] = self._starter_of_native(report)
            else:
                self._add(report)
        self._keep_live()

    def _keep_live(self) -> None:
        """Leave out, from now on, the survivors whose processes have all ended."""
        self._live = [each for each in self._survivors if self._processes.live(each[0])]
        self._looked_at = len(self._survivors)

    def _add(self, made: ChildCreation) -> None:
        path = event_paths.real(made.path, follow=False)
        is_in_temp = path.startswith(self._observer.root)
        if is_in_temp and path.count(os.sep) != self._depth:
            return  # a part of a topmost entry
        starter = self._starter_of(made, is_in_temp)
        if starter is None or not syscalls.lexists(path) or self._observer.siblings.has(path):
            return
        context, child = starter
        if made.takes_work and not made.key and context.closed:
            context = contexts.UNDECIDED  # a later test may have asked for it
        trail = made.origin or (child.trail if child is not None else None)
        known = self._paths.get(path)
        if known is not None and known.maker is context and not known.is_replaced:
            known.trail = known.trail or trail
        elif made.process and known is not None and known.is_traced and not known.is_reported:
            return  # a Python program has reported it too, and knows more
        elif self._is_new(path, context, is_in_temp):
            if self._observer.siblings.writes and not is_in_temp:
                self._observer.siblings.note(path)
            self._paths.created(path, context, trail, was_there=True).is_traced = True

    def _is_new(self, path: str, context: Context, is_in_temp: bool) -> bool:
        if is_in_temp:
            return not self._paths.has_maker(path)
        return self._observer.new_paths.accepts_outside(path, "open", context, is_new=True)

    def _starter_of(self, made: ChildCreation, is_in_temp: bool) -> Starter | None:
        """Return the context that a child has worked for; None if there may be several."""
        giver = self._observer.forks.context_of(made.key)
        if giver is not None:
            return Starter(giver)
        if made.process:
            return self._starters.get(made.process)
        is_worker = _is_worker(made.command)
        started = self._started()
        same = [
            (context, child) for context, child in started
            if _has_command(child, made.command) or (is_worker and child.call in _OF_POOLS)
        ]
        if is_in_temp:  # the listing decides there, unless the child is known
            return _only(same, same)
        return _only(same, same or self._possible(started, made.command))

    def _possible(
        self, started: Sequence[tuple[Context, ChildProcess]], command: tuple[str, ...]
    ) -> Sequence[tuple[Context, ChildProcess]]:
        """Return the starts that a process with a command line may come from.

        Any of them may have executed another program, as `env` and `bash -c` do. Native code may
        also have started a process of which nothing is known.
        """
        is_all_known = not any(
            context.attachment is not None and context.attachment.native
            for context in contexts.open_contexts()
        )
        return [one for one in started if is_all_known or _may_be(one[1], command)]

    def _starter_of_native(self, start: ChildStart) -> Starter | None:
        """Return what started a process: of those like it the next one, as each starts once."""
        command = start.command
        if _is_worker(command):
            return None  # what it works for is known to Python code only
        started = [one for one in self._started() if one[1].started <= start.time]
        same = [
            one for one in started if _has_command(one[1], command) and not one[1].is_traced
        ]
        found = _only(same, same or [one for one in started if _may_be(one[1], command)])
        if found is None or not same:
            return found
        child = same[0][1]
        child.is_traced = True
        return Starter(found.context, child)

    def _started(self) -> list[tuple[Context, ChildProcess]]:
        """Return what contexts have started that are open, or closed before the process ended."""
        started = [*self._live, *self._survivors[self._looked_at :]]
        for context in contexts.open_contexts():
            activity: Activity | None = context.attachment
            started += [(context, child) for child in (activity.children if activity else ())]
        return started


def _only(
    same: Sequence[tuple[Context, ChildProcess]], possible: Sequence[tuple[Context, ChildProcess]]
) -> Starter | None:
    """Return the one context of those that are possible, and the child if it is the only one."""
    found = {context for context, _ in possible}
    if len(found) != 1:
        return None
    return Starter(found.pop(), same[0][1] if len(same) == 1 else None)


def _is_worker(command: tuple[str, ...]) -> bool:
    return any(worker in word for word in command for worker in _WORKERS)


def _may_be(child: ChildProcess, command: tuple[str, ...]) -> bool:
    """Whether a child with another command line may have the given one: one of the two is unknown.

    A child that was forked is not known by its command line.
    """
    return not (child.command and command)


def _has_command(child: ChildProcess, command: tuple[str, ...]) -> bool:
    """Whether a child may have the given command line.

    The kernel puts the interpreter of a script in front, and a shell in front of its text.
    """
    own, tail = child.command, command[-len(child.command) :]
    if not own or not tail or own[1:] != tail[1:]:
        return False
    return os.path.basename(own[0]) == os.path.basename(tail[0])
