"""What the contexts of a run have made and left, added up."""

from __future__ import annotations

import os
from collections.abc import Container, Mapping
from dataclasses import replace

from .records import ContextReport, Leak, Modification, RemovalFailure, RemovalReport
from .reports import Summary
from .syscalls import lexists


class Totals:
    """Collects the reports of contexts as they close."""

    def __init__(self) -> None:
        self.made = 0
        self.registered = 0
        self.leaks: list[Leak] = []
        self.modifications: list[Modification] = []
        self.removed_later: list[Leak] = []
        self.failures: list[RemovalFailure] = []

    def add(self, report: ContextReport) -> None:
        """Count what a context made and left."""
        self.made += report.made
        self.registered += report.registered
        self.leaks += report.leaks
        self.modifications += report.modifications

    def set_aside(self, taken_back: Container[str]) -> None:
        """Take out the leaks that a fixture around their context has removed since."""
        gone = [
            leak for leak in self.leaks
            # An object that was never closed, and removed its files when collected, is no fixture.
            if leak.path in taken_back and not leak.never_closed and not lexists(leak.path)
        ]
        if gone:
            self.removed_later += gone
            self.leaks = [leak for leak in self.leaks if leak not in gone]

    def note_kept(self, moved: Mapping[str, str]) -> None:
        """Say of each leak that was moved out of the run root where it is now."""
        self.leaks = [
            replace(leak, path=moved[leak.path], outcome="kept") if leak.path in moved else leak
            for leak in self.leaks
        ]

    def note_failures(self, removal: RemovalReport) -> None:
        """Say of each leak in the temp directory that could not be removed that it failed."""
        self.failures += removal.failed
        failed = [failure.path + os.sep for failure in removal.failed]
        if failed:
            self.leaks = [
                replace(leak, outcome="failed")
                if leak.where == "temp" and any(p.startswith(leak.path + os.sep) for p in failed)
                else leak
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
