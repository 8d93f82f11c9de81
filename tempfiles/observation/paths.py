"""One record for each path that this process was observed to create, to move or to remove.

The table says who created a path, whether it was there before the run, whether it is still the same
file, and whether it was reported as a leak. Audit events come before the call and fire even if the
call fails: a record says what was attempted, and the disk is asked when a context closes.
"""

from __future__ import annotations

from _thread import get_ident
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING

from ..events import event_paths
from ..events.origins import Trail
from ..fileops.identity import with_parents
from ..registry.contexts import UNTRACKED, Context, is_fixture_of
from ..system import syscalls
from ..system.thread_lock import Patient, new_lock
from .identities import Identities
from .path_state import PathState, identify
from .preexisting import PreexistingFiles

if TYPE_CHECKING:
    from ..records import Leak, Origin

_lock = new_lock()  # of the files from before the run, whose records change in several steps
_KEEP_IDENTITY = ("os.rename", "os.link")  # `moved` knows it


class PathTable:
    """The records of a run by path, and by the context that created them.

    Args:
        root: the run root, with a separator at its end.
        keeps_all: keep a record of every path that the run creates, as long as the run lasts, also
            of those in directories of its own (`--clean-outside`).

    Attributes:
        root: the run root, with a separator at its end.
        closed_makers: the contexts that created something after they were closed.
        identities: which files the run has created, if all is kept.
        preexisting: the files of the user that were moved, linked or removed.
        get: returns the record of a path, None where there is none.
    """

    def __init__(self, root: str, *, keeps_all: bool = False) -> None:
        self.root = root
        self.keeps_all = keeps_all
        self._opener = get_ident()
        self.identities = Identities() if keeps_all else None
        self.closed_makers: dict[Context, None] = {}
        self._states: dict[str, PathState] = {}
        self.preexisting = PreexistingFiles(root, self._states, keeps_all=keeps_all)
        self._by_maker: dict[Context, list[PathState]] = {}
        self._moves = 0
        self._has_reported_outside = False
        self.get = self._states.get

    # Creation

    def created(
        self, path: str, maker: Context, trail: Trail | Origin | None = None, call: str = "",
        was_there: bool = False,
    ) -> PathState:
        """Record that a context is about to create a path.

        Args:
            path: absolute; outside the run root without links on its way.
            maker: the context.
            trail: where it is created.
            call: the name of the call; `os.rename` replaces what is there.
            was_there: whether the path is known to exist.
        """
        known = self._states.get(path)
        if known is not None and known.is_unreported_of(maker):
            state = known
            state.trail, state.part, state.removed_by = trail, maker.part, None
            state.is_nested = False
        else:
            state = self._states[path] = PathState(path, maker, trail)
            if known is not None:
                self._follow(state, known, call)
            if maker is not UNTRACKED:
                self._by_maker.setdefault(maker, []).append(state)
        if self._has_reported_outside and not path.startswith(self.root):
            self.note_writer(path, maker)
        if self.identities is not None and call not in _KEEP_IDENTITY:
            self.identities.announce(path)
        if was_there:
            state.was_there = True
        if call:
            thread = get_ident()
            if thread != self._opener:
                state.thread = thread
            if call == "os.mkdir":
                state.trusted_at = self._moves
        if maker.closed:
            self.closed_makers[maker] = None
        return state

    def note_writer(self, path: str, context: Context) -> None:
        """Record that a context is about to create a path, which may lie in a reported leak."""
        for state in self.at_and_above(syscalls.dirname(path)):
            if state.reported is not None and state.reported.context != context.id:
                state.writers = state.writers or {}
                state.writers.setdefault(context.id, []).append(path)

    def _follow(self, state: PathState, known: PathState, call: str) -> None:
        """Have a new record follow another one at the same path."""
        self.preexisting.replace(known, state)
        state.replaces = known if known.reported is not None else known.replaces
        if state.replaces is not None and call == "os.rename":
            state.identity = identify(state.path)

    # Removal and moves

    def removed(self, path: str, context: Context) -> None:
        """Record that a context is about to remove a path, or to move it away.

        Args:
            path: absolute.
            context: the context.
        """
        state = self._states.get(path)
        if state is None:
            parent = self.trusted_parent(path)
            is_of_open = parent is not None and parent.maker is not None and not parent.maker.closed
            if is_of_open or path.startswith(self.root) or not syscalls.lexists(path):
                return
            path = event_paths.real(path, follow=False)
            state = self._states.get(path)
            if state is None:
                if not self._is_of_open_context(path):
                    self.preexisting.add_removed(path)
                return
        state.removed_by, state.was_there, state.trusted_at = context, True, -1
        if not path.startswith(self.root):
            state.removed_at = syscalls.time_ns()
        if self.identities is not None:
            self.identities.remove(path)
        if state.reported is not None and state.maker is not None:
            state.taken_back = state.taken_back or is_fixture_of(context, state.maker)

    def trusted_parent(self, path: str) -> PathState | None:
        """Return the record of the directory of a path, if a context has created it here.

        None after any move: the directory may be another one, or a link to one.
        """
        parent = self._states.get(path.rpartition(syscalls.SEP)[0])
        return parent if parent is not None and parent.trusted_at == self._moves else None

    def moved(self, source: str, target: str, *, stays: bool = False, by_name: bool = True) -> None:
        """Record that a path is about to be moved or linked to another one.

        What was there before the run is followed, with all that lies below it. This must be called
        before `removed` and `created`.

        Args:
            source: absolute.
            target: absolute.
            stays: whether the source keeps its name too (a link).
            by_name: whether it is renamed, so that no other event tells of what lies below it.
        """
        if source.startswith("/proc/"):
            return
        self._moves += by_name and not stays
        # Where all is kept, a file in a directory of the run needs a record of its own.
        is_strict = self.keeps_all and by_name and not target.startswith(self.root)
        is_of_run = self.was_seen_created if is_strict else self._is_of_open_context
        with Patient(_lock):
            self.preexisting.follow(source, target, stays, is_of_run, may_copy=not by_name)
        if self.identities is not None and by_name:
            source, target = event_paths.real(source, False), event_paths.real(target, False)
            self.identities.move(source, target)
            if syscalls.is_directory(source):
                self._rekey(source, target)

    def lost(self, path: str) -> None:
        """Record that a file is about to be removed, replaced or written to.

        Args:
            path: absolute.
        """
        if path in self.preexisting.contents.known and not self.preexisting.copied:
            return
        with Patient(_lock):
            self.preexisting.note_loss(path, self._is_of_run)

    def _rekey(self, source: str, target: str) -> None:
        """Give the records below a directory the paths that a rename is about to give them."""
        below = [path for path in list(self._states) if path.startswith(source + syscalls.SEP)]
        for path in below:
            if self._states[path].preexisting is None:
                state = self._states.pop(path)
                state.path = target + path[len(source) :]
                self._states[state.path] = state

    # Questions

    def at_and_above(self, path: str) -> Iterator[PathState]:
        """Yield the records of a path and of each directory above it, innermost first."""
        for part in with_parents(path):
            state = self._states.get(part)
            if state is not None:
                yield state

    def owner_above(self, path: str) -> Context | None:
        """Return the context that created a path, or the innermost directory that it lies in."""
        makers = (state.maker for state in self.at_and_above(path))
        return next((maker for maker in makers if maker is not None), None)

    def _is_of_open_context(self, path: str) -> bool:
        makers = (state.maker for state in self.at_and_above(path))
        return any(maker is not None and not maker.closed for maker in makers)

    def _is_of_run(self, path: str) -> bool:
        return self._is_of_open_context(path) or self.was_seen_created(path)

    def is_reported(self, path: str) -> bool:
        """Whether a path, or a directory above it, was reported as a leak."""
        return any(state.is_reported for state in self.at_and_above(path))

    def belongs_elsewhere(self, path: str, context: Context, *, or_to_it: bool = False) -> bool:
        """Whether a path lies in a reported leak, or in what another context has created.

        Args:
            path: absolute.
            context: the context that may have created the path.
            or_to_it: count what the context itself has created as well.
        """
        for state in self.at_and_above(path):
            maker = state.maker
            if state.is_reported:
                return True
            if maker in (None, UNTRACKED) or state.is_removed_by_maker:
                continue
            is_open = maker is not None and (not maker.closed or maker in self.closed_makers)
            if is_open and (or_to_it or maker is not context):
                return True
        return False

    def is_of_run(self, path: str) -> bool:
        """Whether the run itself created a path for its own purposes."""
        state = self._states.get(path)
        return state is not None and state.maker is UNTRACKED

    def was_seen_created(self, path: str) -> bool:
        """Whether an event reported that the run creates what lies at a path now."""
        state = self._states.get(path)
        return state is not None and state.maker is not UNTRACKED and state.was_seen_created

    def made_by(self, context: Context) -> Sequence[PathState]:
        """Return the records of what a context has created, in order."""
        return self._by_maker.get(context, ())

    def topmost(self, context: Context) -> Iterator[str]:
        """Yield the paths that a context has created and that are known to have existed.

        What lies in a directory of the context is left out, and what stays in a reported leak.
        """
        for state in self.made_by(context):
            if state.is_nested or not (state.was_there or syscalls.lexists(state.path)):
                continue
            if not state.path.startswith(self.root):
                above = syscalls.dirname(state.path)
                parent = self._states.get(above)
                if parent is not None and parent.maker is context:
                    continue
                is_in_leak = self._has_reported_outside and self.is_reported(above)
                if is_in_leak and syscalls.lexists(state.path):
                    continue  # it stays there
            yield state.path

    # The close of a context

    def found(self, path: str, context: Context) -> bool:
        """Record that a listing found a path, as a context's; return whether it is new.

        Args:
            path: the path of a topmost entry of the temp directory.
            context: the context that gets it, unless its maker is known.
        """
        if self.has_maker(path):
            return False
        self.created(path, context, was_there=True)
        return True

    def has_maker(self, path: str) -> bool:
        """Return whether it is known who created what lies at a path that a listing found."""
        known = self._states.get(path)
        if known is None or known.maker is None:
            return False
        return known.removed_by is None or not known.is_replaced

    def without_maker(self, directory: str, names: Sequence[str]) -> list[str]:
        """Return the paths of a listing that have no known maker; see `has_maker`.

        Args:
            directory: with a separator at its end.
            names: most often those of earlier leaks, which were not removed since.
        """
        get = self._states.get
        return [
            path for path in map(directory.__add__, names)
            if (known := get(path)) is None or known.maker is None
            or (known.removed_by is not None and known.is_replaced)
        ]

    def confirm(self, state: PathState) -> bool:
        """Whether a record is of a file that no leak was reported of.

        Where a record follows a reported leak, the disk is asked whether that still lies there.
        """
        former = state.replaces
        if former is not None:
            if identify(state.path) == state.identity:
                self.forget(state)
                return False
            state.replaces = None
        return state.reported is None

    def report(self, state: PathState, leak: Leak) -> None:
        """Record that a leak is reported of a path."""
        known = self._states.get(state.path)
        if known is not None and known is not state:
            self.preexisting.replace(known, state)
        self._states[state.path] = state
        state.reported = leak
        self._has_reported_outside |= leak.where == "outside"

    def wait(self, state: PathState, maker: Context) -> None:
        """Keep a record until the context that created the path is closed again."""
        state.waits = state.was_there = True
        self._states[state.path] = state
        made = self._by_maker.setdefault(maker, [])
        if state not in made:
            made.append(state)

    def update_report(self, leak: Leak) -> None:
        """Record what else is known of a leak that was just reported."""
        self._states[leak.path].reported = leak

    def forget(self, state: PathState) -> None:
        """Drop a record: its file is gone, or is of no interest to later contexts."""
        if self._states.get(state.path) is not state:
            return
        if state.replaces is not None:
            self._states[state.path] = state.replaces
        elif state.preexisting is not None:
            state.maker = None
        else:
            self._states.pop(state.path, None)  # another thread may have done it
            if state.maker is not None and not state.path.startswith(self.root):
                self.preexisting.add_forgotten(state.path)

    def forget_removed(self, context: Context) -> int | None:
        """Drop the records of a context if it has removed all that it created.

        Returns:
            How many paths these were; None, with nothing dropped, if there is more to know of one.
        """
        states, made, root = self._states, self._by_maker.get(context, ()), self.root
        for state in made:
            if state.removed_by is None or state.waits or not state.path.startswith(root):
                return None
            if state.replaces or state.preexisting or states.get(state.path) is not state:
                return None
        number = len(made)
        for state in made:
            states.pop(state.path, None)  # another thread may have done it
        self._by_maker.pop(context, None)
        return number

    def forget_below(self, directories: tuple[str, ...], context: Context) -> None:
        """Drop the records of a context below directories in which nothing is a leak.

        Args:
            directories: outside the run root, each with a separator at its end.
            context: the context; it is about to close.
        """
        made = self._by_maker.get(context, ())
        below = [state for state in made if state.path.startswith(directories)]
        if below and not self.keeps_all:
            kept = [state for state in made if not state.path.startswith(directories)]
            self._by_maker[context] = kept
            for state in below:
                self.forget(state)

    def forget_all(self, context: Context) -> None:
        """Drop the records of a context that has left nothing."""
        for state in self._take_settled(context):
            if not self.keeps_all or state.path.startswith(self.root):
                self.forget(state)

    def _take_settled(self, context: Context) -> Iterator[PathState]:
        """Yield, once, the records of a context, except for those that wait or are pending."""
        for state in self._by_maker.pop(context, ()):
            is_pending = self.is_pending(state)
            if is_pending or (state.waits and state.reported is None):
                state.is_pending = is_pending
                self._by_maker.setdefault(context, []).append(state)
                self.closed_makers[context] = None
            else:
                yield state

    def is_pending(self, state: PathState) -> bool:
        """See `PathState.may_still_appear`."""
        return state.may_still_appear(self._opener)

    def close(self, context: Context) -> None:
        """Drop the records of a closed context, but for the temp directory and reported leaks."""
        for state in self._take_settled(context):
            is_in_temp = state.path.startswith(self.root)
            if not (is_in_temp or self.keeps_all or state.reported is not None):
                self.forget(state)
