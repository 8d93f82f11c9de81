"""A unittest runner that reports every temporary file that a test leaves."""

from __future__ import annotations

from importlib import import_module as _import_module  # before a test can replace it
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from .cli.main import main
    from .execution.result import TidyTestResult
    from .execution.runner import TidyTestRunner
    from .marks import WorkerIdentity, leaks, resource, serial, timeout, worker, worker_setup
    from .tracked_testcase import TrackedAsyncTestCase, TrackedTestCase

__all__ = [
    "TidyTestResult", "TidyTestRunner", "TrackedAsyncTestCase", "TrackedTestCase",
    "WorkerIdentity", "leaks", "main", "resource", "serial", "timeout", "worker", "worker_setup",
]  # fmt: skip

_MODULES = {  # imported when a name is first used: the start of a run needs none of them
    "TrackedAsyncTestCase": "tracked_testcase",
    "TrackedTestCase": "tracked_testcase",
    "main": "cli.main",
    "TidyTestResult": "execution.result",
    "TidyTestRunner": "execution.runner",
    **dict.fromkeys(
        ("WorkerIdentity", "leaks", "resource", "serial", "timeout", "worker", "worker_setup"),
        "marks",
    ),
}


def __getattr__(name: str) -> Any:
    if name not in _MODULES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    value = getattr(_import_module(f".{_MODULES[name]}", __name__), name)
    # Import has set the name to a submodule if there is one of that name; the value replaces it.
    globals()[name] = value
    return value
