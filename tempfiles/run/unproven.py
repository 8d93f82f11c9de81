"""Tell what may be the user's although it looks new: no event announced it, and it may be a copy.

A rename keeps the time of birth, a copy does not. A file that a child process moves becomes a copy
where the temp directory is on an overlay, or on another mount than the project.
"""

from __future__ import annotations

import os
import stat

from ..detection.project_tree import ProjectTree
from ..fileops.identity import births_hold
from ..observation.paths import PathTable
from ..roots.root import RunRoot
from ..system import procfs


class UnprovenFiles:
    """Decide about what lies in the run root and is younger than it.

    Args:
        root: the run root.
        paths: the record of each path.
        tree: the project's, as it was when the run began.
    """

    def __init__(self, root: RunRoot, paths: PathTable, tree: ProjectTree) -> None:
        self._root = root
        self._paths = paths
        self._tree = tree
        self._is_layered = not births_hold(root.path)
        self._is_apart = self._is_layered or _mount_of(root.path) != _mount_of(tree.top)
        self._has_lost: bool | None = None

    def begin(self) -> None:
        """Begin a search: the project is compared again when it is needed."""
        self._has_lost = None

    def __call__(self, path: str, status: os.stat_result) -> bool:
        """Whether nothing proves that the run created a path.

        Args:
            path: below a slot of the root.
            status: its lstat.
        """
        if not self._is_apart or self._paths.was_seen_created(path):
            return False
        is_old = status.st_mtime_ns < self._root.made
        if not is_old and (not self._is_layered or stat.S_ISDIR(status.st_mode)):
            return False
        if self._project_has_lost():
            return True
        return self._is_layered and is_old and not self._tree.has_original(path, status)

    def _project_has_lost(self) -> bool:
        if self._has_lost is None:
            self._has_lost = any(map(self._is_unexplained, self._tree.lost(self._root.made)))
        return self._has_lost

    def _is_unexplained(self, path: str) -> bool:
        """Whether no event reported that this process removes or moves a path."""
        state = self._paths.get(path)
        return state is None or state.preexisting != path


def _mount_of(path: str) -> tuple[int, str]:
    return os.lstat(path).st_dev, procfs.mount_point(path)
