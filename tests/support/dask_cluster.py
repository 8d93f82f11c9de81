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
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from tests.support.programs import REPOSITORY


class Forks:
    """A process that has imported distributed, and forks processes of dask.

    Args:
        top: the directory for all that they write.
        prefix: a command to start it with, as `ip netns exec NAME`.
    """

    def __init__(self, top: Path, prefix: Sequence[str] = ()) -> None:
        environment = {**os.environ, "PYTHONPATH": REPOSITORY, "TMPDIR": str(top)}
        self._process = subprocess.Popen(
            [*prefix, sys.executable, "-m", __name__], stdin=subprocess.PIPE,
            stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, env=environment, text=True, cwd=top,
        )  # fmt: skip
        self._pids: list[int] = []

    def start(self, kind: str, words: Sequence[str]) -> int:
        """Start a scheduler or a worker; return its process id."""
        assert self._process.stdin is not None and self._process.stdout is not None
        self._process.stdin.write("\0".join([kind, *words]) + "\n")
        self._process.stdin.flush()
        self._pids.append(int(self._process.stdout.readline()))
        return self._pids[-1]

    def close(self) -> None:
        """Kill all."""
        assert self._process.stdin is not None and self._process.stdout is not None
        for pid in self._pids:
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
        self._process.stdin.close()
        self._process.wait()
        self._process.stdout.close()


class DaskCluster:
    """Starts and kills a scheduler and workers; to be used as a context.

    Args:
        workers: how many workers to start at first.
        host: the address of the scheduler.
        prefixes: commands to start the processes of the scheduler, and of the workers, with.
        protocol: `tcp`, or `tls` with dask's own settings.

    Attributes:
        address: of the scheduler.
        top: the directory with the working directory, scratch and log of each process.
        scheduler: the process id of the scheduler.
        workers: those of the workers.
    """

    def __init__(
        self, workers: int = 0, host: str = "127.0.0.1",
        prefixes: tuple[Sequence[str], ...] = ((),), protocol: str = "tcp",
    ) -> None:
        self._count = workers
        self._host = host
        self._prefixes = prefixes
        self.port = free_port()
        self._protocol = protocol
        self.address = f"{protocol}://{host}:{self.port}"
        self._exit = contextlib.ExitStack()
        self.scheduler = 0
        self.workers: list[int] = []

    def __enter__(self) -> DaskCluster:
        self.top = Path(self._exit.enter_context(tempfile.TemporaryDirectory(prefix="dask-")))
        forks = [Forks(self.top, prefix) for prefix in self._prefixes]
        for each in forks:
            self._exit.callback(each.close)
        self._for_scheduler, self._for_workers = forks[0], forks[-1]
        self.start_scheduler()
        for _ in range(self._count):
            self.add_worker()
        return self

    def __exit__(self, *exception: object) -> None:
        self._exit.close()

    def start_scheduler(self) -> None:
        """Start the scheduler, or start it again, at the same address."""
        self.scheduler = self._for_scheduler.start("scheduler", [
            "--host", self._host, "--port", str(self.port), "--no-dashboard", "--no-show",
            "--protocol", self._protocol,
        ])  # fmt: skip

    def add_worker(self, *options: str) -> int:
        """Start a worker; return its process id."""
        name = f"worker-{len(self.workers)}"
        pid = self._for_workers.start("worker", [
            self.address, "--no-dashboard", "--no-nanny", "--local-directory",
            str(self.top / name), *(options or ("--nthreads", "1")),
        ])  # fmt: skip
        self.workers.append(pid)
        return pid

    def kill(self, pid: int) -> None:
        """Kill a process of the cluster, as a machine that loses its power; it may be dead."""
        with contextlib.suppress(ProcessLookupError):
            os.kill(pid, signal.SIGKILL)

    def left(self) -> list[str]:
        """Return what runs have left in the temp directories of the machines."""
        return [str(path) for path in self.top.rglob("tid*")]


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
