"""A result that tells a recorder what happens: used only where a report needs it."""

from __future__ import annotations

import sys
import traceback
from typing import Any
from unittest.case import TestCase
from unittest.suite import _ErrorHolder  # type: ignore[attr-defined]

from tempfiles.reports import ContextReport

from ..execution.result import TidyTestResult
from ..reporting.recorder import Recorder
from ..reporting.records import Status


class RecordingResult(TidyTestResult):
    """A result that tells a recorder what happens."""

    recorder: Recorder

    def startTest(self, test: TestCase) -> None:
        """Begin a record."""
        self.recorder.begin(test)
        super().startTest(test)

    def stopTest(self, test: TestCase) -> None:
        """Finish it."""
        output = self._output()
        interrupt = sys.exception()
        if isinstance(interrupt, KeyboardInterrupt):
            name = type(interrupt).__name__
            self.recorder.note(test, "error", f"{name}: the run was interrupted in this test")
        try:
            super().stopTest(test)
        except Exception as error:  # with `-b` it writes what the test printed
            name = _message((type(error), error, None))
            self.recorder.note(test, "error", f"{name}: the run was broken off in this test")
            raise
        finally:
            self.recorder.end(test, output)

    def context_closed(self, report: ContextReport, judged: ContextReport) -> None:
        """Note what the test made and left."""
        self.recorder.context_closed(report)
        super().context_closed(report, judged)

    def annotate(self, test: TestCase | None, name: str, text: str) -> bool:
        """Add text to the record as well."""
        if not super().annotate(test, name, text):
            return False
        self.recorder.annotate(test, name, text)
        return True

    def addError(self, test: Any, err: Any) -> None:
        """Note an error of a test or of a fixture."""
        super().addError(test, err)
        self._note(test, "error", (_message(err), self._details(self.errors)))

    def addFailure(self, test: Any, err: Any) -> None:
        """Note a failure."""
        super().addFailure(test, err)
        self._note(test, "failure", (_message(err), self._details(self.failures)))

    def addSubTest(self, test: Any, subtest: Any, err: Any) -> None:
        """Note a subtest that failed."""
        super().addSubTest(test, subtest, err)
        if err is not None:
            failed = issubclass(err[0], test.failureException)
            entries = self.failures if failed else self.errors
            status: Status = "failure" if failed else "error"
            self._note(subtest, status, (_message(err), self._details(entries)))

    def addSkip(self, test: Any, reason: str) -> None:
        """Note a skip, of a fixture too."""
        super().addSkip(test, reason)
        self._note(test, "skipped", (str(reason), ""))

    def addExpectedFailure(self, test: Any, err: Any) -> None:
        """Note an expected failure."""
        super().addExpectedFailure(test, err)
        told = _message(err), self._details(self.expectedFailures)
        self._note(test, "expected failure", told)

    def addUnexpectedSuccess(self, test: Any) -> None:
        """Note an unexpected success."""
        super().addUnexpectedSuccess(test)
        details = "".join(text for found, text in self._of_unexpected if found is test)
        self._note(test, "unexpected success", ("Unexpected success", details))

    def _note(self, test: Any, status: Status, told: tuple[str, str]) -> None:
        if isinstance(test, _ErrorHolder):
            self.recorder.note_fixture(test.description, status, told, self._output())
        else:
            self.recorder.note(test, status, *told)

    def _details(self, entries: list[Any]) -> str:
        """Return the traceback of the last entry without the output that `-b` adds to it."""
        text: str = entries[-1][1] if entries else ""
        for title, output in zip(("Stderr", "Stdout"), reversed(self._output()), strict=True):
            if output:
                output = output if output.endswith("\n") else f"{output}\n"
                text = text.removesuffix(f"\n{title}:\n{output}")
        return text

    def _output(self) -> tuple[str, str]:
        """Return what has been captured of the test under way."""
        buffers: Any = self.__dict__
        out, err = buffers.get("_stdout_buffer"), buffers.get("_stderr_buffer")
        if not self.buffer or out is None or err is None:
            return "", ""
        return _written(out), _written(err)


def _written(buffer: Any) -> str:
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
