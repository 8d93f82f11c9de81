"""Decide whether a leak fails its context: `--leaks fail` and the baseline say so."""

from __future__ import annotations

from collections.abc import Set
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from tempfiles import ContextReport

    from ..baseline.matching import Ledger


class ClosedContext(NamedTuple):
    """What a context left.

    `report` has all of it, `new` only the leaks that no baseline knows. `failure` is the message to
    fail the context with; None where its leaks do not fail it.
    """

    report: ContextReport
    new: ContextReport
    failure: str | None = None

    @property
    def is_empty(self) -> bool:
        """Whether the context created and changed nothing."""
        return not self.report.scope  # that of the shared empty report


class Policy:
    """Decides whether what a context left is a failure.

    Args:
        fails: whether leaks fail at all (`--leaks fail`).
        ledger: matches leaks with the baseline, whose leaks do not fail; None without a baseline.

    Attributes:
        known: the number of leaks that the baseline knows.
        new: the number of new leaks.
        failing_keys: the keys of the leaks that fail their contexts.
    """

    def __init__(self, fails: bool, ledger: Ledger | None = None) -> None:
        self._fails = fails
        self.ledger = ledger
        self.known = self.new = 0
        self._known_keys: set[tuple[str, str]] = set()
        self.failing_keys: set[tuple[str, str]] = set()

    def without_known(self, report: ContextReport, late: bool = False) -> ContextReport:
        """Count the leaks of a context; return its report with the new ones only.

        Args:
            report: what it left.
            late: whether that was found after it had closed.
        """
        if self.ledger is None:
            self.new += len(report.leaks)
            return report
        matched = self.ledger.match(report, late)
        self.known += len(matched.known)
        self.new += len(matched.new)
        self._known_keys.update(leak.key for leak in matched.known)
        return report._replace(leaks=matched.new) if matched.known else report

    def mistaken(self) -> list[ContextReport]:
        """Return, once, the leaks that were taken for known ones and turned out to be new."""
        found = self.ledger.mistaken() if self.ledger is not None else []
        keys = [leak.key for report in found for leak in report.leaks]
        self._known_keys.difference_update(keys)
        self.known -= len(keys)
        self.new += len(keys)
        return found

    @property
    def known_keys(self) -> Set[tuple[str, str]]:
        """The keys of the known leaks so far."""
        return self._known_keys

    def note_failed(self, new: ContextReport) -> None:
        """Record that these leaks fail their context."""
        self.failing_keys.update(leak.key for leak in new.leaks)

    def failure(self, new: ContextReport, fails: bool | None = None) -> str | None:
        """Return the message to fail a context with; None if it does not fail.

        Args:
            new: the context with its new leaks only, as `without_known` returned it.
            fails: whether leaks fail this context; None for what holds for the run.
        """
        if not (self._fails if fails is None else fails) or not new.leaks:
            return None
        from ..output.lines import failure_message

        return failure_message(new)
