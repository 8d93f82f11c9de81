"""Start a new interpreter with a module of this package."""

from __future__ import annotations

import os
import subprocess
import sys

_NAME = "runner"
_PACKAGE = os.path.dirname(os.path.abspath(__file__))


def command(module: str) -> list[str]:
    """Return the command that runs a module in a new interpreter, with the flags of this one.

    Args:
        module: its name below this package; its function `main` takes no arguments.
    """
    flags: list[str] = subprocess._args_from_interpreter_flags()  # type: ignore[attr-defined]
    if __package__ == _NAME:
        return [sys.executable, *flags, "-m", f"{_NAME}.{module}"]
    # A user's own `runner` hides this one.
    return [sys.executable, *flags, os.path.join(os.path.dirname(_PACKAGE), "tidytest.py"), module]
