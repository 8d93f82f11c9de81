"""One live line in place of dots (`--progress`): the runner's only import of tqdm."""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any
from unittest.case import TestCase

from ..execution.result import TidyTestResult

if TYPE_CHECKING:
    from tempfiles.reports import ContextReport

_tqdm: Any = import_module("tqdm").tqdm  # it is not typed itself
_tqdm.monitor_interval = 0  # its thread would be seen by tests, and warned of at each fork


class ProgressResult(TidyTestResult):
    """A result with a live line: tests done of all, failures, leaks, time left."""

    def __init__(self, stream: Any, descriptions: bool, verbosity: int, **kwargs: Any) -> None:
        super().__init__(stream, descriptions, verbosity, **kwargs)
        self.dots = False
        self._bar: Any = None
        self._leaks = 0

    def tests_follow(self, test: Any) -> None:
        """Draw the line."""
        endless = getattr(test, "limit", 0) is None
        total = None if endless else test.countTestCases() * (getattr(test, "limit", 0) or 1)
        self._bar = _tqdm(
            total=total, file=self.stream, unit="test", leave=False, dynamic_ncols=True, miniters=1
        )
        super().tests_follow(test)

    def startTest(self, test: TestCase) -> None:
        """Draw it as it is now: the test may take long."""
        if self._bar is not None:
            self._bar.refresh()
        super().startTest(test)

    def stopTest(self, test: TestCase) -> None:
        """Draw it again, one test further."""
        super().stopTest(test)
        if self._bar is not None:
            failed = len(self.failures) + len(self.errors) + len(self.unexpectedSuccesses)
            self._bar.set_postfix_str(f"{failed} failed, {self._leaks} leaked", refresh=False)
            self._bar.update()

    def context_closed(self, report: ContextReport, judged: ContextReport) -> None:
        """Count the leaks."""
        super().context_closed(report, judged)
        self._leaks += len(judged.leaks)

    def tell_rest(self) -> None:
        """Take the line away: what follows are lines that stay."""
        if self._bar is not None:
            self._bar.refresh()
            self._bar.close()
            self._bar = None
        super().tell_rest()
