"""Start workers: as forks of the parent, or as new processes that import the tests again."""

from __future__ import annotations

import contextlib
import os
import signal
import sys
from collections.abc import Iterator, Sequence
from contextlib import AbstractContextManager
from typing import Any, Protocol

from ..workers.channel import Paths, park
from ..workers.worker import Job, Place, run_forked
from .process import WorkerProcess
from .wires import CAN_FORK, Wires, flush_output


class WorkerStarter(Protocol):
    """Starts a worker."""

    def start(self, number: int, paths: Paths, others: Sequence[WorkerProcess]) -> WorkerProcess:
        """Start a worker.

        Args:
            number: 0 to N-1.
            paths: its files.
            others: the workers that there are.
        """

    def holding_interrupts(self) -> AbstractContextManager[None]:
        """Return a block in which ^C waits, where the start of a worker could lose it."""


class ForkStarter:
    """Forks the parent, which has imported the tests.

    Args:
        job: what the workers share.
        wires: the pipes.
    """

    def __init__(self, job: Job, wires: Wires) -> None:
        self._job = job
        self._wires = wires

    def start(self, number: int, paths: Paths, others: Sequence[WorkerProcess]) -> WorkerProcess:
        """Start a worker; see `WorkerStarter`."""
        work, work_in = os.pipe()
        flush_output()
        wires = self._wires
        pid = self._job.run.fork()
        if pid == 0:
            signal.pthread_sigmask(signal.SIG_UNBLOCK, {signal.SIGINT})
            wires.close_in_worker()
            for fd in (work_in, *(worker.work for worker in others)):
                os.close(fd)
            job, shown = self._job, self._job.first_worker + number
            run_forked(job, Place(shown, job.run_word, paths, work, wires.bell_in, wires.life))
        os.close(work)
        with self._job.run.starting_worker():
            return WorkerProcess(number, pid, paths, park(work_in))

    @contextlib.contextmanager
    def holding_interrupts(self) -> Iterator[None]:
        """Have ^C wait: the interpreter ignores what a function raises that it calls at a fork."""
        before = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})
        try:
            yield
        finally:
            signal.pthread_sigmask(signal.SIG_SETMASK, before)


def starter_of(job: Job, wires: Wires) -> WorkerStarter:
    """Return what starts the workers of a run: by fork where that is safe."""
    by = job.components.settings.workers_by
    if by == "fork" or (by == "auto" and reason_against_fork() is None):
        return ForkStarter(job, wires)
    from .spawning import SpawnStarter

    return SpawnStarter(job, wires)


def reason_against_fork() -> str | None:
    """Return why workers cannot be forked; None where they can."""
    if not CAN_FORK:
        return "this system has no fork"
    if os.uname().sysname == "Darwin":
        return "a forked process may crash in system libraries of macOS"
    threading: Any = sys.modules.get("threading")
    alive = [thread.name for thread in threading.enumerate()[1:]] if threading is not None else ()
    if alive:
        return f"threads are alive after the import of the tests: {', '.join(alive)}"
    return None
