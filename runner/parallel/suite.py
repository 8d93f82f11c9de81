"""The suite of a run in workers: it takes the place of the suite that unittest has loaded."""

from __future__ import annotations

import contextlib
import os
import unittest
from collections.abc import Iterable, Mapping, Sequence
from time import perf_counter
from typing import TYPE_CHECKING, Any, Protocol

from tempfiles import untracked

from ..errors import UsageError
from ..execution.runner import has_custom_run
from ..hosting.components import Components
from ..marks import worker_setups
from ..output.colour import is_live
from ..pool.pool import Pool
from ..pool.source import EndedWorker, EventHandler
from ..pool.starters import reason_against_fork
from ..scheduling.durations import UnitDurations
from ..scheduling.plan import Unit, units_of
from ..scheduling.resources import refuse_unknown
from ..scheduling.schedule import LOCAL, Schedule
from ..selection.order import Rounds, flatten
from ..selection.recorded_order import WorkerOrder, write_workers
from ..session.listener import WorkerListener
from ..session.session import Session
from ..unittest_api import test_id
from ..workers.worker import Job, ResultSettings
from .replay import Replay
from .replayed_result import ReplayedResult
from .reports import add_to_session, report_of

if TYPE_CHECKING:
    from ..recording.run import RunRecording
    from .live import LiveLine
    from .retries import Retries

__unittest = True


class AnyPool(Protocol):
    """What runs the units of a run: local workers, or the machines of a cluster.

    Attributes:
        is_closed: whether nothing of the workers is left.
    """

    is_closed: bool

    @property
    def ended(self) -> Sequence[EndedWorker]:
        """The workers that have ended, with their last events."""

    @property
    def failures(self) -> Sequence[str]:
        """What went wrong at the end of workers, in words."""

    def run(self) -> None:
        """Run all units."""

    def stop_from(self, place: int) -> None:
        """Run nothing more from a place of the suite on."""

    def finish(self) -> None:
        """Wait for the workers to end."""

    def names_running(self) -> str:
        """Return the ids of the tests under way."""

    def remove_files(self) -> None:
        """Remove what the workers have written."""


class ParallelSuite:
    """Runs the tests of a suite in workers, and replays what they did.

    Args:
        suite: the suite.
        components: of the run.
        session: of the run.
        words: those for unittest, to record with the order of each worker.
        listeners: those that follow the tests in the workers.

    Attributes:
        recording: writes the record of the run, if there is one.

    Raises:
        UsageError: the settings do not allow to run these tests in workers.
    """

    runs_elsewhere = True
    resultclass = ReplayedResult

    def __init__(
        self, suite: Any, components: Components, session: Session, words: Sequence[str],
        listeners: Sequence[WorkerListener] = (),
    ) -> None:
        self.recording: RunRecording | None = None
        self._number: int = suite.countTestCases()
        self._rounds = suite if isinstance(suite, Rounds) else None
        self._tests = list(suite) if self._rounds is not None else flatten(suite)
        self._components = components
        self._session = session
        self._workers = components.settings.jobs
        self._words = words
        self._listeners = listeners
        self._has_custom_run = has_custom_run(suite)
        self._run_word = os.urandom(4).hex()
        self._pool: AnyPool | None = None
        self._replay: Replay | None = None
        self._sink: EventHandler | None = None
        settings = components.settings
        self._units = units_of(self._tests, settings.split)
        if self._workers > 1:  # else nothing has to be kept apart
            refuse_unknown(self._units, dict(settings.resources))
        self._durations = UnitDurations(components.directory, settings.durations_file)
        self._schedule = Schedule((), {}, self._workers)  # `_run` has the one of the round
        self._seconds = 0.0

    def countTestCases(self) -> int:
        """Return how many tests there are."""
        return self._number

    @property
    def limit(self) -> int | None:
        """How many rounds there are at most (`--until-leak`); None is without limit."""
        return 1 if self._rounds is None else self._rounds.limit

    def __call__(self, result: ReplayedResult) -> ReplayedResult:
        """Run the tests; return the result."""
        self._tell_start(result)
        if self._rounds is None:
            self._run(result)
        else:
            self._rounds.repeat(result, lambda: self._run_round(result))
        return result

    def _tell_start(self, result: ReplayedResult) -> None:
        reason = reason_against_fork()
        if result.showAll and reason is not None and self._components.settings.workers_by == "auto":
            result.stream.writeln(f"tidytest: workers are new processes: {reason}")

    def _run_round(self, result: ReplayedResult) -> None:
        self._run(result)
        self.finish()

    def _run(self, result: ReplayedResult) -> None:
        job = self._job(result)
        self._schedule = self._new_schedule(self._known(), in_order=result.failfast)
        self._replay = replay = Replay(self._tests, len(self._units), result, self._session)
        self._sink = sink = self._recorded(replay, job)
        retries = self._retries(sink, result)
        handler: EventHandler = retries or sink
        live = self._live_line(handler, result.stream)
        self._pool = self._new_pool(job, live or handler, result)
        self._session.name_running = self._pool.names_running
        begun = perf_counter()
        try:
            self._pool.run()
            if worker_setups():  # their ends may fail, which the result must know
                self._pool.finish()
        finally:
            if live is not None:
                live.erase()
            if retries is not None:
                retries.flush()
            self._seconds = perf_counter() - begun
            self._session.moment = None
            replay.note_ran()
            for attribute in ("_previousTestClass", "_moduleSetUpFailed"):
                setattr(result, attribute, None)

    def _recorded(self, replay: Replay, job: Job) -> EventHandler:
        if self.recording is None:
            return replay
        return self.recording.begin(self._tests, self._units, job.settings, replay)

    def _retries(self, handler: EventHandler, result: ReplayedResult) -> Retries | None:
        most = self._components.settings.retries
        if not most:
            return None
        from .retries import Retries

        def note_failed(unit: Unit) -> None:
            if result.failfast and self._pool is not None:
                self._pool.stop_from(unit.tests.start)

        return Retries(handler, self._schedule, self._units, most, note_failed)

    def _live_line(self, handler: EventHandler, stream: Any) -> LiveLine | None:
        if self._components.settings.progress or not is_live(stream):
            return None
        from .live import LiveLine

        return LiveLine(handler, self._tests, self._number, stream)

    def _job(self, result: ReplayedResult) -> Job:
        asked = self._components.settings
        failfast = result.failfast and not asked.retries  # else the last attempt decides
        settings = ResultSettings(failfast, result.buffer, result.tb_locals, asked.until_leak)
        return Job(
            self._tests, settings, self._components, self._listeners, self._session.run,
            self._has_custom_run, self._run_word, self._words,
        )  # fmt: skip

    def _known(self) -> dict[int, float]:
        return self._durations.of_all(self._units)

    def _new_schedule(self, known: Mapping[int, float], *, in_order: bool) -> Schedule:
        limits = dict(self._components.settings.resources)
        chunks = LOCAL._replace(in_order=in_order)
        return Schedule(self._units, known, self._workers, limits, chunks)

    def _new_pool(self, job: Job, handler: EventHandler, result: ReplayedResult) -> AnyPool:
        return Pool(job, self._units, self._schedule, self._workers, handler)

    def bound_lines(self) -> list[str]:
        """Return a line about the unit that bound the length of the run, if there is one."""
        bound = self._schedule.bound(self._seconds)
        if bound is None or self._schedule.workers == 1 or self._schedule.is_stopped:
            return []
        return [str(bound)]

    def remember_durations(self) -> None:
        """Write how long the units took, for the next run.

        Raises:
            OSError: the file cannot be written.
        """
        for unit, seconds in self._schedule.finished:
            if unit in self._units[unit.number : unit.number + 1]:  # else it is part of one
                self._durations.note(unit, seconds)
        self._durations.write()

    def finish(self) -> None:
        """Wait for the workers, and add their runs to the session; a second call does nothing.

        Raises:
            UsageError: a worker died at its end, or had to be killed.
        """
        if self._pool is None or self._pool.is_closed:
            return
        self._pool.finish()
        assert self._replay is not None and self._sink is not None
        retention = self._components.retention
        reports = [report_of(worker, self._sink, retention) for worker in self._pool.ended]
        add_to_session(reports, self._replay, self._session)
        if self.recording is not None:
            self.recording.add_workers(self._pool.ended, reports)
        for worker in self._pool.ended:
            for listener in self._listeners:
                listener.absorb(worker.paths.collected)
        self._pool.remove_files()
        with contextlib.suppress(OSError), untracked():
            write_workers(self._components.directory, self._words, self.orders)
        if self._pool.failures:
            raise UsageError("; ".join(self._pool.failures))

    @property
    def orders(self) -> Iterable[WorkerOrder]:
        """What each worker process ran, in its order."""
        for worker in self._pool.ended if self._pool is not None else ():
            if worker.ran:
                ids = (test_id(self._tests[place]) for place in worker.ran)
                yield WorkerOrder(worker.number, ids)


def is_empty(test: Any) -> bool:
    """Return whether a suite has no test."""
    return isinstance(test, unittest.BaseTestSuite) and not flatten(test)
