"""The contexts of Django's tests: they open before `_pre_setup`, which loads fixtures."""

from __future__ import annotations

import contextlib
import functools
from collections.abc import Iterator, Mapping
from typing import Any
from unittest.case import TestCase

from django.test import SimpleTestCase

from tempfiles import Context, ContextReport

from ...execution.boundaries import Boundaries
from ...execution.result import TidyTestResult
from ...unittest_api import source_of, test_id

__unittest = True

_OPENED = "_tidytest_context"  # in a test's attributes, while it is called
_boundaries: list[DjangoBoundaries] = []


class DjangoBoundaries(Boundaries):
    """The boundaries of a run of Django's tests.

    The context of a test is opened at its call. It closes at the end of its cleanups, where the
    test can still fail; after `_post_teardown` if a class of the user's defines that.
    """

    @contextlib.contextmanager
    def attached(self, result: Any) -> Iterator[None]:
        """Follow the tests of a result while the block runs."""
        _boundaries.append(self)
        try:
            with super().attached(result):
                yield
        finally:
            _boundaries.remove(self)

    def before_call(self, test: Any) -> None:
        """Open the context of a test."""
        context = self.session.enter(test_id(test), "test", source=source_of(test))
        self.judge_marked(context, test)
        test.__dict__[_OPENED] = test.__dict__["_custom_run_context"] = context

    def before_test(self, test: TestCase) -> Any:
        """Take the context that the call of the test has opened."""
        context: Context | None = test.__dict__.get(_OPENED)
        if context is None:
            return super().before_test(test)
        token = (test.__dict__.get("_temp_context"), self.running)
        test.__dict__["_temp_context"] = context
        self.running = test
        return token

    def after_cleanups(self, test: TestCase) -> None:
        """Close the context of a test, unless code of the user's comes later."""
        if _OPENED not in test.__dict__ or not _cleans_up_later(test):
            super().after_cleanups(test)

    def after_test(self, test: TestCase, token: Any) -> None:
        """Leave the context to the end of the call."""
        if _OPENED in test.__dict__:
            test.__dict__["_temp_context"], self.running = token
        else:
            super().after_test(test, token)

    def after_call(self, test: Any) -> None:
        """Close the context of a test if it is open: the test is over, or was skipped."""
        context = test.__dict__.pop(_OPENED)
        if context.closed:
            del test.__dict__["_custom_run_context"]
        else:
            self.after_custom_run(test)
            if isinstance(self._result, TidyTestResult):
                self._result.print_under_test(test)


def _cleans_up_later(test: TestCase) -> bool:
    owner = getattr(type(test)._post_teardown, "__module__", "")  # type: ignore[attr-defined]
    return not owner.startswith("django.")


@contextlib.contextmanager
def opened_at_call() -> Iterator[None]:
    """Open the contexts of Django's tests at their calls while the block runs."""
    original: Any = SimpleTestCase.__call__
    if hasattr(original, "opens_context"):  # in a forked worker
        yield
        return

    @functools.wraps(original)
    def call(self: Any, result: Any = None) -> Any:
        found = [each for each in _boundaries if each.follows(result)]
        if not found:
            return original(self, result)
        found[-1].before_call(self)
        try:
            return original(self, result)
        finally:
            found[-1].after_call(self)

    call.opens_context = True  # type: ignore[attr-defined]
    SimpleTestCase.__call__ = call  # type: ignore[method-assign]
    try:
        yield
    finally:
        SimpleTestCase.__call__ = original  # type: ignore[method-assign]


class DjangoResult(TidyTestResult):
    """A result that also takes what contexts left in the processes of `--parallel`."""

    def addContext(self, test: Any, report: Mapping[str, Any]) -> None:
        """Judge and print what a context left that a worker process closed."""
        session = self.session
        if session is not None:
            closed = session.closed_elsewhere(ContextReport.from_dict(report))
            if session.policy.failure(closed.new) is not None:
                session.note_failure(closed)
