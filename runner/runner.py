"""The runner: unittest's own, with a session around the tests."""

from __future__ import annotations

import os
import unittest
from typing import Any

from tempfiles.records import ContextReport, RunReport
from tempfiles.tracker import Run, RunSettings

from .console import Painter
from .policy import Policy
from .result import TidyTestResult
from .session import Session
from .summaries import all_lines, ending_lines


class TidyTestRunner(unittest.TextTestRunner):
    """A `TextTestRunner` that gives each test a temp context and tells what each left.

    Takes what `unittest.TextTestRunner` takes, and:

    Args:
        leaks: `report` or `fail`, for a session of its own.

    Attributes:
        session: a session that is open already, and that its owner will finish; without one, the
            runner opens its own for each `run` and finishes it.
        report: the report of the last run, where the session was the runner's own.
    """

    resultclass = TidyTestResult
    session: Session | None = None

    def __init__(self, *args: Any, leaks: str = "report", **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self._leaks = leaks
        self._attached: Session | None = None
        self.report: RunReport | None = None

    def run(self, test: Any) -> Any:
        """Run a test or a suite; return its result."""
        if self.session is not None:
            return self._run_in(self.session, test)
        run = Run(RunSettings(project=os.getcwd()))
        run.open()
        session = Session(run, Policy(self._leaks == "fail"))
        try:
            result = self._run_in(session, test)
        except BaseException:
            run.abandon()
            raise
        self.report, late = session.finish()
        tell_ending(self.stream, self.report, late)
        return result

    def _run_in(self, session: Session, test: Any) -> Any:
        self._attached = session
        attached = _Attached(test, session)
        try:
            return super().run(attached)  # type: ignore[arg-type]
        except BaseException:
            attached.tell_rest()
            raise

    def _makeResult(self) -> Any:
        result = super()._makeResult()
        if isinstance(result, TidyTestResult):
            result.session = self._attached
        return result


def tell_ending(stream: Any, report: RunReport, late: tuple[ContextReport, ...]) -> None:
    """Write what was found at the end of a run, and its totals, to a stream."""
    painter = Painter(stream)
    for line in all_lines(late):
        stream.write(painter.paint(line, "leak") + "\n")
    if report.summary.made or report.unattributed:
        for line in ending_lines(report):
            stream.write(painter.paint(line, "total") + "\n")
    stream.flush()


class _Attached:
    """A suite that attaches the session to the result while it runs."""

    def __init__(self, test: Any, session: Session) -> None:
        self._test = test
        self._session = session
        self._result: Any = None

    def tell_rest(self) -> None:
        """Tell what is not told yet, where the run was broken off."""
        if isinstance(self._result, TidyTestResult):
            self._result.tell_rest()

    def __call__(self, result: Any) -> Any:
        self._result = result
        listener = getattr(result, "context_closed", None) or (lambda report: None)
        with self._session.attached(result, listener):
            return self._test(result)
