"""The directories that are measured in, and whether they can hold what a row makes."""

from __future__ import annotations

import os
import tempfile
from dataclasses import dataclass

from tempfiles.system.procfs import file_system_type

from .pairs import MissingError

SHARED_MEMORY = "/dev/shm"
# Twice as many inodes as a row has files: what was just removed may not be free yet.
_SPARE = 2
PAGE = 4096
# What the kernel remembers of an empty file takes about as much memory.
EMPTY = 1024


@dataclass(frozen=True)
class Place:
    """A directory, its name in the table, and why nothing can be measured there, if so."""

    directory: str
    words: str
    unfit: str = ""

    def check(self, files: int, bytes_each: int = PAGE) -> None:
        """Make sure that so many files fit, of so many bytes each.

        Raises:
            MissingError: they do not, or nothing can be created there; the message says why.
        """
        if self.unfit:
            raise MissingError(f"{self.directory} {self.unfit}")
        status = os.statvfs(self.directory)
        # File systems without a fixed number of inodes, or of blocks, say 0.
        if status.f_files and status.f_favail < _SPARE * files:
            raise MissingError(
                f"{self.directory} has {status.f_favail:,} inodes free, not {_SPARE * files:,}"
            )
        free, wanted = status.f_bavail * status.f_frsize, _SPARE * files * bytes_each
        if status.f_blocks and free < wanted:
            raise MissingError(
                f"{self.directory} has {free / 1e6:,.1f} MB free, not {wanted / 1e6:,.1f} MB"
            )


def places() -> list[Place]:
    """Return the directories to measure in: in memory, and on what the system's default is."""
    return [in_memory(), Place(tempfile.gettempdir(), "default temp")]


def in_memory(directory: str = SHARED_MEMORY) -> Place:
    """Return the tmpfs that is measured in, with the reason if it cannot be."""
    return Place(directory, "tmpfs", _unfit(directory))


def _unfit(directory: str) -> str:
    if not os.path.isdir(directory):
        return "is not a directory" if os.path.lexists(directory) else "does not exist"
    if (kind := file_system_type(directory)) != "tmpfs":
        return f"is no tmpfs ({kind or 'unknown'})"
    if not os.access(directory, os.W_OK | os.X_OK):
        return "cannot be written to"
    return ""
