"""Start workers: as forks of the parent, or as new processes that import the tests again."""

from __future__ import annotations

import contextlib
import json
import os
import platform
import subprocess
import sys
import threading
from collections.abc import Sequence
from typing import Protocol

from tempfiles import untracked

from ..unittest_api import test_id
from .channel import Paths, park
from .process import SpawnedProcess, WorkerProcess
from .spawned import SpawnPlan
from .worker import Job, Place, run_forked

CAN_FORK = hasattr(os, "fork")


class Wires:
    """The pipes that all workers share.

    Attributes:
        bell: where a byte comes when a worker wants the parent to look.
        bell_in: the other end.
        life: a pipe in which nothing ever comes; its end says that the parent is dead.
    """

    def __init__(self) -> None:
        self.bell, self.bell_in = map(park, os.pipe())
        self.life, self._life_in = map(park, os.pipe())
        if CAN_FORK:
            os.set_blocking(self.bell, False)
            os.set_blocking(self.bell_in, False)

    def close_in_worker(self) -> None:
        """Close what only the parent may have."""
        for fd in (self.bell, self._life_in):
            os.close(fd)

    def close(self) -> None:
        """Close all."""
        for fd in (self.bell, self.bell_in, self.life, self._life_in):
            os.close(fd)


class Starter(Protocol):
    """Starts a worker."""

    def start(self, number: int, paths: Paths, others: Sequence[WorkerProcess]) -> WorkerProcess:
        """Start a worker.

        Args:
            number: 0 to N-1.
            paths: its files.
            others: the workers that there are.
        """


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
        """Start a worker; see `Starter`."""
        work, work_in = os.pipe()
        _flush()
        wires = self._wires
        pid = self._job.run.fork()
        if pid == 0:
            wires.close_in_worker()
            for fd in (work_in, *(worker.work for worker in others)):
                os.close(fd)
            run_forked(
                self._job,
                Place(number, self._job.run_word, paths, work, wires.bell_in, wires.life),
            )
        os.close(work)
        with untracked():
            return WorkerProcess(number, pid, paths, park(work_in))


class SpawnStarter:
    """Starts new interpreters, which import the tests again and check that they are the same.

    Args:
        job: what the workers share.
        wires: the pipes.
    """

    def __init__(self, job: Job, wires: Wires) -> None:
        self._job = job
        self._wires = wires
        settings = job.components.settings
        self._plan = os.path.join(job.run.root.path, "worker-plan.json")
        plan = SpawnPlan(
            settings._asdict(), list(job.words), [test_id(test) for test in job.tests],
            job.settings._asdict(), job.run.root.path, job.run_word,
            job.components.retention.name, list(sys.argv),
        )  # fmt: skip
        with untracked(), open(self._plan, "w", encoding="ascii") as file:
            json.dump(plan._asdict(), file)

    def start(self, number: int, paths: Paths, others: Sequence[WorkerProcess]) -> WorkerProcess:
        """Start a worker; see `Starter`."""
        shared = (self._wires.bell_in, self._wires.life) if CAN_FORK else ()
        fds = shared or (-1, -1)
        words = [self._plan, str(number), json.dumps(paths), *map(str, fds)]
        flags = subprocess._args_from_interpreter_flags()  # type: ignore[attr-defined]
        _flush()
        with untracked():
            out = open(paths.out, "ab")  # noqa: SIM115 - closed below
            err = out if paths.out == paths.err else open(paths.err, "ab")  # noqa: SIM115
            try:
                process = subprocess.Popen(
                    [sys.executable, *flags, "-m", f"{__package__}.spawned", *words],
                    stdin=subprocess.PIPE, stdout=out, stderr=err, bufsize=0,
                    pass_fds=shared, start_new_session=CAN_FORK,
                )  # fmt: skip
            finally:
                out.close()
                err.close()
            return SpawnedProcess(number, process, paths)


def starter_of(job: Job, wires: Wires) -> Starter:
    """Return what starts the workers of a run: by fork where that is safe."""
    by = job.components.settings.workers_by
    if by == "fork" or (by == "auto" and reason_against_fork() is None):
        return ForkStarter(job, wires)
    return SpawnStarter(job, wires)


def reason_against_fork() -> str | None:
    """Return why workers cannot be forked; None where they can."""
    if not CAN_FORK:
        return "this system has no fork"
    if platform.system() == "Darwin":
        return "a forked process may crash in system libraries of macOS"
    alive = [thread.name for thread in threading.enumerate()[1:]]
    if alive:
        return f"threads are alive after the import of the tests: {', '.join(alive)}"
    return None


def _flush() -> None:
    """Write out what is buffered: a fork would have it too."""
    for stream in (sys.stdout, sys.stderr):
        with contextlib.suppress(OSError, ValueError, AttributeError):
            stream.flush()
