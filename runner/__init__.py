"""A unittest runner that names every temporary file a test leaves behind."""

from __future__ import annotations

TYPE_CHECKING = False  # not from `typing`: each name is imported only when it is asked for
if TYPE_CHECKING:
    from typing import Any

    from .cli.main import main
    from .execution.result import TidyTestResult
    from .execution.runner import TidyTestRunner
    from .testcase import TrackedAsyncTestCase, TrackedTestCase

__all__ = ["TidyTestResult", "TidyTestRunner", "TrackedAsyncTestCase", "TrackedTestCase", "main"]

_HOMES = {
    "TrackedAsyncTestCase": "testcase",
    "TrackedTestCase": "testcase",
    "main": "cli.main",
    "TidyTestResult": "execution.result",
    "TidyTestRunner": "execution.runner",
}


def __getattr__(name: str) -> Any:
    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    from importlib import import_module

    value = getattr(import_module(f".{_HOMES[name]}", __name__), name)
    # A submodule of the same name (`runner.execution.runner`) would otherwise stand in its place.
    globals()[name] = value
    return value
