"""What one context has done so far, as far as it was observed."""

from __future__ import annotations

import os
from collections.abc import Mapping

from ..registry.contexts import Context
from ..system.syscalls import lexists
from .origins import Trail

TYPE_CHECKING = False
if TYPE_CHECKING:
    from ..records import Origin
    from .children import ChildProcess


class Entry:
    """A new path: its context and the part of it, and its trail where it was observed.

    `seen` says that something was there: an event comes before the deed, which may fail.
    `remover` is the context in which somebody was about to remove it: what is made there next is
    another.
    `displaces` is the inode of the leak, told before, that it was about to be moved onto, else 0.
    """

    __slots__ = ("context", "displaces", "part", "remover", "seen", "trail")

    def __init__(
        self, context: Context, trail: Trail | Origin | None, displaces: int = 0,
        seen: bool = False,
    ) -> None:
        self.context = context
        self.part = context.part
        self.trail = trail
        self.remover: Context | None = None
        self.displaces = displaces
        self.seen = seen

    def about_to_go(self, remover: Context) -> None:
        """Somebody is about to remove it, or to move it away."""
        self.remover, self.seen = remover, True

    @property
    def is_taken_back(self) -> bool:
        """Whether it was removed by its own context: who makes it again makes another."""
        return self.remover is self.context


class Activity:
    """What one context did, kept on `Context.attachment` from its first deed on.

    `created` are keys of `Observer.entries`, `outside` are paths elsewhere, `native` says that
    code ran whose files no event names (SQLite, ctypes), `bytes_removed` counts what was taken on
    the disk by what it removed itself, where that is measured, and `bytes_left` by what it left.
    """

    __slots__ = ("bytes_left", "bytes_removed", "children", "created", "native", "outside")

    def __init__(self) -> None:
        self.created: list[str] = []
        self.outside: dict[str, Entry] = {}
        self.children: list[ChildProcess] = []
        self.native = False
        self.bytes_left = 0
        self.bytes_removed = 0

    @property
    def is_plain(self) -> bool:
        """Whether nothing happened but creations that events have named."""
        return not (self.children or self.native or self.bytes_removed)

    def made_in_temp(self, root: str, entries: Mapping[str, Entry]) -> list[str]:
        """Return the paths in the temp directory at which something was seen.

        Args:
            root: the run root, with a separator at its end.
            entries: what is known of it; what is known no more has been there.
        """
        return [
            root + key for key in self.created
            if (entry := entries.get(key)) is None or entry.seen or lexists(root + key)
        ]

    def made_outside(self) -> list[str]:
        """Return the paths elsewhere at which something was seen, but for what is below them."""
        return [
            path for path, entry in self.outside.items()
            if os.path.dirname(path) not in self.outside and (entry.seen or lexists(path))
        ]


def activity_of(context: Context) -> Activity:
    """Return the activity of a context, made on its first use."""
    activity: Activity | None = context.attachment
    if activity is None:
        activity = context.attachment = Activity()
    return activity
