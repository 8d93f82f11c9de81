"""Decide whether a call is about to create a new path, and whether its context owns that path."""

from __future__ import annotations

from ..processes.activity import Activity
from ..registry.contexts import Context
from ..system import syscalls
from .paths import PathTable

_OPENS = ("open", "os.open")
_CREATES_NO_LINK = (*_OPENS, "os.mkdir", "socket.bind")


class NewPaths:
    """Tell new paths from those that are known, and from parts of a context's own directories.

    Args:
        paths: the record of each path.
    """

    def __init__(self, paths: PathTable) -> None:
        self._paths = paths
        self._get = paths.get
        self._has_links = False

    def accepts_in_temp(self, path: str, call: str, context: Context) -> bool:
        """Whether what a context is about to create in the temp directory is new, and its own.

        A file that exists there without a record is new: a listing has not found it yet.

        Args:
            path: the path of a topmost entry.
            call: the name of the call that creates it.
            context: the context that calls.
        """
        known = self._get(path)
        if known is None or known.maker is None:
            return True
        return known.is_followed_by(call) and not known.stays_with_maker(context)

    def accepts_outside(self, path: str, call: str, context: Context, is_new: bool) -> bool:
        """Whether what a context is about to create elsewhere is new, and its own.

        Args:
            path: an absolute path without links on its way.
            call: the name of the call that creates it.
            context: the context that calls.
            is_new: whether nothing is there now.
        """
        known = self._get(path)
        if known is None:
            return is_new
        if known.preexisting == path:
            return False  # what is created there again is the user's
        if not is_new and not (call == "os.rename" and known.is_reported):
            return False
        return not known.stays_with_maker(context)

    def is_in_own_directory(self, path: str, call: str, context: Context) -> bool:
        """Whether a context is about to create a path as a part of a directory of its own.

        The directory has a record already, so that the line of code and the links on the way need
        no look. A directory that is created becomes one of these.

        Args:
            path: absolute; outside the run root.
            call: the name of the call that creates it.
            context: the context that calls.
        """
        parent = self._paths.trusted_parent(path)
        if parent is None:
            return False
        self._has_links = self._has_links or call not in _CREATES_NO_LINK
        if self._paths.keeps_all or parent.maker is not context or _has_helpers(context):
            return False
        if call in _OPENS:
            return not self._has_links  # else it may be a link that leads elsewhere
        if call == "os.mkdir" and not syscalls.lexists(path):
            self._paths.created(path, context, call=call).is_nested = True
        return True


def _has_helpers(context: Context) -> bool:
    """Whether something that no event reports may have replaced a directory of a context."""
    activity: Activity | None = context.attachment
    return activity is not None and activity.has_helpers
