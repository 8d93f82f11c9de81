"""One record for each path that this process was observed to create, to move or to remove.

The table says who created a path, whether it was there before the run, whether it is still the same
file, and whether it was reported as a leak. Audit events come before the call and fire even if the
call fails: a record says what was attempted, and the disk is asked when a context closes.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING

from ..fileops.identity import FileId, file_id
from ..registry.contexts import UNTRACKED, Context, encloses, is_fixture_of
from ..system import syscalls
from . import event_paths
from .activity import Activity
from .origins import Trail

if TYPE_CHECKING:
    from ..records import Leak, Origin

_OPENS = ("open", "os.open")
_CREATES_NO_LINK = (*_OPENS, "os.mkdir", "socket.bind")


class PathState:
    """What is known of one path.

    Attributes:
        path: absolute; outside the run root the links on its way are resolved.
        maker: the context that created it, `UNTRACKED` for the run's own files; None where the run
            did not create it.
        part: the part of its maker (a subtest) that created it.
        trail: where it was created, if an event or a forked child reported that.
        was_there: whether it is known to have existed: an event alone does not say so.
        is_nested: whether it lies in a directory of its maker, and is a part of that.
        removed_by: the context that was last about to remove it or to move it away.
        preexisting: the path that the file had before the run, if it is the user's. It is the path
            itself where the run was about to remove the user's file.
        reported: the leak that was reported, as it is known now.
        taken_back: whether a fixture around its maker was about to remove it after the report.
        identity: the file that was seen here last: when it was reported, or by the rename that
            was about to replace a reported one.
        replaces: the reported record that this one follows, until it is known that it does.
    """

    __slots__ = (
        "identity", "is_nested", "maker", "part", "path", "preexisting", "removed_by", "replaces",
        "reported", "taken_back", "trail", "trusted_at", "was_there",
    )

    def __init__(
        self, path: str, maker: Context | None = None, trail: Trail | Origin | None = None,
        was_there: bool = False,
    ) -> None:
        self.path = path
        self.maker = maker
        self.part = maker.part if maker is not None else None
        self.trail = trail
        self.was_there = was_there
        self.is_nested = False
        self.removed_by: Context | None = None
        self.preexisting: str | None = None
        self.reported: Leak | None = None
        self.taken_back = False
        self.identity: FileId | None = None
        self.replaces: PathState | None = None
        self.trusted_at = -1  # the number of moves at which it was known to be a directory

    @property
    def is_removed_by_maker(self) -> bool:
        """Whether its own maker removed it: what another context creates here is another file."""
        return self.removed_by is not None and self.removed_by is self.maker

    @property
    def is_reported(self) -> bool:
        """Whether a leak was reported of this path, and no other file is known to be there."""
        return self.reported is not None or self.replaces is not None

    def is_followed_by(self, call: str) -> bool:
        """Whether a call is about to create another file in its place.

        After a removal of a reported leak the disk is asked whether the removal succeeded.
        """
        if self.reported is None:
            return self.removed_by is not None
        return call == "os.rename" or (
            self.removed_by is not None and not syscalls.lexists(self.path)
        )


class PathTable:
    """The records of a run by path, and by the context that created them.

    Args:
        root: the run root, with a separator at its end.
        keeps_all: keep a record of every path that the run creates, as long as the run lasts, also
            of those in directories of its own (`--clean-outside`).

    Attributes:
        root: the run root, with a separator at its end.
        closed_makers: the contexts that created something after they were closed.
        before_moved_in: called with the new path and the one before the run, before a file of the
            user's comes into the run root.
        get: returns the record of a path, None where there is none.
    """

    def __init__(self, root: str, *, keeps_all: bool = False) -> None:
        self.root = root
        self.keeps_all = keeps_all
        self.closed_makers: dict[Context, None] = {}
        self.before_moved_in: Callable[[str, str], None] = lambda path, source: None
        self._states: dict[str, PathState] = {}
        self._by_maker: dict[Context, list[PathState]] = {}
        self._preexisting: dict[str, PathState] = {}  # those that lie elsewhere than before the run
        self._moves = 0
        self._has_links = False
        self.get = self._states.get

    # Creation

    def accepts_in_temp(self, path: str, call: str, context: Context) -> bool:
        """Whether what a context is about to create in the temp directory is new, and its own.

        A file that exists there without a record is new: a listing has not found it yet.

        Args:
            path: the path of a topmost entry.
            call: the name of the call that creates it.
            context: the context that calls.
        """
        known = self._states.get(path)
        if known is None or known.maker is None:
            return True
        return known.is_followed_by(call) and not self._stays_with_maker(known, context)

    def accepts_outside(self, path: str, call: str, context: Context, is_new: bool) -> bool:
        """Whether what a context is about to create elsewhere is new, and its own.

        Args:
            path: an absolute path without links on its way.
            call: the name of the call that creates it.
            context: the context that calls.
            is_new: whether nothing is there now.
        """
        known = self._states.get(path)
        if known is None:
            return is_new
        if known.preexisting == path:
            return False  # what is created there again is the user's
        if not is_new and not (call == "os.rename" and known.is_reported):
            return False
        return not self._stays_with_maker(known, context)

    def _stays_with_maker(self, known: PathState, context: Context) -> bool:
        """Whether a file that a context creates again stays that of a fixture around it."""
        maker = known.maker
        if maker is None or maker.closed or known.is_removed_by_maker:
            return False
        if not encloses(maker, context):
            return False
        known.removed_by = None
        return True

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
        if known is not None and self._is_unreported_of(known, maker):
            state = known
            state.trail, state.part, state.removed_by = trail, maker.part, None
            state.is_nested = False
        else:
            state = self._states[path] = PathState(path, maker, trail, was_there)
            if known is not None:
                self._follow(state, known, call)
            if maker is not UNTRACKED:
                self._index(state, maker)
        if call == "os.mkdir":
            state.trusted_at = self._moves
        if maker.closed:
            self.closed_makers[maker] = None
        return state

    def created_in_directory(self, path: str, maker: Context) -> None:
        """Record that a context is about to create a path in a directory of its own."""
        self.created(path, maker).is_nested = True

    def _is_unreported_of(self, known: PathState, maker: Context) -> bool:
        return known.maker is maker and known.reported is None and not maker.closed

    def _follow(self, state: PathState, known: PathState, call: str) -> None:
        """Have a new record follow another one at the same path."""
        state.preexisting = known.preexisting
        if known.preexisting is not None and known.path in self._preexisting:
            self._preexisting[known.path] = state
        state.replaces = known if known.reported is not None else known.replaces
        if state.replaces is not None and call == "os.rename":
            state.identity = identify(state.path)

    def _index(self, state: PathState, maker: Context) -> None:
        made = self._by_maker.get(maker)
        if made is None:
            self._by_maker[maker] = [state]
        else:
            made.append(state)

    def is_in_own_directory(self, path: str, call: str, context: Context) -> bool:
        """Whether a context is about to create a path as a part of a directory of its own.

        The directory has a record already, so that the line of code and the links on the way need
        no look. A directory that is created becomes one of these.

        Args:
            path: absolute; outside the run root.
            call: the name of the call that creates it.
            context: the context that calls.
        """
        parent = self._states.get(path.rpartition(os.sep)[0])
        if parent is None or parent.trusted_at != self._moves:
            return False
        self._has_links = self._has_links or call not in _CREATES_NO_LINK
        if self.keeps_all or parent.maker is not context or _has_helpers(context):
            return False
        if call in _OPENS:
            return not self._has_links  # else it may be a link that leads elsewhere
        if call == "os.mkdir" and not syscalls.lexists(path):
            self.created(path, context, call=call).is_nested = True
        return True

    # Removal and moves

    def removed(self, path: str, context: Context) -> None:
        """Record that a context is about to remove a path, or to move it away.

        Args:
            path: absolute.
            context: the context.
        """
        state = self._states.get(path)
        if state is None:
            if path.startswith(self.root) or self._is_in_open_directory(path):
                return
            if not syscalls.lexists(path):
                return
            path = event_paths.real(path, follow=False)
            state = self._states.get(path)
            if state is None:
                if not self._is_of_open_context(path):
                    self._add_preexisting(path)
                return
        state.removed_by, state.was_there, state.trusted_at = context, True, -1
        if state.reported is not None and state.maker is not None:
            state.taken_back = state.taken_back or is_fixture_of(context, state.maker)

    def _add_preexisting(self, path: str) -> None:
        self._states[path] = state = PathState(path)
        state.preexisting = path

    def _is_in_open_directory(self, path: str) -> bool:
        parent = self._states.get(path.rpartition(os.sep)[0])
        if parent is None or parent.trusted_at != self._moves:
            return False
        return parent.maker is not None and not parent.maker.closed

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
        origin = self._take_along(source, target, stays) if self._preexisting else None
        if origin is None and not source.startswith(self.root):
            # Where all is kept, a file in a directory of the run needs a record of its own.
            is_strict = self.keeps_all and by_name and not target.startswith(self.root)
            is_of_run = self.was_seen_created if is_strict else self._is_of_open_context
            origin = source if not is_of_run(source) and syscalls.lexists(source) else None
        if origin is not None:
            self._bring(event_paths.real(target, follow=False), origin)
        if self.keeps_all and by_name and syscalls.is_directory(source):
            self._rekey(event_paths.real(source, False), event_paths.real(target, False))

    def _take_along(self, source: str, target: str, stays: bool) -> str | None:
        """Have what existed before the run move with its directory; return the source's origin."""
        for path in [path for path in self._preexisting if path.startswith(source + os.sep)]:
            origin = self._lose(path)
            self._bring(event_paths.real(target, follow=False) + path[len(source) :], origin)
        place = event_paths.real(source, follow=False)
        if place not in self._preexisting:
            return None
        return self._preexisting[place].preexisting if stays else self._lose(place)

    def _bring(self, path: str, origin: str) -> None:
        state = self._states.get(path)
        if state is None:
            state = self._states[path] = PathState(path)
        elif state.preexisting == origin:
            return  # `shutil.move` has reported it, and now its rename does
        state.preexisting = origin
        if path == origin:
            return
        self._preexisting[path] = state
        if path.startswith(self.root):
            self.before_moved_in(path, origin)

    def _lose(self, path: str) -> str:
        state = self._preexisting.pop(path)
        origin, state.preexisting = state.preexisting, None
        if state.maker is None and self._states.get(path) is state:
            del self._states[path]
        assert origin is not None
        return origin

    def _rekey(self, source: str, target: str) -> None:
        """Give the records below a directory the paths that a rename is about to give them."""
        below = [path for path in self._states if path.startswith(source + os.sep)]
        for path in below:
            if self._states[path].preexisting is None:
                state = self._states.pop(path)
                state.path = target + path[len(source) :]
                self._states[state.path] = state

    # Questions

    def at_and_above(self, path: str) -> Iterator[PathState]:
        """Yield the records of a path and of each directory above it, innermost first."""
        while path:
            state = self._states.get(path)
            if state is not None:
                yield state
            path = path[: max(path.rfind(os.sep), 0)]

    def owner_above(self, path: str) -> Context | None:
        """Return the context that created a path, or the innermost directory that it lies in."""
        makers = (state.maker for state in self.at_and_above(path))
        return next((maker for maker in makers if maker is not None), None)

    def _is_of_open_context(self, path: str) -> bool:
        makers = (state.maker for state in self.at_and_above(path))
        return any(maker is not None and not maker.closed for maker in makers)

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
        return any(
            state.is_reported or self._is_made_by_another(state, None if or_to_it else context)
            for state in self.at_and_above(path)
        )

    def _is_made_by_another(self, state: PathState, context: Context | None) -> bool:
        maker = state.maker
        if maker is None or maker is UNTRACKED or maker is context or state.is_removed_by_maker:
            return False
        return not maker.closed or maker in self.closed_makers

    def is_of_run(self, path: str) -> bool:
        """Whether the run itself created a path for its own purposes."""
        state = self._states.get(path)
        return state is not None and state.maker is UNTRACKED

    def was_seen_created(self, path: str) -> bool:
        """Whether an event reported that the run creates what lies at a path now."""
        state = self._states.get(path)
        if state is None or state.maker in (None, UNTRACKED) or state.removed_by is not None:
            return False
        if state.reported is not None and state.reported.evidence != "observed":
            return False
        return state.preexisting is None

    def identity_of(self, path: str) -> FileId | None:
        """Return the identity of the file that was seen last at a path."""
        state = self._states.get(path)
        return state.identity if state is not None else None

    def made_by(self, context: Context) -> list[PathState]:
        """Return the records of what a context has created, in order."""
        return self._by_maker.get(context, [])

    def topmost(self, context: Context) -> Iterator[str]:
        """Yield the paths that a context has created and that are known to have existed.

        What lies in a directory of the context is left out.
        """
        for state in self.made_by(context):
            if state.is_nested or not (state.was_there or syscalls.lexists(state.path)):
                continue
            parent = self._states.get(os.path.dirname(state.path))
            if parent is None or parent.maker is not context:
                yield state.path

    def has_preexisting(self) -> bool:
        """Whether something from before the run was moved or linked to another path."""
        return bool(self._preexisting)

    def preexisting(self) -> dict[str, str]:
        """Return where what is from before the run lies that is no longer where it was.

        Returns:
            The path before the run by the path now.
        """
        origins = ((path, state.preexisting) for path, state in self._preexisting.items())
        return {
            path: origin for path, origin in origins
            if origin is not None and not syscalls.is_same(path, origin)
        }

    def holds_preexisting(self, path: str) -> bool:
        """Whether something from before the run was moved or linked to a path, or below it."""
        return any(f"{moved}{os.sep}".startswith(path + os.sep) for moved in self._preexisting)

    # The close of a context

    def found(self, path: str, context: Context) -> bool:
        """Record that a listing found a path, as a context's; return whether it is new.

        Args:
            path: the path of a topmost entry of the temp directory.
            context: the context that gets it, unless its maker is known.
        """
        known = self._states.get(path)
        if known is not None and known.maker is not None and not self._is_replaced(known):
            return False
        self.created(path, context, was_there=True)
        return True

    def _is_replaced(self, known: PathState) -> bool:
        """Whether a reported leak was removed, and another file lies in its place now."""
        is_removed = known.reported is not None and known.removed_by is not None
        return is_removed and identify(known.path) != known.identity

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
            state.preexisting = known.preexisting
        self._states[state.path] = state
        state.reported = leak

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
            del self._states[state.path]

    def forget_all(self, context: Context) -> None:
        """Drop the records of a context that has left nothing."""
        for state in self._by_maker.pop(context, ()):
            if not self.keeps_all or state.path.startswith(self.root):
                self.forget(state)

    def close(self, context: Context) -> None:
        """Drop the records of a closed context, but for the temp directory and reported leaks."""
        for state in self._by_maker.pop(context, ()):
            is_in_temp = state.path.startswith(self.root)
            if not (is_in_temp or self.keeps_all or state.reported is not None):
                self.forget(state)


def identify(path: str) -> FileId | None:
    """Return the identity of what lies at a path; None if nothing does."""
    try:
        return file_id(syscalls.lstat(path))
    except (OSError, ValueError):
        return None


def _has_helpers(context: Context) -> bool:
    """Whether something that no event reports may have replaced a directory of a context."""
    activity: Activity | None = context.attachment
    return activity is not None and activity.has_helpers
