"""Directories that contexts have made outside the temp directory.

What is made in one of them is a part of it: to be noted, with its line of code and the links on its
way looked up, is only what is not.
"""

from __future__ import annotations

from ..registry.contexts import Context
from ..system import syscalls

TYPE_CHECKING = False
if TYPE_CHECKING:
    from .activity import Activity

_OPENS = ("open", "os.open")
_BRINGS_NO_LINK = (*_OPENS, "os.mkdir", "socket.bind")


class MadeTrees:
    """Knows the directories, as long as nothing was seen that may have put another thing there."""

    def __init__(self) -> None:
        self._makers: dict[str, Context] = {}
        self._has_links = False

    def add(self, path: str, context: Context) -> None:
        """Take note of a directory that a context is about to make.

        Args:
            path: absolute, without links on its way; nothing is there yet.
            context: who makes it.
        """
        self._makers[path] = context

    def have(self, path: str, call: str, context: Context) -> bool:
        """Whether what is about to be made will lie in one of them, made by the same context.

        Args:
            path: the absolute path of it.
            call: what makes it; a directory becomes one of them.
            context: who makes it.
        """
        maker = self._makers.get(path.rpartition("/")[0])
        if maker is None:
            return False
        self._has_links = self._has_links or call not in _BRINGS_NO_LINK
        if maker is not context or _has_helpers(context):
            return False
        if call in _OPENS:
            return not self._has_links  # else it may be a link that leads elsewhere
        if call == "os.mkdir" and not syscalls.lexists(path):
            self._makers[path] = context
        return True

    def forget(self, path: str) -> bool:
        """Something is about to be removed: say whether an open context made it, or its place."""
        maker = self._makers.pop(path, None) or self._makers.get(path.rpartition("/")[0])
        return maker is not None and not maker.closed

    def forget_all(self) -> None:
        """Something is about to be moved, perhaps with directories in it."""
        self._makers.clear()


def _has_helpers(context: Context) -> bool:
    """Whether something that no event tells of may have put another thing in the place of one."""
    activity: Activity | None = context.attachment
    return activity is None or bool(activity.children) or activity.native
