"""The result: unittest's own, with a block of lines under each test that left something."""

from __future__ import annotations

import unittest
from typing import Any

from tempfiles.records import ContextReport

from .console import Painter
from .session import Session
from .summaries import context_lines, titled_lines


class TidyTestResult(unittest.TextTestResult):
    """A `TextTestResult` that also tells what contexts left.

    With `-v` the lines stand right under the test, else before the section of the failures.
    """

    session: Session | None = None

    def __init__(self, stream: Any, descriptions: bool, verbosity: int, **kwargs: Any) -> None:
        super().__init__(stream, descriptions, verbosity, **kwargs)
        self._painter = Painter(stream)
        self._untold: list[ContextReport] = []

    def startTest(self, test: unittest.TestCase) -> None:
        """Open a context for a test whose class runs itself."""
        session = self.session
        if session is not None and session.running is not test:
            session.loose_test_begins(test)
        super().startTest(test)

    def stopTest(self, test: unittest.TestCase) -> None:
        """Tell, with `-v`, what the test left."""
        session = self.session
        if session is not None and session.running is not test:
            session.loose_test_ends(test)
        super().stopTest(test)
        if self._untold and self.showAll:
            self._tell_under_test(test)

    def context_closed(self, report: ContextReport) -> None:
        """Take note of what a context left."""
        if not report.leaks and not report.modifications:
            return
        self._untold.append(report)
        if self.showAll and report.scope != "test":
            self._write_titled()

    def printErrors(self) -> None:
        """Tell what is not told yet, then the failures."""
        self.tell_rest()
        super().printErrors()

    def tell_rest(self) -> None:
        """Tell what is not told yet."""
        if self._untold:
            if self.dots or self.showAll:
                self.stream.writeln()
            self._write_titled()

    def _tell_under_test(self, test: unittest.TestCase) -> None:
        own = test.id()
        for report in self._untold:
            lines = context_lines(report) if report.id == own else titled_lines(report)
            self._write(lines)
        self._untold.clear()

    def _write_titled(self) -> None:
        for report in self._untold:
            self._write(titled_lines(report))
        self._untold.clear()

    def _write(self, lines: Any) -> None:
        for line in lines:
            self.stream.writeln(self._painter.paint(line, "leak"))
        self.stream.flush()
