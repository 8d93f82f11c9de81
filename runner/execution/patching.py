"""The places of unittest where contexts open and close: installed and removed as one.

`TestCase.run` is the test. `TestCase.doCleanups`, called by it, is the last moment at which the
test can still fail in the ordinary way. The suite's fixture hooks are the classes and modules.
"""

from __future__ import annotations

import contextlib
import functools
import sys
from collections.abc import Callable, Iterator
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
    saved = [(owner, name, owner.__dict__[name]) for owner, name, _ in _PLACES]
    for (owner, name, around), (*_, original) in zip(_PLACES, saved, strict=True):
        setattr(owner, name, functools.update_wrapper(around(original, boundaries), original))
    try:
        yield
    finally:
        for owner, name, original in saved:
            setattr(owner, name, original)


# One function a place: from what is there, and who is told, to what stands there meanwhile.


def _run(original: Any, boundaries: Boundaries) -> Any:
    begins, ends = boundaries.test_begins, boundaries.test_ends

    def run(self: TestCase, result: Any = None) -> Any:
        token = begins(self)
        try:
            return original(self, result)
        finally:
            ends(self, token)

    run.__code__ = run.__code__.replace(co_filename=_UNCOUNTED)
    run.opens_context = True  # type: ignore[attr-defined]
    return run


def _do_cleanups(original: Any, boundaries: Boundaries) -> Any:
    def do_cleanups(self: TestCase) -> Any:
        success = original(self)
        frame = sys._getframe(1)
        # Nothing else in unittest's module calls it; to read `f_code` costs an audit event.
        if frame.f_globals is _RUN_GLOBALS or _ends_the_test(frame):
            boundaries.test_has_cleaned_up(self)
        return success

    return do_cleanups


def _ends_the_test(frame: Any) -> bool:
    """Whether `doCleanups` was called by `TestCase.run` itself, not early by the user's test."""
    while frame is not None and frame.f_code.co_name in ("doCleanups", "do_cleanups"):
        frame = frame.f_back
    return frame is not None and frame.f_code is _RUN_CODE


def _sub_test(original: Any, boundaries: Boundaries) -> Any:
    @contextlib.contextmanager
    def sub_test(self: TestCase, *args: Any, **kwargs: Any) -> Iterator[None]:
        with original(self, *args, **kwargs):
            token = boundaries.subtest_begins(self)
            try:
                yield
            finally:
                boundaries.subtest_ends(self, token)

    return sub_test


def _handle_class_set_up(original: Any, boundaries: Boundaries) -> Any:
    def handle_class_set_up(self: TestSuite, test: Any, result: Any) -> None:
        if getattr(result, "_previousTestClass", None) == test.__class__:
            return
        boundaries.class_begins(test, result)
        original(self, test, result)
        boundaries.class_is_set_up(result)

    return handle_class_set_up


def _tear_down_previous_class(original: Any, boundaries: Boundaries) -> Any:
    def tear_down_previous_class(self: TestSuite, test: Any, result: Any) -> None:
        previous = getattr(result, "_previousTestClass", None)
        if test is not None and previous == test.__class__:
            return
        original(self, test, result)
        if previous is not None:
            boundaries.class_ends(self, previous, result)

    return tear_down_previous_class


def _handle_module_fixture(original: Any, boundaries: Boundaries) -> Any:
    def handle_module_fixture(self: Any, test: Any, result: Any) -> None:
        if self._get_previous_module(result) == test.__class__.__module__:
            return
        boundaries.module_begins(test, result)
        original(self, test, result)
        boundaries.module_is_set_up(result)

    return handle_module_fixture


def _handle_module_tear_down(original: Any, boundaries: Boundaries) -> Any:
    def handle_module_tear_down(self: TestSuite, result: Any) -> None:
        original(self, result)
        boundaries.module_ends(self, result)

    return handle_module_tear_down


_PLACES: tuple[tuple[type, str, Callable[[Any, Boundaries], Any]], ...] = (
    (TestCase, "run", _run),
    (TestCase, "doCleanups", _do_cleanups),
    (TestCase, "subTest", _sub_test),
    (TestSuite, "_handleClassSetUp", _handle_class_set_up),
    (TestSuite, "_tearDownPreviousClass", _tear_down_previous_class),
    (TestSuite, "_handleModuleFixture", _handle_module_fixture),
    (TestSuite, "_handleModuleTearDown", _handle_module_tear_down),
)
