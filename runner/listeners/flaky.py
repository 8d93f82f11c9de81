"""List the tests that failed, and then passed when they were run again (`--retries`)."""

from __future__ import annotations

from collections.abc import Iterator

from tempfiles import format_count, printable

from ..session.listener import Listener
from ..session.outcomes import FlakyTest

_RULE = "-" * 70


class FlakyTests(Listener):
    """Prints the flaky tests after the failures.

    Args:
        fails: whether a flaky test fails the run (`--flaky fail`).

    Attributes:
        found: the flaky tests, in the order of the suite.
    """

    def __init__(self, fails: bool) -> None:
        self._fails = fails
        self.found: list[FlakyTest] = []

    def flaky(self, test: FlakyTest) -> None:
        """Record a flaky test."""
        self.found.append(test)

    def summary_lines(self, verbose: bool) -> Iterator[str]:
        """Return the lines: each test, how often it failed, and why at first."""
        if self.found:
            yield "Flaky tests"
            yield _RULE
            for test in self.found:
                yield f"{printable(test.id)}: {printable(test.note)}"
            yield ""

    def verdict(self) -> list[str]:
        """Return the line that says why the run fails; none if it does not."""
        if not (self._fails and self.found):
            return []
        return [f"FAILED: {format_count(len(self.found), 'flaky test')} (--flaky fail)"]
