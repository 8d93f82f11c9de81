"""The result: unittest's own, which also prints the leaks of each test and reports outcomes."""

from __future__ import annotations

import sys
import unittest
from collections.abc import Iterable
from typing import TYPE_CHECKING, Any

from tempfiles import original_os_functions

from ..output.colour import Painter
from ..session.listener import Events
from ..session.outcomes import Outcome, Status
from ..session.policy import Policy
from ..session.session import Session
from ..settings.config import Config
from ..unittest_api import (
    captured_output,
    exception_text,
    interrupt_under_way,
    is_failure_of,
    is_fixture_error,
    is_import_failure,
    is_leak_failure,
    owner_id,
    subtest_description,
    succeeds_unexpectedly,
    test_id,
    test_of,
)
from .boundaries import Boundaries
from .failure_texts import append_text, details_of_last, explain_full_disk, name_of

if TYPE_CHECKING:
    from tempfiles import ContextReport

    from ..output.lines import Judged


class TidyTestResult(unittest.TextTestResult):
    """A `TextTestResult` that also prints what contexts left.

    With `-v` the lines stand under each test, else below the section of the failures.

    Attributes:
        leaks: the tests and fixtures that failed for their leaks only, with a text each, in the
            form of unittest's `failures`, which does not contain them.
        settings: say how many leaks to list.
    """

    session: Session | None = None
    boundaries: Boundaries | None = None
    settings = Config()
    _newline: bool
    _events = Events()  # of the session; empty without one
    interrupt_of_test = staticmethod(interrupt_under_way)

    def __init__(self, stream: Any, descriptions: bool, verbosity: int, **kwargs: Any) -> None:
        super().__init__(stream, descriptions, verbosity, **kwargs)
        self.verbosity = verbosity
        self._painter = Painter(stream)
        self.leaks: list[tuple[Any, str]] = []
        self._added: list[str] = []  # to what is printed of leaks
        self._unprinted: list[ContextReport] = []
        self._unexpected: list[tuple[Any, str]] = []  # unexpected successes with lines to add

    def attach(self, boundaries: Boundaries) -> None:
        """Report to the session of these boundaries from now on."""
        self.boundaries = boundaries
        self.session = session = boundaries.session
        self._events = events = session.events
        if events.replaces_dots:
            self.dots = False
        if events.test_started or events.test_stopped:
            self._follow_tests()

    # `startTest` and `stopTest` are replaced on the instance, and only where this is needed: they
    # are called for every test.

    def _follow_tests(self) -> None:
        """Tell the listeners where each test starts and stops."""
        start, stop, events = self.startTest, self.stopTest, self._events

        def start_test(test: unittest.TestCase) -> None:
            for notify in events.test_started:
                notify(name_of(test))
            start(test)

        def stop_test(test: unittest.TestCase) -> None:
            output = captured_output(self)
            if interrupt := self.interrupt_of_test():
                self._note_broken_off(test, interrupt, "interrupted")
            try:
                stop(test)
            except Exception as error:  # with `-b` it writes what the test printed
                message = exception_text((type(error), error, None))
                self._note_broken_off(test, message, "broken off")
                raise
            finally:
                for notify in events.test_stopped:
                    notify(name_of(test), *output)

        self.startTest = start_test  # type: ignore[method-assign]
        self.stopTest = stop_test  # type: ignore[method-assign]

    def follow_custom_runs(self) -> None:
        """Open contexts for tests whose classes define `run` without `TestCase.run`."""
        boundaries, start, stop = self.boundaries, self.startTest, self.stopTest
        if boundaries is None:
            return

        def start_test(test: unittest.TestCase) -> None:
            if boundaries.running is not test:
                boundaries.before_custom_run(test)
            start(test)

        def stop_test(test: unittest.TestCase) -> None:
            if boundaries.running is not test:
                boundaries.after_custom_run(test)
            stop(test)
            self.print_under_test(test)

        self.startTest = start_test  # type: ignore[method-assign]
        self.stopTest = stop_test  # type: ignore[method-assign]

    # Outcomes

    def addError(self, test: Any, err: Any) -> None:
        """Add an error of a test or fixture; explain it where the disk is full."""
        if is_leak_failure(err[1]):
            self._add_leak(test, err)
            return
        super().addError(test, err)
        self._add(test, "error", err, self.errors)

    def addFailure(self, test: Any, err: Any) -> None:
        """Add a failure; explain it where the disk is full."""
        if is_leak_failure(err[1]):
            self._add_leak(test, err)
            return
        super().addFailure(test, err)
        self._add(test, "failure", err, self.failures)

    @unittest.result.failfast
    def _add_leak(self, test: Any, err: Any) -> None:
        """Add a failure that is nothing but leaks, which is none of unittest's `failures`."""
        self.leaks.append((test, self._exc_info_to_string(err, test)))  # type: ignore[attr-defined]
        self._mirrorOutput = True
        if self.showAll:
            self._write_status(test, "LEAK")  # type: ignore[attr-defined]
        elif self.dots:
            self.stream.write("L")
            self.stream.flush()
        self._add(test, "leak", err, self.leaks)

    def wasSuccessful(self) -> bool:
        """Return whether nothing has failed, not for leaks either."""
        return super().wasSuccessful() and not self.leaks

    def addSubTest(self, test: Any, subtest: Any, err: Any) -> None:
        """Add the outcome of a subtest; explain it where the disk is full."""
        super().addSubTest(test, subtest, err)
        if err is not None:
            if issubclass(err[0], test.failureException):
                self._add(subtest, "failure", err, self.failures)
            else:
                self._add(subtest, "error", err, self.errors)

    def addSkip(self, test: Any, reason: str) -> None:
        """Add a skip, of a fixture too."""
        super().addSkip(test, reason)
        self._report(test, "skipped", str(reason))

    def addExpectedFailure(self, test: Any, err: Any) -> None:
        """Add an expected failure."""
        super().addExpectedFailure(test, err)
        details = details_of_last(self.expectedFailures, self)
        self._report(test, "expected failure", exception_text(err), details)

    def addUnexpectedSuccess(self, test: Any) -> None:
        """Add an unexpected success."""
        super().addUnexpectedSuccess(test)
        details = "".join(text for found, text in self._unexpected if found is test)
        self._report(test, "unexpected success", "Unexpected success", details)

    def _add(self, test: Any, status: Status, err: Any, entries: list[Any]) -> None:
        session = self.session
        if session is None:
            return
        explain_full_disk(session, entries, err)
        if self._events.outcome:
            self._report(test, status, exception_text(err), details_of_last(entries, self))
        else:
            self._report(test, status, "")
        for notify in self._events.exception:
            notify(self.getDescription(test), err[1], err[2])

    def _report(self, test: Any, status: Status, message: str, details: str = "") -> None:
        if self.session is not None:
            self.session.outcome(self._outcome(test, status, message, details))

    def _outcome(self, test: Any, status: Status, message: str, details: str) -> Outcome:
        is_fixture = is_fixture_error(test)
        output = captured_output(self) if is_fixture else ("", "")
        return Outcome(
            test_id(test_of(test)), owner_id(test), status, message, details,
            subtest_description(test), is_fixture, is_import_failure(test), *output,
        )  # fmt: skip

    def _note_broken_off(self, test: Any, message: str, how: str) -> None:
        outcome = self._outcome(test, "error", f"{message}: the run was {how} in this test", "")
        for notify in self._events.outcome:
            notify(outcome)

    def annotate(self, test: unittest.TestCase | None, name: str, text: str) -> bool:
        """Add text to what is printed of a failure.

        Args:
            test: the test that failed; None for a fixture.
            name: where `test` is None, the class or module of the fixture.
            text: what to add, whole lines.

        Returns:
            Whether there is such a failure; an unexpected success is one.
        """
        if not self._append(test, name, text):
            return False
        for notify in self._events.annotated:
            notify(name if test is None else test_id(test), text, test is None)
        return True

    def _append(self, test: unittest.TestCase | None, name: str, text: str) -> bool:
        if any(is_failure_of(failed, test, name) for failed, _ in self.leaks):
            self._added.append(f"{name if test is None else test_id(test)}:\n{text}")
            return True
        if succeeds_unexpectedly(self, test):
            self._unexpected.append((test, text))
            return True
        return append_text((self.errors, self.failures), test, name, text)

    # Lines

    def round_ends(self) -> None:
        """Tell the listeners that all tests have run once more (`--until-leak`)."""
        for notify in self._events.round_ended:
            notify()

    def context_closed(self, report: ContextReport, new: ContextReport) -> None:
        """Print what a context left, now or later."""
        if not self.showAll:
            report = new  # known leaks are printed one by one with `-v` only
        if not (report.leaks or report.modifications or report.findings):
            return
        self._unprinted.append(report)
        if self.showAll and report.scope != "test":
            self._end_line()
            self._print_titled()
        elif self.showAll:
            self._print_after_test()

    def printErrors(self) -> None:
        """Print the failures, what the listeners have to say, then the leaks."""
        with original_os_functions():  # a test may have broken the import of modules
            for notify in self._events.run_finished:
                notify()
            super().printErrors()
            for _, text in self._unexpected:
                self.stream.write(text)
            for lines in self._events.summary_lines:
                for line in lines(self.showAll):
                    self.stream.writeln(line)
            self._print_listing()

    def printErrorList(self, flavour: str, errors: Any) -> None:
        """Print the errors or the failures; colour their titles where unittest does not."""
        if sys.version_info < (3, 14):
            flavour = self._painter.paint(flavour, "failure")
        super().printErrorList(flavour, errors)

    def print_rest(self) -> None:
        """Print what is not printed yet, where the run was broken off."""
        for notify in self._events.run_finished:
            notify()
        if self.dots and self.testsRun:
            self.stream.writeln()  # end the line of dots
        elif self.showAll:
            self._end_line()
        with original_os_functions():
            self._print_listing()

    def _print_listing(self) -> None:
        """Print the section of the leaks that are not printed yet."""
        reports, self._unprinted = self._unprinted, []
        if reports:
            from ..session.summary import Display, section_lines

            display = Display(self.settings, self.verbosity)
            title, *lines = section_lines(
                reports, display, self._painter, self._policy
            ) or [""]
            if title:
                self._print([self.separator1, title, self.separator2, *lines, ""])
        for text in self._added:
            self.stream.writeln(text)

    def _print_after_test(self) -> None:
        """Have the end of the test under way print what it left."""
        stop = self.stopTest

        def stop_test(test: unittest.TestCase) -> None:
            self.stopTest = stop  # type: ignore[method-assign]
            stop(test)
            self.print_under_test(test)

        self.stopTest = stop_test  # type: ignore[method-assign]

    def print_under_test(self, test: unittest.TestCase) -> None:
        """Print what a test left that is over, with `-v`."""
        if not self._unprinted or not self.showAll:
            return
        with original_os_functions():
            from ..output.lines import context_lines, titled_lines

            own = test_id(test)
            for report in self._unprinted:
                if report.id == own:
                    self._print(context_lines(report, self._policy.known_keys, self._painter))
                else:
                    self._print(titled_lines(report, self._judged, self._painter))
            self._unprinted.clear()

    def _end_line(self) -> None:
        """End the line of a test that was broken off before its status was written."""
        if not self._newline:
            self.stream.writeln()
            self._newline = True

    def _print_titled(self) -> None:
        from ..output.lines import titled_lines

        for report in self._unprinted:
            self._print(titled_lines(report, self._judged, self._painter))
        self._unprinted.clear()

    @property
    def _policy(self) -> Policy:
        return self.session.policy if self.session is not None else Policy(False)

    @property
    def _judged(self) -> Judged:
        from ..output.lines import Judged

        return Judged(self._policy.known_keys)  # unittest's next line says whether it fails

    def _print(self, lines: Iterable[str]) -> None:
        for line in lines:
            self.stream.writeln(line)
        self.stream.flush()
