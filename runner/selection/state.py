"""State between runs (`.tidytest_cache/tests.json`): which tests failed or leaked last."""

from __future__ import annotations

import contextlib
import os
import sys
from collections.abc import Collection, Iterable, Iterator
from typing import Any, NamedTuple

from .. import cache
from ..unittest_api import is_import_failure, test_id
from .order import Test, prefixes

VERSION = 1


class State(NamedTuple):
    """The ids of the tests, classes and modules that failed or leaked when they ran last.

    `damaged` says why the state file could not be read; empty otherwise.
    """

    failed: frozenset[str] = frozenset()
    leaked: frozenset[str] = frozenset()
    damaged: str = ""

    def after(
        self, ran: Collection[str], failed: Iterable[str], leaked: Iterable[str]
    ) -> State:
        """Return the state after a run; what did not run stays as it was.

        Args:
            ran: the ids of all contexts that ran, with those that failed or leaked.
            failed: the ids that failed; that of a class or module stands for its fixture.
            leaked: the ids that leaked.
        """
        still_failed = self.failed.difference(ran, _imported(ran))
        return State(still_failed.union(failed), self.leaked.difference(ran).union(leaked))


def read(directory: str) -> State:
    """Return the state from a directory; an empty one if there is no file that can be read."""
    try:
        document = cache.read(directory, cache.TESTS)
        if document is None:
            document = _read_old(directory)
        return State() if document is None else _state_of(document)
    except cache.DamagedError as error:
        # Each run rewrites it: a damaged file is no reason to stop.
        return State(damaged=str(error))


def _state_of(document: Any) -> State:
    try:
        if document["version"] != VERSION:
            raise cache.DamagedError("it is of another version")
        failed, leaked = (frozenset(map(str, document[field])) for field in ("failed", "leaked"))
        return State(failed, leaked)
    except (KeyError, TypeError):
        raise cache.DamagedError("it is malformed") from None


def _read_old(directory: str) -> Any:
    """Return what an earlier version wrote; None where it did not."""
    with contextlib.suppress(cache.DamagedError):
        document = cache.read(directory, cache.OLD_STATE)
        _state_of(document if document is not None else {})
        return document
    return None


def write(directory: str, state: State) -> None:
    """Write a state into a directory; an empty state removes the file.

    The file of an earlier version is removed.

    Raises:
        OSError: the file cannot be written or removed.
    """
    document = {"version": VERSION, "failed": sorted(state.failed), "leaked": sorted(state.leaked)}
    is_old = _read_old(directory) is not None
    cache.write(directory, cache.TESTS, document if state.failed or state.leaked else None)
    if is_old:
        with contextlib.suppress(FileNotFoundError):
            os.unlink(os.path.join(directory, cache.OLD_STATE))


def has_old(directory: str) -> bool:
    """Return whether the state in a directory is that of an earlier version."""
    return _read_old(directory) is not None


def select(
    tests: Iterable[Test], wanted: Collection[str], words: Iterable[str] = ()
) -> list[Test]:
    """Return the tests whose id, class, module or package is among some ids.

    A module that cannot be loaded is returned if it may have such a test, or if the command line
    names it.

    Args:
        tests: the tests to select from.
        wanted: the ids.
        words: the command line.
    """
    wanted = frozenset(wanted)
    parents = {prefix for id in wanted for prefix in prefixes(id)}
    for word in words:  # unittest turns `pkg/test_a.py` into `pkg.test_a`, if that file exists
        parents.update(word.split("."), word.replace(os.sep, ".").split("."))

    def is_wanted(test: Test) -> bool:
        if is_import_failure(test):
            name = test._testMethodName
            return name in parents or not wanted.isdisjoint(_parts(name))
        return not wanted.isdisjoint(_names(test))

    return list(filter(is_wanted, tests))


def _names(test: Test) -> Iterator[str]:
    kind = type(test)
    yield test_id(test)
    yield f"{kind.__module__}.{kind.__qualname__}"
    yield from _parts(kind.__module__)
    if hasattr(kind, "__iter__"):  # a suite that runs its tests its own way
        for inner in test:
            yield from _names(inner)


def _imported(ran: Iterable[str]) -> Iterator[str]:
    """Yield the names that unittest gives to the modules among some ids if their import fails.

    It may call `pkg.test_a` just `test_a`, or `pkg` if that is what fails.
    """
    for id in ran:
        if id in sys.modules:
            yield from _parts(id)


def _parts(module: str) -> Iterator[str]:
    parts = module.split(".")
    for start in range(len(parts)):
        yield from prefixes(".".join(parts[start:]))
