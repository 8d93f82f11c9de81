"""Call the functions that tests marked with `runner.worker_setup`, before the first test."""

from __future__ import annotations

import contextlib
import inspect
import os
import sys
from collections.abc import Callable, Iterator
from typing import Any

from ..marks import worker_setups
from ..unittest_api import capturing, fixture_error

__unittest = True  # frames of this module stay out of users' tracebacks


@contextlib.contextmanager
def set_up(result: Any) -> Iterator[bool]:
    """Call the functions, in the order of their definition, and end them after the block.

    What one raises becomes an error of the result. After an error the tests must not run: they may
    need what is missing.

    Args:
        result: the result of unittest.

    Yields:
        Whether all were called with success.
    """
    process = os.getpid()
    started: list[tuple[Callable[[], Any], Any]] = []
    is_ready = all(_start(result, function, started) for function in worker_setups())
    try:
        yield is_ready
    finally:
        is_own = os.getpid() == process  # a forked child of a test may come here
        for function, generator in reversed(started) if is_own else ():
            with _errors_of(function, result):
                next(generator, None)


def _start(result: Any, function: Callable[[], Any], started: list[Any]) -> bool:
    """Call a function; return whether it succeeded."""
    errors = len(result.errors)
    tell = getattr(result, "before_worker_setup", None)
    if tell is not None:  # in a worker
        tell(_name_of(function))
    with _errors_of(function, result):
        value = function()
        if inspect.isgenerator(value):
            next(value, None)
            started.append((function, value))
    return len(result.errors) == errors


@contextlib.contextmanager
def _errors_of(function: Callable[[], Any], result: Any) -> Iterator[None]:
    """Add what the block raises to the result, as the error of a function; capture it (`-b`)."""
    with capturing(result):
        try:
            yield
        except Exception:
            result.addError(fixture_error(_name_of(function)), sys.exc_info())


def _name_of(function: Callable[[], Any]) -> str:
    return f"worker_setup ({function.__module__}.{function.__qualname__})"
