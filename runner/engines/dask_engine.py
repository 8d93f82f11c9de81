"""The engine of a dask.distributed cluster: the only import of distributed."""

from __future__ import annotations

import contextlib
import logging
import os
import threading
import time
from collections.abc import Sequence
from concurrent.futures import Future
from typing import Any

from ..errors import UsageError
from ..remote.messages import Answer, Call, EngineError, Note
from ..remote.task import TaskSite, perform

_CONNECT = 5.0
"""Seconds in which the scheduler has to answer at the start."""
_LOST = 45.0
"""Seconds without an answer of the scheduler after which the run gives it up. TCP repeats what a
cut link of 20 s has lost after 26 s."""
_LOOK = 0.5
"""Seconds between two looks at the scheduler's list of workers."""
_TOPIC = "tidytest-{}"
_RESOURCE = "tidytest"
"""The resource of a dask worker that says how many local workers it starts."""


class DaskEngine:
    """The cluster of a dask scheduler. Each call is bound to one dask worker.

    dask would run a call that a dead worker had once more elsewhere, up to four times, and not say
    so. A call that is bound to a worker waits instead, until the run takes it back.

    Args:
        workers: the address of the scheduler, its file, or `dask`: what dask's settings say.

    Raises:
        UsageError: distributed is not installed, or the scheduler cannot be reached.
    """

    is_pinned = True

    def __init__(self, workers: str) -> None:
        try:
            import distributed
        except ImportError:
            raise UsageError(
                '--workers needs distributed: pip install "tidytest[dask]"'
            ) from None
        except ValueError as error:  # of dask's settings
            raise UsageError(f"--workers: {_first_line(error)}") from None
        _silence()
        self._distributed = distributed
        self._asked = workers
        self._address = address = _address_of(workers)
        self.name = address or workers
        self._client = _connected(distributed, workers, address)
        self._notes: list[Note] = []
        self._workers: tuple[str, ...] = ()
        self._seen = time.monotonic()
        self._is_closed = threading.Event()
        self._topic = _TOPIC.format(os.urandom(4).hex())
        self._subscribed = 0  # the id of the connection: a new one knows of no topic
        self._executors: dict[str, Any] = {}
        threading.Thread(target=self._look, name="tidytest: dask workers", daemon=True).start()

    def machines(self) -> Sequence[str]:
        """Return the addresses of the dask workers; see `Engine.machines`."""
        silent = time.monotonic() - self._seen
        if silent > _LOST or self._client.status != "running":
            raise EngineError(f"the scheduler {self.name} does not answer")
        return self._workers

    def submit(self, machine: str, call: Call) -> Future[Answer]:
        """Have a dask worker do a call."""
        if machine not in self._executors:
            self._executors[machine] = self._client.get_executor(
                pure=False, workers=[machine], allow_other_workers=False
            )
        future: Future[Answer] = self._executors[machine].submit(
            perform_in_dask, call, self._topic
        )
        return future

    def notes(self) -> Sequence[Note]:
        """Return the notes that have come."""
        notes, self._notes = self._notes, []
        return notes

    def cancel(self, machine: str, future: Future[Answer]) -> None:
        """Release a call; the task sees that and ends its process."""
        future.cancel()

    def close(self) -> None:
        """Disconnect, which releases all calls."""
        self._is_closed.set()
        with contextlib.suppress(Exception):  # the scheduler may be gone
            self._client.close(timeout=2)

    def _look(self) -> None:
        """Follow the list of workers, in a thread: an answer may take as long as a cut link."""
        while not self._is_closed.wait(_LOOK if self._workers else _LOOK / 5):
            with contextlib.suppress(Exception):  # no connection at the moment
                if self._client.status == "closed":  # it has given up, and the run has not
                    self._client = _connected(self._distributed, self._asked, self._address)
                    self._executors.clear()
                comm = self._client.scheduler_comm
                if id(comm) != self._subscribed:
                    self._client.subscribe_topic(self._topic, self._take_note)
                    self._subscribed = id(comm)
                self._workers = tuple(self._client.nthreads())
                self._seen = time.monotonic()

    def _take_note(self, event: tuple[float, Any]) -> None:
        self._notes.append(Note(*event[1]))


def _silence() -> None:
    """Have the libraries log nothing: the run says it in one line."""
    for name in ("asyncio", *logging.root.manager.loggerDict):
        if name.partition(".")[0] in ("asyncio", "distributed", "tornado"):
            logging.getLogger(name).setLevel(logging.CRITICAL)


def _address_of(workers: str) -> str | None:
    """Return the address of the scheduler; None where a file has it."""
    if workers != "dask":
        return None if workers.endswith(".json") else workers
    import dask

    address = dask.config.get("scheduler-address", None)
    if address is None:
        raise UsageError("--workers dask needs $DASK_SCHEDULER_ADDRESS, or scheduler-address in"
                         " dask's settings")  # fmt: skip
    return str(address)


def _connected(distributed: Any, workers: str, address: str | None) -> Any:
    if address is None and not os.path.isfile(workers):
        raise UsageError(f"--workers: there is no file {workers}")
    where = {"scheduler_file": workers} if address is None else {"address": address}
    client: Any = distributed.Client.__new__(distributed.Client)
    try:
        client.__init__(**where, timeout=_CONNECT, set_as_default=False)
        ours, theirs = distributed.__version__, _version_of_scheduler(client)
    except Exception as error:  # of sockets, of TLS, of dask's own settings
        client.status = "closed"  # else its finalizer waits for the scheduler
        reason = _first_line(error)
        if isinstance(error, FileNotFoundError):
            reason = "a file of dask's TLS settings does not exist"
        raise UsageError(f"--workers: cannot connect to {address or workers}: {reason}") from None
    if ours != theirs:
        client.close(timeout=2)
        raise UsageError(
            f"--workers: the scheduler {address or workers} has distributed {theirs}, here it is"
            f" {ours}: install the same version"
        )
    return client


def _first_line(error: Exception) -> str:
    return str(error).strip().partition("\n")[0] or type(error).__name__


def _version_of_scheduler(client: Any) -> str:
    found = client.sync(client.scheduler.versions, callback_timeout=_CONNECT)
    return str(found["packages"]["distributed"])


def perform_in_dask(call: Call, topic: str) -> Answer:
    """Do a call in a dask worker: what the scheduler sends there by name."""
    from distributed import get_worker

    worker: Any = get_worker()
    key = worker.get_current_task()

    def is_cancelled() -> bool:
        task = worker.state.tasks.get(key)
        is_closing = worker.status.name not in ("running", "paused")
        return is_closing or task is None or task.state == "cancelled"

    def note(content: Note) -> None:
        worker.log_event(topic, [*content])

    host = worker.address.partition("://")[2].rpartition(":")[0]
    cores = int(worker.state.total_resources.get(_RESOURCE, worker.state.nthreads))
    return perform(call, TaskSite(host, max(cores, 1), worker.local_directory, is_cancelled, note))
