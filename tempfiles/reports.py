"""Settings and reports of runs, contexts and removals: the records that every run needs.

They are named tuples, since a data class takes ten times as long to define. Without
`from __future__ import annotations` their annotations need not be compiled at the start.
"""

from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING, Any, NamedTuple, TypeVar

from . import serialize

if TYPE_CHECKING:
    from .records import Finding, Leak, Leftover, Modification, Rescued, Scope, Unattributed


_R = TypeVar("_R")


def _from_dict(cls: type[_R], content: Mapping[str, Any]) -> _R:
    from . import records

    return serialize.from_dict(cls, content, vars(records))


class RunSettings(NamedTuple):
    """The settings of a run.

    Args:
        base: the directory for the run root; None for the system's temp directory.
        project: the directory whose files are watched; the files of origins are relative to it.
        tracks: whether to look for leaks; the run root is created and removed in any case.
        trace: whether to record the whole chain of calls of each origin.
        ignore: globs of paths that are never leaks.
        measure_made: whether to also count the bytes of files that tests remove themselves.
        watch_modified: whether to also report changes of the project's preexisting files.
        clean_outside: whether to remove leaks outside the temp directory, if the run observed
            their creation.
        late_grace: seconds to wait at the end for processes that survive their context.
        guarded: whether to start a process that removes the run root if this process dies.
        harness: the names of the packages that run the tests. Their lines are never the origin of
            a leak; nor are those of `tempfiles`.
        siblings: a file that the processes of one run share, in which each notes what it creates
            outside its temp directory, so that no other reports it. Empty for a run of its own.
        trace_children: whether native child processes report what they create, where the recorder
            for them was built (Linux with glibc).
        leftovers: the leaks of earlier runs outside the temp directory (`leftover_of`). Each is
            reported again under its context, as long as the same file is there.
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
    harness: tuple[str, ...] = ("unittest",)
    trace_children: bool = False
    leftovers: tuple["Leftover", ...] = ()
    siblings: str = ""


class Example(NamedTuple):
    """A text that is compiled apart from its file, as an example of a doctest is.

    `name` is the file name in its code objects, `file` and `line` tell where it really stands.
    """

    name: str
    file: str
    line: int
    text: str


class RemovalFailure(NamedTuple):
    """One path that could not be removed, with the cause as text and the errno."""

    path: str
    cause: str
    errno: int | None = None


class RemovalReport(NamedTuple):
    """The result of a removal.

    `files` counts all removed entries that are not directories. `bytes` is the size on disk of the
    removed regular files, without holes, and without files that have another hard link.
    `retried` counts second attempts.
    """

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

    def __add__(self, other: "RemovalReport") -> "RemovalReport":  # type: ignore[override]
        return RemovalReport(
            self.files + other.files,
            self.directories + other.directories,
            self.bytes + other.bytes,
            self.retried + other.retried,
            self.failed + other.failed,
        )


class ContextReport(NamedTuple):
    """The report of a closed context: its numbers, its leaks, and what was removed.

    `made` counts the topmost entries that it created, `registered` those that were registered, and
    `bytes_made` is their size on disk, without holes.
    """

    id: str
    scope: "Scope"
    made: int = 0
    registered: int = 0
    bytes_made: int = 0
    leaks: tuple["Leak", ...] = ()
    modifications: tuple["Modification", ...] = ()
    removal: RemovalReport = RemovalReport()
    findings: tuple["Finding", ...] = ()

    @property
    def is_empty(self) -> bool:
        """Whether the context created, changed and left nothing."""
        counted = self.made or self.registered or self.bytes_made
        found = self.leaks or self.modifications or self.findings
        return not (counted or found or self.removal.failed)

    def to_dict(self) -> dict[str, Any]:
        """Return the report as a dictionary that JSON can hold."""
        return serialize.to_dict(self)

    @classmethod
    def from_dict(cls, content: Mapping[str, Any]) -> "ContextReport":
        """Return the report that `to_dict` has converted.

        Raises:
            ValueError: a field has a wrong type or is missing.
        """
        return _from_dict(cls, content)


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
    """All leaks of a run, with its totals.

    `removed_later` are leaks that an enclosing fixture removed; they count as removed. `failures`
    are the entries of the temp directory that could not be removed. `rescued` are preexisting files
    that were moved out of the temp directory.
    """

    summary: Summary
    leaks: tuple["Leak", ...] = ()
    unattributed: tuple["Unattributed", ...] = ()
    modifications: tuple["Modification", ...] = ()
    removed_later: tuple["Leak", ...] = ()
    failures: tuple[RemovalFailure, ...] = ()
    rescued: tuple["Rescued", ...] = ()
    findings: tuple["Finding", ...] = ()

    @property
    def is_empty(self) -> bool:
        """Whether nothing was created, found, or failed to be removed."""
        found = self.leaks or self.unattributed or self.failures or self.rescued
        return not (self.summary.made or found)

    def merge(self, *others: "RunReport") -> "RunReport":
        """Return one report of this run and others, such as those of parallel workers.

        Totals are added up. What lies outside the temp directory and several runs report under
        one context is one leak. A path that one run lists as unattributed and another reports as a
        leak is only a leak.
        """
        runs = (self, *others)
        leaks, again = _each_once(leak for run in runs for leak in run.leaks)
        paths = {leak.path for leak in leaks}
        unattributed = {found.path: found for run in runs for found in run.unattributed}
        totals = Summary(*map(sum, zip(*(run.summary for run in runs), strict=True)))
        totals = totals._replace(
            made=totals.made - len(again), leaked=len(leaks),
            leaked_bytes=sum(leak.bytes for leak in leaks),
            leaking_contexts=len({(leak.scope, leak.context) for leak in leaks}),
        )
        return RunReport(
            totals,
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
        return serialize.to_dict(self)

    @classmethod
    def from_dict(cls, content: Mapping[str, Any]) -> "RunReport":
        """Return the report that `to_dict` has converted.

        Raises:
            ValueError: a field has a wrong type or is missing.
        """
        return _from_dict(cls, content)


def _each_once(
    leaks: Iterable["Leak"],
) -> tuple[tuple["Leak", ...], tuple["Leak", ...]]:
    """Return leaks without those that an earlier one tells already, and these."""
    found: list[Leak] = []
    again: list[Leak] = []
    seen: set[tuple[str, str]] = set()
    for leak in leaks:
        is_known = leak.where == "outside" and leak.key in seen
        (again if is_known else found).append(leak)
        seen.add(leak.key)
    return tuple(found), tuple(again)
