"""Find a user's own `runner` or `tempfiles`, which tests must be able to import."""

from __future__ import annotations

import os
import sys
from collections.abc import Sequence
from importlib import import_module
from importlib.util import module_from_spec, spec_from_file_location
from itertools import takewhile
from typing import Any

_ALIAS = "_tidytest_runner"
_PACKAGE = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))


def before_ours() -> list[str]:
    """Return the directories of `sys.path` that come before the one with this package."""
    ours = os.path.dirname(_PACKAGE)
    return list(takewhile(lambda directory: directory != ours, sys.path))


def discovered(words: Sequence[str]) -> list[str]:
    """Return the directory that unittest's `discover` will put first into the import path.

    Args:
        words: the command line after the program's name.
    """
    if not any(word.lower() == "discover" for word in words):
        return []
    remaining = _words_for_unittest(words)
    if len(remaining) < 2 or remaining[0].lower() != "discover":
        return []
    from ..settings.unittest_arguments import UnittestArguments

    arguments = UnittestArguments(remaining)
    return [os.path.abspath(arguments.top or arguments.start)]


def _words_for_unittest(words: Sequence[str]) -> Sequence[str]:
    if not any(word.startswith("--") for word in words):
        return words
    from ..errors import UsageError
    from ..settings.parser import parse

    try:
        return parse(words).remaining
    except UsageError:  # reported when the settings are loaded
        return []


def shadowed(name: str, directories: Sequence[str]) -> str | None:
    """Return the path of the user's own module or package of this name, if there is one.

    Args:
        name: `runner` or `tempfiles`.
        directories: where to look, in order.
    """
    ours = os.path.join(os.path.dirname(_PACKAGE), name, "__init__.py")
    for directory in directories:
        for path in (os.path.join(directory, name, "__init__.py"),
                     os.path.join(directory, f"{name}.py")):  # fmt: skip
            if os.path.isfile(path) and not (os.path.exists(ours) and os.path.samefile(path, ours)):
                return path
    return None


def step_aside(module: str) -> Any:
    """Import this package again under another name, so that its own name is free.

    Args:
        module: the name below this package of the module to return.
    """
    path = os.path.join(_PACKAGE, "__init__.py")
    spec = spec_from_file_location(_ALIAS, path, submodule_search_locations=[_PACKAGE])
    assert spec is not None and spec.loader is not None
    package = module_from_spec(spec)
    sys.modules[_ALIAS] = package
    spec.loader.exec_module(package)
    free_name()
    return import_module(f"{_ALIAS}.{module}")


def free_name() -> None:
    """Have the next import of `runner` search for it again."""
    for name in [name for name in sys.modules if name.partition(".")[0] == "runner"]:
        del sys.modules[name]
