"""Which tests run, how often and in which order: the options on a suite that has been loaded."""

from __future__ import annotations

import unittest
from collections.abc import Sequence
from typing import Any

from tempfiles.reports import ContextReport

from ..execution.boundaries import Session
from ..execution.result import TidyTestResult
from ..settings.config import STATE_FILE, Config
from ..unittest_api import owner_id
from . import order, state
from .completeness import Reach


class Selection:
    """Chooses and orders tests, and remembers for the next run which failed or leaked.

    Args:
        settings: of the run.
        directory: where the state between runs is kept.
        stream: where the seed is told, and that there was nothing to choose from.
        words: what is left of the command line for unittest.

    Attributes:
        is_empty: whether no test is what was asked for, so that none is run.
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
        """Return what is to run in place of a suite; the suite itself where nothing is asked."""
        settings = self._settings
        changes = (
            settings.last_failed, settings.leaked_last, settings.shuffle is not None,
            settings.reverse, (settings.repeat or 1) > 1, settings.until_leak,
        )  # fmt: skip
        if not any(changes):
            return test
        tests = self._ordered(self._chosen(order.flatten(test)))
        if settings.until_leak:
            limit = settings.repeat
            told = self._tell_round if limit is None and not settings.progress else None
            return order.Rounds(tests, limit, told)
        if settings.repeat is not None:
            tests = order.repeated(tests, settings.repeat)
        return unittest.TestSuite(tests)

    def remember(self, session: Session, result: Any, reach: Reach) -> None:
        """Keep for the next run which tests failed or leaked in this one."""
        failed = [owner_id(test) for test, _ in [*result.errors, *result.failures]]
        failed += [owner_id(test) for test in result.unexpectedSuccesses]
        before = state.read(self._directory)  # again: another run may have ended since the start
        ran = {*(session.ran - session.cut_short), *failed}
        ran.update(id for id in before.failed | before.leaked if reach.is_gone(id))
        leaked = session.leaked - session.cut_short
        # With `off` nothing was looked for.
        now = before.after(ran, failed, before.leaked if self._settings.leaks == "off" else leaked)
        if now != before:
            state.write(self._directory, now)

    def _chosen(self, tests: list[Any]) -> list[Any]:
        wanted: set[str] = set()
        if self._settings.last_failed:
            wanted |= self._before.failed
        if self._settings.leaked_last:
            wanted |= self._before.leaked
        if not (self._settings.last_failed or self._settings.leaked_last):
            return tests
        if self._before.damaged:
            self._tell(f"{STATE_FILE} cannot be read ({self._before.damaged}): all tests are run")
            return tests
        chosen = state.select(tests, wanted, self._words)
        if not chosen:
            self.is_empty = True
            options = (self._settings.last_failed, "failed"), (self._settings.leaked_last, "leaked")
            what = " or ".join(word for is_asked, word in options if is_asked)
            of = " of these" if wanted else ""
            self._tell(f"no test{of} {what} in the last run: there is nothing to run")
        return chosen

    def _ordered(self, tests: list[Any]) -> list[Any]:
        seed = self._settings.shuffle
        if seed is not None:
            self._tell(f"shuffled with --shuffle {seed}")
            return order.shuffled(tests, seed)
        return order.reversed_order(tests) if self._settings.reverse else tests

    def _tell_round(self, number: int, tests: int) -> None:
        noun = "test" if tests == 1 else "tests"
        self._tell(f"round {number} of {tests} {noun}: no leak yet, ^C ends it")

    def _tell(self, line: str) -> None:
        self._stream.write(f"tidytest: {line}\n")
        self._stream.flush()


class HuntingResult(TidyTestResult):
    """A result that stops the run when something has leaked that is not known (`--until-leak`)."""

    def context_closed(self, report: ContextReport, judged: ContextReport) -> None:
        """Stop."""
        super().context_closed(report, judged)
        if judged.leaks:
            self.stop()

    def round_ends(self) -> None:
        """Stop also for what a thread or a process has left after its test."""
        if self.session is not None and self.session.has_leaked_late():
            self.stop()
