"""The runner: unittest's own, with a session around the tests."""

from __future__ import annotations

import os
import sys
import unittest
from unittest.suite import _ErrorHolder  # type: ignore[attr-defined]

from tempfiles.reports import RunSettings
from tempfiles.run.run import Run

from ..session.policy import Policy
from .boundaries import Session
from .result import TidyTestResult

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from tempfiles.reports import RunReport


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
        if leaks not in ("report", "fail"):
            raise ValueError(f"leaks must be 'report' or 'fail', not {leaks!r}")
        super().__init__(*args, **kwargs)
        self._leaks = leaks
        self._attached: Session | None = None
        self.report: RunReport | None = None

    def run(self, test: Any) -> Any:
        """Run a test or a suite; return its result."""
        if self.session is not None:
            return self._run_in(self.session, test)
        run = _opened()
        if run is None:
            return super().run(test)
        session = Session(run, Policy(self._leaks == "fail"))
        try:
            result = self._run_in(session, test)
        except BaseException:
            run.abandon()
            raise
        self.report, late = session.finish()
        for found in late:
            message = session.policy.failure(found)
            if message is not None:
                result.failures.append((_ErrorHolder(f"leaked late ({found.id})"), message))
        from ..session.summary import tell_ending

        tell_ending(self.stream, session, self.report, late)
        return result

    def arrange(self, test: Any) -> Any:
        """Return what is run in place of a test or a suite: other tests, in another order."""
        return test

    def _run_in(self, session: Session, test: Any) -> Any:
        self._attached = session
        session.verbosity = self.verbosity
        attached = _Attached(self.arrange(test), session)
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


def _opened() -> Run | None:
    """Return a run; None where one is open: what is left is told there, under its test."""
    if Run.current() is not None:
        return None
    from tempfiles.errors import OwnershipError

    run = Run(RunSettings(project=os.getcwd()))
    try:
        run.open()
    except OwnershipError:  # another thread was faster
        run.abandon()
        return None
    return run


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
        if isinstance(result, TidyTestResult):
            result.tests_follow(self._test)
        if isinstance(result, TidyTestResult) and _may_run_itself(self._test):
            result.follow_loose_tests()
        listener = getattr(result, "context_closed", None) or (lambda report, judged: None)
        with self._session.attached(result, listener):
            return self._test(result)


def _may_run_itself(test: Any) -> bool:
    """Whether a test, or one in a suite, may have a `run` that never calls `TestCase.run`."""
    known = {unittest.TestCase.run, *_known_runs()}
    pending, runs = [test], set()
    while pending:
        found = pending.pop()
        if isinstance(found, unittest.TestCase):
            runs.add(type(found).run)
        elif type(found).__iter__ is unittest.BaseTestSuite.__iter__:
            pending += found
        else:
            return True  # a suite that makes its tests as it goes: not to be used up here
    return not runs <= known


def _known_runs() -> list[Any]:
    ours = f"{__name__.partition('.')[0]}.testcase"
    classes = {"unittest.async_case": "IsolatedAsyncioTestCase", ours: "_Tracked"}
    modules = {name: sys.modules.get(name) for name in classes}
    return [getattr(modules[name], cls).run for name, cls in classes.items() if modules[name]]
