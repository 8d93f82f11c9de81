"""Tell in which test or fixture a worker died, of what, and which tests are left."""

from __future__ import annotations

import json
import os
import signal
import time
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any
from unittest.util import strclass

from tempfiles import ContextReport

from ..scheduling.plan import Unit
from ..session.outcomes import Outcome
from ..unittest_api import test_id
from ..workers import events

if TYPE_CHECKING:
    from tempfiles import Run

    from .process import WorkerProcess


_PAUSE = 0.01
"""Seconds between two looks for a child that is to end."""
_OURS = os.path.join(os.path.dirname(os.path.dirname(__file__)), "")
_RUNNERS = (f"{os.sep}unittest{os.sep}", _OURS)


class Death:
    """The death of a worker in a unit.

    Args:
        worker: the worker, with its last events.
        unit: what it ran.
        tests: all tests.
        code: its exit code; a negative one is a signal.
    """

    def __init__(
        self, worker: WorkerProcess, unit: Unit, tests: Sequence[Any], code: int
    ) -> None:
        self._worker = worker
        self._unit = unit
        self._tests = tests
        self._code = code
        self._fixture: str = json.loads(worker.fixture[1:]) if worker.fixture else ""
        self._last = events.index_of(worker.last)

    def lines(self) -> list[bytes]:
        """Return the events that the worker could not send any more."""
        message = self._message()
        stack = self._stack()
        details = f"{message}\n\n{stack}" if stack else f"{message}\n"
        outcome = self._outcome(message, details)
        if outcome is None:
            return []
        left = self._left_by(outcome.owner)
        if left is not None:
            self._worker.contexts.append(left.encode())
        index = self._last if self._worker.running else None
        lines = [
            self._positions(),
            *([left] if left is not None else []),
            events.line(events.OUTCOME, [index, None, *outcome]),
            *([f"{events.STOPPED}{time.perf_counter():.6f} 0"] if self._worker.running else []),
        ]
        return [line.encode() for line in lines]

    def _message(self) -> str:
        worker, what = self._worker, "test" if self._worker.running else "fixture"
        if worker.asked is not None:
            return f"the {what} did not end within {worker.limit:g} s"
        return f"the process of this {what} {_fate(self._code)}"

    def _outcome(self, message: str, details: str) -> Outcome | None:
        if self._worker.running:
            id = events.foreign_id(self._worker.running)
            if id is None and self._last is not None:
                id = test_id(self._tests[self._last])
            return Outcome(str(id), str(id), "error", message, details)
        if not self._fixture:
            return None
        owner = self._fixture.partition(" (")[2].removesuffix(")")
        return Outcome(self._fixture, owner, "error", message, details, fixture=True)

    def _left_by(self, id: str) -> str | None:
        """Return the event of a context that did not close; None if it left nothing."""
        leaks = tuple(leak for leak in self._worker.leaks if leak.context == id)
        if not leaks:
            return None
        return events.of_context(ContextReport(id, leaks[0].scope, made=len(leaks), leaks=leaks))

    def rest(self) -> range:
        """Return the tests that a new worker runs."""
        unit = self._unit.tests
        if self._worker.running and self._last is None:
            return range(0)  # a test that only its suite knows: the rest cannot be found
        first = unit.start if self._last is None else self._last + 1
        if not self._worker.running:
            if self._fixture.startswith("setUpModule"):
                return range(0)
            if self._fixture.startswith("setUpClass"):
                owner = self._fixture.partition(" (")[2].removesuffix(")")
                while first < unit.stop and strclass(type(self._tests[first])) == owner:
                    first += 1
        return range(first, unit.stop)

    def _stack(self) -> str:
        try:
            with open(self._worker.paths.stacks, encoding="utf-8", errors="replace") as file:
                file.seek(self._worker.stacks_from)
                return _without_runner(file.read())
        except OSError:
            return ""

    def _positions(self) -> str:
        paths = self._worker.paths
        sizes = [os.path.getsize(path) for path in dict.fromkeys((paths.out, paths.err))]
        return events.positions(sizes)


def reap(run: Run, dead: WorkerProcess, seconds: float) -> None:
    """Remove the roots of dead workers, in which a child of a test may live on.

    Args:
        run: the parent's.
        dead: one of the workers; it gets the user's files that were rescued.
        seconds: how long such a child has to end.
    """
    deadline = time.monotonic() + seconds
    while True:
        dead.rescued += run.reap_children()
        left = any(name.startswith("tidy-") for name in os.listdir(run.root.path))
        if not left or time.monotonic() >= deadline:
            break
        time.sleep(_PAUSE)


def _without_runner(stacks: str) -> str:
    """Return the stacks of threads without the frames of the runner below those of the test."""
    kept, is_ours = [], False
    for line in stacks.splitlines(keepends=True):
        is_frame = line.startswith("  File ")
        is_ours = is_frame and (is_ours or any(runner in line for runner in _RUNNERS))
        if not is_ours and not line.startswith("Extension modules:"):
            kept.append(line)
    return "".join(kept)


def _fate(code: int) -> str:
    """Return how a process ended: `was killed by SIGSEGV`, or `ended with exit code 3`."""
    if code >= 0:
        return f"ended with exit code {code}"
    try:
        return f"was killed by {signal.Signals(-code).name}"
    except ValueError:
        return f"was killed by signal {-code}"
