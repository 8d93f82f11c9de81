"""The runner: unittest's own, with a session around the tests."""

from __future__ import annotations

import os
import sys
import unittest
from typing import TYPE_CHECKING, Any

from tempfiles import Run, RunSettings

from ..output.colour import Painter
from ..session.policy import Policy
from ..session.session import Session
from ..settings.config import Config
from ..unittest_api import HARNESS, fixture_error
from .boundaries import Boundaries, installed
from .result import TidyTestResult

if TYPE_CHECKING:
    from tempfiles import RunReport

_VERDICTS = {"FAILED": "failure", "OK": "ok"}
_MARKS = f"{__name__.partition('.')[0]}.marks"  # imported if the tests use one


class TidyTestRunner(unittest.TextTestRunner):
    """A `TextTestRunner` that gives each test a temp context and prints what each left.

    Takes what `unittest.TextTestRunner` takes, and:

    Args:
        leaks: `report` or `fail`, for a session of its own.

    Attributes:
        session: an open session, which its owner will finish; without one, the runner opens a
            session of its own for each `run` and finishes it.
        report: the report of the last run in a session of the runner's own.
    """

    resultclass = TidyTestResult
    boundaries_class = Boundaries
    session: Session | None = None

    def __init__(self, *args: Any, leaks: str = "report", **kwargs: Any) -> None:
        if leaks not in ("report", "fail"):
            raise ValueError(f"leaks must be 'report' or 'fail', not {leaks!r}")
        super().__init__(*args, **kwargs)
        self._leaks = leaks
        self._boundaries: Boundaries | None = None
        self.report: RunReport | None = None

    def run(self, test: Any) -> Any:
        """Run a test or a suite; return its result."""
        if self.session is not None:
            return self._run_in(self.session, test)
        run = _opened_run()
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
                result.leaks.append((fixture_error(f"leaked late ({found.id})"), message))
        from ..session.summary import Display, write_summary

        summary = session.summary(self.report, late)
        write_summary(self.stream, summary, Display(Config(), self.verbosity))
        return result

    def arrange(self, test: Any) -> Any:
        """Return what is run in place of a test or a suite: other tests, in another order."""
        return test

    def _run_in(self, session: Session, test: Any) -> Any:
        self._boundaries = boundaries = self.boundaries_class(session)
        attached, stream = _Attached(self.arrange(test), boundaries), self.stream
        try:
            return super().run(attached)  # type: ignore[arg-type]
        except BaseException:
            attached.print_rest()
            raise
        finally:
            self.stream = stream

    def _makeResult(self) -> Any:
        result = super()._makeResult()
        if isinstance(result, TidyTestResult) and self._boundaries is not None:
            result.attach(self._boundaries)
            stream: Any = _VerdictStream(self.stream, self._boundaries.session)
            self.stream = stream  # the result keeps the stream itself
        return result


class _VerdictStream:
    """The stream of a runner. It colours the verdict, and adds the number of leaks to its counts.

    Args:
        stream: unittest's.
        session: knows the leaks.
    """

    def __init__(self, stream: Any, session: Session) -> None:
        self._stream = stream
        self._session = session
        self._painter = Painter(stream)
        self._has_failed = False

    def __getattr__(self, name: str) -> Any:
        return getattr(self._stream, name)

    def write(self, text: str) -> None:
        """Write a text; unittest writes the verdict and its counts one after the other."""
        if self._has_failed and text == "\n":
            self.writeln()
            return
        self._has_failed = "FAILED" in text
        if text in _VERDICTS and sys.version_info < (3, 14):  # which colours it itself
            text = self._painter.paint(text, _VERDICTS[text])
        self._stream.write(text)

    def writeln(self, text: str = "") -> None:
        """Write a line."""
        leaks = len(self._session.policy.failing_keys)
        if self._has_failed and leaks:
            counts = [text.strip().removeprefix("(").removesuffix(")"), f"leaks={leaks}"]
            text = f" ({', '.join(filter(None, counts))})"
        self._has_failed = False
        self._stream.writeln(text)


def _opened_run() -> Run | None:
    """Return a new run; None where one is open, which then reports what this suite leaves."""
    if Run.current() is not None:
        return None
    from tempfiles import OwnershipError

    run = Run(RunSettings(project=os.getcwd(), harness=HARNESS))
    try:
        run.open()
    except OwnershipError:  # another thread was faster
        run.abandon()
        return None
    return run


class _Attached:
    """A suite that attaches the boundaries to the result while it runs."""

    def __init__(self, test: Any, boundaries: Boundaries) -> None:
        self._test = test
        self._boundaries = boundaries
        self._result: Any = None

    def print_rest(self) -> None:
        """Print what is not printed yet, where the run was broken off."""
        if isinstance(self._result, TidyTestResult):
            self._result.print_rest()

    def __call__(self, result: Any) -> Any:
        self._result = result
        runs_here = not getattr(self._test, "runs_elsewhere", False)  # in worker processes
        self._boundaries.session.outcomes.count_tests = self._count
        if isinstance(result, TidyTestResult):
            self._tell_start(result)
            if not runs_here:
                with self._boundaries.attached(result):
                    return self._test(result)
            if has_custom_run(self._test):
                result.follow_custom_runs()
        with installed(self._boundaries), self._boundaries.attached(result):
            if _MARKS not in sys.modules:
                return self._test(result)
            from .worker_setup import set_up

            with set_up(result) as is_ready:
                return self._test(result) if is_ready else result

    def _tell_start(self, result: TidyTestResult) -> None:
        session = self._boundaries.session
        for started in session.events.run_started:
            started(session, result.stream)
        for counted in session.events.tests_counted:
            counted(self._count())

    def _count(self) -> int | None:
        """Return how many tests there are to run; None if the rounds are without limit."""
        rounds = getattr(self._test, "limit", 1)  # see `Rounds`
        return None if rounds is None else self._test.countTestCases() * (rounds or 1)


def has_custom_run(test: Any) -> bool:
    """Return whether a test, or one in a suite, may define `run` without `TestCase.run`."""
    known = {unittest.TestCase.run, *_known_runs()}
    pending, runs = [test], set()
    while pending:
        found = pending.pop()
        if isinstance(found, unittest.TestCase):
            runs.add(type(found).run)
        elif type(found).__iter__ is unittest.BaseTestSuite.__iter__:
            pending += found
        else:
            return True  # a suite that creates its tests as it goes: iterating would use it up
    return not runs <= known


def _known_runs() -> list[Any]:
    ours = f"{__name__.partition('.')[0]}.tracked_testcase"
    classes = {"unittest.async_case": "IsolatedAsyncioTestCase", ours: "_Tracked"}
    modules = {name: sys.modules.get(name) for name in classes}
    return [getattr(modules[name], cls).run for name, cls in classes.items() if modules[name]]
