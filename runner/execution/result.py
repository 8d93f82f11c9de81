"""The result: unittest's own, which also prints the leaks of each test and reports outcomes."""

from __future__ import annotations

import contextlib
import sys
import traceback
import unittest
from collections.abc import Container, Iterable, Iterator, Sequence
from typing import TYPE_CHECKING, Any

from ..output.colour import Painter
from ..session.outcomes import CaseName, Outcome, Status
from ..session.session import Session
from ..unittest_api import (
    is_failure_of,
    is_fixture_error,
    is_import_failure,
    is_skipped_by_decorator,
    owner_id,
    succeeds_unexpectedly,
    test_id,
)
from .boundaries import Boundaries

if TYPE_CHECKING:
    from tempfiles import ContextReport

_NOTHING_CAPTURED = ("", "")


class TidyTestResult(unittest.TextTestResult):
    """A `TextTestResult` that also prints what contexts left.

    With `-v` the lines stand under each test, else above the section of the failures.
    """

    session: Session | None = None
    boundaries: Boundaries | None = None

    def __init__(self, stream: Any, descriptions: bool, verbosity: int, **kwargs: Any) -> None:
        super().__init__(stream, descriptions, verbosity, **kwargs)
        self.verbosity = verbosity
        self._painter = Painter(stream)
        self._unprinted: list[ContextReport] = []
        self._unexpected: list[tuple[Any, str]] = []  # unexpected successes with lines to add

    def attach(self, boundaries: Boundaries) -> None:
        """Report to the session of these boundaries from now on."""
        self.boundaries = boundaries
        self.session = session = boundaries.session
        if session.events.replaces_dots:
            self.dots = False
        if session.events.test_started or session.events.test_stopped:
            self._follow_tests(session)

    # `startTest` and `stopTest` are replaced on the instance, and only where this is needed: they
    # are called for every test.

    def _follow_tests(self, session: Session) -> None:
        """Tell the listeners where each test starts and stops."""
        start, stop, events = self.startTest, self.stopTest, session.events

        def start_test(test: unittest.TestCase) -> None:
            for notify in events.test_started:
                notify(_name_of(test))
            start(test)

        def stop_test(test: unittest.TestCase) -> None:
            output = self._captured()
            interrupt = sys.exception()
            if isinstance(interrupt, KeyboardInterrupt):
                self._note_broken_off(test, type(interrupt).__name__, "interrupted")
            try:
                stop(test)
            except Exception as error:  # with `-b` it writes what the test printed
                message = _message((type(error), error, None))
                self._note_broken_off(test, message, "broken off")
                raise
            finally:
                for notify in events.test_stopped:
                    notify(_name_of(test), *output)

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
            self._print_under_test(test)

        self.startTest = start_test  # type: ignore[method-assign]
        self.stopTest = stop_test  # type: ignore[method-assign]

    # Outcomes

    def addError(self, test: Any, err: Any) -> None:
        """Add an error of a test or fixture; explain it where the disk is full."""
        super().addError(test, err)
        self._add(test, "error", err, self.errors)

    def addFailure(self, test: Any, err: Any) -> None:
        """Add a failure; explain it where the disk is full."""
        super().addFailure(test, err)
        self._add(test, "failure", err, self.failures)

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
        details = self._details(self.expectedFailures)
        self._report(test, "expected failure", _message(err), details)

    def addUnexpectedSuccess(self, test: Any) -> None:
        """Add an unexpected success."""
        super().addUnexpectedSuccess(test)
        details = "".join(text for found, text in self._unexpected if found is test)
        self._report(test, "unexpected success", "Unexpected success", details)

    def _add(self, test: Any, status: Status, err: Any, entries: list[Any]) -> None:
        session = self.session
        if session is None:
            return
        self._explain_full_disk(session, entries, err)
        if session.events.outcome:
            self._report(test, status, _message(err), self._details(entries))
        else:
            self._report(test, status, "")
        for notify in session.events.exception:
            notify(self.getDescription(test), err[1], err[2])

    def _report(self, test: Any, status: Status, message: str, details: str = "") -> None:
        if self.session is not None:
            self.session.outcome(self._outcome(test, status, message, details))

    def _outcome(self, test: Any, status: Status, message: str, details: str) -> Outcome:
        is_fixture = is_fixture_error(test)
        case = getattr(test, "test_case", None)
        return Outcome(
            test.description if is_fixture else test_id(test if case is None else case),
            owner_id(test), status, message, details,
            None if case is None else test._subDescription(),
            is_fixture, status == "error" and is_import_failure(test),
            *(self._captured() if is_fixture else _NOTHING_CAPTURED),
        )  # fmt: skip

    def _note_broken_off(self, test: Any, message: str, how: str) -> None:
        """Tell the listeners, not the session: the test has no outcome of its own."""
        outcome = self._outcome(test, "error", f"{message}: the run was {how} in this test", "")
        for notify in self.session.events.outcome if self.session is not None else ():
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
        if self.session is not None:
            for notify in self.session.events.annotated:
                notify(name if test is None else test_id(test), text, test is None)
        return True

    def _append(self, test: unittest.TestCase | None, name: str, text: str) -> bool:
        for failures in (self.errors, self.failures):
            for index in range(len(failures) - 1, -1, -1):
                failed, details = failures[index]
                if is_failure_of(failed, test, name):
                    failures[index] = failed, f"{details}\n{text}"
                    return True
        if succeeds_unexpectedly(self, test):
            self._unexpected.append((test, text))
            return True
        return False

    def _explain_full_disk(self, session: Session, failures: list[Any], err: Any) -> None:
        if self.boundaries is not None and err[1] is self.boundaries.leak_failure:
            return
        lines: list[str] = []
        with contextlib.suppress(OSError):  # a test may have taken all descriptors
            lines = session.run.disk_full_lines(err[1])
        if lines:
            failed, details = failures[-1]
            failures[-1] = failed, "\n".join([details, *lines, ""])

    def _details(self, entries: Sequence[Any]) -> str:
        """Return the traceback of the last entry without the output that `-b` adds to it."""
        text: str = entries[-1][1] if entries else ""
        for title, output in zip(("Stderr", "Stdout"), reversed(self._captured()), strict=True):
            if output:
                output = output if output.endswith("\n") else f"{output}\n"
                text = text.removesuffix(f"\n{title}:\n{output}")
        return text

    def _captured(self) -> tuple[str, str]:
        """Return what was captured of the test under way (`-b`)."""
        buffers: Any = self.__dict__
        out, err = buffers.get("_stdout_buffer"), buffers.get("_stderr_buffer")
        if not self.buffer or out is None or err is None:
            return _NOTHING_CAPTURED
        return _text_of(out), _text_of(err)

    # Lines

    def round_ends(self) -> None:
        """Tell the listeners that all tests have run once more (`--until-leak`)."""
        for notify in self.session.events.round_ended if self.session is not None else ():
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
        """Print the leaks that no failure reports, then the failures."""
        failing = self.session.policy.failing_keys if self.session is not None else ()
        self._unprinted = [
            report for report in self._unprinted
            if report.modifications or report.findings
            or not all(leak.key in failing for leak in report.leaks)
        ]
        self.print_rest()
        super().printErrors()
        for _, text in self._unexpected:
            self.stream.write(text)
        for line in self._summary_lines():
            self.stream.writeln(line)

    def _summary_lines(self) -> Iterator[str]:
        for lines in self.session.events.summary_lines if self.session is not None else ():
            yield from lines(self.showAll)

    def print_rest(self) -> None:
        """Print what is not printed yet, after the last test or where the run was broken off."""
        for notify in self.session.events.run_finished if self.session is not None else ():
            notify()
        if self._unprinted:
            if self.dots or self.showAll:
                self.stream.writeln()
                self._newline = True
            self._print_titled()

    def _print_after_test(self) -> None:
        """Have the end of the test under way print what it left."""
        stop = self.stopTest

        def stop_test(test: unittest.TestCase) -> None:
            self.stopTest = stop  # type: ignore[method-assign]
            stop(test)
            self._print_under_test(test)

        self.stopTest = stop_test  # type: ignore[method-assign]

    def _print_under_test(self, test: unittest.TestCase) -> None:
        if not self._unprinted or not self.showAll:
            return
        from ..output.lines import context_lines, titled_lines

        own = test_id(test)
        for report in self._unprinted:
            lines = context_lines if report.id == own else titled_lines
            self._print(lines(report, self._known))
        self._unprinted.clear()

    def _end_line(self) -> None:
        """End the line of a test that was broken off before its status was written."""
        if not self._newline:
            self.stream.writeln()
            self._newline = True

    def _print_titled(self) -> None:
        from ..output.lines import titled_lines

        for report in self._unprinted:
            self._print(titled_lines(report, self._known))
        self._unprinted.clear()

    @property
    def _known(self) -> Container[tuple[str, str]]:
        return self.session.policy.known_keys if self.session is not None else ()

    def _print(self, lines: Iterable[str]) -> None:
        for line in lines:
            self.stream.writeln(self._painter.paint(line, "leak"))
        self.stream.flush()


def _name_of(test: Any) -> CaseName:
    id = test_id(test)
    kind = type(test)
    module, class_name = kind.__module__, kind.__qualname__
    prefix = f"{module}.{class_name}."
    if id.startswith(prefix):
        method = id[len(prefix) :]
    else:
        class_name, method = "", id.removeprefix(f"{module}.")
    try:
        description = str(test)
    except Exception:  # a user's method may raise anything
        description = id
    runs = not is_skipped_by_decorator(test)
    return CaseName(id, module, class_name, method, description, runs)


def _text_of(buffer: Any) -> str:
    # A test that closes its streams has closed these.
    return "" if buffer.closed else buffer.getvalue()


def _message(err: Any) -> str:
    """Return an exception without its traceback, `AssertionError: 1 != 2`."""
    kind, value, _ = err
    lines = traceback.format_exception_only(kind, value)
    text = lines[-1] if issubclass(kind, SyntaxError) else "".join(lines)
    first, _, rest = text.strip().partition("\n")
    if first.startswith("ImportError: Failed to import test module: "):
        # unittest puts the traceback of the import itself into the message.
        return f"{first}: {rest.rpartition(chr(10))[2]}"
    return text.strip()
