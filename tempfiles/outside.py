"""Removing leaks outside the temp directory: only what was seen being made (`--clean-outside`)."""

from __future__ import annotations

import os
from dataclasses import replace

from . import syscalls
from ._access import key_of
from .records import Leak
from .removal import Identity, remove_path


class OutsideCleaner:
    """Remembers what a leak was when it was found, and removes it only if it is still that.

    Args:
        started: when the run began (ns since the epoch); nothing older is touched.
    """

    def __init__(self, started: int) -> None:
        self._started = started
        self._found: dict[str, Identity] = {}

    def remember(self, leak: Leak) -> None:
        """Note the identity of a leak that an event of this run observed being created."""
        if leak.where != "outside" or leak.evidence != "observed":
            return
        try:
            status = syscalls.lstat(leak.path)
        except OSError:
            return
        own = not hasattr(os, "getuid") or status.st_uid == os.getuid()
        if own and status.st_ctime_ns >= self._started:
            self._found[leak.path] = Identity(*key_of(status))

    def remove(self, leaks: list[Leak]) -> list[Leak]:
        """Remove what was remembered; return the leaks with their outcomes."""
        return [self._removed(leak) for leak in leaks]

    def _removed(self, leak: Leak) -> Leak:
        expected = self._found.get(leak.path)
        if expected is None or leak.outcome == "removed":  # another lies there now
            return leak
        report = remove_path(leak.path, expected=expected)
        return replace(leak, outcome="removed" if report.ok else "failed")
