"""The record of a whole run, apart from `records`: it is all that a run without leaks needs.

Named tuples, since a data class takes ten times as long to define.
"""

from __future__ import annotations

from ._record import Record

TYPE_CHECKING = False
if TYPE_CHECKING:
    from .records import Leak, Modification, RemovalFailure, Rescued, Unattributed


class Summary(Record):
    """The totals of a run: `made` = `removed_by_tests` + `registered` + `leaked`."""

    tests: int = 0
    made: int = 0
    removed_by_tests: int = 0
    registered: int = 0
    leaked: int = 0
    leaked_bytes: int = 0
    leaking_contexts: int = 0


class RunReport(Record):
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

    @property
    def tells(self) -> bool:
        """Whether there is anything to tell of: something was made, or found, or could not go."""
        found = self.leaks or self.unattributed or self.failures or self.rescued
        return bool(self.summary.made or found)
