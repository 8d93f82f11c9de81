"""A real scheduler and workers of dask, each a process on loopback, with a directory of its own.

Importing distributed takes most of the time of such a process. The main program does it once, and
forks for each command that it reads.
"""

from __future__ import annotations

import contextlib
import os
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from tests.support.programs import REPOSITORY

TIMEOUT = 60.0  # seconds; on a busy machine it takes 3 until the first process is there


class DaskCluster:
    """Starts and kills a scheduler and workers; to be used as a context.

    Args:
        workers: how many workers to start at first.
        options: for each worker.

    Attributes:
        address: of the scheduler.
        top: the directory with the working directory, scratch and log of each process.
    """

    def __init__(self, workers: int = 0, options: Sequence[str] = ("--nthreads", "1")) -> None:
        self._count = workers
        self._options = options
        self.port = free_port()
        self.address = f"tcp://127.0.0.1:{self.port}"
        self._exit = contextlib.ExitStack()
        self.scheduler = 0
        self.workers: list[int] = []

    def __enter__(self) -> DaskCluster:
        self.top = Path(self._exit.enter_context(tempfile.TemporaryDirectory(prefix="dask-")))
        environment = {**os.environ, "PYTHONPATH": REPOSITORY, "TMPDIR": str(self.top)}
        self._server = subprocess.Popen(
            [sys.executable, "-m", __name__], stdin=subprocess.PIPE, stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL, env=environment, text=True, cwd=self.top,
        )  # fmt: skip
        self._exit.callback(self._close)
        self.start_scheduler()
        for _ in range(self._count):
            self.add_worker()
        return self

    def __exit__(self, *exception: object) -> None:
        self._exit.close()

    def _close(self) -> None:
        for pid in (*self.workers, self.scheduler):
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
        assert self._server.stdin is not None and self._server.stdout is not None
        self._server.stdin.close()
        self._server.wait()
        self._server.stdout.close()

    def start_scheduler(self) -> None:
        """Start the scheduler, or start it again, at the same address."""
        self.scheduler = self._start("scheduler", [
            "--host", "127.0.0.1", "--port", str(self.port), "--no-dashboard", "--no-show",
        ])  # fmt: skip
        deadline = time.monotonic() + TIMEOUT
        while time.monotonic() < deadline:
            with contextlib.suppress(OSError):
                socket.create_connection(("127.0.0.1", self.port)).close()
                return
            time.sleep(0.02)
        raise TimeoutError(self.log("scheduler"))

    def add_worker(self, *options: str) -> int:
        """Start a worker; return its process id."""
        name = f"worker-{len(self.workers)}"
        pid = self._start("worker", [
            self.address, "--no-dashboard", "--no-nanny", "--local-directory",
            str(self.top / name), *(options or self._options),
        ])  # fmt: skip
        self.workers.append(pid)
        return pid

    def kill(self, pid: int) -> None:
        """Kill a process of the cluster, as a machine that loses its power."""
        os.kill(pid, signal.SIGKILL)

    def left(self) -> list[str]:
        """Return what runs have left in the temp directory of the machines."""
        return [str(path) for path in self.top.rglob("tid*") if path.name != "tidytest"]

    def log(self, name: str) -> str:
        """Return what processes of a kind have said."""
        return "".join(path.read_text() for path in self.top.glob(f"{name}*.log"))

    def _start(self, kind: str, words: Sequence[str]) -> int:
        assert self._server.stdin is not None and self._server.stdout is not None
        self._server.stdin.write("\0".join([kind, *words]) + "\n")
        self._server.stdin.flush()
        return int(self._server.stdout.readline())


def free_port() -> int:
    """Return a port that is free now."""
    with socket.socket() as found:
        found.bind(("127.0.0.1", 0))
        return int(found.getsockname()[1])


def serve() -> None:
    """Fork a process of dask for each line; end when standard input is closed."""
    from distributed.cli import dask_scheduler, dask_worker

    signal.signal(signal.SIGCHLD, signal.SIG_IGN)
    commands: dict[str, Any] = {"scheduler": dask_scheduler.main, "worker": dask_worker.main}
    for number, line in enumerate(iter(sys.stdin.readline, "")):
        kind, *words = line.rstrip("\n").split("\0")
        pid = os.fork()
        if not pid:
            signal.signal(signal.SIGCHLD, signal.SIG_DFL)
            os.setsid()
            place = Path(f"{kind}-{number}-of-dask")
            place.mkdir()
            log = os.open(f"{kind}-{number}.log", os.O_WRONLY | os.O_CREAT)
            for fd in (1, 2):
                os.dup2(log, fd)
            os.dup2(os.open(os.devnull, os.O_RDONLY), 0)
            os.chdir(place)  # not the project's
            commands[kind](words)
            os._exit(0)
        print(pid, flush=True)


if __name__ == "__main__":
    serve()
