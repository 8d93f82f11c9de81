"""Select and order tests, and write the state for `--last-failed` and `--leaked-last`."""

from __future__ import annotations

import unittest
from collections.abc import Sequence, Set
from typing import Any

from ..cache import TESTS
from ..settings.config import Config
from . import order, state
from .completeness import Completeness


class Selection:
    """Selects and orders tests, and writes for the next run which failed or leaked.

    Args:
        settings: the settings of the run.
        directory: the directory of the state file.
        stream: the text stream for the seed, and for the message that no test was selected.
        words: the rest of the command line, which unittest parses.

    Attributes:
        is_empty: whether the options select no test, so that none is run.
    """

    def __init__(
        self, settings: Config, directory: str, stream: Any, words: Sequence[str]
    ) -> None:
        self._settings = settings
        self._directory = directory
        self._stream = stream
        self._words = words
        self._before = state.read(directory)
        self.is_empty = False

    def arrange(self, test: Any) -> Any:
        """Return the suite to run in place of a suite; the same one if no option changes it."""
        settings = self._settings
        changes = (
            settings.last_failed, settings.leaked_last, settings.shuffle is not None,
            settings.reverse, (settings.repeat or 1) > 1, settings.until_leak, settings.replay,
        )  # fmt: skip
        if not any(changes):
            return test
        tests = self._ordered(self._selected(order.flatten(test)))
        if settings.until_leak:
            limit = settings.repeat
            printer = self._print_round if limit is None and not settings.progress else None
            return order.Rounds(tests, limit, printer)
        if settings.repeat is not None:
            tests = order.repeated(tests, settings.repeat)
        return unittest.TestSuite(tests)

    def remember(
        self, ran: Set[str], failed: Set[str], leaked: Set[str], completeness: Completeness
    ) -> None:
        """Write for the next run which tests failed or leaked in this one.

        Args:
            ran: the ids of the contexts that were entered.
            failed: the ids of the tests, classes and modules that failed.
            leaked: the ids of the contexts that leaked.
            completeness: says which contexts were interrupted, and which no longer exist.
        """
        before = state.read(self._directory)  # again: another run may have ended since the start
        done = {*(ran - completeness.interrupted), *failed}
        done.update(id for id in before.failed | before.leaked if completeness.is_gone(id))
        # With `--leaks off` no leak was looked for.
        looked = self._settings.leaks != "off"
        leaked = leaked - completeness.interrupted if looked else before.leaked
        now = before.after(done, failed, leaked)
        if now != before or state.has_old(self._directory):
            state.write(self._directory, now)

    def _selected(self, tests: list[Any]) -> list[Any]:
        wanted: set[str] = set()
        if self._settings.last_failed:
            wanted |= self._before.failed
        if self._settings.leaked_last:
            wanted |= self._before.leaked
        if not (self._settings.last_failed or self._settings.leaked_last):
            return tests
        if self._before.damaged:
            self._print(f"{TESTS} cannot be read ({self._before.damaged}): all tests are run")
            return tests
        chosen = state.select(tests, wanted, self._words)
        if not chosen:
            self.is_empty = True
            options = (self._settings.last_failed, "failed"), (self._settings.leaked_last, "leaked")
            what = " or ".join(word for is_asked, word in options if is_asked)
            of = " of these" if wanted else ""
            self._print(f"no test{of} {what} in the last run: there is nothing to run")
        return chosen

    def _ordered(self, tests: list[Any]) -> list[Any]:
        if self._settings.replay is not None:
            from . import recorded_order

            recorded = recorded_order.read(self._settings.replay)
            return recorded_order.arrange(tests, recorded, self._settings.replay)
        seed = self._settings.shuffle
        if seed is not None:
            self._print(f"shuffled with --shuffle {seed}")
        return order.arranged(tests, seed, self._settings.reverse)

    def _print_round(self, number: int, tests: int) -> None:
        noun = "test" if tests == 1 else "tests"
        self._print(f"round {number} of {tests} {noun}: no leak yet, ^C ends it")

    def _print(self, line: str) -> None:
        self._stream.write(f"tidytest: {line}\n")
        self._stream.flush()
