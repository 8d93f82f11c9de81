"""Patch the methods of unittest where contexts open and close; all are restored together.

`TestCase.run` surrounds a test. `TestCase.doCleanups`, which it calls, is the last moment at which
the test can still fail in the ordinary way. Methods of the suite surround classes and modules.
"""

from __future__ import annotations

import contextlib
import functools
import sys
from collections.abc import Callable, Iterator
from typing import Any
from unittest.case import TestCase
from unittest.suite import TestSuite

from .boundaries import Boundaries

__unittest = True  # frames of this module stay out of users' tracebacks

_RUN_CODE = TestCase.run.__code__
_RUN_GLOBALS = TestCase.run.__globals__

# `warnings` skips frames of the import system, which it recognises by these two words. So
# unittest's warning of a returned value, with its fixed stacklevel, names the same line as ever.
_UNCOUNTED_FILE = "<tidytest importlib _bootstrap>"


@contextlib.contextmanager
def installed(boundaries: Boundaries) -> Iterator[None]:
    """Have unittest call the boundaries while the block runs."""
    saved = [(owner, name, owner.__dict__[name]) for owner, name, _ in _PATCHES]
    for (owner, name, wrap), (*_, original) in zip(_PATCHES, saved, strict=True):
        setattr(owner, name, functools.update_wrapper(wrap(original, boundaries), original))
    try:
        yield
    finally:
        for owner, name, original in saved:
            setattr(owner, name, original)


# One function for each patched method: it returns the replacement of the original.


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
        frame = sys._getframe(1)
        # In unittest's module only `run` calls it. To read `f_code` would cost an audit event.
        if frame.f_globals is _RUN_GLOBALS or _ends_the_test(frame):
            boundaries.after_cleanups(self)
        return success

    return do_cleanups


def _ends_the_test(frame: Any) -> bool:
    """Return whether `TestCase.run` called `doCleanups`, not the user's test before its end."""
    while frame is not None and frame.f_code.co_name in ("doCleanups", "do_cleanups"):
        frame = frame.f_back
    return frame is not None and frame.f_code is _RUN_CODE


def _sub_test(original: Any, boundaries: Boundaries) -> Any:
    @contextlib.contextmanager
    def sub_test(self: TestCase, *args: Any, **kwargs: Any) -> Iterator[None]:
        with original(self, *args, **kwargs):
            token = boundaries.before_subtest(self)
            try:
                yield
            finally:
                boundaries.after_subtest(self, token)

    return sub_test


def _handle_class_set_up(original: Any, boundaries: Boundaries) -> Any:
    def handle_class_set_up(self: TestSuite, test: Any, result: Any) -> None:
        if getattr(result, "_previousTestClass", None) == test.__class__:
            return
        boundaries.before_class(test, result)
        original(self, test, result)
        boundaries.after_class_setup(result)

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
        boundaries.after_module_setup(result)

    return handle_module_fixture


def _handle_module_tear_down(original: Any, boundaries: Boundaries) -> Any:
    def handle_module_tear_down(self: TestSuite, result: Any) -> None:
        original(self, result)
        boundaries.after_module(self, result)

    return handle_module_tear_down


_PATCHES: tuple[tuple[type, str, Callable[[Any, Boundaries], Any]], ...] = (
    (TestCase, "run", _run),
    (TestCase, "doCleanups", _do_cleanups),
    (TestCase, "subTest", _sub_test),
    (TestSuite, "_handleClassSetUp", _handle_class_set_up),
    (TestSuite, "_tearDownPreviousClass", _tear_down_previous_class),
    (TestSuite, "_handleModuleFixture", _handle_module_fixture),
    (TestSuite, "_handleModuleTearDown", _handle_module_tear_down),
)
