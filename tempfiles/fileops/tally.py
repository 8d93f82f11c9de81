"""What a removal has done so far: counted while it runs, frozen into a report at its end."""

from __future__ import annotations

import errno
from dataclasses import dataclass, field

from ..records import RemovalFailure, RemovalReport

NOT_EMPTY = frozenset({errno.ENOTEMPTY, errno.EEXIST})

RESCANS = 64
"""How often one directory is read again because it was not empty at the end."""

_RETRIES = 1000


@dataclass(slots=True)
class Tally:
    """Counts and failures; `measure` says whether the sizes of files are asked for and summed."""

    measure: bool = True
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
        """Note that a path was not removed, and why."""
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

    def retry(self) -> bool:
        """Count one more attempt; False when so many were made that somebody works against us."""
        # What was removed buys more: a file system may skip entries in every large directory.
        if self.retried >= _RETRIES + self.directories:
            return False
        self.retried += 1
        return True

    def report(self) -> RemovalReport:
        """Return what was done as a record."""
        return RemovalReport(
            self.files, self.directories, self.bytes, self.retried, tuple(self.failed.values())
        )
