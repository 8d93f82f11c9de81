"""Remove leaks outside the temp directory that the run was seen to create (`--clean-outside`)."""

from __future__ import annotations

import os
import stat
from collections.abc import Iterable, Iterator
from dataclasses import replace

from ..errors import RefusedError
from ..fileops.identity import file_id, file_id_with_birth
from ..fileops.remove import refuse_if_precious, remove_path
from ..observation.paths import PathTable
from ..records import Leak
from ..system import syscalls

_Entries = list[tuple[str, os.stat_result]]


class OutsideCleaner:
    """Remove a leak only if it is the file that was reported, with all that is in it.

    Everything in a directory must have been seen being created.

    Args:
        started: when the run began (ns since the epoch); nothing older is touched.
        paths: the record of each path, also of those in directories of the run.
    """

    def __init__(self, started: int, paths: PathTable) -> None:
        self._started = started
        self._paths = paths

    def remove(self, leaks: Iterable[Leak]) -> list[Leak]:
        """Remove leaks; return them with their outcomes, and the reason why one is left."""
        return [self._removed(leak) if leak.where == "outside" else leak for leak in leaks]

    def _removed(self, leak: Leak) -> Leak:
        if leak.outcome == "removed":
            return leak  # another leak lies there now
        if leak.evidence != "observed" or self._paths.get(leak.path) is None:
            return replace(leak, reason="it was not seen being made")
        if not syscalls.lexists(leak.path):
            return replace(leak, outcome="removed")
        try:
            refuse_if_precious(leak.path)
            entries = list(_entries(leak.path))
        except (OSError, RefusedError) as error:
            return replace(leak, reason=error.strerror or str(error))
        doubt = next(filter(None, (self._doubt(leak.path, *entry) for entry in entries)), "")
        if not doubt and self._paths.holds_preexisting(leak.path):
            doubt = "it is or holds what was there before the run"
        if doubt:
            return replace(leak, reason=doubt)
        failure = _remove(entries)
        return replace(leak, outcome="failed" if failure else "removed", reason=failure)

    def _doubt(self, top: str, path: str, status: os.stat_result) -> str:
        """Return why an entry of a leak may not be the run's; empty if it is."""
        subject = "it" if path == top else f"it holds {os.path.relpath(path, top)}, which"
        identity = file_id_with_birth(path, status)
        if path != top and not self._paths.was_seen_created(path):
            return f"{subject} was not seen being made"
        if path == top and self._paths.identity_of(path) != identity:
            return "another file has its name now"
        if hasattr(os, "getuid") and status.st_uid != os.getuid():
            return f"{subject} is another user's"
        born = status.st_mtime_ns if identity.birth is None else identity.birth
        if born < self._started:
            return f"{subject} is older than the run"
        return ""


def _entries(path: str) -> Iterator[tuple[str, os.stat_result]]:
    """Yield a path and all below it, directories before what is in them.

    Raises:
        OSError: an entry cannot be examined or read.
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

    A directory is removed only if it is empty: another process may have put something into it.
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
