"""Every path outside the temp directory that the run was seen to make (`--clean-outside`).

What lies in a directory that is to be removed is proven to be the run's by nothing else.
"""

from __future__ import annotations

import os

from ..system import syscalls
from . import event_paths


class SeenOutside:
    """Knows them as long as nobody is seen to remove them.

    Args:
        root: the run root, with a separator at its end.
    """

    def __init__(self, root: str) -> None:
        self._root = root
        self._paths: set[str] = set()
        self._others: set[str] = set()  # gone, and not made by the run: made again they stay so

    def __contains__(self, path: str) -> bool:
        return path in self._paths

    def add(self, path: str) -> None:
        """Take note that an absolute path is about to be made, if nothing is there."""
        if not path.startswith(self._root) and not syscalls.lexists(path):
            place = event_paths.real(path, follow=False)
            if place not in self._others:
                self._paths.add(place)

    def hear(self, path: str) -> None:
        """Take note that a forked child has made an absolute path."""
        if path not in self._others:
            self._paths.add(path)

    def follow(self, source: str, target: str) -> None:
        """Take note that an absolute path is about to be moved or linked to another."""
        place, goal = (event_paths.real(path, follow=False) for path in (source, target))
        if goal.startswith(self._root):
            return
        if syscalls.lexists(goal) and goal not in self._paths:
            self._others.add(goal)
        elif place in self._paths or place.startswith(self._root):
            self._paths.add(goal)
            self._follow_below(place, goal)
        else:
            self._paths.discard(goal)

    def _follow_below(self, place: str, goal: str) -> None:
        if syscalls.is_directory(place):
            below = [path for path in self._paths if path.startswith(place + os.sep)]
            self._paths.difference_update(below)
            self._paths.update(goal + path[len(place) :] for path in below)

    def forget(self, path: str) -> None:
        """Take note that an absolute path is about to be removed, or moved away."""
        place = event_paths.real(path, follow=False)
        if place in self._paths:
            self._paths.discard(place)
        elif syscalls.lexists(place):
            self._others.add(place)
