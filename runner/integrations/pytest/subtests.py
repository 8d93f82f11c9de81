"""Name the subtest in which a leak was created: pytest's fixture `subtests`, and `subTest`."""

from __future__ import annotations

import contextlib
import functools
import unittest
from collections.abc import Callable, Iterator
from importlib import import_module
from typing import Any

from tempfiles import Context, Run


class _Named:
    """A subtest, with its name given to the context meanwhile."""

    def __init__(self, subtest: Any, part: Any) -> None:
        self._subtest = subtest
        self._part = part

    def __enter__(self) -> Any:
        self._part.__enter__()
        return self._subtest.__enter__()

    def __exit__(self, *exception: Any) -> Any:
        __tracebackhide__ = True
        try:
            return self._subtest.__exit__(*exception)
        finally:
            self._part.__exit__(None, None, None)


def follow(run: Run) -> Callable[[], None]:
    """Name the parts of contexts from now on; return a function that ends this."""
    saved: list[tuple[Any, str, Any]] = []

    def replace(owner: Any, name: str, describe: Callable[..., str]) -> None:
        original = getattr(owner, name)

        @functools.wraps(original)
        def named(self: Any, *args: Any, **kwargs: Any) -> _Named:
            part = _part(run, describe(*args, **kwargs))
            return _Named(original(self, *args, **kwargs), part)

        saved.append((owner, name, original))
        setattr(owner, name, named)

    replace(unittest.TestCase, "subTest", _description)
    with contextlib.suppress(ImportError):  # pytest 8 has no subtests of its own
        replace(import_module("_pytest.subtests").Subtests, "test", _description)

    def stop() -> None:
        for owner, name, original in saved:
            setattr(owner, name, original)

    return stop


def _description(msg: Any = None, **parameters: Any) -> str:
    """Return the name of a subtest as unittest prints it: `[message] (i=1)`."""
    parts = [f"[{msg}]"] if isinstance(msg, str) else []
    if parameters:
        parts.append("(" + ", ".join(f"{key}={value!r}" for key, value in parameters.items()) + ")")
    return " ".join(parts) or "(<subtest>)"


@contextlib.contextmanager
def _part(run: Run, name: str) -> Iterator[None]:
    context = Context.current()
    before = run.begin_part(context, name)
    try:
        yield
    finally:
        run.begin_part(context, before)
