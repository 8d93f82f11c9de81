"""Report leaks of earlier runs outside the temp directory, as long as the same file is there.

A test that writes a file only where it is missing leaks once, and without this its next runs would
look clean although the file is still there.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import replace
from typing import NamedTuple

from ..fileops.identity import birth
from ..fileops.measure import measure, type_of
from ..observation.path_state import PathState
from ..observation.paths import PathTable
from ..records import WRITTEN, Leak, Leftover
from ..registry import registrations
from ..registry.contexts import untracked
from ..system import syscalls
from .ignore import Ignored

__all__ = ["leftover_of"]


def leftover_of(leak: Leak) -> Leftover | None:
    """Return a leak for later runs, with its identity; None if nothing lies at its path now."""
    found = _look_at(leak.path)
    return Leftover(replace(leak, since=leak.since or found[1]), found[0]) if found else None


def _look_at(path: str) -> tuple[str, float] | None:
    """Return an identity that no later file at a path has, and the time of the file.

    Where the system reports no time of birth, a file that was written to between two runs counts
    as another one. The device is left out where it is not needed: it changes with the next mount.
    """
    try:
        status = syscalls.lstat(path)
        with untracked():  # it may import ctypes, which counts as native code otherwise
            born = birth(path, status)
    except (OSError, ValueError):
        return None
    if born is not None:
        return f"{status.st_ino} born {born}", born / 1e9
    return f"{status.st_dev} {status.st_ino}{WRITTEN}{status.st_mtime_ns}", status.st_mtime


class Pending(NamedTuple):
    """A leftover that is not reported yet, with its record."""

    state: PathState
    leftover: Leftover

    def is_same(self, since: float = 0.0) -> bool:
        """Whether the same file is still there, or was only written to since a time."""
        found = _look_at(self.state.path)
        return found is not None and self.leftover.is_same_file(found[0], since)


class Leftovers:
    """The leaks of earlier runs that are still there, until their context closes.

    Their paths count as reported: what a test writes into a directory that an earlier run left is
    a part of that leak.

    Args:
        paths: the record of each path.
        ignored: what is no leak.
    """

    def __init__(self, paths: PathTable, ignored: Ignored) -> None:
        self._paths = paths
        self._ignored = ignored
        self._began = syscalls.time()
        self._pending: dict[str, list[Pending]] = {}

    def add(self, found: Iterable[Leftover]) -> None:
        """Add what is still there of leaks, except for paths that this run has a record of."""
        for leftover in found:
            leak, pending = leftover.leak, Pending(PathState(leftover.leak.path), leftover)
            if self._paths.get(leak.path) or self._ignored(leak.path):
                continue
            if not pending.is_same(since=self._began):
                continue
            self._paths.report(pending.state, replace(leak, outcome="left", open_by=()))
            self._pending.setdefault(leak.context, []).append(pending)

    def concern(self, context: str) -> bool:
        """Return whether a context with this id has left something in an earlier run."""
        return context in self._pending

    def take(
        self, context: str, is_created_again: Callable[[str], bool] = lambda path: False
    ) -> Iterator[Leak]:
        """Yield, once, the leaks of a context that are still there.

        Args:
            context: its id.
            is_created_again: whether there is evidence that the context has replaced the file
                at a path by another one.
        """
        for pending in self._pending.pop(context, ()):
            state = pending.state
            if self._paths.get(state.path) is not state:
                continue  # it was created again: that is a leak of its own
            # It was the same when the run began: tests may have written to it.
            if pending.is_same() or (syscalls.lexists(state.path) and is_created_again(state.path)):
                leak = self._renewed(state)
                if leak is not None:
                    yield leak
            else:
                self._paths.forget(state)

    def take_all(self, is_due: Callable[[str], bool]) -> Iterator[Leak]:
        """Yield, once, the leaks of the contexts whose id is due, and those written to since."""
        for context, pending in list(self._pending.items()):
            if is_due(context) or any(each.state.writers for each in pending):
                yield from self.take(context)

    def _renewed(self, state: PathState) -> Leak | None:
        """Return a leak with what lies there now; None if a registered path covers it."""
        assert state.reported is not None
        try:
            status = syscalls.lstat(state.path)
        except OSError:
            return None
        if registrations.is_covered(state.path):
            return None
        extent = measure(state.path, status)
        state.reported = replace(
            state.reported, type=type_of(status), bytes=extent.bytes, entries=extent.entries,
            files=extent.files,
        )
        return state.reported
