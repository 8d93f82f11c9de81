"""What a leak does to the outcome of its context: nothing, a failure, or nothing as it is known."""

from __future__ import annotations

from collections.abc import Set

TYPE_CHECKING = False
if TYPE_CHECKING:
    from tempfiles.records import Leak
    from tempfiles.reports import ContextReport

    from ..baseline.matching import Ledger


class Policy:
    """Decides whether what a context left is a failure.

    Args:
        fails: whether leaks fail at all (`--leaks fail`).
        ledger: the leaks known already, which do not fail; None where there is no baseline.

    Attributes:
        known: how many known leaks there were.
        new: how many others.
        failing_keys: the keys of the leaks that a failure tells.
    """

    def __init__(self, fails: bool, ledger: Ledger | None = None) -> None:
        self._fails = fails
        self.ledger = ledger
        self.known = self.new = 0
        self._known_keys: set[tuple[str, str]] = set()
        self.failing_keys: set[tuple[str, str]] = set()

    def judge(self, report: ContextReport, late: bool = False) -> ContextReport:
        """Take note of a context that has closed; return it with its new leaks only.

        Args:
            report: what it left.
            late: after it had closed.
        """
        if self.ledger is None:
            self.new += len(report.leaks)
            return report
        judged = self.ledger.judge(report, late)
        self.known += len(judged.known)
        self.new += len(judged.new)
        self._known_keys.update(leak.key for leak in judged.known)
        return only(report, judged.new) if judged.known else report

    def mistaken(self) -> list[ContextReport]:
        """Return, once, what was taken for known and is new after all."""
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

    def note_failed(self, judged: ContextReport) -> None:
        """Take note that a failure tells these leaks."""
        self.failing_keys.update(leak.key for leak in judged.leaks)

    def failure(self, judged: ContextReport) -> str | None:
        """Return the message to fail a context with, or None.

        Args:
            judged: the context with its new leaks only, as `judge` returned it.
        """
        if not self._fails or not judged.leaks:
            return None
        from ..output.lines import failure_message

        return failure_message(judged)


def only(report: ContextReport, leaks: tuple[Leak, ...]) -> ContextReport:
    """Return a report with these leaks and no others."""
    from dataclasses import replace

    return replace(report, leaks=leaks)
