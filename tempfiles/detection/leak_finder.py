"""Find the leaks of a context that closes: what it created or started, and what exists still."""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from dataclasses import replace

from ..fileops.identity import FileId, birth, file_id, file_id_with_birth
from ..fileops.measure import measure
from ..observation.observer import Observer
from ..observation.path_state import PathState
from ..processes.activity import Activity, ChildProcess, activity_of
from ..processes.survivors import SurvivorProcesses
from ..processes.watch import holders_of
from ..records import Evidence, Leak, Unattributed, Where
from ..registry import contexts, registrations
from ..registry.contexts import UNDECIDED, Context
from ..system import exit_handlers, syscalls
from ..system.platform import RACY_NS
from . import name_evidence as evidence
from .child_creations import ChildCreations
from .explanations import Examined, Explanations, children_above
from .ignore import Ignored
from .leftovers import Leftovers
from .project_tree import ProjectTree

_TICK = RACY_NS / 1e9
_MOST_ASKED = 20  # leaking contexts for which processes are read when they close


class LeakFinder:
    """Find the leaks of one context at a time, each once.

    Args:
        observer: what was observed.
        tree: the project's.
        ignored: what is no leak.
        processes: those that survive their context.

    Attributes:
        child_creations: records what child processes have reported.
        is_last: whether the exit handlers have run, so that nothing waits for them.
        leftovers: the leaks of earlier runs that are still there.
        explanations: says where a leak is from.
        unattributed: new paths in the project tree that nothing ties to a context, with the
            processes that ran meanwhile.
        undecided: what one of several contexts has created, as far as it was there at the end.
        survivors: the processes of closed contexts that may have run on.
    """

    def __init__(
        self, observer: Observer, tree: ProjectTree, ignored: Ignored,
        processes: SurvivorProcesses,
    ) -> None:
        self.is_last = False
        self.leftovers = Leftovers(observer.paths, ignored)
        self._observer = observer
        self._paths = observer.paths
        self._root = observer.root
        self._tree = tree
        self._ignored = ignored
        self.explanations = Explanations(tree.top)
        self._processes = processes
        self.survivors: list[tuple[Context, ChildProcess]] = []
        self.child_creations = ChildCreations(observer, self.survivors, processes)
        self._alone = True
        self._asks = _MOST_ASKED
        self._reach: exit_handlers.Reach | None = None  # from what closes now
        self.unattributed: dict[str, tuple[ChildProcess, ...]] = {}
        self._leaks_of_survivors: list[Leak] = []
        self.undecided: dict[str, Unattributed] = {}

    def left_by(self, context: Context) -> tuple[Leak, ...]:
        """Return the leaks of a context, and record that they are reported."""
        activity = activity_of(context)
        self._reach = None if self.is_last else exit_handlers.Reach()
        leaks = [*self._in_temp(context, activity), *self._outside(context, activity)]
        unaudited = activity.has_helpers or self._observer.spawns.native_modules
        if self._tree.known and (unaudited or context.scope != "test"):
            leaks += self._in_tree(context, activity)
        if self.leftovers.concern(context.id):
            leaks += self.leftovers.take(context.id, lambda path: self._names(path, context))
        leaks = self._with_holders(leaks)
        for leak in leaks:
            self._paths.update_report(leak)
        return tuple(leaks)

    def _with_holders(self, leaks: list[Leak]) -> list[Leak]:
        """Add to each leak the processes of the run that hold it open.

        For the first leaking contexts only: to read a process takes longer than all else that a
        leak costs. `Totals.note_holders` asks for the others, once.
        """
        pids = self._processes.pids() if leaks and self._asks else []
        if not pids:
            return leaks
        self._asks -= 1
        found = holders_of([leak.path for leak in leaks], pids)
        return [replace(leak, open_by=tuple(found.get(leak.path, ()))) for leak in leaks]

    def _names(self, path: str, context: Context) -> bool:
        """Return whether a child process of a context is known to have created a path."""
        return evidence.child_that_made(path, activity_of(context).children, False) is not None

    def take_leaks_of_survivors(self) -> list[Leak]:
        """Return, once, the leaks of processes that survived their context, which is closed."""
        found, self._leaks_of_survivors = self._leaks_of_survivors, []
        return found

    def set_undecided_apart(self) -> None:
        """Record what is left of what one of several contexts has created."""
        for state in self._current(UNDECIDED):
            where: Where = "temp" if state.path.startswith(self._root) else "outside"
            if state.reported is None and not self._is_excused(state.path, where):
                children = self.unattributed.pop(state.path, ())
                found = self.explanations.describe_undecided(state, children, where)
                if found is not None:
                    self.undecided[state.path] = found

    def close(self, context: Context, survives: bool) -> None:
        """Forget what a closed context did, but for its processes if any survives it."""
        activity = activity_of(context)
        context.attachment = None
        self._paths.close(context)
        if not survives:
            self._observer.child_log.forget()
        else:
            activity_of(context).children = activity.children
            found = ((context, child) for child in activity.children)
            self.survivors += [each for each in found if each not in self.survivors]

    def count(self, topmost: Sequence[str], context: Context) -> tuple[int, int]:
        """Return how many paths a context created, and how many of them are registered with it.

        An ignored path counts only if it is registered.

        Args:
            topmost: the topmost paths that it created.
            context: the context.
        """
        registered = {
            path for path in {*topmost, *(state.path for state in self._paths.made_by(context))}
            if registrations.owner(path) is context and syscalls.lexists(path)
        }
        number = sum(
            path in registered or not self._ignored(path, path.startswith(self._root))
            for path in topmost if not (self._is_waiting(path) or self._is_in_siblings(path))
        )
        return number, len(registered)

    def _is_waiting(self, path: str) -> bool:
        """Return whether a path is judged, and counted, after the exit handlers."""
        state = self._paths.get(path)
        return not self.is_last and state is not None and state.waits

    def _current(self, context: Context) -> Iterator[PathState]:
        """Yield the records of a context that no other context's creation has replaced."""
        for state in tuple(self._paths.made_by(context)):
            if self._paths.get(state.path) is state:
                yield state

    def _in_temp(self, context: Context, activity: Activity) -> Iterator[Leak]:
        """Yield what a context left in the temp directory; forget what is gone."""
        for state in self._current(context):
            if not state.path.startswith(self._root):
                continue
            leak = self._examine(state, activity, "temp") if self._paths.confirm(state) else None
            if leak is not None:
                yield leak
            elif not syscalls.lexists(state.path) and not self._paths.is_pending(state):
                self._paths.forget(state)

    def _outside(self, context: Context, activity: Activity) -> Iterator[Leak]:
        """Yield what a context left elsewhere, as far as events or command lines tell."""
        states = {
            state.path: state for state in self._current(context)
            if not (state.is_nested or state.path.startswith(self._root))
            and (state.is_removed_by_maker or self._paths.confirm(state))
            and not self._is_created_since(state)
        }
        promised = {
            path: PathState(path, context, child.trail)
            for child in activity.children
            for path in child.promised
            if (known := self._paths.get(path)) is None or known.maker is not context
        }
        for path, state in sorted({**promised, **states}.items()):
            if syscalls.lexists(path) and not self._paths.belongs_elsewhere(path, context):
                if self._is_in_siblings(path):
                    continue
                found: Evidence = "scanned" if path in promised else "observed"
                leak = self._examine(state, activity, "outside", found)
                if leak is not None:
                    yield leak

    def _is_in_siblings(self, path: str) -> bool:
        """Return whether a path lies in a directory of a sibling, with which it is reported."""
        siblings = self._observer.siblings
        return siblings.writes and siblings.has(os.path.dirname(path))

    def _is_created_since(self, state: PathState) -> bool:
        """Return whether something else has created a path again that this process removed."""
        if state.removed_by is None or not syscalls.lexists(state.path):
            return False
        born = _birth_of(state.path)
        return born is not None and born * 1e9 > state.removed_at

    def _in_tree(self, context: Context, activity: Activity) -> Iterator[Leak]:
        """Yield what appeared in the project tree without an event and is a context's own."""
        children = [*activity.children, *children_above(context)]
        for path in self._tree.new():
            if self._paths.is_of_run(path) or self._ignored(path):
                continue
            if self._paths.belongs_elsewhere(path, context, or_to_it=True):
                continue
            if self._observer.siblings.has(path):
                continue
            state = self._attribute(path, context, children)
            if state is None:
                self.unattributed[path] = tuple(children)
                continue
            leak = self._examine(state, activity, "outside")
            if leak is not None and state.maker is context:
                yield leak
            elif leak is not None:
                self._leaks_of_survivors.append(leak)

    def _attribute(
        self, path: str, context: Context, children: Sequence[ChildProcess]
    ) -> PathState | None:
        """Return a record with the maker of an unobserved path, as far as there is evidence."""
        if not self._observer.spawns.had_unaudited:
            return None  # what this process creates itself is observed
        state = self._named(path, context, children)
        if state is None and self._is_alone():
            state = self._named(path, context, children, alone=True)
        return state

    def _is_alone(self) -> bool:
        """Whether no other program works in the project, as it may create files of any name."""
        if self._alone:
            self._alone = not evidence.has_neighbours(self._root.rstrip(os.sep), self._tree.top)
        return self._alone

    def _named(
        self, path: str, context: Context, children: Sequence[ChildProcess], alone: bool = False
    ) -> PathState | None:
        child = evidence.child_that_made(path, children, alone)
        if child is not None:
            return PathState(path, context, child.trail)
        child = evidence.child_that_made(path, [child for _, child in self.survivors], alone)
        for owner, candidate in self.survivors:
            if candidate is child:
                return PathState(path, owner, candidate.trail)
        if any(evidence.is_named_in_code(path, owner, (), alone) for owner, _ in self.survivors):
            return None  # it may be theirs as well
        if self._processes.beside(context):
            return None  # or of a process that a fixture has started
        own = activity_of(context).children
        if not evidence.is_named_in_code(path, context, own, alone):
            return None
        if not self._was_helped(path, context):
            # A program that the child left running for a while, or one of others.
            known = self._paths.get(path)
            is_again = known is not None and self._is_created_since(known)
            if alone or is_again or not self._is_alone():
                return None
        return PathState(path, context)

    def _was_helped(self, path: str, context: Context) -> bool:
        """Return whether a path may have been created by what a context has started."""
        activity, born = activity_of(context), _birth_of(path)
        is_native = activity.native or self._observer.spawns.native_modules
        if born is None or is_native or self._processes.survive(context):
            return True
        return any(c.started - _TICK <= born <= c.ended for c in activity.children)

    def _examine(
        self, state: PathState, activity: Activity, where: Where, found: Evidence = "scanned"
    ) -> Leak | None:
        """Return the leak at a path, if one is there, and record that it is reported."""
        try:
            status = syscalls.lstat(state.path)
        except (OSError, ValueError):
            return None
        known = self._paths.get(state.path)
        if (known is not None and known.is_reported) or self._is_excused(state.path, where):
            return None
        assert state.maker is not None
        if self._reach is not None and self._reach.may_remove(state.path):
            self._paths.wait(state, state.maker)
            return None
        if state.trail is None:
            state.trail = self._observer.child_log.origin_of(state.path)
            state.is_traced |= state.trail is not None
        if state.is_traced:
            found = "traced"
        elif where == "temp" and state.trail is not None:
            found = "observed"
        if where == "outside" and self._observer.siblings.writes:
            self._observer.siblings.note(state.path)
        extent = measure(state.path, status)
        activity_of(state.maker).bytes_left += extent.taken
        leak = self.explanations.leak(Examined(state, status, extent, where, found), activity)
        self._paths.report(state, leak)
        state.identity = self._identify(state.path, status, where)
        return leak

    def _is_excused(self, path: str, where: Where) -> bool:
        """Whether what lies at a path is no leak: it is ignored, or a registered path covers it."""
        return self._ignored(path, everywhere=where == "temp") or registrations.is_covered(path)

    def _identify(self, path: str, status: os.stat_result, where: Where) -> FileId:
        if where == "temp" or not self._paths.keeps_all:
            return file_id(status)
        with contexts.untracked():  # it may import ctypes, which counts as native code otherwise
            return file_id_with_birth(path, status)


def _birth_of(path: str) -> float | None:
    """Return when a path was born, in seconds since the epoch; None where that is not known."""
    try:
        with contexts.untracked():  # it may import ctypes, which counts as native code otherwise
            born = birth(path, syscalls.lstat(path))
    except (OSError, ValueError):
        return None
    return None if born is None else born / 1e9
