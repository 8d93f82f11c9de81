"""Stop the run at the first leak that is new (`--until-leak`)."""

from __future__ import annotations

from typing import Any

from tempfiles import ContextReport

from ..session.listener import Listener, RunControl


class UntilLeak(Listener):
    """Stops the run when a context, or a thread or process after it, has left something new."""

    _run: RunControl

    def run_started(self, run: RunControl, stream: Any) -> None:
        """Remember the run."""
        self._run = run

    def context_closed(self, report: ContextReport, new: ContextReport) -> None:
        """Stop for a leak of a context."""
        if not all(leak.since for leak in new.leaks):  # an earlier run has left the others
            self._run.stop()

    def round_ended(self) -> None:
        """Stop for what a thread or a process has left after its test."""
        if self._run.has_leaked_late():
            self._run.stop()
