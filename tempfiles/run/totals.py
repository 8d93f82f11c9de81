"""Add up what the contexts of a run created and left, and what became of it."""

from __future__ import annotations

import os
from collections.abc import Collection, Iterable, Mapping
from dataclasses import replace

from ..fileops.measure import measure
from ..observation.path_state import PathState
from ..observation.paths import PathTable
from ..processes.watch import holders_of
from ..records import Leak, Modification, Rescued
from ..recovery.rescue import location_after
from ..reports import ContextReport, RemovalFailure, RemovalReport, Summary
from ..system.syscalls import lexists

UNFINISHED = "interrupted; the next run removes it"


class Totals:
    """Collect the reports of contexts as they close.

    Args:
        paths: the record of each path, which holds the leak that was reported of it.
    """

    def __init__(self, paths: PathTable) -> None:
        self._paths = paths
        self.made = 0
        self.registered = 0
        self.unremoved: list[str] = []  # registered paths whose removal failed
        self.modifications: list[Modification] = []
        self.removed_later: list[Leak] = []
        self.failures: list[RemovalFailure] = []
        self.rescued: list[Rescued] = []
        self._reported: list[PathState] = []

    @property
    def leaks(self) -> list[Leak]:
        """The leaks as they are known now, in the order of the reports."""
        return [state.reported for state in self._reported if state.reported is not None]

    def add(self, report: ContextReport) -> None:
        """Count what a context created and left."""
        self.made += report.made
        self.registered += report.registered
        self.modifications += report.modifications
        self._reported += map(self._record_of, report.leaks)

    def _record_of(self, leak: Leak) -> PathState:
        state = self._paths.get(leak.path)
        if state is None or state.reported is not leak:  # no file that was observed
            state = PathState(leak.path)
            state.reported = leak
        return state

    def update(self, leaks: Iterable[Leak]) -> None:
        """Replace the leaks, in their order, by what is known of them now."""
        for state, leak in zip(self._reported, leaks, strict=True):
            state.reported = leak

    def measure_again(self) -> None:
        """Give each leak the size that it has now, and the contexts that wrote into it."""
        for state in self._reported:
            if state.reported is None or not self._is_last(state):
                continue
            extent = measure(state.path)
            if not extent.entries:
                continue  # it is gone
            writers = state.writers or {}
            written_by = tuple(id for id, paths in writers.items() if any(map(lexists, paths)))
            size = extent.bytes, extent.entries, extent.files
            leak = state.reported
            if (leak.bytes, leak.entries, leak.files, leak.written_by) != (*size, written_by):
                _change(
                    state, bytes=extent.bytes, entries=extent.entries, files=extent.files,
                    written_by=written_by,
                )

    def note_holders(self, pids: Collection[str]) -> None:
        """Add to each leak the processes that hold it open now, unless some are known already.

        Args:
            pids: the ids of the processes to examine.
        """
        unknown = {
            state.path: state for state in self._reported
            if state.reported is not None and not state.reported.open_by and self._is_last(state)
        } if pids else {}
        for path, holders in holders_of(unknown, pids).items():
            _change(unknown[path], open_by=tuple(holders))

    def set_aside_removed(self) -> None:
        """Take out the leaks that a fixture around their context has removed since.

        Those that another leak has replaced at their path are removed as well.
        """
        remaining: list[PathState] = []
        for state in self._reported:
            if state.reported is not None and self._was_taken_back(state):
                self.removed_later.append(state.reported)
                continue
            if not self._is_last(state):
                _change(state, outcome="removed")
            remaining.append(state)
        self._reported = remaining

    def _was_taken_back(self, state: PathState) -> bool:
        # A finalizer that removed the files of an object which was never closed is no fixture.
        assert state.reported is not None
        if not state.taken_back or state.reported.never_closed:
            return False
        return not (self._is_last(state) and lexists(state.path))

    def _is_last(self, state: PathState) -> bool:
        """Whether no later leak was reported at the path of a leak."""
        known = self._paths.get(state.path)
        return known is None or known is state or known.reported is None

    def note_moved(self, moved: Mapping[str, str], sources: Mapping[str, str]) -> None:
        """Record what was moved out of the run root, and where each leak, or a part of it, is.

        Args:
            moved: where each path is now.
            sources: where those of them were that are from before the run.
        """
        places = {path: location_after(path, moved) for path in sorted(sources)}
        rescued = {path: place for path, place in places.items() if place is not None}
        self.rescued += (Rescued(was, path, sources[was]) for was, path in rescued.items())
        for state in self._reported if moved else ():
            if self._is_last(state):
                _note_moved(state, moved, rescued)

    def note_nothing_removed(self) -> None:
        """Record that the run root is left, with all leaks in it."""
        for state in self._reported:
            if state.reported is not None and state.reported.outcome == "removed":
                _change(state, outcome="failed")

    def note_failures(self, removal: RemovalReport) -> None:
        """Record which leaks in the temp directory could not be removed."""
        self.failures += removal.failed
        for state in self._reported if removal.failed else ():
            leak = state.reported
            if leak is None or leak.where != "temp" or not self._is_last(state):
                continue
            if leak.outcome == "removed" and lexists(leak.path):
                _change(state, outcome="failed")

    def note_unfinished(self, root: str) -> None:
        """Record what is left, where the removal of a run root was interrupted."""
        if lexists(root):
            self.failures.append(RemovalFailure(root, UNFINISHED, None))
        for state in self._reported:
            leak = state.reported
            if leak is not None and leak.where == "temp" and lexists(leak.path):
                _change(state, outcome="failed")

    def summary(self, tests: int) -> Summary:
        """Return the totals of a run with so many tests."""
        leaks = self.leaks
        return Summary(
            tests=tests,
            made=self.made,
            removed_by_tests=self.made - self.registered - len(leaks),
            registered=self.registered - self._not_yet_removed(),
            leaked=len(leaks),
            leaked_bytes=sum(leak.bytes for leak in leaks),
            leaking_contexts=len({(leak.scope, leak.context) for leak in leaks}),
        )

    def _not_yet_removed(self) -> int:
        """Return how many of the paths whose removal failed when a context closed still exist."""
        return sum(map(lexists, self.unremoved))


def _change(state: PathState, **changes: object) -> None:
    assert state.reported is not None
    state.reported = replace(state.reported, **changes)  # type: ignore[arg-type]


def _note_moved(state: PathState, moved: Mapping[str, str], rescued: Mapping[str, str]) -> None:
    leak = state.reported
    assert leak is not None
    place = location_after(leak.path, moved)
    if place is not None:
        _change(state, path=place, outcome="kept")
        return
    held = (path for was, path in rescued.items() if was.startswith(leak.path + os.sep))
    _change(state, rescued=(*leak.rescued, *held))  # a signal may have interrupted an earlier one
