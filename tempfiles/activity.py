"""What one context has done so far, as far as it was observed."""

from __future__ import annotations

import os
from collections.abc import Iterator

from ._contexts import Context
from .origins import Trail
from .syscalls import lexists

TYPE_CHECKING = False
if TYPE_CHECKING:
    from .children import ChildProcess
    from .records import Origin


class Entry:
    """A new path: its context and the part of it, and its trail where it was observed.

    `removed` says that somebody was about to remove it: what is made there next is another.
    `displaces` is the inode of the leak, told before, that it was about to be moved onto, else 0.
    """

    __slots__ = ("context", "displaces", "part", "removed", "trail")

    def __init__(
        self, context: Context, trail: Trail | Origin | None, displaces: int = 0
    ) -> None:
        self.context = context
        self.part = context.part
        self.trail = trail
        self.removed = False
        self.displaces = displaces


class Activity:
    """What one context did, kept on `Context.attachment` from its first deed on.

    `created` are keys of `Observer.entries`, `outside` are paths elsewhere, `guesses` those paths
    of both that an ambiguous event may have meant and where nothing has been seen; `native` says
    that code ran whose files no event names (SQLite, ctypes), `bytes_removed` counts what it
    removed itself, where that is measured.
    """

    __slots__ = ("bytes_removed", "children", "created", "guesses", "native", "outside")

    def __init__(self) -> None:
        self.created: list[str] = []
        self.outside: dict[str, Entry] = {}
        self.guesses: set[str] = set()
        self.children: list[ChildProcess] = []
        self.native = False
        self.bytes_removed = 0

    @property
    def is_plain(self) -> bool:
        """Whether nothing happened but creations that events have named."""
        return not (self.children or self.native or self.bytes_removed)

    def topmost_outside(self) -> Iterator[str]:
        """Yield what was made outside the temp directory, but for what was made below it."""
        return (
            path for path in self.outside
            if os.path.dirname(path) not in self.outside and self._was_seen(path)
        )

    def created_below(self, root: str) -> list[str]:
        """Return what was made in the temp directory, as paths.

        Args:
            root: the run root, with a separator at its end.
        """
        paths = [root + key for key in self.created]
        return list(filter(self._was_seen, paths)) if self.guesses else paths

    def _was_seen(self, path: str) -> bool:
        return path not in self.guesses or lexists(path)


def activity_of(context: Context) -> Activity:
    """Return the activity of a context, made on its first use."""
    activity: Activity | None = context.attachment
    if activity is None:
        activity = context.attachment = Activity()
    return activity
