"""The result: unittest's own, with a block of lines under each test that left something."""

from __future__ import annotations

import contextlib
import unittest
from collections.abc import Container

from ..output.colour import Painter
from ..unittest_api import is_failure_of, succeeds_unexpectedly, test_id
from .boundaries import Session

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from tempfiles.reports import ContextReport


class TidyTestResult(unittest.TextTestResult):
    """A `TextTestResult` that also tells what contexts left.

    With `-v` the lines stand right under the test, else before the section of the failures.
    """

    session: Session | None = None

    def __init__(self, stream: Any, descriptions: bool, verbosity: int, **kwargs: Any) -> None:
        super().__init__(stream, descriptions, verbosity, **kwargs)
        self._painter = Painter(stream)
        self._untold: list[ContextReport] = []
        self._of_unexpected: list[tuple[Any, str]] = []  # such tests, and what is told of them

    def tests_follow(self, test: Any) -> None:
        """Hear, before they run, of the test or the suite that is run."""

    def follow_loose_tests(self) -> None:
        """From now on open contexts for tests whose classes run themselves.

        Not by methods of this class: other tests need not pay for it.
        """
        session, start, stop = self.session, self.startTest, self.stopTest
        if session is None:
            return

        def start_test(test: unittest.TestCase) -> None:
            if session.running is not test:
                session.loose_test_begins(test)
            start(test)

        def stop_test(test: unittest.TestCase) -> None:
            if session.running is not test:
                session.loose_test_ends(test)
            stop(test)
            self._tell_under_test(test)

        self.startTest = start_test  # type: ignore[method-assign]
        self.stopTest = stop_test  # type: ignore[method-assign]

    def addError(self, test: Any, err: Any) -> None:
        """Say, where the disk was full, what fills it."""
        super().addError(test, err)
        self._tell_if_full(self.errors, err)

    def addFailure(self, test: Any, err: Any) -> None:
        """Say, where the disk was full, what fills it."""
        super().addFailure(test, err)
        self._tell_if_full(self.failures, err)

    def addSubTest(self, test: Any, subtest: Any, err: Any) -> None:
        """Say, where the disk was full, what fills it."""
        super().addSubTest(test, subtest, err)
        if err is not None:
            is_failure = issubclass(err[0], test.failureException)
            self._tell_if_full(self.failures if is_failure else self.errors, err)

    def context_closed(self, report: ContextReport, judged: ContextReport) -> None:
        """Take note of what a context left, all of it and what of that is new."""
        if not self.showAll:
            report = judged  # known leaks are told one by one with `-v` only
        if not report.leaks and not report.modifications:
            return
        self._untold.append(report)
        if self.showAll and report.scope != "test":
            self._end_line()
            self._write_titled()
        elif self.showAll:
            self._tell_after_test()

    def printErrors(self) -> None:
        """Tell what neither is told yet nor will be by a failure, then the failures."""
        failing = self.session.policy.failing_keys if self.session is not None else ()
        self._untold = [
            report for report in self._untold
            if report.modifications or not all(leak.key in failing for leak in report.leaks)
        ]
        self.tell_rest()
        super().printErrors()
        for _, text in self._of_unexpected:
            self.stream.write(text)

    def tell_rest(self) -> None:
        """Tell what is not told yet."""
        if self._untold:
            if self.dots or self.showAll:
                self.stream.writeln()
                self._newline = True
            self._write_titled()

    def annotate(self, test: unittest.TestCase | None, name: str, text: str) -> bool:
        """Add text to what is told of a failure.

        Args:
            test: the test that failed; None for a fixture.
            name: where `test` is None, the class or module of the fixture.
            text: what to add, whole lines.

        Returns:
            Whether there is such a failure; an unexpected success is one.
        """
        for failures in (self.errors, self.failures):
            for index in range(len(failures) - 1, -1, -1):
                failed, details = failures[index]
                if is_failure_of(failed, test, name):
                    failures[index] = failed, f"{details}\n{text}"
                    return True
        if succeeds_unexpectedly(self, test):
            self._of_unexpected.append((test, text))
            return True
        return False

    def _tell_if_full(self, failures: list[Any], err: Any) -> None:
        session = self.session
        if session is None or err[1] is session.leak_failure:
            return
        lines: list[str] = []
        with contextlib.suppress(OSError):  # a test may have taken all descriptors
            lines = session.run.disk_full_lines(err[1])
        if lines:
            failed, details = failures[-1]
            failures[-1] = failed, "\n".join([details, *lines, ""])

    def _tell_after_test(self) -> None:
        """Have the end of the test under way tell what it left."""
        stop = self.stopTest

        def stop_test(test: unittest.TestCase) -> None:
            self.stopTest = stop  # type: ignore[method-assign]
            stop(test)
            self._tell_under_test(test)

        self.stopTest = stop_test  # type: ignore[method-assign]

    def _tell_under_test(self, test: unittest.TestCase) -> None:
        if not self._untold or not self.showAll:
            return
        from ..output.lines import context_lines, titled_lines

        own = test_id(test)
        for report in self._untold:
            tell = context_lines if report.id == own else titled_lines
            self._write(tell(report, self._known))
        self._untold.clear()

    def _end_line(self) -> None:
        """End the line of a test that was broken off before its status was written."""
        if not self._newline:
            self.stream.writeln()
            self._newline = True

    def _write_titled(self) -> None:
        from ..output.lines import titled_lines

        for report in self._untold:
            self._write(titled_lines(report, self._known))
        self._untold.clear()

    @property
    def _known(self) -> Container[tuple[str, str]]:
        return self.session.policy.known_keys if self.session is not None else ()

    def _write(self, lines: Any) -> None:
        for line in lines:
            self.stream.writeln(self._painter.paint(line, "leak"))
        self.stream.flush()
