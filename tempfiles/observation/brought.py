"""What was there before the run and was moved or linked to another name: it stays the user's."""

from __future__ import annotations

import os
from collections.abc import Callable

from ..system import syscalls
from . import event_paths


class Brought:
    """Knows where such a path lies now, and the one it had.

    `before` is called with both before one comes into the run root.

    Args:
        root: the run root, with a separator at its end.
    """

    def __init__(self, root: str) -> None:
        self.before: Callable[[str, str], None] = lambda path, source: None
        self._root = root
        self._sources: dict[str, str] = {}

    def note(self, source: str, target: str, was_made: Callable[[str], bool]) -> None:
        """Take note that a path is about to be moved or linked.

        Args:
            source: its absolute path.
            target: the absolute path it is to have.
            was_made: says of a path whether the tests have made it.
        """
        if source.startswith("/proc/"):
            return
        self._follow(source, target)
        # It may have been moved before, and now goes on.
        origin = self._sources.pop(event_paths.real(source, follow=False), None)
        if origin is None and not source.startswith(self._root):
            is_older = not was_made(source) and syscalls.lexists(source)
            origin = source if is_older else None
        if origin is not None:
            self._add(event_paths.real(target, follow=False), origin)

    def _follow(self, directory: str, target: str) -> None:
        """What lies in a directory that is about to be moved goes with it."""
        for path in [path for path in self._sources if path.startswith(directory + os.sep)]:
            origin = self._sources.pop(path)
            self._add(event_paths.real(target, follow=False) + path[len(directory) :], origin)

    def _add(self, path: str, origin: str) -> None:
        if self._sources.get(path) == origin:
            return  # `shutil.move` has told of it, and now its rename does
        self._sources[path] = origin
        if path.startswith(self._root):
            self.before(path, origin)

    def is_any(self) -> bool:
        """Whether there is such a path."""
        return bool(self._sources)

    def only_here(self) -> dict[str, str]:
        """Return where what is from before the run lies that is no longer where it was.

        Returns:
            The path that each had, by the one that it has now.
        """
        sources = self._sources.items()
        return {path: source for path, source in sources if not syscalls.is_same(path, source)}

    def holds(self, path: str) -> bool:
        """Whether something from before the run was brought to a path, or below it."""
        return any(f"{brought}{os.sep}".startswith(path + os.sep) for brought in self._sources)
