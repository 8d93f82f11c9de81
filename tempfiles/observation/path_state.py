"""The record of one path: who created it, whether it is the user's, whether it was reported."""

from __future__ import annotations

import sys
from _thread import get_ident
from typing import TYPE_CHECKING

from ..events.origins import Trail
from ..fileops.identity import FileId, file_id
from ..registry.contexts import Context, encloses
from ..system import syscalls

if TYPE_CHECKING:
    from ..records import Leak, Origin


class PathState:
    """What is known of one path.

    Attributes:
        path: absolute; outside the run root the links on its way are resolved.
        maker: the context that created it, `UNTRACKED` for the run's own files; None where the run
            did not create it.
        part: the part of its maker (a subtest) that created it.
        trail: where it was created, if an event or a forked child reported that.
        was_there: whether it is known to have existed: an event alone does not say so.
        is_nested: whether it lies in a directory of its maker, and is a part of that.
        removed_by: the context that was last about to remove it or to move it away.
        removed_at: when that was (ns since the epoch), outside the run root.
        preexisting: the path that the file had before the run, if it is the user's. It is the path
            itself where the run was about to remove the user's file.
        reported: the leak that was reported, as it is known now.
        taken_back: whether a fixture around its maker was about to remove it after the report.
        identity: the file that was seen here last: when it was reported, or by the rename that
            was about to replace a reported one.
        replaces: the reported record that this one follows, until it is known that it does.
        waits: whether an exit handler may remove it: it is judged after the exit handlers.
        writers: what other contexts have created in it after it was reported, by their ids.
        thread: the thread that created it; 0 for the one that opened the run.
        is_pending: whether its maker was closed while the thread was still about to create it.
        is_traced: whether a child process has reported that it creates it.
        trusted_at: the number of moves in the run at which it was known to be a directory.
    """

    # Most records keep the defaults of the class: one is created for every file of every test.
    was_there = False
    is_nested = False
    removed_by: Context | None = None
    removed_at = 0
    preexisting: str | None = None
    reported: Leak | None = None
    taken_back = False
    identity: FileId | None = None
    replaces: PathState | None = None
    waits = False
    writers: dict[str, list[str]] | None = None
    thread = 0
    is_pending = False
    is_traced = False
    trusted_at = -1

    def __init__(
        self, path: str, maker: Context | None = None, trail: Trail | Origin | None = None
    ) -> None:
        self.path = path
        self.maker = maker
        self.trail = trail
        self.part = maker.part if maker is not None else None

    @property
    def is_removed_by_maker(self) -> bool:
        """Whether its own maker removed it: what another context creates here is another file."""
        return self.removed_by is not None and self.removed_by is self.maker

    @property
    def is_reported(self) -> bool:
        """Whether a leak was reported of this path, and no other file is known to be there."""
        return self.reported is not None or self.replaces is not None

    @property
    def is_replaced(self) -> bool:
        """Whether a reported leak was removed, and another file lies in its place now."""
        is_removed = self.reported is not None and self.removed_by is not None
        return is_removed and identify(self.path) != self.identity

    @property
    def was_seen_created(self) -> bool:
        """Whether an event reported that a context creates what lies here now."""
        if self.maker is None or self.removed_by is not None or self.is_traced:
            return False
        if self.reported is not None and self.reported.evidence != "observed":
            return False
        return self.preexisting is None

    def may_still_appear(self, opener: int) -> bool:
        """Whether another thread may still be about to create what an event has announced.

        The event comes before the call, and a context can close between the two.

        Args:
            opener: the thread that opened the run.
        """
        thread = self.thread or opener
        if thread == get_ident() or self.was_there or self.is_nested:
            return False
        if self.reported is not None or self.removed_by is not None:
            return False
        return thread in sys._current_frames() and not syscalls.lexists(self.path)

    def is_unreported_of(self, maker: Context) -> bool:
        """Whether it is a file of an open context, and no leak was reported of it."""
        return self.maker is maker and self.reported is None and not maker.closed

    def stays_with_maker(self, context: Context) -> bool:
        """Whether a file that a context creates again stays that of a fixture around it."""
        if self.maker is None or self.maker.closed or self.is_removed_by_maker:
            return False
        if not encloses(self.maker, context):
            return False
        self.removed_by = None
        return True

    def is_followed_by(self, call: str) -> bool:
        """Whether a call is about to create another file in its place.

        After a removal of a reported leak the disk is asked whether the removal succeeded.
        """
        if self.reported is None:
            return self.removed_by is not None or self.is_pending
        return call == "os.rename" or (
            self.removed_by is not None and not syscalls.lexists(self.path)
        )


def identify(path: str) -> FileId | None:
    """Return the identity of what lies at a path; None if nothing does."""
    try:
        return file_id(syscalls.lstat(path))
    except (OSError, ValueError):
        return None
