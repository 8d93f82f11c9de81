"""What a leak does to the outcome of its context."""

from __future__ import annotations

from tempfiles.records import ContextReport

from .summaries import failure_message


class Policy:
    """Decides whether what a context left is a failure.

    Args:
        fails: whether leaks fail at all (`--leaks fail`).
    """

    def __init__(self, fails: bool) -> None:
        self._fails = fails

    def failure(self, report: ContextReport) -> str | None:
        """Return the message to fail the context with, or None."""
        if not self._fails or not report.leaks:
            return None
        return failure_message(report)
