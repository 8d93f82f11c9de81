"""How far a run came: of what it has not reached, nothing can be said to be mended or gone."""

from __future__ import annotations

import fnmatch
import os
import re
import sys
from collections.abc import Collection, Iterator, Sequence
from functools import cached_property
from types import ModuleType
from typing import Any
from unittest import TestCase

from tempfiles.detection.ignore import CACHES

from ..execution.boundaries import Session
from ..settings.config import Config
from ..unittest_api import is_import_failure, owner_id, test_id
from .order import flatten, prefixes

_CHOOSES_BY_PATTERN = re.compile(r"-[vqfcbh]*k")


class Reach:
    """What a run reached of what was loaded.

    Attributes:
        cut_short: the ids of the contexts that were interrupted.

    Args:
        loaded: the ids of the tests that were loaded.
        session: of the tests: it knows which contexts were entered, and which interrupted.
        result: of the tests.
        whole: whether nothing was left out of the modules that were loaded: no names, no patterns.
        project: the working directory of the run.
    """

    def __init__(
        self, loaded: Collection[str], session: Session, result: Any, *, whole: bool, project: str
    ) -> None:
        self.cut_short = frozenset(session.cut_short)
        broken = {owner_id(test) for test, _ in [*result.skipped, *result.expectedFailures]}
        broken.update(owner_id(test) for test, _ in [*result.errors, *result.failures])
        imports_failed = any(is_import_failure(test) for test, _ in result.errors)
        self._all_of_each = whole and not result.shouldStop
        self._whole = self._all_of_each and not imports_failed
        self._tests = frozenset(loaded)
        self._loaded = {prefix for id in loaded for prefix in prefixes(id)}
        self._ended = (self._tests & session.ran) - broken - self.cut_short
        # A class or a module is judged if one of its tests has come to its end.
        fixtures = {prefix for id in self._ended for prefix in prefixes(id)}
        self._ended_fixtures = fixtures - self._tests - broken - self.cut_short
        self._project = project

    def came_to_end(self, id: str) -> bool:
        """Whether a context came to its end, neither skipped nor failed: what it made by then is
        all that it makes."""
        if id == "run":
            return self._whole and not self._leaves_out_modules
        return id in self._ended or (self._all_of_each and id in self._ended_fixtures)

    def is_gone(self, id: str) -> bool:
        """Whether a test, class or module is there no more; never true where it cannot be told."""
        if not self._whole or id == "run" or id in self._loaded:
            return False
        imported = next((name for name in reversed(prefixes(id)) if name in sys.modules), None)
        if imported is None:
            return not any(part in self._modules for part in prefixes(id))
        return not _has_submodule(imported, id) and not _has_tests(imported, id)

    @cached_property
    def _leaves_out_modules(self) -> bool:
        """Whether the project has a test module that was not imported."""
        known = {getattr(module, "__file__", None) for module in list(sys.modules.values())}
        return any(
            fnmatch.fnmatch(file, "test*.py") and os.path.join(directory, file) not in known
            for directory, files in self._files
            for file in files
        )

    @cached_property
    def _files(self) -> list[tuple[str, list[str]]]:
        """The directories of the project, each with its files; environments are left out."""
        found = []
        for directory, below, files in os.walk(os.path.realpath(self._project)):
            below[:] = [name for name in below if name not in CACHES and name[:1] != "."]
            if "pyvenv.cfg" in files:
                below.clear()
            else:
                found.append((directory, files))
        return found

    @cached_property
    def _modules(self) -> set[str]:
        """Every name that a module of the project can have, whatever it is loaded from."""
        names: set[str] = set()
        for directory, files in self._files:
            parts = os.path.relpath(directory, os.path.realpath(self._project)).split(os.sep)
            for file in files:
                if file.endswith(".py"):
                    whole = [*parts, file.removesuffix(".py")]
                    names.update(".".join(whole[start:]) for start in range(len(whole)))
        return names


def is_filtered(settings: Config, words: Sequence[str]) -> bool:
    """Whether a run leaves out tests of the modules that it loads.

    Args:
        settings: of the run.
        words: what is left of the command line for unittest.
    """
    if settings.last_failed or settings.leaked_last:
        return True
    words = _without_values(words)
    if words and words[0] != "discover" and any(not word.startswith("-") for word in words):
        return True  # names, which may be of single tests
    return any(map(_CHOOSES_BY_PATTERN.match, words))


def _without_values(words: Sequence[str]) -> list[str]:
    """Leave out the number of unittest's `--durations`, which may be abbreviated."""
    before = ("", *words)
    return [
        word for word, option in zip(words, before, strict=False)
        if not (option.startswith("--d") and "--durations".startswith(option))
    ]  # fmt: skip


def ids_of(suite: Any) -> Iterator[str]:
    """Yield the ids of the tests of a suite, those of suites that run in a way of their own too."""
    for test in flatten(suite):
        yield test_id(test)
        if hasattr(type(test), "__iter__"):
            for inner in test:
                yield from ids_of(inner)


def _has_submodule(package: str, id: str) -> bool:
    """Whether what follows a package in an id is a module of it, which was not imported."""
    name = id[len(package) + 1 :].partition(".")[0]
    places = getattr(sys.modules[package], "__path__", ())
    return name != "" and any(
        os.path.exists(os.path.join(place, name + ending)) for place in places
        for ending in (".py", "")
    )


def _has_tests(module: str, id: str) -> bool:
    """Whether what an id names in a module that was imported is still there, tests or not asked."""
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
