"""Whether a registered path still leads to where it did when it was registered.

A directory on its way may have been swapped for a link since, to files of the user's.
"""

from __future__ import annotations

import os

from ..fileops.access import key_of
from . import settings
from .contexts import Context


def is_in_place(path: str, context: Context) -> bool:
    """Whether a path leads to where its context registered it, or to nothing.

    Args:
        path: an absolute path.
        context: the one that registered it.
    """
    parent = path.rpartition(os.sep)[0]
    try:
        return not leads_elsewhere(parent, os.stat(parent or os.sep), context)
    except OSError:
        return True  # it is gone, or whoever uses it finds out what is wrong


def leads_elsewhere(parent: str, status: os.stat_result, context: Context) -> bool:
    """Whether what is found at a directory is not what was there, and a link is why.

    A directory that was removed and made again is another one at its own place.

    Args:
        parent: the directory in which something was registered.
        status: its status now, through links.
        context: the one that registered it.
    """
    noted = (context.places or {}).get(parent)
    return noted != key_of(status) and _has_link(parent, settings.temp_dir())


def _has_link(directory: str, base: str) -> bool:
    """Whether a directory, or one above it, is a link; a base and what is above do not count."""
    while directory not in (base, os.path.dirname(directory)):
        if os.path.islink(directory):
            return True
        directory = os.path.dirname(directory)
    return False
