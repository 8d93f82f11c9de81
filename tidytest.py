"""The entry points, in a module whose name no project takes for one of its own.

A project's own `runner` is what its tests must import, and may come first in the import path. Then
the package `runner` beside this file is imported under another name.
"""

from __future__ import annotations

import os
import sys
from importlib import import_module
from typing import Any

_DIRECTORY = os.path.dirname(os.path.abspath(__file__))
_PLUGIN = "integrations.pytest.plugin"


class _Inactive:
    """The pytest plugin beside a user's own `tempfiles`: it only says why there is no report."""

    def __init__(self, path: str) -> None:
        self._path = path

    def pytest_terminal_summary(self, terminalreporter: Any) -> None:
        """Write a line at the end of the session, with `-q` too."""
        line = f"tidytest: inactive: {self._path} hides the package `tempfiles`: rename it"
        terminalreporter.write_line(line, yellow=True)


def main() -> None:
    """Run the console script `tidytest`, and `python -m tidytest`."""
    _beside("runner.__main__").main()


def _child() -> None:
    """Run the module that `runner.interpreter.command` names."""
    module = sys.argv.pop(1)
    if not sys.flags.safe_path:
        sys.path[0] = os.getcwd()  # as with `-m`
    _beside("runner.cli.shadowing").step_aside(module).main()


def _beside(module: str) -> Any:
    """Import a module of the package beside this file."""
    sys.path.insert(0, _DIRECTORY)
    try:
        return import_module(module)
    finally:
        sys.path.remove(_DIRECTORY)


def _pytest_plugin() -> Any:
    shadowing = _beside("runner.cli.shadowing")
    before = shadowing.before_ours()
    users = shadowing.shadowed("tempfiles", before)
    if users is not None:
        shadowing.free_name()
        return _Inactive(os.path.relpath(users))
    if shadowing.shadowed("runner", ["", *before]) is not None:
        return shadowing.step_aside(_PLUGIN)
    return import_module(f"runner.{_PLUGIN}")


def __getattr__(name: str) -> Any:
    if name == "pytest_plugin":  # the entry point of pytest
        return _pytest_plugin()
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")


if __name__ == "__main__":
    if globals()["__spec__"] is None:  # started by the path of this file
        _child()
    else:
        main()
