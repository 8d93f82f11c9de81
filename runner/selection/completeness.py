"""Completeness of a run: which tests ran to their end, and which no longer exist.

Only of these can be said that a known leak is fixed or that a failure is gone.
"""

from __future__ import annotations

import fnmatch
import os
import re
import sys
from collections.abc import Iterator, Sequence, Set
from functools import cached_property
from types import ModuleType
from typing import Any, NamedTuple
from unittest import TestCase

from tempfiles import CACHE_DIRECTORIES

from ..settings.config import Config
from ..unittest_api import test_id
from .ids import KnownIds
from .order import flatten, prefixes

_SELECTS_BY_PATTERN = re.compile(r"-[vqfcbh]*k")


class ContextIds(NamedTuple):
    """The ids of tests, classes and modules, by what became of them in a run.

    `loaded` are the tests that were loaded, `ran` all contexts that were entered, `incomplete`
    those that failed, were skipped or were expected to fail, and `interrupted` those that were
    broken off.
    """

    loaded: Set[str]
    ran: Set[str]
    incomplete: Set[str]
    interrupted: Set[str]


class Completeness:
    """What ran of the tests that were loaded.

    Args:
        ids: what was loaded, and what became of it.
        whole: whether all tests of the loaded modules ran: no names, no patterns, no stop.
        imported: whether every test module could be imported.
        project: the working directory of the run.

    Attributes:
        interrupted: the ids of the contexts that were interrupted.
    """

    def __init__(self, ids: ContextIds, *, whole: bool, imported: bool, project: str) -> None:
        loaded, ran, incomplete, interrupted = ids
        self.interrupted = interrupted
        self._all_of_each = whole
        self._whole = whole and imported
        self._loaded = {prefix for id in loaded for prefix in self.prefixes(id)}
        self._ids = KnownIds(self._loaded)
        self._complete = (loaded & ran) - incomplete - interrupted
        # A class or a module is complete if one of its tests is.
        fixtures = {prefix for id in self._complete for prefix in self.prefixes(id)}
        self._complete_fixtures = fixtures - loaded - incomplete - interrupted
        self._project = project

    @staticmethod
    def prefixes(id: str) -> list[str]:
        """Return the ids of all that an id lies in, outermost first, and the id."""
        return prefixes(id)

    def is_complete(self, id: str) -> bool:
        """Return whether a context came to its end, neither skipped nor failed.

        Then it created all that it ever creates.
        """
        if id == "run":
            return self._whole and not self._leaves_out_modules
        id = self._ids.find(id)
        return id in self._complete or (self._all_of_each and id in self._complete_fixtures)

    def is_gone(self, id: str) -> bool:
        """Return whether a test, class or module no longer exists; False if that is unknown."""
        if not self._whole or id == "run" or self._ids.find(id) in self._loaded:
            return False
        imported = next((name for name in reversed(prefixes(id)) if name in sys.modules), None)
        if imported is None:
            return not any(part in self._modules for part in prefixes(id))
        return not _has_submodule(imported, id) and not _has_tests(imported, id)

    def concerns(self, id: str) -> bool:
        """Return whether a context was loaded by this run, or no longer exists."""
        return self._ids.find(id) in self._loaded or self.is_gone(id)

    @cached_property
    def _leaves_out_modules(self) -> bool:
        """Whether a test module of the project was not imported."""
        known = {getattr(module, "__file__", None) for module in list(sys.modules.values())}
        return any(
            fnmatch.fnmatch(file, "test*.py") and os.path.join(directory, file) not in known
            for directory, files in self._files
            for file in files
        )

    @cached_property
    def _files(self) -> list[tuple[str, list[str]]]:
        """The directories of the project, each with its files, without virtual environments."""
        found = []
        for directory, below, files in os.walk(os.path.realpath(self._project)):
            below[:] = [name for name in below if name not in CACHE_DIRECTORIES and name[:1] != "."]
            if "pyvenv.cfg" in files:
                below.clear()
            else:
                found.append((directory, files))
        return found

    @cached_property
    def _modules(self) -> set[str]:
        """Every name that a module of the project can have, from any top directory."""
        names: set[str] = set()
        for directory, files in self._files:
            parts = os.path.relpath(directory, os.path.realpath(self._project)).split(os.sep)
            for file in files:
                if file.endswith(".py"):
                    whole = [*parts, file.removesuffix(".py")]
                    names.update(".".join(whole[start:]) for start in range(len(whole)))
        return names


def is_filtered(settings: Config, words: Sequence[str]) -> bool:
    """Return whether a run leaves out tests of the modules that it loads.

    Args:
        settings: the settings of the run.
        words: the rest of the command line, which unittest parses.
    """
    if settings.last_failed or settings.leaked_last or settings.replay is not None:
        return True
    words = _without_values(words)
    if words and words[0] != "discover" and any(not word.startswith("-") for word in words):
        return True  # names, which may be of single tests
    return any(map(_SELECTS_BY_PATTERN.match, words))


def _without_values(words: Sequence[str]) -> list[str]:
    """Return words without the number of unittest's `--durations`, which may be abbreviated."""
    before = ("", *words)
    return [
        word for word, option in zip(words, before, strict=False)
        if not (option.startswith("--d") and "--durations".startswith(option))
    ]  # fmt: skip


def ids_of(suite: Any) -> Iterator[str]:
    """Yield the ids of the tests of a suite, and of suites inside that run their own way."""
    for test in flatten(suite):
        yield test_id(test)
        if hasattr(type(test), "__iter__"):
            for inner in test:
                yield from ids_of(inner)


def _has_submodule(package: str, id: str) -> bool:
    """Return whether an id names a module of a package that was not imported."""
    name = id[len(package) + 1 :].partition(".")[0]
    places = getattr(sys.modules[package], "__path__", ())
    return name != "" and any(
        os.path.exists(os.path.join(place, name + ending)) for place in places
        for ending in (".py", "")
    )


def _has_tests(module: str, id: str) -> bool:
    """Return whether an imported module still has what an id names, and tests in it."""
    found: Any = sys.modules[module]
    for name in filter(None, id[len(module) + 1 :].split(".")):
        found = getattr(found, name, None)
        if found is None:
            return False
    if isinstance(found, ModuleType):
        return any(map(_may_be_test, vars(found), vars(found).values()))
    return not isinstance(found, type) or any(name.startswith("test") for name in dir(found))


def _may_be_test(name: str, value: object) -> bool:
    return name.startswith("test") or (isinstance(value, type) and issubclass(value, TestCase))
