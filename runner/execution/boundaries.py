"""Turn unittest's tests, classes and modules into contexts of a session, by patched methods.

`TestCase.run` surrounds a test. `TestCase.doCleanups`, which it calls, is the last moment at which
the test can still fail in the ordinary way. Methods of the suite surround classes and modules.
"""

from __future__ import annotations

import contextlib
import functools
import sys
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager
from typing import Any
from unittest import util
from unittest.case import TestCase
from unittest.suite import TestSuite

from tempfiles import Context, activate

from ..session.policy import ClosedContext
from ..session.session import Session
from ..unittest_api import (
    capturing,
    ends_the_test,
    finish_event_loop,
    has_failed,
    has_just_failed,
    leak_failure,
    leak_marks,
    raised,
    source_of,
    test_id,
)
from .replaced import replaced

__unittest = True  # frames of this module stay out of users' tracebacks

_RUN_GLOBALS = TestCase.run.__globals__
_get_frame = sys._getframe  # before a test can replace it
# `warnings` skips frames of the import system, which it recognises by these two words. So
# unittest's warning of a returned value, with its fixed stacklevel, names the same line as ever.
_UNCOUNTED_FILE = "<tidytest importlib _bootstrap>"


class Boundaries:
    """Opens and closes the contexts of tests, classes and modules of one result.

    Attributes:
        session: opens and closes the contexts.
        running: the test under way, if its `run` is the patched one.
    """

    def __init__(self, session: Session) -> None:
        self.session = session
        self.running: TestCase | None = None
        self._result: Any = None
        self._class: Context | None = None
        self._module: Context | None = None
        self._next_module = ""
        self._marks = leak_marks()

    @contextlib.contextmanager
    def attached(self, result: Any) -> Iterator[None]:
        """Follow the tests of a result while the block runs."""
        self._result = result
        session = self.session
        session.stop = getattr(result, "stop", session.stop)
        printer = getattr(result, "context_closed", None)
        with session.events.closing_contexts_to(printer):
            try:
                yield
            finally:
                session.outcomes.tests_run += result.testsRun
                for context in (self._class, self._module):
                    if context is not None and not context.closed:
                        self._close(context, unfinished=True)
                self._class = self._module = None

    def follows(self, result: Any) -> bool:
        """Return whether the tests of a result are followed."""
        return result is self._result

    # Tests: runs may nest, on one instance too.

    def before_test(self, test: TestCase) -> Any:
        """Open the context of a test."""
        attributes = test.__dict__
        token = (attributes.get("_temp_context"), self.running)
        context = self.session.enter(test_id(test), "test", source=source_of(test))
        if self._marks is not None:
            self.judge_marked(context, test)
        attributes["_temp_context"] = context
        self.running = test
        if "_asyncioTestContext" in attributes:
            # It was copied when the test was created, before this context was the current one.
            attributes["_asyncioTestContext"].run(activate, context)
        return token

    def judge_marked(self, context: Context, test: Any) -> None:
        """Have a context judged as a mark of its test says (`runner.leaks`)."""
        mode = self._marks.leaks_of_test(test) if self._marks is not None else None
        if mode is not None:
            self.session.judge_as(context, mode)

    def after_cleanups(self, test: TestCase) -> None:
        """Close the context of a test while the test can still fail for what it left."""
        context: Context = test.__dict__["_temp_context"]
        if context.closed:
            return
        if context.attachment is not None and "_asyncioRunner" in test.__dict__:
            finish_event_loop(test)
        session = self.session
        failed = session.retention is not None and self._has_failed(context, test)
        closed = session.close(context, failed=failed)
        outcome = test._outcome  # type: ignore[attr-defined]
        if outcome.success and session.policy.ledger is not None:
            session.succeeded(context.id)
        if closed.is_empty:
            return
        # A test that has failed already gets no second failure; a skipped test can still leak.
        if closed.failure is not None and not has_failed(outcome.result, test):
            with outcome.testPartExecutor(test):
                raise leak_failure(closed.failure, test.failureException)
        self._keep_leaks(context, closed, test)

    def after_test(self, test: TestCase, token: Any) -> None:
        """Close the context of a test that was skipped or interrupted before its cleanups."""
        context: Context = test.__dict__["_temp_context"]
        if not context.closed:
            closed = self._close(context, unfinished=True)
            if context.id not in self.session.interrupted:
                self._fail_ended(test, closed)  # an earlier run may have left something
        test.__dict__["_temp_context"], self.running = token

    def before_custom_run(self, test: Any) -> None:
        """Open the context of a test whose class defines `run` without `TestCase.run`."""
        context = self.session.enter(test_id(test), "test", source=source_of(test))
        test.__dict__["_custom_run_context"] = context

    def after_custom_run(self, test: Any) -> None:
        """Close it. The test is over, so a failure is added to the result."""
        context = test.__dict__.pop("_custom_run_context", None)
        if context is None:
            return
        closed = self._close(context, test)
        if closed.is_empty:
            return
        self._fail_ended(test, closed)
        self._keep_leaks(context, closed, test)

    def _fail_ended(self, test: Any, closed: ClosedContext) -> None:
        """Add the failure that leaks are to the result, for a test that is over."""
        if closed.failure is not None:
            error = leak_failure(closed.failure, test.failureException)
            result = self._result
            # After `stopTest` unittest would look for captured output in the real stream.
            buffers = getattr(result, "buffer", False)  # nose2 has none
            result.buffer = buffers and hasattr(sys.stdout, "getvalue")
            try:
                result.addFailure(test, raised(error))
            finally:
                result.buffer = buffers

    @contextlib.contextmanager
    def in_subtest(self, test: TestCase) -> Iterator[None]:
        """Name the part of the test that is under way, while the block runs."""
        context: Context | None = test.__dict__.get("_temp_context")
        subtest = getattr(test, "_subtest", None)
        if context is None or subtest is None:
            yield
            return
        before = self.session.run.begin_part(context, subtest._subDescription())
        try:
            yield
        finally:
            self.session.run.begin_part(context, before)

    # Fixtures of this session's own result only: a test may run a suite of its own.

    def before_class(self, test: Any, result: Any) -> None:
        """Open the context of a class."""
        if result is self._result:
            kind = test.__class__
            self._class = self.session.enter(util.strclass(kind), "class", source=kind)
            if self._marks is not None and (mode := self._marks.leaks_of(kind)) is not None:
                self.session.judge_as(self._class, mode)

    def after_setup(self, result: Any, *, of_class: bool) -> None:
        """Attribute what is new to the class or module, not to its first test or class."""
        context = self._class if of_class else self._module
        if result is self._result and context is not None:
            self.session.run.attribute_new_to(context)

    def after_class(self, suite: TestSuite, cls: type, result: Any) -> None:
        """Close the context of a class."""
        if result is not self._result:
            return
        context, self._class = self._class, None
        if context is not None:
            self._close_fixture(suite, context, f"tearDownClass ({util.strclass(cls)})")

    def before_module(self, test: Any, result: Any) -> None:
        """Remember the next module; the previous one is torn down first."""
        if result is self._result:
            self._next_module = test.__class__.__module__

    def before_module_end(self, module: str | None, result: Any) -> None:
        """Do nothing: a worker tells its parent which fixture runs next."""

    def after_module(self, suite: TestSuite, result: Any) -> None:
        """Close the context of a module, and open that of the next one."""
        if result is not self._result:
            return
        context, self._module = self._module, None
        if context is not None:
            self._close_fixture(suite, context, f"tearDownModule ({context.id})")
        if self._next_module:
            file = getattr(sys.modules.get(self._next_module), "__file__", None)
            self._module = self.session.enter(self._next_module, "module", source=file)
            self._next_module = ""

    def _close_fixture(self, suite: TestSuite, context: Context, name: str) -> None:
        closed = self._close(context)
        if closed.is_empty:
            return
        if closed.failure is not None:
            error = leak_failure(closed.failure)
            with capturing(self._result):
                suite._addClassOrModuleLevelException(  # type: ignore[attr-defined]
                    self._result, error, name, raised(error)
                )
        self._keep_leaks(context, closed)

    def _close(
        self, context: Context, test: Any = None, unfinished: bool = False
    ) -> ClosedContext:
        """Close a context; an unfinished one was skipped or interrupted before it cleaned up."""
        interrupted = unfinished and not isinstance(sys.exception(), Exception | None)
        failed = self.session.retention is not None and self._has_failed(context, test)
        return self.session.close(context, failed=failed, interrupted=interrupted)

    def _keep_leaks(self, context: Context, closed: ClosedContext, test: Any = None) -> None:
        if self.session.retention is None:
            return
        add = getattr(self._result, "annotate", None)

        def annotate(text: str) -> bool:
            return add is not None and bool(add(test, context.id, text))

        self.session.keep_leaks(context, closed, self._has_failed(context, test), annotate)

    def _has_failed(self, context: Context, test: Any) -> bool:
        return has_just_failed(self._result, test, context.id)


def installed(boundaries: Boundaries) -> AbstractContextManager[None]:
    """Have unittest call the boundaries while the block runs."""
    return replaced([
        (owner, name, functools.update_wrapper(wrap(original, boundaries), original))
        for owner, name, wrap in _PATCHES
        for original in (owner.__dict__[name],)
    ])


def _run(original: Any, boundaries: Boundaries) -> Any:
    begins, ends = boundaries.before_test, boundaries.after_test

    def run(self: TestCase, result: Any = None) -> Any:
        token = begins(self)
        try:
            return original(self, result)
        finally:
            ends(self, token)

    run.__code__ = run.__code__.replace(co_filename=_UNCOUNTED_FILE)
    run.opens_context = True  # type: ignore[attr-defined]
    return run


def _do_cleanups(original: Any, boundaries: Boundaries) -> Any:
    def do_cleanups(self: TestCase) -> Any:
        success = original(self)
        frame = _get_frame(1)
        # In unittest's module only `run` calls it. To read `f_code` would cost an audit event.
        if frame.f_globals is _RUN_GLOBALS or ends_the_test(frame):
            boundaries.after_cleanups(self)
        return success

    return do_cleanups


def _sub_test(original: Any, boundaries: Boundaries) -> Any:
    @contextlib.contextmanager
    def sub_test(self: TestCase, *args: Any, **kwargs: Any) -> Iterator[None]:
        with original(self, *args, **kwargs), boundaries.in_subtest(self):
            yield

    return sub_test


def _handle_class_set_up(original: Any, boundaries: Boundaries) -> Any:
    def handle_class_set_up(self: TestSuite, test: Any, result: Any) -> None:
        if getattr(result, "_previousTestClass", None) == test.__class__:
            return
        boundaries.before_class(test, result)
        original(self, test, result)
        boundaries.after_setup(result, of_class=True)

    return handle_class_set_up


def _tear_down_previous_class(original: Any, boundaries: Boundaries) -> Any:
    def tear_down_previous_class(self: TestSuite, test: Any, result: Any) -> None:
        previous = getattr(result, "_previousTestClass", None)
        if test is not None and previous == test.__class__:
            return
        original(self, test, result)
        if previous is not None:
            boundaries.after_class(self, previous, result)

    return tear_down_previous_class


def _handle_module_fixture(original: Any, boundaries: Boundaries) -> Any:
    def handle_module_fixture(self: Any, test: Any, result: Any) -> None:
        if self._get_previous_module(result) == test.__class__.__module__:
            return
        boundaries.before_module(test, result)
        original(self, test, result)
        boundaries.after_setup(result, of_class=False)

    return handle_module_fixture


def _handle_module_tear_down(original: Any, boundaries: Boundaries) -> Any:
    def handle_module_tear_down(self: TestSuite, result: Any) -> None:
        boundaries.before_module_end(self._get_previous_module(result), result)  # type: ignore[attr-defined]
        original(self, result)
        boundaries.after_module(self, result)

    return handle_module_tear_down


# Each function returns the replacement of the original method.
_PATCHES: tuple[tuple[type, str, Callable[[Any, Boundaries], Any]], ...] = (
    (TestCase, "run", _run),
    (TestCase, "doCleanups", _do_cleanups),
    (TestCase, "subTest", _sub_test),
    (TestSuite, "_handleClassSetUp", _handle_class_set_up),
    (TestSuite, "_tearDownPreviousClass", _tear_down_previous_class),
    (TestSuite, "_handleModuleFixture", _handle_module_fixture),
    (TestSuite, "_handleModuleTearDown", _handle_module_tear_down),
)
