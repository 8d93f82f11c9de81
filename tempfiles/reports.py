"""Settings and reports of runs, contexts and removals: the records that every run needs.

They are named tuples, since a data class takes ten times as long to define.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, NamedTuple

if TYPE_CHECKING:
    from .records import Finding, Leak, Modification, Rescued, Scope, Unattributed


class RunSettings(NamedTuple):
    """How a run tracks.

    Args:
        base: the directory for the run root; None for the system's temp directory.
        project: the directory that relative origins are relative to and whose tree is swept.
        tracks: whether to look for leaks at all; the root is made and removed in any case.
        trace: keep the whole stack of each origin.
        ignore: globs of paths that are no leaks.
        measure_made: also count the bytes of what tests remove themselves.
        watch_modified: also report pre-existing files of the project that a context changed.
        clean_outside: remove leaks outside the temp directory that this run was seen to make.
        late_grace: seconds to wait, at the end, for processes that outlived their context.
        guarded: start a process that removes the run root when this one has died.
    """

    base: str | None = None
    project: str = ""
    tracks: bool = True
    trace: bool = False
    ignore: tuple[str, ...] = ()
    measure_made: bool = False
    watch_modified: bool = False
    clean_outside: bool = False
    late_grace: float = 2.0
    guarded: bool = False


class RemovalFailure(NamedTuple):
    """One path that could not be removed, and why in words."""

    path: str
    cause: str
    errno: int | None = None


class RemovalReport(NamedTuple):
    """What a removal did. `files` counts everything that is not a directory; `bytes` is what
    the removed regular files took on the disk (holes take nothing) that had no other name (a hard
    link frees nothing)."""

    files: int = 0
    directories: int = 0
    bytes: int = 0
    retried: int = 0
    failed: tuple[RemovalFailure, ...] = ()

    @property
    def removed(self) -> int:
        """Number of entries removed."""
        return self.files + self.directories

    @property
    def ok(self) -> bool:
        """Whether nothing failed."""
        return not self.failed

    def __add__(self, other: RemovalReport) -> RemovalReport:  # type: ignore[override]
        return RemovalReport(
            self.files + other.files,
            self.directories + other.directories,
            self.bytes + other.bytes,
            self.retried + other.retried,
            self.failed + other.failed,
        )


class ContextReport(NamedTuple):
    """What one context made and left, once it is closed.

    `bytes_made` is what that took on the disk: holes in files take nothing.
    """

    id: str
    scope: Scope
    made: int = 0
    registered: int = 0
    bytes_made: int = 0
    leaks: tuple[Leak, ...] = ()
    modifications: tuple[Modification, ...] = ()
    removal: RemovalReport = RemovalReport()
    findings: tuple[Finding, ...] = ()

    @property
    def is_empty(self) -> bool:
        """Whether the context left nothing and there is nothing else to report of it."""
        counted = self.made or self.registered or self.bytes_made
        found = self.leaks or self.modifications or self.findings
        return not (counted or found or self.removal.failed)

    def to_dict(self) -> dict[str, Any]:
        """Return the report as a dictionary that JSON can hold."""
        from .serialize import to_dict

        return to_dict(self)

    @classmethod
    def from_dict(cls, content: Mapping[str, Any]) -> ContextReport:
        """Return the report that `to_dict` has converted.

        Raises:
            ValueError: a field has a wrong type or is missing.
        """
        from . import records
        from .serialize import from_dict

        return from_dict(cls, content, vars(records))


class Summary(NamedTuple):
    """The totals of a run: `made` = `removed_by_tests` + `registered` + `leaked`."""

    tests: int = 0
    made: int = 0
    removed_by_tests: int = 0
    registered: int = 0
    leaked: int = 0
    leaked_bytes: int = 0
    leaking_contexts: int = 0


class RunReport(NamedTuple):
    """All of a run's leaks with its totals.

    `removed_later` are those that a fixture around their context has removed; they count as
    removed. `failures` is what of the run's own temp directory could not be removed, and why.
    `rescued` is what was there before the run and has been moved out of that directory.
    """

    summary: Summary
    leaks: tuple[Leak, ...] = ()
    unattributed: tuple[Unattributed, ...] = ()
    modifications: tuple[Modification, ...] = ()
    removed_later: tuple[Leak, ...] = ()
    failures: tuple[RemovalFailure, ...] = ()
    rescued: tuple[Rescued, ...] = ()
    findings: tuple[Finding, ...] = ()

    @property
    def tells(self) -> bool:
        """Whether there is anything to tell of, be it made, found, or not to be removed."""
        found = self.leaks or self.unattributed or self.failures or self.rescued
        return bool(self.summary.made or found)

    def merge(self, *others: RunReport) -> RunReport:
        """Return one report of this run and others, such as those of parallel workers.

        Totals are added up. A path that one run lists as unattributed and another reports as a
        leak is only a leak.
        """
        runs = (self, *others)
        leaks = tuple(leak for run in runs for leak in run.leaks)
        paths = {leak.path for leak in leaks}
        unattributed = {found.path: found for run in runs for found in run.unattributed}
        totals = Summary(*map(sum, zip(*(run.summary for run in runs), strict=True)))
        return RunReport(
            totals._replace(leaking_contexts=len({(leak.scope, leak.context) for leak in leaks})),
            leaks,
            tuple(found for path, found in unattributed.items() if path not in paths),
            tuple(dict.fromkeys(each for run in runs for each in run.modifications)),
            tuple(leak for run in runs for leak in run.removed_later),
            tuple(failure for run in runs for failure in run.failures),
            tuple(rescued for run in runs for rescued in run.rescued),
            tuple(found for run in runs for found in run.findings),
        )

    def to_dict(self) -> dict[str, Any]:
        """Return the report as a dictionary that JSON can hold."""
        from .serialize import to_dict

        return to_dict(self)

    @classmethod
    def from_dict(cls, content: Mapping[str, Any]) -> RunReport:
        """Return the report that `to_dict` has converted.

        Raises:
            ValueError: a field has a wrong type or is missing.
        """
        from . import records
        from .serialize import from_dict

        return from_dict(cls, content, vars(records))
