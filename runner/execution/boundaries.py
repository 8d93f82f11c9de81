"""One run of tests with its contexts: between unittest's boundaries and the tracker."""

from __future__ import annotations

import contextlib
from collections.abc import Iterable, Iterator
from unittest import util
from unittest.case import TestCase
from unittest.suite import TestSuite

from tempfiles.registry.contexts import Context, activate
from tempfiles.run.run import Run

from ..session.policy import Policy
from ..session.session import JudgedContexts, Listener
from ..unittest_api import capturing, finish_event_loop, has_failed, raised, test_id
from .patching import Boundaries, installed

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from tempfiles.reports import ContextReport, RunReport

    from ..listeners.coverage import Measurement

__unittest = True


class Session(JudgedContexts, Boundaries):
    """Opens and closes the contexts of tests, classes and modules of one result.

    Args:
        run: the tracker's run, open already.
        policy: says whether what a context left is a failure.

    Attributes:
        measurement: coverage, told which test runs.
        running: the test under way, if it is one whose `run` is patched.
        tests_run: how many tests have run; `began` says that it has been tried.
        verbosity: unittest's, of the runner.
        leak_failure: the last failure that tells a leak and nothing else.
    """

    def __init__(self, run: Run, policy: Policy) -> None:
        super().__init__(run, policy)
        self.measurement: Measurement | None = None
        self.running: TestCase | None = None
        self.tests_run = 0
        self.began = False
        self.verbosity = 1
        self.leak_failure: BaseException | None = None
        self._late: list[ContextReport] = []
        self._class: Context | None = None
        self._module: Context | None = None
        self._next_module = ""

    @contextlib.contextmanager
    def attached(self, result: Any, listener: Listener) -> Iterator[None]:
        """Follow the tests of a result while the block runs; tell a listener what contexts left."""
        self._result, self._listener = result, listener
        self.began = True
        with installed(self):
            try:
                yield
            finally:
                self.tests_run += result.testsRun
                for context in (self._class, self._module):
                    if context is not None and not context.closed:
                        self._close_unfinished(context)
                self._class = self._module = None

    def finish(self) -> tuple[RunReport, tuple[ContextReport, ...]]:
        """End the run; see `tempfiles.run.run.Run.finish`.

        Returns:
            The report of the run, and what contexts left that was found to be new after they had
            closed.
        """
        report, late = self.run.finish(self.tests_run)
        if self.keeper is not None:
            report = self.keeper.noted(report)
        self._note_late(late)
        return report, tuple(self._late)

    def has_leaked_late(self) -> bool:
        """Whether a context has left something new after it closed; `finish` tells what."""
        self._note_late(self.run.find_late_leaks())
        return any(found.leaks for found in self._late)

    def _note_late(self, late: Iterable[ContextReport]) -> None:
        self.leaked.update(found.id for found in late if found.leaks)
        self._late += (self.policy.judge(report, late=True) for report in late)
        self._late += self.policy.mistaken()

    # Tests: runs may nest, on one instance too.

    def test_begins(self, test: TestCase) -> Any:
        """Open the context of a test."""
        attributes = test.__dict__
        token = (attributes.get("_temp_context"), self.running)
        id = test_id(test)
        context = self._enter(id, "test")
        attributes["_temp_context"] = context
        self.running = test
        if self.measurement is not None:
            self.measurement.switch(id)
        if "_asyncioTestContext" in attributes:
            # It was copied when the test was made, before this context was the current one.
            attributes["_asyncioTestContext"].run(activate, context)
        return token

    def test_has_cleaned_up(self, test: TestCase) -> None:
        """Close the context of a test while the test can still fail for what it left."""
        context: Context = test.__dict__["_temp_context"]
        if context.closed:
            return
        if context.attachment is not None and "_asyncioRunner" in test.__dict__:
            finish_event_loop(test)
        report, judged = self._close(context, test)
        outcome = test._outcome  # type: ignore[attr-defined]
        if self.policy.ledger is not None and outcome.success:
            self.policy.ledger.ended.add(context.id)
        if report is None or judged is None:
            return
        message = self.policy.failure(judged)
        # A failure of its own is not added to; a test that was skipped can still leak.
        if message is not None and not has_failed(outcome.result, test):
            self.policy.note_failed(judged)
            with outcome.testPartExecutor(test):
                self.leak_failure = test.failureException(message)
                raise self.leak_failure
        if self.keeper is not None:
            self.keeper.keep_leaks(context, report.leaks, self._result, test)

    def test_ends(self, test: TestCase, token: Any) -> None:
        """Close the context of a test that has not come to its end in the ordinary way."""
        context: Context = test.__dict__["_temp_context"]
        if not context.closed:
            self._close_unfinished(context)
        if self.measurement is not None:
            self.measurement.switch("")
        test.__dict__["_temp_context"], self.running = token

    def loose_test_begins(self, test: Any) -> None:
        """Open the context of a test whose class has a `run` of its own."""
        test.__dict__["_loose_context"] = self._enter(test_id(test), "test")

    def loose_test_ends(self, test: Any) -> None:
        """Close it; a failure is added, since the test is over."""
        context = test.__dict__.pop("_loose_context", None)
        if context is None:
            return
        report, judged = self._close(context, test)
        message = self.policy.failure(judged) if judged is not None else None
        if message is not None and judged is not None:
            self.policy.note_failed(judged)
            self.leak_failure = test.failureException(message)
            self._result.addFailure(test, raised(self.leak_failure))
        if report is not None and self.keeper is not None:
            self.keeper.keep_leaks(context, report.leaks, self._result, test)

    def subtest_begins(self, test: TestCase) -> Any:
        """Name the part of the test that is under way."""
        context: Context | None = test.__dict__.get("_temp_context")
        subtest = getattr(test, "_subtest", None)
        if context is None or subtest is None:
            return None
        self.run.attribute_new_to(context)
        outer, context.part = context.part, subtest._subDescription()
        return context, outer

    def subtest_ends(self, test: TestCase, token: Any) -> None:
        """Go back to the part around it."""
        if token is not None:
            context, outer = token
            self.run.attribute_new_to(context)
            context.part = outer

    # Fixtures, of this session's own result only: a test may run a suite of its own.

    def class_begins(self, test: Any, result: Any) -> None:
        """Open the context of a class."""
        if result is self._result:
            self._class = self._enter(util.strclass(test.__class__), "class")

    def class_is_set_up(self, result: Any) -> None:
        """What is new now is the class's, not its first test's."""
        if result is self._result and self._class is not None:
            self.run.attribute_new_to(self._class)

    def class_ends(self, suite: TestSuite, cls: type, result: Any) -> None:
        """Close the context of a class."""
        if result is not self._result:
            return
        context, self._class = self._class, None
        if context is not None:
            self._close_fixture(suite, context, f"tearDownClass ({util.strclass(cls)})")

    def module_begins(self, test: Any, result: Any) -> None:
        """Remember which module comes after the one that is torn down now."""
        if result is self._result:
            self._next_module = test.__class__.__module__

    def module_is_set_up(self, result: Any) -> None:
        """What is new now is the module's, not its first class's."""
        if result is self._result and self._module is not None:
            self.run.attribute_new_to(self._module)

    def module_ends(self, suite: TestSuite, result: Any) -> None:
        """Close the context of a module, and open the next one's."""
        if result is not self._result:
            return
        context, self._module = self._module, None
        if context is not None:
            self._close_fixture(suite, context, f"tearDownModule ({context.id})")
        if self._next_module:
            self._module = self._enter(self._next_module, "module")
            self._next_module = ""

    def _close_fixture(self, suite: TestSuite, context: Context, name: str) -> None:
        report, judged = self._close(context)
        message = self.policy.failure(judged) if judged is not None else None
        if message is not None and judged is not None:
            self.policy.note_failed(judged)
            self.leak_failure = error = AssertionError(message)
            with capturing(self._result):
                suite._addClassOrModuleLevelException(  # type: ignore[attr-defined]
                    self._result, error, name, raised(error)
                )
        if report is not None and self.keeper is not None:
            self.keeper.keep_leaks(context, report.leaks, self._result)
