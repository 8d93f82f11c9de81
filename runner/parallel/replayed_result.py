"""The result of a run in workers: texts stand for exceptions."""

from __future__ import annotations

from typing import Any
from unittest.case import _SubTest  # type: ignore[attr-defined]

from ..execution.result import TidyTestResult
from ..session.outcomes import CaseName, Outcome, Status


class RemoteError(BaseException):
    """Stands for an exception of a worker; `text` is what unittest prints of it."""

    def __init__(self, text: str) -> None:
        super().__init__(text)
        self.text = text


class ReplayedResult(TidyTestResult):
    """The result of a run in workers: texts stand for exceptions.

    Attributes:
        outcome: the outcome that is being replayed.
        interrupt: the name of the interrupt that broke off the test which stops next.
    """

    outcome: Outcome
    interrupt = ""

    durations: int | None = None  # Python 3.11 has none

    def replay(self, test: Any, outcome: Outcome, text: str | None) -> None:
        """Add an outcome of a worker.

        Args:
            test: the test, or unittest's object for a fixture.
            outcome: its outcome; that of a subtest too.
            text: what unittest prints of it; None if that is the traceback.
        """
        self.outcome = outcome
        if outcome.fixture:  # it may be of another worker than the test under way
            self._end_line()
        error = RemoteError(outcome.details if text is None else text)
        kind = test.failureException if outcome.status == "failure" else RemoteError
        err = (kind, error, None)
        if outcome.subtest is not None and outcome.status in ("failure", "error"):
            subtest = _RemoteSubTest(test, "", {})
            subtest.description = outcome.subtest
            self.addSubTest(test, subtest, err)
        elif outcome.subtest is not None:
            subtest = _RemoteSubTest(test, "", {})
            subtest.description = outcome.subtest
            self.addSkip(subtest, outcome.message)
        elif outcome.status == "error":
            self.addError(test, err)
        elif outcome.status == "failure":
            self.addFailure(test, err)
        elif outcome.status == "leak":
            self._add_leak(test, err)
        elif outcome.status == "skipped":
            self.addSkip(test, outcome.message)
        elif outcome.status == "expected failure":
            self.addExpectedFailure(test, err)
        else:
            self.addUnexpectedSuccess(test)

    def interrupt_of_test(self) -> str:
        """Return the name of the interrupt in the worker; this process may have one of its own."""
        return self.interrupt

    def add_duration(self, test: Any, seconds: float) -> None:
        """Add how long a test took, for unittest's own list of the slowest (Python 3.12)."""
        if self.durations is not None:
            self.addDuration(test, seconds)  # type: ignore[attr-defined,unused-ignore]

    def add_plain_successes(self, number: int) -> None:
        """Add tests that did nothing but succeed."""
        self.testsRun += number
        if self.dots:
            self.stream.write("." * number)
            self.stream.flush()

    def _exc_info_to_string(self, err: Any, test: Any) -> str:
        error = err[1]
        if isinstance(error, RemoteError):
            return error.text
        return str(super()._exc_info_to_string(err, test))  # type: ignore[misc]

    def _add(self, test: Any, status: Status, err: Any, entries: list[Any]) -> None:
        if self.session is not None:
            self.session.outcome(self.outcome)

    def _report(self, test: Any, status: Status, message: str, details: str = "") -> None:
        if self.session is not None:
            self.session.outcome(self.outcome)


class _RemoteTest:
    """A test that only another process has."""

    __slots__ = ("recorded_names", "short")
    failureException = AssertionError
    recorded_names: CaseName
    short: str | None

    def id(self) -> str:
        return self.recorded_names.id

    def shortDescription(self) -> str | None:
        return self.short

    def __str__(self) -> str:
        return self.recorded_names.description


class RemoteTests:
    """Creates what stands for tests that another process has, with a type for each class."""

    def __init__(self) -> None:
        self._types: dict[tuple[str, str], type[_RemoteTest]] = {}

    def test(self, names: CaseName, short: str | None) -> Any:
        """Return what stands for a test.

        Args:
            names: its names.
            short: its short description.
        """
        place = names.module, names.class_name
        kind = self._types.get(place)
        if kind is None:
            names_of_kind = dict(zip(("__module__", "__qualname__"), place, strict=True))
            kind = type("RemoteTest", (_RemoteTest,), {"__slots__": (), **names_of_kind})
            self._types[place] = kind
        test = kind()
        test.recorded_names, test.short = names, short
        return test


class _RemoteSubTest(_SubTest):  # type: ignore[misc]
    """A subtest of a worker; `description` is how unittest prints its parameters."""

    description = ""

    def _subDescription(self) -> str:
        return self.description
