"""What the contexts of a run have made and left, added up."""

from __future__ import annotations

import os
from collections.abc import Container, Mapping
from dataclasses import replace

from ..records import Leak, Modification, Rescued
from ..recovery.rescue import now
from ..reports import ContextReport, RemovalFailure, RemovalReport, Summary
from ..system.syscalls import lexists

UNFINISHED = "interrupted; the next run removes it"


class Totals:
    """Collects the reports of contexts as they close."""

    def __init__(self) -> None:
        self.made = 0
        self.registered = 0
        self.leaks: list[Leak] = []
        self.modifications: list[Modification] = []
        self.removed_later: list[Leak] = []
        self.failures: list[RemovalFailure] = []
        self.rescued: list[Rescued] = []

    def add(self, report: ContextReport) -> None:
        """Count what a context made and left."""
        self.made += report.made
        self.registered += report.registered
        self.leaks += report.leaks
        self.modifications += report.modifications

    def set_aside(self, taken_back: Container[int]) -> None:
        """Take out the leaks that a fixture around their context has removed since.

        Of those that another leak has replaced at their path it is said that they are gone.

        Args:
            taken_back: by their `id`, the leaks that a fixture was about to remove.
        """
        last = self._last()
        gone = [
            leak for leak in self.leaks
            # An object that was never closed, and removed its files when collected, is no fixture.
            if id(leak) in taken_back and not leak.never_closed
            and not (last[leak.path] is leak and lexists(leak.path))
        ]
        self.removed_later += gone
        ids = set(map(id, gone))
        self.leaks = [
            leak if last[leak.path] is leak else replace(leak, outcome="removed")
            for leak in self.leaks if id(leak) not in ids
        ]

    def _last(self) -> dict[str, Leak]:
        """Return for each path the leak that lies there: an earlier one has been replaced."""
        return {leak.path: leak for leak in self.leaks}

    def note_moved(self, moved: Mapping[str, str], sources: Mapping[str, str]) -> None:
        """Say what was moved out of the run root, and of each leak where it, or a part of it, is.

        Args:
            moved: where each path is now.
            sources: where those of them were that are from before the run.
        """
        places = {path: now(path, moved) for path in sorted(sources)}
        rescued = {path: place for path, place in places.items() if place is not None}
        self.rescued += (Rescued(was, path, sources[was]) for was, path in rescued.items())
        last = self._last()
        if moved:
            self.leaks = [
                _moved(leak, moved, rescued) if last[leak.path] is leak else leak
                for leak in self.leaks
            ]

    def note_nothing_removed(self) -> None:
        """Say of all leaks in the temp directory that are still there that they are."""
        self.leaks = [
            replace(leak, outcome="failed") if leak.outcome == "removed" else leak
            for leak in self.leaks
        ]

    def note_failures(self, removal: RemovalReport) -> None:
        """Say of each leak in the temp directory that could not be removed that it failed."""
        self.failures += removal.failed
        failed = [failure.path + os.sep for failure in removal.failed]
        last = self._last() if failed else {}
        self.leaks = [
            replace(leak, outcome="failed")
            if leak.where == "temp" and last.get(leak.path) is leak
            and any(path.startswith(leak.path + os.sep) for path in failed) else leak
            for leak in self.leaks
        ]

    def note_unfinished(self, root: str) -> None:
        """Say what is left, where the removal of a run root was broken off."""
        if lexists(root):
            self.failures.append(RemovalFailure(root, UNFINISHED, None))
        self.leaks = [
            replace(leak, outcome="failed") if leak.where == "temp" and lexists(leak.path) else leak
            for leak in self.leaks
        ]

    def summary(self, tests: int) -> Summary:
        """Return the totals of a run with so many tests."""
        return Summary(
            tests=tests,
            made=self.made,
            removed_by_tests=self.made - self.registered - len(self.leaks),
            registered=self.registered,
            leaked=len(self.leaks),
            leaked_bytes=sum(leak.bytes for leak in self.leaks),
            leaking_contexts=len({(leak.scope, leak.context) for leak in self.leaks}),
        )


def _moved(leak: Leak, moved: Mapping[str, str], rescued: Mapping[str, str]) -> Leak:
    place = now(leak.path, moved)
    if place is not None:
        return replace(leak, path=place, outcome="kept")
    held = (path for was, path in rescued.items() if was.startswith(leak.path + os.sep))
    return replace(leak, rescued=tuple(held))
