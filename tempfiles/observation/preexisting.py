"""Follow the user's files from before the run that tests move, link or remove.

Where such a file lies now, nothing is removed; where one was removed, what is created in its place
is the user's again.
"""

from __future__ import annotations

import os
import stat
from collections.abc import Callable
from dataclasses import dataclass, replace

from ..events import event_paths
from ..fileops.identity import FileId, births_hold, file_id_with_birth, is_younger
from ..registry import contexts
from ..system import syscalls
from .path_state import PathState


@dataclass(frozen=True, slots=True)
class Original:
    """A file of the user as it was before the run moved or linked it.

    Attributes:
        path: where it was.
        identity: which file it was; None if that is not known.
        may_be_copied: whether `shutil.move` moved it: to another file system, or from another
            mount of the same one, it copies.
        is_directory: whether it was a directory.
        is_born_in_run: whether it is a file that is proven to be younger than the run.
    """

    path: str
    identity: FileId | None
    may_be_copied: bool
    is_directory: bool
    is_born_in_run: bool

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


class PreexistingFiles:
    """What existed before the run, as far as events name it.

    Args:
        root: the run root, with a separator at its end.
        states: the record of each path.

    Attributes:
        before_moved_in: called with the new path and the one before the run, before such a file
            comes into the run root.
    """

    def __init__(self, root: str, states: dict[str, PathState]) -> None:
        self.before_moved_in: Callable[[str, str], None] = lambda path, source: None
        self._root = root
        self._states = states
        self._moved: dict[str, PathState] = {}  # those that lie elsewhere than before the run
        self._originals: dict[str, Original] = {}  # by the path before the run

    def __bool__(self) -> bool:
        """Whether something was moved or linked to another path."""
        return bool(self._moved)

    def add_removed(self, path: str) -> None:
        """Record that the run is about to remove a path from before the run, or to move it away."""
        self._states[path] = state = PathState(path)
        state.preexisting = path

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
        origin = self._take_along(source, target, stays) if self._moved else None
        if origin is None and not source.startswith(self._root) and not is_of_run(source):
            original = self._original(source, may_copy)
            origin = original.path if original is not None else None
        if origin is not None:
            self._add(event_paths.real(target, follow=False), origin)

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
        if original.is_born_in_run or original.is_in_place():
            return True
        return not original.may_be_copied and self._is_born_in_run(path)

    def _note_copies(self, source: str) -> None:
        """Record that what was moved to a path, or below it, may be copied next."""
        source = event_paths.real(source, follow=False)
        for path, state in list(self._moved.items()):
            if state.preexisting is not None and f"{path}/".startswith(source + "/"):
                original = self._originals[state.preexisting]
                self._originals[original.path] = replace(original, may_be_copied=True)

    def _original(self, path: str, may_copy: bool) -> Original | None:
        """Return what lies at a path, None if it is nothing."""
        try:
            status = syscalls.lstat(path)
        except (OSError, ValueError):
            return None
        known = self._originals.get(path)
        if known is not None:
            original = replace(known, may_be_copied=known.may_be_copied or may_copy)
        else:
            is_directory = stat.S_ISDIR(status.st_mode)
            with contexts.untracked():  # it may import ctypes, which counts as native code else
                is_born = (
                    not is_directory and path not in self._states and self._is_born_in_run(path)
                )
                identity = file_id_with_birth(path, status)
            original = Original(path, identity, may_copy, is_directory, is_born)
        self._originals[path] = original
        return original

    def _is_born_in_run(self, path: str) -> bool:
        return is_younger(path, self._root) and births_hold(path)

    def lies_in(self, path: str) -> bool:
        """Whether something was moved or linked to a path, or below it."""
        return any(f"{moved}{os.sep}".startswith(path + os.sep) for moved in list(self._moved))

    def _take_along(self, source: str, target: str, stays: bool) -> str | None:
        """Have what lies in a directory go with it; return the path that it had itself."""
        for path in [path for path in list(self._moved) if path.startswith(source + os.sep)]:
            origin = self._take(path)
            self._add(event_paths.real(target, follow=False) + path[len(source) :], origin)
        place = event_paths.real(source, follow=False)
        if place not in self._moved:
            return None
        return self._moved[place].preexisting if stays else self._take(place)

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
