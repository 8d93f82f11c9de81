"""Remove leaks outside the temp directory whose creation was observed (`--clean-outside`)."""

from __future__ import annotations

import os
from collections.abc import Iterable
from dataclasses import replace

from ..errors import RefusedError
from ..fileops.identity import file_id_with_birth
from ..fileops.measure import walk_tree
from ..fileops.remove import refuse_if_precious, remove_listed
from ..observation.paths import PathTable
from ..records import Leak
from ..system import syscalls


class OutsideCleaner:
    """Remove a leak only if it is the file that was reported, with all that is in it.

    The creation of everything in a directory must have been observed.

    Args:
        started: when the run began (ns since the epoch); nothing older is touched.
        paths: the record of each path, also of those in directories of the run.
    """

    def __init__(self, started: int, paths: PathTable) -> None:
        self._started = started
        self._paths = paths
        assert paths.identities is not None
        self._identities = paths.identities

    def remove(self, leaks: Iterable[Leak]) -> list[Leak]:
        """Remove leaks; return them with their outcomes, and the reason why one is left."""
        return [self._removed(leak) if leak.where == "outside" else leak for leak in leaks]

    def _removed(self, leak: Leak) -> Leak:
        if leak.outcome == "removed":
            return leak  # another leak lies there now
        if leak.evidence != "observed" or self._paths.get(leak.path) is None:
            return replace(leak, reason="its creation was not observed")
        if not syscalls.lexists(leak.path):
            return replace(leak, outcome="removed")
        try:
            refuse_if_precious(leak.path)
            entries = list(walk_tree(leak.path))
        except (OSError, RefusedError) as error:
            return replace(leak, reason=error.strerror or str(error))
        doubt = next(filter(None, (self._doubt(leak.path, *entry) for entry in entries)), "")
        if not doubt and self._paths.preexisting.lies_in(leak.path):
            doubt = "it is, or holds, a preexisting file"
        if doubt:
            return replace(leak, reason=doubt)
        failure = remove_listed(entries)
        return replace(leak, outcome="failed" if failure else "removed", reason=failure)

    def _doubt(self, top: str, path: str, status: os.stat_result) -> str:
        """Return why an entry of a leak may not be the run's; empty if it is."""
        subject = "it" if path == top else f"it holds {os.path.relpath(path, top)}, which"
        identity = file_id_with_birth(path, status)
        if path != top and not self._paths.was_seen_created(path):
            return f"it holds {os.path.relpath(path, top)}, whose creation was not observed"
        if identity.birth is None:
            return f"{subject} has no time of birth on this file system: it may be another file"
        if identity.birth < self._started:
            return f"{subject} is older than the run"
        known = self._paths.get(path)
        if path == top and (known is None or known.identity != identity):
            return "another file has its name now"
        if self._identities.get(path) != identity:
            return "another file has its name now" if path == top else f"{subject} was replaced"
        if hasattr(os, "getuid") and status.st_uid != os.getuid():
            return f"{subject} is another user's"
        if self._paths.preexisting.contents.original_of(path, status) is not None:
            return f"{subject} is all that is left of a preexisting file"
        return ""
