"""Start workers as new processes, where a fork is not possible or not safe."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from collections.abc import Sequence
from contextlib import AbstractContextManager, nullcontext

from tempfiles import untracked

from ..interpreter import command
from ..unittest_api import test_id
from ..workers.channel import Paths
from ..workers.spawned import SpawnPlan
from ..workers.worker import Job
from .process import WorkerProcess
from .wires import CAN_FORK, Wires, flush_output


class SpawnedProcess(WorkerProcess):
    """A worker that is a new process.

    Args:
        number: 0 to N-1.
        process: the process; its standard input takes the commands.
        paths: its files.
    """

    def __init__(self, number: int, process: subprocess.Popen[bytes], paths: Paths) -> None:
        assert process.stdin is not None
        super().__init__(number, process.pid, paths, os.dup(process.stdin.fileno()))
        process.stdin.close()
        self._process = process

    def exit_code(self, *, waits: bool = False, kills_group: bool = False) -> int | None:
        """Return the exit code of a process that has ended; see `WorkerProcess`."""
        code = self._process.wait() if waits else self._process.poll()
        if code is not None and kills_group:
            self.kill(signal.SIGKILL)
        return code

    def kill(self, number: int, group: bool = True) -> None:
        """Send a signal to the process, or to the whole group that it leads."""
        if hasattr(os, "killpg"):
            super().kill(number, group)
        else:
            self._process.kill()


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

    def holding_interrupts(self) -> AbstractContextManager[None]:
        """Do nothing: a new process would inherit what is blocked, and no function is called."""
        return nullcontext()

    def start(self, number: int, paths: Paths, others: Sequence[WorkerProcess]) -> WorkerProcess:
        """Start a worker; see `WorkerStarter`."""
        shared = (self._wires.bell_in, self._wires.life) if CAN_FORK else ()
        fds = shared or (-1, -1)
        shown = self._job.first_worker + number
        words = [self._plan, str(shown), json.dumps(paths), *map(str, fds)]
        flush_output()
        with untracked(), self._job.run.starting_worker():
            out = open(paths.out, "ab")  # noqa: SIM115 - closed below
            err = out if paths.out == paths.err else open(paths.err, "ab")  # noqa: SIM115
            try:
                process = subprocess.Popen(
                    [*command("workers.spawned"), *words],
                    stdin=subprocess.PIPE, stdout=out, stderr=err, bufsize=0,
                    pass_fds=shared, start_new_session=CAN_FORK,
                )  # fmt: skip
            finally:
                out.close()
                err.close()
            return SpawnedProcess(number, process, paths)
