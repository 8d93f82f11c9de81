"""Count what a removal does while it runs, and hold it to its deadline."""

from __future__ import annotations

import errno
import time
from dataclasses import dataclass, field

from ..reports import RemovalFailure, RemovalReport

NOT_EMPTY = frozenset({errno.ENOTEMPTY, errno.EEXIST})

_RESCANS = 64  # of one directory, because it was not empty at the end
_RETRIES = 1000


@dataclass(slots=True, eq=False)
class Reading:
    """How far one directory was emptied: `pending` names the directories in it that are yet to be
    entered, `error` is why it could not be read."""

    unread: bool = True
    rescans: int = 0
    removed_before: int = 0
    error: OSError | None = None
    pending: list[str] = field(default_factory=list)


class OutOfTimeError(Exception):
    """The deadline of a removal has passed; what was removed so far is in its tally."""


@dataclass(slots=True)
class Tally:
    """The counts and failures of one removal.

    `measure` says whether the sizes of files are looked up and summed, `deadline` when to stop,
    on the clock of `time.monotonic` (None: no limit).
    """

    measure: bool = True
    deadline: float | None = None
    files: int = 0
    directories: int = 0
    bytes: int = 0
    retried: int = 0
    failed: dict[str, RemovalFailure] = field(default_factory=dict)

    @property
    def removed(self) -> int:
        """Number of entries removed so far."""
        return self.files + self.directories

    def fail(self, path: str, cause: OSError | ValueError | str) -> None:
        """Record that a path was not removed, and why."""
        if isinstance(cause, str):
            self.failed[path] = RemovalFailure(path, cause)
            return
        number = cause.errno if isinstance(cause, OSError) else None
        words = (cause.strerror if isinstance(cause, OSError) else None) or str(cause)
        if number == errno.EBUSY:
            words = f"a mount point or in use: {words}"
        elif number in NOT_EMPTY:
            words = f"something keeps adding to it: {words}"
        self.failed[path] = RemovalFailure(path, words, number)

    def read_again(self, reading: Reading, *, stuck: bool) -> bool:
        """Return whether to read a directory again that was not empty at the end.

        Reading while removing may skip entries, and other processes may have added some. `stuck`
        says that an entry of it could not be removed.
        """
        idle = stuck and self.removed == reading.removed_before
        if reading.error or idle or reading.rescans >= _RESCANS or not self.retry():
            return False
        reading.rescans += 1
        reading.unread = True
        return True

    def retry(self) -> bool:
        """Count one more attempt; False after so many that another process must be refilling."""
        # What was removed buys more: a file system may skip entries in every large directory.
        if self.retried >= _RETRIES + self.directories:
            return False
        self.retried += 1
        return True

    def check_time(self) -> None:
        """Raise OutOfTimeError if the deadline has passed."""
        if self.deadline is not None and time.monotonic() >= self.deadline:
            raise OutOfTimeError

    def report(self) -> RemovalReport:
        """Return the counts and failures as a record."""
        return RemovalReport(
            self.files, self.directories, self.bytes, self.retried, tuple(self.failed.values())
        )
