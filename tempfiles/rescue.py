"""What must survive the removal of the run root: kept paths, and files from before the run."""

from __future__ import annotations

import logging
import os
from collections.abc import Iterable

from . import syscalls
from .errors import DestinationExistsError, FileSystemError

_log = logging.getLogger("tempfiles")
_ATTEMPTS = 1000


def rescue(paths: Iterable[str], root: str) -> dict[str, str]:
    """Move the paths that lie below a run root out of it, next to it; nothing is overwritten.

    Returns:
        Where each is now. What could not be moved is logged, and left out.
    """
    moved: dict[str, str] = {}
    for path in sorted(set(paths)):
        # What lies in a rescued directory has gone with it.
        if path.startswith(root + os.sep) and syscalls.lexists(path):
            target = _move_out(path, os.path.dirname(root))
            if target is not None:
                moved[path] = target
    return moved


def rescue_from_dead(root: str, home: str) -> tuple[dict[str, str], tuple[str, ...]]:
    """Move out of the root of a dead run what its journal says is from before the run.

    Args:
        root: where the root is now; its lock is held.
        home: where it was made.

    Returns:
        Where each is now, by the path it had in the run; and the paths that could not be moved.
    """
    from .journal_view import brought

    here = {}
    for path, source in brought(root).items():
        now = root + path[len(home) :]
        if not path.startswith(home + os.sep) or not syscalls.lexists(now):
            continue
        # A directory above it that is a link by now leads to what is not meant.
        is_there = os.path.realpath(os.path.dirname(now)) == os.path.dirname(now)
        if is_there and not _is_same(now, source):
            here[now] = path
    moved = rescue(here, root)
    left = tuple(here[now] for now in here if now not in moved and syscalls.lexists(now))
    return {here[now]: target for now, target in moved.items()}, left


def _is_same(one: str, other: str) -> bool:
    try:
        return os.path.samestat(os.lstat(one), os.lstat(other))
    except OSError:
        return False


def _move_out(path: str, directory: str) -> str | None:
    from .moving import move_without_replacing

    stem, extension = os.path.splitext(os.path.basename(path))
    for number in range(_ATTEMPTS):
        name = f"{stem}-{number}{extension}" if number else stem + extension
        target = os.path.join(directory, name)
        try:
            move_without_replacing(path, target)
        except DestinationExistsError:
            continue
        except FileSystemError as error:
            _log.warning("cannot move %s out of the run root: %s", path, error)
            return None
        return target
    return None
