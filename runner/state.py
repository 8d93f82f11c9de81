"""What the last runs left to do (`.tidytest-state.json`): the tests that failed or leaked."""

from __future__ import annotations

import json
import os
from collections.abc import Collection, Iterable
from typing import Any, NamedTuple

from .ordering import Test, test_id

NAME = ".tidytest-state.json"
VERSION = 1


class State(NamedTuple):
    """The ids of the tests, classes and modules that failed or leaked when they ran last."""

    failed: frozenset[str] = frozenset()
    leaked: frozenset[str] = frozenset()

    def after(
        self, ran: Collection[str], failed: Iterable[str], leaked: Iterable[str]
    ) -> State:
        """Return the state after a run; what did not run is as it was.

        Args:
            ran: the ids of all contexts that ran, those that failed or leaked among them.
            failed: the ids that failed. A class or module stands for a fixture of it.
            leaked: the ids that leaked.
        """
        ran = frozenset(ran)
        return State(self.failed - ran | frozenset(failed), self.leaked - ran | frozenset(leaked))


def read(directory: str) -> State:
    """Return the state kept in a directory; an empty one where there is none that can be read."""
    try:
        with open(os.path.join(directory, NAME), encoding="utf-8") as file:
            document: Any = json.load(file)
        if document["version"] != VERSION:
            return State()
        return State(*(frozenset(map(str, document[field])) for field in State._fields))
    except (OSError, ValueError, KeyError, TypeError):
        return State()  # it is made anew by each run: a damaged one is no reason to stop


def write(directory: str, state: State) -> None:
    """Keep a state in a directory; an empty one is no file.

    Raises:
        OSError: the file cannot be written or removed.
    """
    path = os.path.join(directory, NAME)
    if not state.failed and not state.leaked:
        if os.path.lexists(path):
            os.unlink(path)
        return
    document = {"version": VERSION, "failed": sorted(state.failed), "leaked": sorted(state.leaked)}
    beside = f"{path}.{os.getpid()}.new"
    with open(beside, "w", encoding="utf-8") as file:
        json.dump(document, file, indent=1)
        file.write("\n")
    os.replace(beside, path)


def select(tests: Iterable[Test], wanted: Collection[str]) -> list[Test]:
    """Return the tests that ids stand for: that of a test, or of the class or module it is in."""
    wanted = frozenset(wanted)
    return [test for test in tests if not wanted.isdisjoint(_names(test))]


def _names(test: Test) -> Iterable[str]:
    kind = type(test)
    return test_id(test), kind.__module__, f"{kind.__module__}.{kind.__qualname__}"
