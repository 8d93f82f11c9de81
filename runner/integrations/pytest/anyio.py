"""Run tests and fixtures of anyio in their own contexts: all of a module share one task.

anyio sends the coroutines of a module to a task that was started with the first of them, and whose
context variables are those of that moment.
"""

from __future__ import annotations

import functools
import inspect
from collections.abc import Callable, Iterator, Mapping
from typing import Any

import pytest

from tempfiles import Context, activate


class AnyioTests:
    """Has tests run in their own contexts; registered only where anyio's plugin is.

    Args:
        contexts: those that are open, by their nodes.
    """

    def __init__(self, contexts: Mapping[Any, Context]) -> None:
        self._contexts = contexts

    @pytest.hookimpl(wrapper=True, tryfirst=True)
    def pytest_pyfunc_call(self, pyfuncitem: Any) -> Iterator[Any]:
        """Run a test in its own context."""
        context, function = self._contexts.get(pyfuncitem), pyfuncitem.obj
        if context is None or not uses_anyio(pyfuncitem):
            return (yield)
        pyfuncitem.obj = within(function, context)
        try:
            return (yield)
        finally:
            pyfuncitem.obj = function


def uses_anyio(request: Any) -> bool:
    """Return whether anyio runs the coroutines of an item or a fixture."""
    # Items of other plugins have no names: those that IPython's makes of doctests, for one.
    return "anyio_backend" in getattr(request, "fixturenames", ())


def within(function: Callable[..., Any], context: Context) -> Callable[..., Any]:
    """Return a function whose coroutine runs in a context; others are returned as they are.

    Args:
        function: a test or a fixture; a generator's code after its `yield` runs in it as well.
        context: the context.
    """
    if inspect.isasyncgenfunction(function):
        return _generator_within(function, context)
    if not inspect.iscoroutinefunction(function):
        return function

    @functools.wraps(function)
    async def run(*args: Any, **kwargs: Any) -> Any:
        with activate(context):
            return await function(*args, **kwargs)

    return run


def _generator_within(function: Callable[..., Any], context: Context) -> Callable[..., Any]:
    @functools.wraps(function)
    async def generate(*args: Any, **kwargs: Any) -> Any:
        generator = function(*args, **kwargs)
        with activate(context):
            value = await anext(generator)
        yield value
        with activate(context):
            async for _ in generator:
                raise RuntimeError(f"{function.__name__} yields more than once")

    return generate
