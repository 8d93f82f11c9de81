"""Removing leaks outside the temp directory: only what was seen being made (`--clean-outside`)."""

from __future__ import annotations

import os
import stat
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import replace

from ..errors import RefusedError
from ..fileops.identity import FileId, birth, file_id
from ..fileops.remove import refuse_if_precious, remove_path
from ..observation.observer import Observer
from ..records import Leak
from ..system import syscalls

_Entries = list[tuple[str, os.stat_result]]


class OutsideCleaner:
    """Remembers what a leak was when it was found, and removes it only if it is still that.

    Of a directory all that is in it must have been seen being made.

    Args:
        started: when the run began (ns since the epoch); nothing older is touched.
        observer: what was observed; nothing is removed if it has not `seen`.
    """

    def __init__(self, started: int, observer: Observer) -> None:
        self._started = started
        self._observer = observer
        self._found: dict[str, FileId] = {}

    def remember(self, leaks: list[Leak]) -> None:
        """Note the identities of the leaks that an event of this run observed being created."""
        for leak in leaks:
            if leak.where == "outside" and leak.evidence == "observed":
                with suppress(OSError):
                    self._found[leak.path] = file_id(syscalls.lstat(leak.path))

    def remove(self, leaks: list[Leak]) -> list[Leak]:
        """Remove what was remembered; return the leaks with their outcomes, and why one is left."""
        return [self._removed(leak) if leak.where == "outside" else leak for leak in leaks]

    def _removed(self, leak: Leak) -> Leak:
        if leak.outcome == "removed":
            return leak  # another lies there now
        if leak.path not in self._found:
            return replace(leak, reason="it was not seen being made")
        if not syscalls.lexists(leak.path):
            return replace(leak, outcome="removed")
        try:
            refuse_if_precious(leak.path)
            entries = list(_entries(leak.path))
        except (OSError, RefusedError) as error:
            return replace(leak, reason=error.strerror or str(error))
        doubt = next(filter(None, (self._doubt(leak.path, *entry) for entry in entries)), "")
        if not doubt and self._observer.brought.holds(leak.path):
            doubt = "it is or holds what was there before the run"
        if doubt:
            return replace(leak, reason=doubt)
        failure = _remove(entries)
        return replace(leak, outcome="failed" if failure else "removed", reason=failure)

    def _doubt(self, top: str, path: str, status: os.stat_result) -> str:
        """Return why an entry of a leak may not be the run's; empty where it is."""
        whose = "it" if path == top else f"it holds {os.path.relpath(path, top)}, which"
        if path == top and file_id(status) != self._found[top]:
            return "another file has its name now"
        if path != top and path not in (self._observer.seen or ()):
            return f"{whose} was not seen being made"
        if hasattr(os, "getuid") and status.st_uid != os.getuid():
            return f"{whose} is another user's"
        if _born(path, status) < self._started:
            return f"{whose} is older than the run"
        return ""


def _born(path: str, status: os.stat_result) -> int:
    """Return when a path was born (ns since the epoch), or when it has last been written to."""
    born = birth(path, status)
    return status.st_mtime_ns if born is None else born


def _entries(path: str) -> Iterator[tuple[str, os.stat_result]]:
    """Yield a path and all below it, directories before what is in them.

    Raises:
        OSError: one cannot be looked at, or into.
    """
    pending = [path]
    while pending:
        path = pending.pop()
        status = os.lstat(path)
        yield path, status
        if stat.S_ISDIR(status.st_mode):
            pending += (os.path.join(path, name) for name in os.listdir(path))


def _remove(entries: _Entries) -> str:
    """Remove these entries and no others; return why one could not be, empty if all were.

    A directory goes only if it is empty: something may have come into it meanwhile.
    """
    failure = ""
    for path, status in reversed(entries):
        try:
            if stat.S_ISDIR(status.st_mode):
                os.rmdir(path)
                continue
            report = remove_path(path, expected=file_id(status))
            failure = failure or "".join(each.cause for each in report.failed[:1])
        except OSError as error:
            failure = failure or error.strerror or str(error)
    return failure
