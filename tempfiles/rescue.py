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
