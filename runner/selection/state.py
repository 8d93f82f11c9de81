"""What the last runs left to do (`.tidytest-state.json`): the tests that failed or leaked."""

from __future__ import annotations

import contextlib
import json
import os
import sys
from collections.abc import Collection, Iterable, Iterator
from typing import Any, NamedTuple

from tempfiles.fileops.write import write_atomically

from ..settings.config import STATE_FILE
from ..unittest_api import is_import_failure, test_id
from .order import Test, prefixes

VERSION = 1


class State(NamedTuple):
    """The ids of the tests, classes and modules that failed or leaked when they ran last.

    `damaged` says why what the last run kept cannot be read.
    """

    failed: frozenset[str] = frozenset()
    leaked: frozenset[str] = frozenset()
    damaged: str = ""

    def after(
        self, ran: Collection[str], failed: Iterable[str], leaked: Iterable[str]
    ) -> State:
        """Return the state after a run; what did not run is as it was.

        Args:
            ran: the ids of all contexts that ran, those that failed or leaked among them.
            failed: the ids that failed. A class or module stands for a fixture of it.
            leaked: the ids that leaked.
        """
        mended = self.failed.difference(ran, _imported(ran))
        return State(mended.union(failed), self.leaked.difference(ran).union(leaked))


def read(directory: str) -> State:
    """Return the state kept in a directory; an empty one where there is none that can be read."""
    try:
        with open(os.path.join(directory, STATE_FILE), encoding="utf-8") as file:
            document: Any = json.load(file)
        if document["version"] != VERSION:
            return State(damaged="it is of another version")
        failed, leaked = (frozenset(map(str, document[field])) for field in ("failed", "leaked"))
        return State(failed, leaked)
    except FileNotFoundError:
        return State()
    except OSError as error:
        return State(damaged=str(error.strerror))
    except (ValueError, KeyError, TypeError, RecursionError):
        # It is made anew by each run: a damaged one is no reason to stop.
        return State(damaged="it is malformed")


def write(directory: str, state: State) -> None:
    """Keep a state in a directory; an empty one is no file.

    Raises:
        OSError: the file cannot be written or removed.
    """
    path = os.path.join(directory, STATE_FILE)
    if not state.failed and not state.leaked:
        with contextlib.suppress(FileNotFoundError):
            os.unlink(path)
        return
    document = {"version": VERSION, "failed": sorted(state.failed), "leaked": sorted(state.leaked)}
    try:
        write_atomically(path, f"{json.dumps(document, indent=1)}\n".encode())
    except OSError as error:
        raise OSError(error.errno, f"cannot write {STATE_FILE}: {error.strerror}") from None


def select(
    tests: Iterable[Test], wanted: Collection[str], words: Iterable[str] = ()
) -> list[Test]:
    """Return the tests that ids stand for: that of a test, or of the class, module or package it
    is in.

    What cannot be loaded is among them if it may hold such a test, or was asked for by name.

    Args:
        tests: to choose from.
        wanted: the ids.
        words: the command line, for the names on it.
    """
    wanted = frozenset(wanted)
    holders = {prefix for id in wanted for prefix in prefixes(id)}
    for word in words:  # unittest makes `pkg.test_a` of `pkg/test_a.py`, if there is such a file
        holders.update(word.split("."), word.replace(os.sep, ".").split("."))

    def is_wanted(test: Test) -> bool:
        if is_import_failure(test):
            name = test._testMethodName
            return name in holders or not wanted.isdisjoint(_parts(name))
        return not wanted.isdisjoint(_names(test))

    return list(filter(is_wanted, tests))


def _names(test: Test) -> Iterator[str]:
    kind = type(test)
    yield test_id(test)
    yield f"{kind.__module__}.{kind.__qualname__}"
    yield from _parts(kind.__module__)
    if hasattr(kind, "__iter__"):  # a suite that runs its tests in a way of its own
        for inner in test:
            yield from _names(inner)


def _imported(ran: Iterable[str]) -> Iterator[str]:
    """Yield what the modules among the ids of contexts may be called when they cannot be imported.

    Of `pkg.test_a` unittest may say no more than `test_a`, or `pkg` if that is what fails.
    """
    for id in ran:
        if id in sys.modules:
            yield from _parts(id)


def _parts(module: str) -> Iterator[str]:
    parts = module.split(".")
    for start in range(len(parts)):
        yield from prefixes(".".join(parts[start:]))
