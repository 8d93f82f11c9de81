"""Which run a directory belongs to, and which context is under way in it, for those who only look.

Nothing here takes part in deciding what may be removed (see `ownership`): what a marker says is
shown, not trusted.
"""

from __future__ import annotations

import json
import os
import stat
from typing import Any

from ..formatting import printable
from ..system import syscalls
from . import journal_view, marker

_LARGEST_MARKER = 1 << 20
_OPEN = (
    os.O_RDONLY
    | getattr(os, "O_NOFOLLOW", 0)
    | getattr(os, "O_NONBLOCK", 0)
    | getattr(os, "O_CLOEXEC", 0)
)


def describe(root: str) -> tuple[str, str] | None:
    """Return the owner of a run root as `project (pid 1)`, and the context under way, or "".

    Returns None where the directory is no run root, or its marker cannot be read.
    """
    found = _marker(os.path.join(root, marker.NAME))
    if found is None:
        return None
    pid, project = found.get("pid"), found.get("project")
    name = os.path.basename(str(project)) if project else "unknown project"
    owner = f"{name} (pid {pid})" if isinstance(pid, int) else name
    return printable(owner), printable(_context(root))


def _marker(path: str) -> dict[str, Any] | None:
    """Read a marker if it is one; a FIFO of that name is not opened."""
    try:
        if not stat.S_ISREG(os.lstat(path).st_mode):
            return None
        with syscalls.open_file(os.open(path, _OPEN), "rb") as file:
            found = json.loads(file.read(_LARGEST_MARKER))
    except (OSError, ValueError, RecursionError):
        return None
    return found if isinstance(found, dict) else None


def _context(root: str) -> str:
    current = journal_view.read(root).current
    return current.id if current else ""
