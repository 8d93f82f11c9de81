"""What the last runs left to do (`.tidytest-state.json`): the tests that failed or leaked."""

from __future__ import annotations

import contextlib
import json
import os
import sys
from collections.abc import Collection, Iterable, Iterator
from typing import Any, NamedTuple

from .ordering import Test, is_import_failure, test_id

NAME = ".tidytest-state.json"
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
        ran = frozenset(ran)
        return State(self.failed - ran | frozenset(failed), self.leaked - ran | frozenset(leaked))


def read(directory: str) -> State:
    """Return the state kept in a directory; an empty one where there is none that can be read."""
    try:
        with open(os.path.join(directory, NAME), encoding="utf-8") as file:
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
    path = os.path.join(directory, NAME)
    if not state.failed and not state.leaked:
        with contextlib.suppress(FileNotFoundError):
            os.unlink(path)
        return
    document = {"version": VERSION, "failed": sorted(state.failed), "leaked": sorted(state.leaked)}
    beside = f"{path}.{os.getpid()}.new"
    try:
        with open(beside, "w", encoding="utf-8") as file:
            json.dump(document, file, indent=1)
            file.write("\n")
        os.replace(beside, path)
    except OSError as error:
        with contextlib.suppress(OSError):
            os.unlink(beside)
        raise OSError(error.errno, f"cannot write {NAME}: {error.strerror}") from None


def select(tests: Iterable[Test], wanted: Collection[str]) -> list[Test]:
    """Return the tests that ids stand for: that of a test, or of the class or module it is in."""
    wanted = frozenset(wanted)
    return [test for test in tests if not wanted.isdisjoint(_names(test))]


def _names(test: Test) -> Iterable[str]:
    kind = type(test)
    if is_import_failure(test):
        yield from _tails(test._testMethodName)
    yield test_id(test)
    yield f"{kind.__module__}.{kind.__qualname__}"
    yield from _tails(kind.__module__)
    if hasattr(kind, "__iter__"):  # a suite that runs its tests in a way of its own
        for inner in test:
            yield from _names(inner)


def with_tails(ran: Iterable[str]) -> Iterator[str]:
    """Yield the ids of contexts, and for modules also what they may be called when they fail.

    Of `pkg.test_a`, which cannot be imported, unittest may say no more than `test_a`.
    """
    for id in ran:
        yield from _tails(id) if id in sys.modules else (id,)


def _tails(module: str) -> Iterator[str]:
    parts = module.split(".")
    yield from (".".join(parts[start:]) for start in range(len(parts)))
