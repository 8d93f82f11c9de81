"""List the slowest tests (where unittest does not: 3.11), and those that wrote the most."""

from __future__ import annotations

import heapq
from collections.abc import Iterable, Iterator
from time import perf_counter
from typing import Any, TypeVar

from tempfiles import ContextReport, format_size, printable

from ..session.listener import Listener, RunControl
from ..session.outcomes import CaseName

_SHORT = 0.001  # seconds; as in unittest
_RULE = "-" * 70

T = TypeVar("T")


class Durations(Listener):
    """Prints after the failures how long the slowest tests took, as unittest 3.12 does.

    Args:
        number: how many tests to print; 0 for all.
    """

    def __init__(self, number: int) -> None:
        self._number = number
        self._run: RunControl | None = None
        self._started: dict[str, float] = {}
        self._took: list[tuple[float, str]] = []

    def run_started(self, run: RunControl, stream: Any) -> None:
        """Remember the run, which has the clock."""
        self._run = run

    def test_started(self, test: CaseName) -> None:
        """Start the clock."""
        self._started[test.id] = self._now

    def test_stopped(self, test: CaseName, stdout: str, stderr: str) -> None:
        """Record the duration."""
        started = self._started.pop(test.id, None)
        if started is not None and test.runs:
            self._took.append((self._now - started, test.description))

    @property
    def _now(self) -> float:
        return perf_counter() if self._run is None else self._run.now

    def summary_lines(self, verbose: bool) -> Iterator[str]:
        """Return the lines in unittest's words."""
        if not self._took:
            return
        yield "Slowest test durations"
        yield _RULE
        slowest = _largest(self._took, self._number)
        shown = [entry for entry in slowest if verbose or entry[0] >= _SHORT]
        for seconds, test in shown:
            yield f"{f'{seconds:.3f}s':<10} {test}"
        hidden = "\n(durations < 0.001s were hidden; use -v to show these durations)"
        yield "" if len(shown) == len(slowest) else hidden


class SlowestTemp(Listener):
    """Prints after the failures which tests wrote the most temporary bytes.

    Args:
        number: how many tests to print; 0 for all.
    """

    def __init__(self, number: int) -> None:
        self._number = number
        self._made: list[tuple[int, int, str]] = []

    def context_closed(self, report: ContextReport, new: ContextReport) -> None:
        """Record how much a test created."""
        if report.scope == "test" and report.made:
            self._made.append((report.bytes_made, report.made, report.id))

    def summary_lines(self, verbose: bool) -> Iterator[str]:
        """Return the lines, largest first."""
        if self._made:
            yield "Most temporary bytes created"
            yield _RULE
            for size, made, id in _largest(self._made, self._number):
                yield f"{format_size(size):>10}  {made:>5} created  {printable(id)}"
            yield ""


def _largest(entries: Iterable[T], number: int) -> list[T]:
    """Return the largest entries first; 0 is for all of them."""
    if number:
        return heapq.nlargest(number, entries)  # type: ignore[type-var]
    return sorted(entries, reverse=True)  # type: ignore[type-var]
