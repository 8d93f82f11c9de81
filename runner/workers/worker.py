"""A worker: the serial run with another result, which sends events, in a process of its own."""

from __future__ import annotations

import atexit
import contextlib
import faulthandler
import gc
import os
import signal
import sys
import unittest
import weakref
from collections.abc import Sequence
from time import perf_counter
from typing import Any, NamedTuple, NoReturn

from tempfiles import (
    Run,
    RunReport,
    Terminated,
    original_os_functions,
    original_process_state,
    restore_user,
    untracked,
)

from ..execution.boundaries import installed
from ..execution.worker_setup import set_up
from ..hosting import exit_steps
from ..hosting.components import Components
from ..marks import WorkerIdentity, become_worker
from ..selection.order import fresh
from ..session.listener import WorkerListener
from ..unittest_api import is_interrupted_under_catch
from . import events
from .channel import (
    DUMP_SIGNAL,
    END,
    EventWriter,
    Paths,
    StopFlag,
    WorkPipe,
    die_with_parent,
    park,
)
from .emit import OutputPositions, WorkerBoundaries, WorkerResult, WorkerSession
from .shown_warnings import WarningSender

REPLACE_ME, NOT_READY, DIFFERS = 75, 76, 79
"""The exit codes of a worker that has lost the pipe of units, so that a new one goes on, of one in
which a function raised that is marked with `runner.worker_setup`, and of one that has found other
tests than the parent."""
INTERRUPTED, TERMINATED = 77, 78
"""The exit codes of a worker in which ^C or SIGTERM was raised, by the parent or by a test."""

__unittest = True


class ResultSettings(NamedTuple):
    """What unittest's runner sets on its result, and whether a new leak stops the run."""

    failfast: bool
    buffer: bool
    tb_locals: bool
    stops_at_leak: bool


class Place(NamedTuple):
    """Where a worker is in its run.

    `number` is 0 to N-1, also for the replacement of a worker that died; `run` is one word for the
    whole run. `work`, `bell` and `life` are descriptors: of the commands, of the pipe that wakes
    the parent, and of one that is closed when the parent dies.
    """

    number: int
    run: str
    paths: Paths
    work: int
    bell: int
    life: int


class Job(NamedTuple):
    """What all workers of a run share.

    `tests` are all tests in serial order, and `settings` those of their result. `run` is the
    parent's, and `run_word` one word for it. `has_custom_run` says that a test may define `run`
    without `TestCase.run`. `words` are the part of the command line for unittest. `first_worker` is
    the number of the first worker; it is not 0 where other machines have workers too.
    """

    tests: Sequence[Any]
    settings: ResultSettings
    components: Components
    listeners: Sequence[WorkerListener]
    run: Run
    has_custom_run: bool
    run_word: str
    words: Sequence[str] = ()
    first_worker: int = 0


def run_forked(job: Job, place: Place) -> NoReturn:
    """Be a worker in a forked child; never return."""
    code = 1
    gc.unfreeze()  # tests may ask the garbage collector about objects that were there before
    try:
        with job.run.starting_worker():
            _leave_terminal(place)
            prepare(place)
        _forget_handlers()
        components = job.components
        for listener in job.listeners:
            listener.begin_in_worker(place.paths.collected)
        run = job.run.reopen_in_child(components.run_settings(), components.detectors())
        code = Worker(job, place, run).work()
    except KeyboardInterrupt:
        code = INTERRUPTED  # while it started
    except BaseException as error:
        with contextlib.suppress(BaseException):
            import traceback

            traceback.print_exception(error)
    finally:
        os._exit(code)


class Worker:
    """Runs units and sends events, until the parent says that there are no more.

    Args:
        job: what all workers share.
        place: where this one is.
        run: the tracked run of this process.
    """

    def __init__(self, job: Job, place: Place, run: Run) -> None:
        self._process = os.getpid()
        self._tests = job.tests
        self._listeners = job.listeners
        self._ran: set[int] = set()
        self._made = 0
        self._components = job.components
        self._pipe = WorkPipe(place.work, place.bell)
        with untracked():
            self._writer = EventWriter(place.paths.events)
            flag = StopFlag(place.paths.flag)
        session = job.components.session(run, job.listeners, WorkerSession)
        assert isinstance(session, WorkerSession)
        session.writer = self._writer
        self._session = session
        self._boundaries = WorkerBoundaries(self._session)
        self._positions = OutputPositions(place.paths.out == place.paths.err)
        self._result = WorkerResult(self._writer, flag, self._positions)
        self._result.failfast = job.settings.failfast
        self._result.buffer = job.settings.buffer
        self._result.tb_locals = job.settings.tb_locals
        self._result.stops_at_leak = job.settings.stops_at_leak
        self._result.attach(self._boundaries)
        if job.has_custom_run:
            self._result.follow_custom_runs()
        unittest.registerResult(self._result)  # for `--catch`
        self._warnings = WarningSender(self._writer.add, self._result.send_positions)
        run.catch_termination()

    def work(self) -> int:
        """Run the units that the parent asks for, then end the run; return the exit code."""
        code, interrupt = REPLACE_ME, None
        with installed(self._boundaries), self._boundaries.attached(self._result):
            try:
                with set_up(self._result) as is_ready:
                    code = self._run_units() if is_ready else NOT_READY
                    positions = " ".join(map(str, self._positions.now))
                    self._writer.add(f"{events.ENDING} {positions}")
                    self._writer.flush()
            except KeyboardInterrupt as error:  # SIGTERM too
                interrupt = error
        if os.getpid() != self._process:
            return 0  # a forked child of a test, which ran the rest of the unit
        if interrupt is not None:
            code = TERMINATED if isinstance(interrupt, Terminated) else INTERRUPTED
            self._writer.flush()
        with original_process_state():
            self._end()
        return code

    def _run_units(self) -> int:
        for command in self._pipe.commands():
            if command == END:
                return 0
            number, first, stop = map(int, command.split())
            self._run_unit(number, first, stop)
            if os.getpid() != self._process:
                return 0
            if is_interrupted_under_catch():
                return 0
            if self._pipe.is_lost or self._writer.is_behind:
                return REPLACE_ME
        return REPLACE_ME if self._pipe.is_lost else 0

    def _run_unit(self, number: int, first: int, stop: int) -> None:
        """Run the tests of a unit, from one index to another."""
        tests = [self._not_yet_run(index) for index in range(first, stop)]
        begun, session = perf_counter(), self._session
        session.ran = set()
        self._writer.add(f"{events.UNIT}{number} {' '.join(map(str, self._positions.now))}")
        self._result.begin_unit(first, tests)
        self._warnings.begin_unit()
        unittest.TestSuite(tests)(self._result)
        self._warnings.end_unit()
        self._result.send_positions()
        seconds, made = perf_counter() - begun, session.run.made_and_removed
        content = [sorted(session.ran), sorted(session.interrupted), seconds, made - self._made]
        self._made = made
        if is_interrupted_under_catch():  # by a test: the parent got no signal
            self._writer.add(events.CAUGHT)
        self._writer.add(events.line(events.UNIT_DONE, content))
        self._writer.flush()
        self._pipe.ring_for_work()

    def _not_yet_run(self, index: int) -> Any:
        """Return a test, or another object of it where it has run in this process (`--retries`)."""
        test = self._tests[index]
        if index in self._ran:
            return fresh(test)
        self._ran.add(index)
        return test

    def _end(self) -> None:
        """End the run of this process, and send its report."""
        before = [*self._positions.now]
        exit_steps.wait_for_threads()
        exit_steps.run_exit_handlers()
        for listener in self._listeners:
            listener.end_in_worker()
        restore_user()
        with original_os_functions():
            self._session.run.wait()
            report, late = self._session.finish()
            kept = self._components.retention.kept[1], self._session.registered_kept
            # Records are slow to import, and most runs of a part of the suite have none.
            is_bare = report == RunReport(report.summary)
            sent = report.summary if is_bare else report.to_dict()
            self._positions.changed()
            printed = [before, self._positions.now]
            content = [sent, [found.to_dict() for found in late], *kept, printed]
            self._writer.add(events.line(events.FINISHED, content))
            self._writer.flush()
            self._pipe.ring()


def prepare(place: Place) -> None:
    """Prepare what every worker needs: input, environment, stacks of threads, death."""
    with contextlib.suppress(ValueError, AttributeError):
        signal.signal(signal.SIGTSTP, signal.SIG_DFL)  # the parent's stops all workers
    nothing = os.open(os.devnull, os.O_RDONLY)
    os.dup2(nothing, 0)
    os.close(nothing)
    become_worker(WorkerIdentity(place.number, place.run))
    flags = os.O_WRONLY | os.O_APPEND | os.O_CREAT
    stacks = park(os.open(place.paths.stacks, flags, 0o600))
    faulthandler.enable(stacks)
    if hasattr(faulthandler, "register"):
        faulthandler.register(DUMP_SIGNAL, stacks)
    die_with_parent(place.life)


def _leave_terminal(place: Place) -> None:
    """Make a forked process the leader of a group, with files for its output."""
    os.setsid()  # no terminal either: to read from it would stop the worker
    for fd, path in ((1, place.paths.out), (2, place.paths.err)):
        if fd == 2 and place.paths.out == place.paths.err:
            os.dup2(1, 2)
            continue
        out = os.open(path, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o600)
        os.dup2(out, fd)
        os.close(out)



def _forget_handlers() -> None:
    """Leave to the parent the exit handlers that were registered when the tests were imported.

    Each runs once, in the parent: what it removes may still be used by other workers.
    """
    atexit._clear()
    for finalizer in list(weakref.finalize._registry):  # type: ignore[attr-defined]
        finalizer.atexit = False
    weakref.finalize._registered_with_atexit = False  # type: ignore[attr-defined]
    multiprocessing: Any = sys.modules.get("multiprocessing.util")
    if multiprocessing is not None:
        atexit.register(multiprocessing._exit_function)
