"""Patch the methods of unittest where contexts open and close; all are restored together.

`TestCase.run` surrounds a test. `TestCase.doCleanups`, which it calls, is the last moment at which
the test can still fail in the ordinary way. The hooks of the suite surround classes and modules.
"""

from __future__ import annotations

import contextlib
import functools
import sys
from collections.abc import Callable, Iterator
from typing import Any, Protocol
from unittest.case import TestCase
from unittest.suite import TestSuite

__unittest = True  # frames of this module stay out of users' tracebacks

_RUN_CODE = TestCase.run.__code__
_RUN_GLOBALS = TestCase.run.__globals__

# `warnings` skips frames of the import system, which it recognises by these two words. So
# unittest's warning of a returned value, with its fixed stacklevel, names the same line as ever.
_UNCOUNTED_FILE = "<tidytest importlib _bootstrap>"


class Hooks(Protocol):
    """What the patched methods of unittest call."""

    def before_test(self, test: TestCase) -> Any:
        """Called before a test; `after_test` gets what it returns."""

    def after_cleanups(self, test: TestCase) -> None:
        """Called after the last cleanup of a test, while the test can still fail."""

    def after_test(self, test: TestCase, token: Any) -> None:
        """Called after a test, however it ended."""

    def before_subtest(self, test: TestCase) -> Any:
        """Called before a subtest; `after_subtest` gets what it returns."""

    def after_subtest(self, test: TestCase, token: Any) -> None:
        """Called after a subtest."""

    def before_class(self, test: Any, result: Any) -> None:
        """Called before setUpClass."""

    def after_class_setup(self, result: Any) -> None:
        """Called after setUpClass."""

    def after_class(self, suite: TestSuite, cls: type, result: Any) -> None:
        """Called after tearDownClass and the class cleanups."""

    def before_module(self, test: Any, result: Any) -> None:
        """Called before the tearDownModule of the previous module."""

    def after_module_setup(self, result: Any) -> None:
        """Called after setUpModule."""

    def after_module(self, suite: TestSuite, result: Any) -> None:
        """Called after tearDownModule and the module cleanups."""


@contextlib.contextmanager
def installed(hooks: Hooks) -> Iterator[None]:
    """Have unittest call the hooks while the block runs."""
    saved = [(owner, name, owner.__dict__[name]) for owner, name, _ in _PATCHES]
    for (owner, name, wrap), (*_, original) in zip(_PATCHES, saved, strict=True):
        setattr(owner, name, functools.update_wrapper(wrap(original, hooks), original))
    try:
        yield
    finally:
        for owner, name, original in saved:
            setattr(owner, name, original)


# One function for each patched method: it returns the replacement of the original.


def _run(original: Any, hooks: Hooks) -> Any:
    begins, ends = hooks.before_test, hooks.after_test

    def run(self: TestCase, result: Any = None) -> Any:
        token = begins(self)
        try:
            return original(self, result)
        finally:
            ends(self, token)

    run.__code__ = run.__code__.replace(co_filename=_UNCOUNTED_FILE)
    run.opens_context = True  # type: ignore[attr-defined]
    return run


def _do_cleanups(original: Any, hooks: Hooks) -> Any:
    def do_cleanups(self: TestCase) -> Any:
        success = original(self)
        frame = sys._getframe(1)
        # In unittest's module only `run` calls it. To read `f_code` would cost an audit event.
        if frame.f_globals is _RUN_GLOBALS or _ends_the_test(frame):
            hooks.after_cleanups(self)
        return success

    return do_cleanups


def _ends_the_test(frame: Any) -> bool:
    """Return whether `TestCase.run` called `doCleanups`, not the user's test before its end."""
    while frame is not None and frame.f_code.co_name in ("doCleanups", "do_cleanups"):
        frame = frame.f_back
    return frame is not None and frame.f_code is _RUN_CODE


def _sub_test(original: Any, hooks: Hooks) -> Any:
    @contextlib.contextmanager
    def sub_test(self: TestCase, *args: Any, **kwargs: Any) -> Iterator[None]:
        with original(self, *args, **kwargs):
            token = hooks.before_subtest(self)
            try:
                yield
            finally:
                hooks.after_subtest(self, token)

    return sub_test


def _handle_class_set_up(original: Any, hooks: Hooks) -> Any:
    def handle_class_set_up(self: TestSuite, test: Any, result: Any) -> None:
        if getattr(result, "_previousTestClass", None) == test.__class__:
            return
        hooks.before_class(test, result)
        original(self, test, result)
        hooks.after_class_setup(result)

    return handle_class_set_up


def _tear_down_previous_class(original: Any, hooks: Hooks) -> Any:
    def tear_down_previous_class(self: TestSuite, test: Any, result: Any) -> None:
        previous = getattr(result, "_previousTestClass", None)
        if test is not None and previous == test.__class__:
            return
        original(self, test, result)
        if previous is not None:
            hooks.after_class(self, previous, result)

    return tear_down_previous_class


def _handle_module_fixture(original: Any, hooks: Hooks) -> Any:
    def handle_module_fixture(self: Any, test: Any, result: Any) -> None:
        if self._get_previous_module(result) == test.__class__.__module__:
            return
        hooks.before_module(test, result)
        original(self, test, result)
        hooks.after_module_setup(result)

    return handle_module_fixture


def _handle_module_tear_down(original: Any, hooks: Hooks) -> Any:
    def handle_module_tear_down(self: TestSuite, result: Any) -> None:
        original(self, result)
        hooks.after_module(self, result)

    return handle_module_tear_down


_PATCHES: tuple[tuple[type, str, Callable[[Any, Hooks], Any]], ...] = (
    (TestCase, "run", _run),
    (TestCase, "doCleanups", _do_cleanups),
    (TestCase, "subTest", _sub_test),
    (TestSuite, "_handleClassSetUp", _handle_class_set_up),
    (TestSuite, "_tearDownPreviousClass", _tear_down_previous_class),
    (TestSuite, "_handleModuleFixture", _handle_module_fixture),
    (TestSuite, "_handleModuleTearDown", _handle_module_tear_down),
)
