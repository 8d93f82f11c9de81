"""What other contexts have registered in a directory, and the way to it."""

from __future__ import annotations

import bisect
import os
import stat

from . import registrations
from .contexts import Context


class Others:
    """Where the paths lie that are not the context's, looked up by the directory above them."""

    def __init__(self, context: Context) -> None:
        parents: dict[str, str] = {}
        self._owners = {
            canonical(path, parents): owner
            for path, owner in registrations.spared(context).items()
        }
        self._paths = sorted(self._owners)

    def inside(self, directory: str) -> dict[str, Context | None]:
        """Return those that are there, below a directory, and the context of each if it has one."""
        if not self._paths or not is_directory(directory):
            return {}
        prefix = canonical(directory) + os.sep
        first = bisect.bisect_left(self._paths, prefix)
        end = bisect.bisect_left(self._paths, prefix[:-1] + chr(ord(os.sep) + 1))
        return {
            path: self._owners[path] for path in self._paths[first:end] if os.path.lexists(path)
        }


def leading_to(paths: set[str], top: str) -> set[str]:
    """Return the directories between a directory and some paths below it."""
    leading = set()
    for path in paths:
        while (path := os.path.dirname(path)) != top and path not in leading:
            leading.add(path)
    return leading - paths


def canonical(path: str, parents: dict[str, str] | None = None) -> str:
    """Return a path with the symlinks above it resolved: two names of one file become equal.

    Args:
        path: an absolute path.
        parents: the directories that were resolved already, which is added to.
    """
    parent, _, name = path.rpartition(os.sep)
    if parents is None:
        return os.path.join(os.path.realpath(parent or os.sep), name)
    if parent not in parents:
        parents[parent] = os.path.realpath(parent or os.sep)
    return os.path.join(parents[parent], name)


def is_directory(path: str) -> bool:
    """Whether there is a directory, not a link to one."""
    try:
        return stat.S_ISDIR(os.lstat(path).st_mode)
    except OSError:
        return False
