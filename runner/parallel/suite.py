"""The suite of a run in workers: it takes the place of the suite that unittest has loaded."""

from __future__ import annotations

import contextlib
import unittest
from collections.abc import Sequence
from typing import Any

from tempfiles import untracked

from ..execution.runner import has_custom_run
from ..hosting.components import Components
from ..selection.order import flatten
from ..selection.recorded_order import WorkerOrder, write_workers
from ..session.listener import Listener
from ..session.session import Session
from ..unittest_api import test_id
from .plan import units_of
from .pool import Pool
from .replay import Replay, ReplayedResult
from .schedule import Schedule
from .worker import Job, ResultSettings

__unittest = True


class ParallelSuite:
    """Runs the tests of a suite in workers, and replays what they did.

    Args:
        suite: the suite.
        components: of the run.
        session: of the run.
        words: those for unittest, to record with the order of each worker.
        listeners: those that follow the tests in the workers.
    """

    runs_elsewhere = True
    resultclass = ReplayedResult

    def __init__(
        self, suite: Any, components: Components, session: Session, words: Sequence[str],
        listeners: Sequence[Listener] = (),
    ) -> None:
        self._number: int = suite.countTestCases()
        self._tests = flatten(suite)
        self._components = components
        self._session = session
        self._workers = components.settings.jobs
        self._words = words
        self._listeners = listeners
        self._has_custom_run = has_custom_run(suite)
        self._pool: Pool | None = None

    def countTestCases(self) -> int:
        """Return how many tests there are."""
        return self._number

    def __call__(self, result: ReplayedResult) -> ReplayedResult:
        """Run the tests; return the result."""
        settings = ResultSettings(result.failfast, result.buffer, result.tb_locals)
        job = Job(
            self._tests, settings, self._components, self._listeners, self._session.run,
            self._has_custom_run,
        )  # fmt: skip
        units = units_of(self._tests, "classes")
        schedule = Schedule(units, {}, self._workers)
        replay = Replay(self._tests, len(units), result, self._session)
        self._pool = Pool(job, units, schedule, self._workers, replay)
        try:
            self._pool.run()
        finally:
            replay.note_ran()
            for attribute in ("_previousTestClass", "_moduleSetUpFailed"):
                setattr(result, attribute, None)
        return result

    def finish(self) -> None:
        """Wait for the workers, and add their runs to the session."""
        if self._pool is None:
            return
        self._pool.finish()
        from .reports import report_of

        for worker in self._pool.ended:
            self._session.ended_elsewhere(*report_of(worker))
        with contextlib.suppress(OSError), untracked():
            write_workers(self._components.directory, self._words, self.orders)

    @property
    def orders(self) -> list[WorkerOrder]:
        """What each worker process ran, in its order."""
        ended = self._pool.ended if self._pool is not None else []
        return [
            WorkerOrder(worker.number, tuple(test_id(self._tests[place]) for place in worker.ran))
            for worker in ended if worker.ran
        ]


def is_empty(test: Any) -> bool:
    """Return whether a suite has no test."""
    return isinstance(test, unittest.BaseTestSuite) and not flatten(test)
