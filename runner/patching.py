"""The places of unittest where contexts open and close: installed and removed as one.

`TestCase.run` is the test. `TestCase.doCleanups`, called by it, is the last moment at which the
test can still fail in the ordinary way. The suite's fixture hooks are the classes and modules.
"""

from __future__ import annotations

import contextlib
import functools
import sys
from collections.abc import Iterator
from unittest.case import TestCase
from unittest.suite import TestSuite

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

# unittest leaves frames of modules that say so out of users' tracebacks.
__unittest = True

_RUN_CODE = TestCase.run.__code__
_RUN_GLOBALS = TestCase.run.__globals__

# `warnings` does not count frames of the import system, which it knows by these two words, so
# that unittest's warning of a returned value, with its fixed stacklevel, names the same line.
_UNCOUNTED = "<tidytest importlib _bootstrap>"


class Boundaries:
    """What is told when a test, a class or a module begins and ends."""

    def test_begins(self, test: TestCase) -> Any:
        """Before the test; what is returned comes back to `test_ends`."""

    def test_has_cleaned_up(self, test: TestCase) -> None:
        """After its last cleanup, while it can still fail."""

    def test_ends(self, test: TestCase, token: Any) -> None:
        """After the test, however it ended."""

    def subtest_begins(self, test: TestCase) -> Any:
        """Before a subtest; what is returned comes back to `subtest_ends`."""

    def subtest_ends(self, test: TestCase, token: Any) -> None:
        """After a subtest."""

    def class_begins(self, test: Any, result: Any) -> None:
        """Before setUpClass."""

    def class_is_set_up(self, result: Any) -> None:
        """After setUpClass."""

    def class_ends(self, suite: TestSuite, test: Any, result: Any) -> None:
        """After tearDownClass and the class cleanups."""

    def module_begins(self, test: Any, result: Any) -> None:
        """Before the tearDownModule of the module before."""

    def module_is_set_up(self, result: Any) -> None:
        """After setUpModule."""

    def module_ends(self, suite: TestSuite, result: Any) -> None:
        """After tearDownModule and the module cleanups."""



@contextlib.contextmanager
def installed(boundaries: Boundaries) -> Iterator[None]:
    """Have the boundaries told, while the block runs."""
    saved: list[tuple[type, str, Any]] = []

    def patch(owner: type, name: str, replacement: Any) -> None:
        saved.append((owner, name, owner.__dict__[name]))
        functools.update_wrapper(replacement, owner.__dict__[name])
        setattr(owner, name, replacement)

    _patch_case(patch, boundaries)
    _patch_suite(patch, boundaries)
    try:
        yield
    finally:
        for owner, name, original in reversed(saved):
            setattr(owner, name, original)


def _patch_case(patch: Any, boundaries: Boundaries) -> None:
    original_run = TestCase.run
    original_cleanups = TestCase.doCleanups
    original_subtest = TestCase.subTest
    begins, ends = boundaries.test_begins, boundaries.test_ends

    def run(self: TestCase, result: Any = None) -> Any:
        token = begins(self)
        try:
            return original_run(self, result)
        finally:
            ends(self, token)

    def do_cleanups(self: TestCase) -> Any:
        success = original_cleanups(self)
        frame = sys._getframe(1)
        # Nothing else in unittest's module calls it; to read `f_code` costs an audit event.
        if frame.f_globals is _RUN_GLOBALS or _ends_the_test(frame):
            boundaries.test_has_cleaned_up(self)
        return success

    @contextlib.contextmanager
    def sub_test(self: TestCase, *args: Any, **kwargs: Any) -> Iterator[None]:
        with original_subtest(self, *args, **kwargs):
            token = boundaries.subtest_begins(self)
            try:
                yield
            finally:
                boundaries.subtest_ends(self, token)

    run.__code__ = run.__code__.replace(co_filename=_UNCOUNTED)
    patch(TestCase, "run", run)
    run.opens_context = True  # type: ignore[attr-defined]
    patch(TestCase, "doCleanups", do_cleanups)
    patch(TestCase, "subTest", sub_test)


def _ends_the_test(frame: Any) -> bool:
    """Whether `doCleanups` was called by `TestCase.run` itself, not early by the user's test."""
    while frame is not None and frame.f_code.co_name in ("doCleanups", "do_cleanups"):
        frame = frame.f_back
    return frame is not None and frame.f_code is _RUN_CODE


def _patch_suite(patch: Any, boundaries: Boundaries) -> None:
    suite: Any = TestSuite  # the hooks are private: no stub knows them
    original_class_set_up = suite._handleClassSetUp
    original_class_tear_down = suite._tearDownPreviousClass
    original_module = suite._handleModuleFixture
    original_module_tear_down = suite._handleModuleTearDown

    def handle_class_set_up(self: TestSuite, test: Any, result: Any) -> None:
        if getattr(result, "_previousTestClass", None) == test.__class__:
            return
        boundaries.class_begins(test, result)
        original_class_set_up(self, test, result)
        boundaries.class_is_set_up(result)

    def tear_down_previous_class(self: TestSuite, test: Any, result: Any) -> None:
        previous = getattr(result, "_previousTestClass", None)
        if test is not None and previous == test.__class__:
            return
        original_class_tear_down(self, test, result)
        if previous is not None:
            boundaries.class_ends(self, previous, result)

    def handle_module_fixture(self: Any, test: Any, result: Any) -> None:
        if self._get_previous_module(result) == test.__class__.__module__:
            return
        boundaries.module_begins(test, result)
        original_module(self, test, result)
        boundaries.module_is_set_up(result)

    def handle_module_tear_down(self: TestSuite, result: Any) -> None:
        original_module_tear_down(self, result)
        boundaries.module_ends(self, result)

    patch(TestSuite, "_handleClassSetUp", handle_class_set_up)
    patch(TestSuite, "_tearDownPreviousClass", tear_down_previous_class)
    patch(TestSuite, "_handleModuleFixture", handle_module_fixture)
    patch(TestSuite, "_handleModuleTearDown", handle_module_tear_down)
