"""Any `concurrent.futures.Executor` as an engine: MPI, loky, or processes of this machine."""

from __future__ import annotations

import os
import socket
from collections.abc import Sequence
from concurrent.futures import Executor, Future

from ..remote.messages import Answer, Call
from ..remote.task import TaskSite, perform


class ExecutorEngine:
    """Any executor as an engine: each of its processes is a machine.

    Args:
        executor: runs one call in each of its processes at a time.
        processes: how many it has.
        cores: how many local workers each call starts.
        name: what messages call it.
    """

    is_pinned = False

    def __init__(
        self, executor: Executor, processes: int, cores: int = 1, name: str = "executor"
    ) -> None:
        self.name = name
        self._executor = executor
        self._machines = [f"{name}-{number + 1}" for number in range(processes)]
        self._cores = cores

    def machines(self) -> Sequence[str]:
        """Return one name for each process."""
        return self._machines

    def submit(self, machine: str, call: Call) -> Future[Answer]:
        """Have any process do a call."""
        return self._executor.submit(_perform_here, call, self._cores)

    def notes(self) -> None:
        """Return None: an executor brings answers only."""

    def cancel(self, machine: str, future: Future[Answer]) -> None:
        """Cancel a call that has not begun."""
        future.cancel()

    def close(self) -> None:
        """Shut the executor down, without waiting for its calls."""
        self._executor.shutdown(wait=False)  # not each executor takes more words


def _perform_here(call: Call, cores: int) -> Answer:
    parent = os.getppid()
    site = TaskSite(
        socket.gethostname(), cores, None, lambda: os.getppid() != parent, lambda note: None
    )
    return perform(call, site)
