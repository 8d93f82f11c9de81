"""A user's own `runner` or `tempfiles` next to ours: theirs is left to their tests."""

from __future__ import annotations

import os
import sys
from collections.abc import Sequence
from importlib import import_module
from importlib.util import module_from_spec, spec_from_file_location
from itertools import pairwise

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

_ALIAS = "_tidytest_runner"
_HERE = os.path.dirname(os.path.abspath(__file__))


def places(cwd: str, words: Sequence[str]) -> list[str]:
    """Return the directories that the user's modules are imported from: the working directory,
    and those that `discover` is told of."""
    found = [cwd]
    for option, value in pairwise(words):
        if option in ("-s", "--start-directory", "-t", "--top-level-directory"):
            found.append(os.path.join(cwd, value))
    return found


def shadowed(name: str, directories: Sequence[str]) -> str | None:
    """Return the user's own module or package of this name in some directories, if there is one.

    Args:
        name: `runner` or `tempfiles`.
        directories: where to look.
    """
    ours = os.path.join(os.path.dirname(_HERE), name, "__init__.py")
    for directory in directories:
        for path in (os.path.join(directory, name, "__init__.py"),
                     os.path.join(directory, f"{name}.py")):  # fmt: skip
            if os.path.isfile(path) and not (os.path.exists(ours) and os.path.samefile(path, ours)):
                return path
    return None


def step_aside() -> Any:
    """Load this package again under another name, and let go of its own; return it."""
    path = os.path.join(_HERE, "__init__.py")
    spec = spec_from_file_location(_ALIAS, path, submodule_search_locations=[_HERE])
    assert spec is not None and spec.loader is not None
    package = module_from_spec(spec)
    sys.modules[_ALIAS] = package
    spec.loader.exec_module(package)
    for name in [name for name in sys.modules if name.partition(".")[0] == "runner"]:
        del sys.modules[name]
    return import_module(f"{_ALIAS}.program")
