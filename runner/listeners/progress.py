"""One live line in place of dots (`--progress`): the runner's only import of tqdm."""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

from ..session.listener import Listener, RunControl
from ..session.outcomes import FAILURES, CaseName, Outcome

if TYPE_CHECKING:
    from tempfiles import ContextReport

_tqdm: Any = import_module("tqdm").tqdm  # it has no type hints itself
_tqdm.monitor_interval = 0  # tests would see its thread, and each fork would warn about it


class Progress(Listener):
    """Draws a live line: tests done of all, failures, leaks, time left."""

    replaces_dots = True

    def __init__(self) -> None:
        self._bar: Any = None
        self._stream: Any = None
        self._failed = 0
        self._leaks = 0

    def run_started(self, run: RunControl, stream: Any) -> None:
        """Remember where to draw."""
        self._stream = stream

    def tests_counted(self, number: int | None) -> None:
        """Draw the line."""
        self._bar = _tqdm(
            total=number, file=self._stream, unit="test", leave=False, dynamic_ncols=True,
            miniters=1,
        )  # fmt: skip

    def test_started(self, test: CaseName) -> None:
        """Draw the line as it is now: the test may take long."""
        if self._bar is not None:
            self._bar.refresh()

    def test_stopped(self, test: CaseName, stdout: str, stderr: str) -> None:
        """Draw the line again, one test further."""
        if self._bar is not None:
            counts = f"{self._failed} failed, {self._leaks} leaked"
            self._bar.set_postfix_str(counts, refresh=False)
            self._bar.update()

    def outcome(self, outcome: Outcome) -> None:
        """Count the failures."""
        self._failed += outcome.status in FAILURES

    def context_closed(self, report: ContextReport, new: ContextReport) -> None:
        """Count the leaks."""
        self._leaks += len(new.leaks)

    def run_finished(self) -> None:
        """Erase the line: lines that stay are printed next."""
        if self._bar is not None:
            self._bar.refresh()
            self._bar.close()
            self._bar = None
