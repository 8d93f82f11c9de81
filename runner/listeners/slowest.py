"""The slowest tests, on Pythons whose unittest does not tell, and those that wrote the most."""

from __future__ import annotations

import heapq
from collections.abc import Iterable, Iterator
from time import perf_counter
from typing import Any, TypeVar
from unittest.case import TestCase

from tempfiles.formatting import format_size, printable
from tempfiles.reports import ContextReport

from ..execution.result import TidyTestResult

_SHORT = 0.001  # seconds; as in unittest

T = TypeVar("T")


class DurationsResult(TidyTestResult):
    """A result that tells after the failures how long the `durations` slowest tests took."""

    durations = 0

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self._started: dict[int, float] = {}
        self._took: list[tuple[float, str]] = []

    def startTest(self, test: TestCase) -> None:
        """Begin to measure."""
        self._started[id(test)] = perf_counter()
        super().startTest(test)

    def stopTest(self, test: TestCase) -> None:
        """Note how long it took."""
        started = self._started.pop(id(test), None)
        if started is not None and not _is_skipped(test):
            self._took.append((perf_counter() - started, str(test)))
        super().stopTest(test)

    def printErrors(self) -> None:
        """Tell, in unittest's words, after the failures."""
        super().printErrors()
        if not self._took:
            return
        self.stream.writeln("Slowest test durations")
        self.stream.writeln(self.separator2)
        worst = _most(self._took, self.durations)
        shown = [entry for entry in worst if self.showAll or entry[0] >= _SHORT]
        for seconds, test in shown:
            self.stream.writeln(f"{f'{seconds:.3f}s':<10} {test}")
        hidden = "\n(durations < 0.001s were hidden; use -v to show these durations)"
        self.stream.writeln("" if len(shown) == len(worst) else hidden)


class SlowestTempResult(TidyTestResult):
    """A result that tells after the failures which `slowest_temp` tests wrote the most bytes."""

    slowest_temp = 0

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self._made: list[tuple[int, int, str]] = []

    def context_closed(self, report: ContextReport, judged: ContextReport) -> None:
        """Note how much a test has made."""
        super().context_closed(report, judged)
        if report.scope == "test" and report.made:
            self._made.append((report.bytes_made, report.made, report.id))

    def printErrors(self) -> None:
        """Tell, after the failures."""
        super().printErrors()
        if self._made:
            self.stream.writeln("Most temporary bytes made")
            self.stream.writeln(self.separator2)
            for line in self._lines():
                self.stream.writeln(line)
            self.stream.writeln()

    def _lines(self) -> Iterator[str]:
        for size, made, id in _most(self._made, self.slowest_temp):
            yield f"{format_size(size):>10}  {made:>5} made  {printable(id)}"


def _is_skipped(test: TestCase) -> bool:
    """Whether a decorator skips a test, of which unittest then measures nothing."""
    method = getattr(test, getattr(test, "_testMethodName", ""), None)
    return any(getattr(what, "__unittest_skip__", False) for what in (type(test), method))


def _most(entries: Iterable[T], number: int) -> list[T]:
    """Return the greatest entries first; 0 is for all of them."""
    if number:
        return heapq.nlargest(number, entries)  # type: ignore[type-var]
    return sorted(entries, reverse=True)  # type: ignore[type-var]
