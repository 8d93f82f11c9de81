"""Follow the user's files from before the run that tests move, link or remove.

Where such a file lies now, nothing is removed; where one was removed, what is created in its place
is the user's again.
"""

from __future__ import annotations

import os
import stat
from collections.abc import Callable, Iterable
from typing import NamedTuple

from ..events import event_paths
from ..fileops.identity import (
    FileId,
    births_hold,
    file_id_with_birth,
    has_same_content,
    is_younger,
    with_parents,
)
from ..registry import contexts
from ..system import syscalls
from .contents import UserContents
from .copies import Copies
from .path_state import PathState

_MOST_FORGOTTEN = 10_000


class Original(NamedTuple):
    """A file of the user as it was before the run moved or linked it.

    Attributes:
        path: where it was.
        identity: which file it was; None if that is not known.
        may_be_copied: whether `shutil.move` moved it: to another file system, or from another
            mount of the same one, it copies.
        is_directory: whether it was a directory.
        is_born_in_run: whether it is a file that is proven to be younger than the run.
        is_copied: whether a test has copied it itself, and then changed or removed it.
    """

    path: str
    identity: FileId | None
    may_be_copied: bool
    is_directory: bool
    is_born_in_run: bool
    is_copied: bool = False

    def is_in_place(self) -> bool:
        """Whether it is proven to lie where it was: what lies elsewhere is another file.

        A directory that was copied may have lost some of its files already.
        """
        if self.identity is None or self.identity.birth is None:
            return False
        if self.is_directory and self.may_be_copied:
            return False
        return _identify(self.path) == self.identity


def _identify(path: str) -> FileId | None:
    try:
        return file_id_with_birth(path, syscalls.lstat(path))
    except (OSError, ValueError):
        return None


def _status_of(path: str) -> os.stat_result | None:
    try:
        return syscalls.lstat(path)
    except (OSError, ValueError):
        return None


class PreexistingFiles:
    """What existed before the run, as far as events name it.

    Args:
        root: the run root, with a separator at its end.
        states: the record of each path.
        keeps_all: follow copies outside the run root too: they may be removed (`--clean-outside`).

    Attributes:
        copied: what was copied into the run root; empty if nothing was.
        contents: recognises files of the user's that were copied without an event.
        before_moved_in: called with the new path and the one before the run, before such a file
            comes into the run root.
        had_unaudited: whether the run may have created files without an event. What is younger than
            the run is then its own; else another program has written it.
    """

    def __init__(
        self, root: str, states: dict[str, PathState], *, keeps_all: bool = False
    ) -> None:
        self.before_moved_in: Callable[[str, str], None] = lambda path, source: None
        self.had_unaudited: Callable[[], bool] = lambda: False
        self._root = root
        self._keeps_all = keeps_all
        self._states = states
        self._moved: dict[str, PathState] = {}  # those that lie elsewhere than before the run
        self._originals: dict[str, Original] = {}  # by the path before the run
        self._copies = Copies()
        self.copied = self._copies.targets
        self.contents = UserContents()
        self._forgotten: set[str] = set()

    def __bool__(self) -> bool:
        """Whether a file of the user's may lie elsewhere than before the run."""
        return bool(self._moved or self.contents)

    def add_removed(self, path: str) -> None:
        """Record that the run is about to remove a path from before the run, or to move it away."""
        self.add_overwritten(path)
        self._states[path] = state = PathState(path)
        state.preexisting = path

    def add_all(self, paths: Iterable[str], since: int) -> None:
        """Look at the size of files, except for those that the run has created.

        Args:
            paths: the paths.
            since: when the run began (ns since the epoch).
        """
        self.contents.add_all(
            (path, status) for path in paths if (status := _status_of(path)) is not None
            and not (status.st_ctime_ns >= since and self._is_created_in_run(path))
        )

    def add_overwritten(self, path: str) -> None:
        """Record that the run is about to write to a path, or to put another file there."""
        is_known = path in self.contents.known or path.startswith(self._root)
        if not (is_known or self._is_created_in_run(path)):
            self.contents.add_lost(path)

    def follow(
        self, source: str, target: str, stays: bool, is_of_run: Callable[[str], bool],
        may_copy: bool = False,
    ) -> None:
        """Record that a path, with all that lies below it, is about to be moved or linked.

        Args:
            source: absolute.
            target: absolute.
            stays: whether the source keeps its name too (a link).
            is_of_run: tells whether the run has created a path.
            may_copy: whether the file is copied where it cannot be renamed.
        """
        is_known = target.startswith(self._root) or target in self._states
        if not is_known and syscalls.lexists(target) and not is_of_run(target):
            self.add_removed(target)  # it is about to be replaced
        if may_copy:
            self._note_copies(source)
        origin = self._take_along(source, target, stays, may_copy) if self._moved else None
        if origin is None and not source.startswith(self._root) and not is_of_run(source):
            original = self._original(source, source, may_copy)
            origin = original.path if original is not None else None
        if origin is not None:
            self._add(event_paths.real(target, follow=False), origin)

    # Copies

    def announce_copy(self, source: str, target: str) -> None:
        """Record that a file is about to be copied; both paths are absolute."""
        target = event_paths.real(target, follow=False)
        is_removed = self._keeps_all or target.startswith(self._root)
        if is_removed and not source.startswith(self._root):
            self._copies.announce(event_paths.real(source, follow=True), target)

    def note_loss(self, path: str, is_of_run: Callable[[str], bool]) -> None:
        """Record that the content of a path is about to be lost: its copies are the user's then.

        Args:
            path: absolute.
            is_of_run: tells whether the run has created a path.
        """
        if path.startswith(self._root):
            return
        path = event_paths.real(path, follow=True)
        if is_of_run(path):
            return
        self.add_overwritten(path)
        copies = self._copies.true_copies(path)
        if not copies:
            return
        original = self._original(path, path, may_copy=True)
        if original is not None and not original.is_born_in_run:
            self._originals[path] = original._replace(is_copied=True)
            for copy in copies:
                self._add(copy, path)

    def add_moved(self, path: str, source: str) -> None:
        """Record that a forked child has moved or copied a file into the run root.

        Args:
            path: where it is, or was.
            source: its path before the run. If a file with the same content is there, it is safe.
        """
        self._originals[source] = Original(source, None, True, False, False, is_copied=True)
        self._add(path, source)

    def replace(self, known: PathState, state: PathState) -> None:
        """Have another record of the same path say what was there before the run."""
        state.preexisting = known.preexisting
        if self._moved.get(known.path) is known:
            self._moved[known.path] = state

    def locations(self) -> dict[str, str]:
        """Return the files that are not where they were: the path before the run by that now."""
        origins = ((path, state.preexisting) for path, state in list(self._moved.items()))
        return {
            path: origin for path, origin in origins
            if origin is not None and not syscalls.is_same(path, origin)
        }

    def is_another(self, path: str, origin: str) -> bool:
        """Whether what lies at one of the `locations` is proven not to be the user's file.

        That lies where it was before; or it was created in the run itself; or what lies here was,
        although a rename keeps the time of birth.
        """
        original = self._originals[origin]
        if original.is_copied:
            return has_same_content(path, origin)
        if original.is_born_in_run or original.is_in_place():
            return True
        return not original.may_be_copied and self._is_born_in_run(path)

    def _note_copies(self, source: str) -> None:
        """Record that what was moved to a path, or below it, may be copied next."""
        source = event_paths.real(source, follow=False)
        for path, state in list(self._moved.items()):
            if state.preexisting is not None and f"{path}/".startswith(source + "/"):
                original = self._originals[state.preexisting]
                self._originals[original.path] = original._replace(may_be_copied=True)

    def _original(self, path: str, origin: str, may_copy: bool) -> Original | None:
        """Return what lies at a path, None if it is nothing.

        Args:
            path: where it is.
            origin: where it was before the run.
            may_copy: whether it may be copied next, or lies in a directory that was.
        """
        try:
            status = syscalls.lstat(path)
        except (OSError, ValueError):
            return None
        known = self._originals.get(origin)
        if known is not None:
            original = known._replace(may_be_copied=known.may_be_copied or may_copy)
        else:
            is_directory = stat.S_ISDIR(status.st_mode)
            with contexts.untracked():  # it may import ctypes, which counts as native code else
                is_born = (
                    not is_directory and path == origin and path not in self._states
                    and self._is_created_in_run(path)
                )
                identity = file_id_with_birth(path, status)
            original = Original(origin, identity, may_copy, is_directory, is_born)
        self._originals[origin] = original
        return original

    def add_forgotten(self, path: str) -> None:
        """Record that a context had created a path of which no record is kept."""
        if len(self._forgotten) < _MOST_FORGOTTEN:
            self._forgotten.add(path)

    def _may_be_created(self, path: str) -> bool:
        """Whether the run may have created what lies at a path."""
        if self.had_unaudited() or not self._forgotten.isdisjoint(with_parents(path)):
            return True
        states = map(self._states.get, with_parents(path))
        return any(state is not None and state.maker is not None for state in states)

    def _is_created_in_run(self, path: str) -> bool:
        with contexts.untracked():  # it may import ctypes, which counts as native code else
            return self._may_be_created(path) and self._is_born_in_run(path)

    def _is_born_in_run(self, path: str) -> bool:
        return is_younger(path, self._root) and births_hold(path)

    def lies_in(self, path: str) -> bool:
        """Whether something was moved or linked to a path, or below it."""
        top = path + syscalls.SEP
        return any(f"{moved}{syscalls.SEP}".startswith(top) for moved in list(self._moved))

    def _take_along(
        self, source: str, target: str, stays: bool, may_copy: bool
    ) -> str | None:
        """Have what lies in a directory go with it; return the path that it had itself."""
        source = event_paths.real(source, follow=False)
        for path in [path for path in list(self._moved) if path.startswith(source + syscalls.SEP)]:
            origin = self._take(path)
            self._add(event_paths.real(target, follow=False) + path[len(source) :], origin)
        if source in self._moved:
            return self._moved[source].preexisting if stays else self._take(source)
        return self._origin_below(source, may_copy)

    def _origin_below(self, path: str, may_copy: bool) -> str | None:
        """Return the path before the run of what lies in a directory that was moved."""
        above = next((part for part in with_parents(path) if part in self._moved), None)
        if above is None:
            return None
        top = self._moved[above].preexisting
        assert top is not None
        may_copy = may_copy or self._originals[top].may_be_copied
        original = self._original(path, top + path[len(above) :], may_copy)
        return original.path if original is not None else None

    def _take(self, path: str) -> str:
        state = self._moved.pop(path)
        origin, state.preexisting = state.preexisting, None
        if state.maker is None and self._states.get(path) is state:
            del self._states[path]
        assert origin is not None
        return origin

    def _add(self, path: str, origin: str) -> None:
        state = self._states.get(path)
        if state is None:
            state = self._states[path] = PathState(path)
        elif state.preexisting == origin:
            return  # `shutil.move` has reported it, and now its rename does
        state.preexisting = origin
        if path == origin:
            return  # it is back
        self._moved[path] = state
        if path.startswith(self._root):
            self.before_moved_in(path, origin)
