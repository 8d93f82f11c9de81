"""Start, watch, replace and stop the workers, and hand out the units.

The parent runs no test. So it stays without threads, and can fork a replacement at any time.
"""

from __future__ import annotations

import contextlib
import gc
import os
import selectors
import signal
import time
from collections.abc import Sequence
from dataclasses import replace

from tempfiles import Terminated, is_terminated

from ..errors import UsageError
from ..scheduling.plan import Unit
from ..scheduling.schedule import Schedule
from ..unittest_api import test_id
from ..workers import events
from ..workers.channel import paths_in
from ..workers.worker import DIFFERS, INTERRUPTED, NOT_READY, TERMINATED, Job
from .deaths import Death, reap
from .process import WorkerProcess, suspending
from .source import EventHandler
from .starters import starter_of
from .timeouts import TimeLimits
from .wires import CAN_FORK, Wires, same_file

_TICK = 0.01
"""Seconds after which the parent looks for events, if no worker rings."""
_GRACE = 2.5
"""Seconds that workers have to end after ^C or SIGTERM, before they are killed."""
_LAST_GRACE = 60.0
"""Seconds that a worker has for its end: threads, exit handlers, the removal of its files."""
_MOST_DEATHS = 10
"""Deaths of workers, one after the other, that were given work and began none."""
_INTERRUPTS = {INTERRUPTED: signal.SIGINT, TERMINATED: signal.SIGTERM}


class Pool:
    """The workers of one run.

    Args:
        job: what the workers share.
        units: the units of the run.
        schedule: decides who runs what.
        workers: how many workers to start at most.
        handler: takes the events.

    Attributes:
        ended: the workers that have ended, with their last events.
        is_closed: whether nothing of the workers is left.
        failures: what went wrong at the end of workers, in words.
    """

    def __init__(
        self, job: Job, units: Sequence[Unit], schedule: Schedule, workers: int,
        handler: EventHandler,
    ) -> None:
        self._job = job
        self._units = units
        self._schedule = schedule
        self._number = workers
        self._handler = handler
        self._root = job.run.root.path
        self._limits = TimeLimits(job.tests, job.components.settings.timeout)
        self._workers: dict[int, WorkerProcess] = {}
        self._started = 0
        self._idle_deaths = 0
        self._is_broken_off = False
        self._interrupt = ""
        self._joined = same_file(1, 2)
        self._wires = Wires()
        self._starter = starter_of(job, self._wires)
        self._selector = selectors.DefaultSelector()
        if CAN_FORK:  # elsewhere it cannot wait for a pipe
            self._selector.register(self._wires.bell, selectors.EVENT_READ)
        self.ended: list[WorkerProcess] = []
        self.is_closed = False
        self.failures: list[str] = []

    # The life of the pool

    def run(self) -> None:
        """Run all units.

        Raises:
            KeyboardInterrupt: ^C or SIGTERM came; the workers are gone.
        """
        gc.freeze()
        with suspending(self._workers):
            self._run()

    def _run(self) -> None:
        try:
            while not self._schedule.is_over:
                self._give_work()
                if is_terminated():  # in a fork, where no exception can be raised
                    raise Terminated
                self._wait()
                self._look()
                self._handler.advance()
                if self._handler.stops:
                    self.stop_from(0)
            if self.is_stopped:
                self._finish_units()
            for worker in self._workers.values():
                worker.end()
        except BaseException as error:
            self._break_off(error)
            raise

    def finish(self) -> None:
        """Wait for the workers to end; kill those that do not."""
        deadline = time.monotonic() + _LAST_GRACE + self._job.components.settings.late_grace
        while self._workers and time.monotonic() < deadline:
            self._wait()
            self._look()
        for worker in list(self._workers.values()):
            self.failures.append(
                f"worker {worker.number} did not end within {_LAST_GRACE:.0f} s: it was killed"
            )
            self._kill(worker)
        for worker in self.ended:
            died = worker.code not in (-signal.SIGKILL, -signal.SIGTERM)  # else it was killed
            if worker.is_ending and died and not (worker.report or self._is_broken_off):
                self.failures.append(
                    f"worker {worker.number} died at its end, so its last leaks are not known:"
                    f" {worker.last_words()}"
                )
        dead = [worker for worker in self.ended if not worker.report]
        if dead:
            reap(self._job.run, dead[-1], self._job.components.settings.late_grace)

    def _kill(self, worker: WorkerProcess) -> None:
        worker.is_ending = False
        worker.kill(signal.SIGKILL)
        worker.exit_code(waits=True)
        self._take_events(worker)
        self._end_test(worker)
        self._remove(worker)

    def _end_test(self, worker: WorkerProcess) -> None:
        """Report the test under way as broken off, which did not end at an interrupt."""
        if worker.unit is not None and worker.running:
            lines = [line.encode() for line in events.broken_off(self._interrupt)]
            self._handler.feed(worker.unit.number, worker.source, lines)

    def names_running(self) -> str:
        """Return the ids of the tests under way; to be called from any thread."""
        indices = [events.index_of(worker.running) for worker in list(self._workers.values())]
        return ", ".join(test_id(self._job.tests[i]) for i in indices if i is not None)

    def remove_files(self) -> None:
        """Remove what the workers have written, so that the run root is as if there were none."""
        self.is_closed = True
        self._wires.close()
        self._selector.close()
        for worker in self.ended:
            for path in {*worker.paths}:
                with contextlib.suppress(OSError):
                    os.unlink(path)

    def stop_from(self, place: int) -> None:
        """Run nothing more from a place of the suite on, not even the rest of a unit there."""
        if self._schedule.stop_from(place):
            for worker in self._workers.values():
                worker.flag.stop_from(place)

    def _break_off(self, error: BaseException) -> None:
        """End all workers after ^C, SIGTERM or a defect, within a few seconds."""
        self._is_broken_off = True
        self._interrupt = type(error).__name__
        terminated = signal.SIGTERM if isinstance(error, Terminated) else signal.SIGINT
        for worker in self._workers.values():
            worker.flag.stop_from(0)
            worker.end()
            worker.kill(terminated, group=terminated == signal.SIGINT)
        deadline = time.monotonic() + _GRACE
        try:
            while self._workers and time.monotonic() < deadline:
                self._wait()
                self._look()
        finally:
            for worker in list(self._workers.values()):
                self._kill(worker)
        self._finish_units()

    def _finish_units(self) -> None:
        """Report what has run, also where the run has stopped before."""
        for unit in self._units:
            self._handler.finish_unit(unit.number)
        self._handler.advance()

    # Work

    @property
    def is_stopped(self) -> bool:
        """Whether something is left out."""
        return self._schedule.is_stopped

    def _give_work(self) -> None:
        for number in range(self._number):
            worker = self._workers.get(number)
            busy = worker is not None and not worker.is_idle
            if worker is not None and len(worker.queued) > 1:
                continue
            units = self._schedule.take(number, ahead=busy)
            if not units:
                continue
            if worker is None:
                worker = self._start(number)
            worker.send(units)

    def _start(self, number: int) -> WorkerProcess:
        self._started += 1
        paths = paths_in(self._root, self._started, self._joined)
        others = list(self._workers.values())
        with self._starter.holding_interrupts():
            self._workers[number] = worker = self._starter.start(number, paths, others)
        return worker

    # Events

    def _wait(self) -> None:
        if not CAN_FORK:
            time.sleep(_TICK)
        elif self._selector.select(_TICK):
            with contextlib.suppress(BlockingIOError):
                os.read(self._wires.bell, 4096)

    def _look(self) -> None:
        """Take the events of all workers, end what is over its time, and bury those that died."""
        self._limits.look(self._workers.values())
        for worker in list(self._workers.values()):
            code = worker.exit_code(kills_group=self._is_broken_off)
            self._take_events(worker)
            if code is not None:
                self._bury(worker, code)

    def _take_events(self, worker: WorkerProcess) -> None:
        batch: list[bytes] = []
        is_caught = False
        for line in worker.reader.lines():
            batch.append(line)
            code = line[:1]
            if code == b"u":
                self._feed(worker, batch[:-1])
                batch = [line]
                self._begin_unit(worker)
            elif code == b"d":
                self._feed(worker, batch)
                batch = []
                self._end_unit(worker, line)
                if is_caught:
                    self._handler.advance()
                    signal.raise_signal(signal.SIGINT)
                    self.stop_from(0)
            elif code == b"i":
                is_caught = True
            elif code == b"q" and worker.unit is not None:
                self.stop_from(worker.unit.tests.start)
            else:
                worker.note(code, line)
        self._feed(worker, batch)

    def _feed(self, worker: WorkerProcess, lines: list[bytes]) -> None:
        if lines and worker.unit is not None:
            self._handler.feed(worker.unit.number, worker.source, lines)
        elif lines and not self._is_broken_off:
            self._handler.feed_outside(worker.source, lines)

    def _begin_unit(self, worker: WorkerProcess) -> None:
        worker.unit = worker.queued.popleft()
        worker.running = worker.last = worker.fixture = b""
        worker.begun = time.perf_counter()
        self._idle_deaths = 0

    def _end_unit(self, worker: WorkerProcess, line: bytes) -> None:
        unit, worker.unit = worker.unit, None
        worker.fixture = b""
        assert unit is not None
        worker.ran.extend(worker.begun_of(unit) if self._schedule.leaves_out(unit) else unit.tests)
        self._schedule.done(unit, events.seconds_of(line))
        self._handler.finish_unit(unit.number)

    # Deaths

    def _bury(self, worker: WorkerProcess, code: int) -> None:
        """Take a worker out that has ended, and go on with what it left, if it died."""
        worker.code = code
        self._remove(worker)
        if code == NOT_READY:
            self.stop_from(0)
        if code == DIFFERS:
            raise UsageError(
                "the tests have other ids when a worker loads them again, so they cannot run in"
                " new processes: use --workers-by fork or -j 1"
            )
        if code in _INTERRUPTS and not self._is_broken_off:
            signal.raise_signal(_INTERRUPTS[code])  # a test has sent it, which ends a serial run
            self.stop_from(0)  # also where a handler of unittest's `--catch` raises nothing
        if not worker.report:
            worker.kill(signal.SIGKILL)  # its children
            worker.leaks = self._job.run.left_by_child(worker.pid)
            if worker.unit is not None:
                self._go_on(worker, worker.unit, code)
            elif worker.fixture and not self._is_broken_off:
                self._give_up(worker, code)
            elif worker.queued and not self._is_broken_off:
                self._idle_deaths += 1
                if self._idle_deaths > _MOST_DEATHS * self._number:
                    raise UsageError(f"workers end before their first test: {worker.last_words()}")
        self._schedule.give_back(worker.queued)

    def _go_on(self, worker: WorkerProcess, unit: Unit, code: int) -> None:
        """Report the test or fixture in which a worker died; leave the rest to another one."""
        if self._is_broken_off and code in (-signal.SIGKILL, -signal.SIGTERM, -signal.SIGINT):
            self._end_test(worker)
            return
        death = Death(worker, unit, self._job.tests, code)
        lines = death.lines()
        if lines and self._job.settings.failfast:
            self.stop_from(unit.tests.start)
            lines.append(events.STOP.encode())
        self._handler.feed(unit.number, worker.source, lines)
        rest = death.rest()
        worker.ran.extend(range(unit.tests.start, rest.start if rest else unit.tests.stop))
        worker.unit = None
        if rest and not self._schedule.leaves_out(unit):
            self._schedule.give_back([replace(unit, tests=rest)])
        else:
            self._schedule.done(unit, time.perf_counter() - worker.begun)
            self._handler.finish_unit(unit.number)

    def _give_up(self, worker: WorkerProcess, code: int) -> None:
        """Report that a function of the user's killed the worker before its first test."""
        death = Death(worker, Unit(0, "", range(0)), self._job.tests, code)
        self._handler.feed_outside(worker.source, death.lines())
        self.stop_from(0)

    def _remove(self, worker: WorkerProcess) -> None:
        del self._workers[worker.number]
        worker.close()
        self.ended.append(worker)
