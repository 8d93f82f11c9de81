"""The versions that a machine should share with the parent."""

from __future__ import annotations

import platform
import sys
from collections.abc import Iterable, Mapping
from importlib import metadata

import tempfiles

PYTHON, OURS = "Python", "tidytest"


def imported_libraries(directory: str) -> list[str]:
    """Return the names of the libraries that this process has imported from outside a project.

    Args:
        directory: the working directory of the run.
    """
    own = {*sys.stdlib_module_names, "runner", "tempfiles"}
    tops = {name.partition(".")[0] for name in list(sys.modules)} - own
    return sorted(name for name in tops if _is_outside(name, directory))


def _is_outside(name: str, directory: str) -> bool:
    file = getattr(sys.modules.get(name), "__file__", None)
    return file is not None and ("site-packages" in file or not file.startswith(directory))


def versions_of(libraries: Iterable[str]) -> dict[str, str]:
    """Return the versions of Python, tidytest and of those libraries that have one."""
    found = {PYTHON: platform.python_version(), OURS: tempfiles.__version__}
    for name in libraries:
        try:
            found[name] = metadata.version(name)
        except metadata.PackageNotFoundError:
            continue
    return found


def differing(ours: Mapping[str, str], theirs: Mapping[str, str]) -> str:
    """Return in words which versions differ; empty if none does."""
    return ", ".join(
        f"{name} {theirs.get(name, 'missing')} (here {version})"
        for name, version in ours.items() if theirs.get(name) != version
    )  # fmt: skip
