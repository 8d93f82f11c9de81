"""End tests that take too long: ask for the stacks of all threads, then kill the group.

The parent has the clock, so a test cannot stop it. It pauses while the worker is stopped (by a
debugger or ^Z), and while the parent itself is.
"""

from __future__ import annotations

import contextlib
import os
import signal
from collections.abc import Iterable, Sequence
from time import perf_counter
from typing import Any

from ..marks import timeout_of
from ..workers import events
from ..workers.channel import DUMP_SIGNAL
from .process import WorkerProcess

_PAUSE = 0.05
"""Seconds between two looks at the clock."""
_GAP = 1.0
"""The parent was stopped if it looks that much later than it should, in seconds."""
_DUMP_SECONDS = 0.3
"""Seconds that a worker has to write its stacks."""


class TimeLimits:
    """The limits of the tests, and of the fixtures of classes and modules.

    Args:
        tests: all tests.
        default: the limit of a test without a mark, in seconds; None is without limit.
    """

    def __init__(self, tests: Sequence[Any], default: float | None) -> None:
        self._tests = tests
        self._default = default
        self._last = perf_counter()

    def look(self, workers: Iterable[WorkerProcess]) -> None:
        """End what is over its limit; to be called often."""
        now = perf_counter()
        passed = now - self._last
        if passed >= _PAUSE:
            self._last = now
            for worker in workers:
                self._follow(worker, now, passed)

    def _follow(self, worker: WorkerProcess, now: float, passed: float) -> None:
        event = worker.running or worker.fixture
        if event is not worker.timed:
            worker.timed, worker.limit = event, self._limit_of(event)
            if worker.asked is not None:  # the test has ended after all
                worker.asked = None
                with contextlib.suppress(OSError):
                    worker.stacks_from = os.path.getsize(worker.paths.stacks)
            begun = events.moment_of(event)
            worker.deadline = (now if begun is None else begun) + (worker.limit or 0.0)
        if worker.limit is None:
            return
        if passed > _GAP or _is_stopped(worker.pid):
            worker.deadline += passed
        elif worker.asked is not None and now > worker.asked + _DUMP_SECONDS:
            worker.kill(signal.SIGKILL)
        elif worker.asked is None and now > worker.deadline:
            worker.asked = now
            worker.kill(DUMP_SIGNAL, group=False)

    def _limit_of(self, event: bytes) -> float | None:
        if not event:
            return None
        index = events.index_of(event)
        return self._default if index is None else timeout_of(self._tests[index], self._default)


def _is_stopped(pid: int) -> bool:
    """Return whether a process is stopped, by a signal or a debugger; False if that is unknown."""
    with contextlib.suppress(OSError, IndexError), open(f"/proc/{pid}/stat", "rb") as file:
        return file.read().rpartition(b")")[2].split()[0] in (b"T", b"t")
    return False
