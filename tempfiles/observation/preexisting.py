"""Follow the user's files from before the run that tests move, link or remove.

Where such a file lies now, nothing is removed; where one was removed, what is created in its place
is the user's again.
"""

from __future__ import annotations

import os
from collections.abc import Callable

from ..system import syscalls
from . import event_paths
from .path_state import PathState


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

    def __bool__(self) -> bool:
        """Whether something was moved or linked to another path."""
        return bool(self._moved)

    def add_removed(self, path: str) -> None:
        """Record that the run is about to remove a path from before the run, or to move it away."""
        self._states[path] = state = PathState(path)
        state.preexisting = path

    def follow(
        self, source: str, target: str, stays: bool, is_of_run: Callable[[str], bool]
    ) -> None:
        """Record that a path, with all that lies below it, is about to be moved or linked.

        Args:
            source: absolute.
            target: absolute.
            stays: whether the source keeps its name too (a link).
            is_of_run: whether the run has created a path.
        """
        origin = self._take_along(source, target, stays) if self._moved else None
        if origin is None and not source.startswith(self._root):
            origin = source if not is_of_run(source) and syscalls.lexists(source) else None
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
