"""Turn what unittest does in a worker into events: its result, boundaries and session.

`events` lists the events. A test costs one write: its outcome goes out with the start of the next.
"""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Sequence
from time import perf_counter
from typing import TYPE_CHECKING, Any
from unittest.util import strclass

from ..execution.boundaries import Boundaries
from ..execution.failure_texts import details_of_last, explain_full_disk, name_of
from ..execution.result import TidyTestResult
from ..scheduling.plan import has_class_fixtures, module_with_fixtures
from ..session.outcomes import Status
from ..session.policy import ClosedContext
from ..session.session import Session
from ..unittest_api import captured_output, exception_text, test_of
from . import events
from .channel import EventWriter, StopFlag

if TYPE_CHECKING:
    from tempfiles import ContextReport

__unittest = True  # frames of this module stay out of users' tracebacks


class OutputPositions:
    """How much the tests have written to the files of standard output and standard error."""

    def __init__(self, joined: bool) -> None:
        self._fds = (1,) if joined else (1, 2)
        self._streams = (sys.stdout, sys.stderr)
        self._seek = os.lseek
        self.now = [0] * len(self._fds)

    def changed(self) -> bool:
        """Write out what is buffered; return whether more was written since the last call."""
        changed = False
        try:  # without `contextlib.suppress`, which takes as long as the rest: once a test
            for stream in self._streams:
                stream.flush()
        except Exception:  # a test may have closed or replaced anything
            pass
        for index, fd in enumerate(self._fds):
            try:
                position = self._seek(fd, 0, os.SEEK_CUR)
            except OSError:
                continue
            if position > self.now[index]:
                self.now[index] = position
                changed = True
        return changed


class WorkerStream:
    """The stream of a worker's result: what a user's own `run` writes to it becomes an event."""

    def __init__(self, writer: EventWriter) -> None:
        self._writer = writer

    def write(self, text: str) -> None:
        """Send a text."""
        self._writer.add(events.line(events.WRITTEN, text))

    def writeln(self, text: str = "") -> None:
        """Send a line."""
        self.write(f"{text}\n")

    def flush(self) -> None:
        """Do nothing: an event is sent with the next one."""

    def isatty(self) -> bool:
        """Return False."""
        return False


class WorkerResult(TidyTestResult):
    """A result that sends what happens to it, and prints nothing.

    Args:
        writer: where the events go.
        flag: whether to stop after the test under way.
        positions: of what tests print.
    """

    stops_at_leak = False

    def __init__(self, writer: EventWriter, flag: StopFlag, positions: OutputPositions) -> None:
        self._flag = flag
        self._stops = False
        self._stopped_at = sys.maxsize
        self._place = 0
        super().__init__(WorkerStream(writer), False, 0)
        self._writer = writer
        self._add_line = writer.add
        self._positions = positions
        self._indices: dict[int, int] = {}
        self._last_of_class: set[int] = set()
        self._sent = (0, 0)  # how much of the captured output
        self._elapsed = 0.0
        self._is_plain = self._is_in_test = False
        self._follows_fixture = True

    def begin_unit(self, first: int, tests: Sequence[Any]) -> None:
        """Prepare for the tests of a unit.

        Args:
            first: the place of the first test.
            tests: the tests.
        """
        self._place = first
        self._stops = first > self._stopped_at
        self._indices = {id(test): first + i for i, test in enumerate(tests)}
        self._last_of_class = {
            id(test)
            for test, following in zip(tests, (*tests[1:], None), strict=True)
            if type(test) is not type(following)
        }
        # What a suite remembers in its result from one run to the next.
        self._previousTestClass = None
        self._moduleSetUpFailed = False
        self._testRunEntered = False

    @property
    def shouldStop(self) -> bool:
        """Whether the run is to stop after the test under way."""
        return self._stops or self._flag.stops(self._place)

    @shouldStop.setter
    def shouldStop(self, value: bool) -> None:
        if value and not self._stops:
            self._stopped_at = min(self._stopped_at, self._place)
            self._add_line(events.STOP)
        self._stops = value

    # Tests

    def startTest(self, test: Any) -> None:
        """Send the number of the test, before anything of it runs."""
        self._is_in_test = True
        super().startTest(test)
        if self._follows_fixture:  # which may have printed
            self._follows_fixture = False
            self.send_positions()
        index = self._indices.get(id(test))
        now = perf_counter()
        if index is not None:
            self._add_line(f"{events.STARTED}{index} {now:.6f}")
        else:
            names = [now, *name_of(test), short_description(test)]
            self._add_line(events.line(events.FOREIGN, names))
        self._is_plain = False
        self._elapsed = 0.0
        self._writer.flush()

    def stopTest(self, test: Any) -> None:
        """Send that the test is over."""
        super().stopTest(test)
        self._is_in_test = False
        if interrupt := self.interrupt_of_test():
            self._add_line(events.line(events.BROKEN_OFF, interrupt))
        self.send_positions()
        event = events.PASSED if self._is_plain else events.STOPPED
        self._add_line(f"{event}{perf_counter():.6f} {self._elapsed:.6f}")
        if id(test) in self._last_of_class:
            self.before_class_fixture("tearDownClass", type(test))

    def addDuration(self, test: Any, elapsed: float) -> None:
        """Note how long a test took."""
        self._elapsed = elapsed

    def addSuccess(self, test: Any) -> None:
        """Note a success."""
        super().addSuccess(test)
        self._is_plain = True

    def _add(self, test: Any, status: Status, err: Any, entries: list[Any]) -> None:
        assert self.session is not None
        explain_full_disk(self.session, entries, err)
        details = details_of_last(entries, self)
        self._send(test, status, exception_text(err), details, entries[-1][1])

    def _report(self, test: Any, status: Status, message: str, details: str = "") -> None:
        text = self.expectedFailures[-1][1] if status == "expected failure" else details
        self._send(test, status, message, details, text)

    def _send(self, test: Any, status: Status, message: str, details: str, text: str) -> None:
        outcome = self._outcome(test, status, message, details)
        self._is_plain = False
        if self.session is not None:
            self.session.outcome(outcome)
        self._send_captured()
        self.send_positions()
        index = self._indices.get(id(test_of(test)))
        whole = None if text == details else text
        self._add_line(events.line(events.OUTCOME, [index, whole, *outcome]))
        self._writer.flush()  # the test may yet kill the worker

    def _send_captured(self) -> None:
        if self.buffer:
            out, err = captured_output(self)
            done_out, done_err = self._sent
            if len(out) > done_out or len(err) > done_err:
                self._add_line(events.line(events.CAPTURED, [out[done_out:], err[done_err:]]))
                self._sent = len(out), len(err)

    def _restoreStdout(self) -> None:
        if self._is_in_test or self._mirrorOutput:  # else of a fixture that has not failed
            self._send_captured()
        self._sent = (0, 0)
        self._mirrorOutput = False  # the parent prints it
        super()._restoreStdout()  # type: ignore[misc]

    def send_positions(self) -> None:
        """Send how much was printed, if it is more than before."""
        if self._positions.changed():
            self._add_line(events.positions(self._positions.now))

    # Contexts

    def context_closed(self, report: ContextReport, new: ContextReport) -> None:
        """Send what a context left."""
        if events.has_left(report):
            self.send_positions()
        self._add_line(events.of_context(report))
        if self.stops_at_leak and not all(leak.since for leak in new.leaks):
            self.stop()

    def annotate(self, test: Any, name: str, text: str) -> bool:
        """Send a text that belongs to a failure, if there is one."""
        if not self._append(test, name, text):
            return False
        index = None if test is None else self._indices.get(id(test))
        self._add_line(events.line(events.ANNOTATED, [index, name, text, test is None]))
        return True

    def before_class_fixture(self, name: str, kind: type) -> None:
        """Send which fixture of a class runs next, so that the parent knows if the worker dies."""
        has_cleanups = bool(getattr(kind, "_class_cleanups", ()))
        self._before_fixture(f"{name} ({strclass(kind)})", has_cleanups or has_class_fixtures(kind))

    def before_module_fixture(self, name: str, module: str) -> None:
        """Send which fixture of a module runs next."""
        self._before_fixture(f"{name} ({module})", bool(module_with_fixtures(module)))

    def before_worker_setup(self, name: str) -> None:
        """Send which function runs next that is marked with `runner.worker_setup`."""
        self._before_fixture(name, True)

    def _before_fixture(self, name: str, runs: bool) -> None:
        self._follows_fixture = True
        self._add_line(f"{events.FIXTURE}{json.dumps(name)}")
        if runs:  # else nothing runs in which the worker could die
            self._writer.flush()


class WorkerBoundaries(Boundaries):
    """The boundaries of a worker: they send which fixture is about to run."""

    def before_class(self, test: Any, result: Any) -> None:
        """Open the context of a class."""
        if result is self._result:
            result.before_class_fixture("setUpClass", type(test))
        super().before_class(test, result)

    def before_module(self, test: Any, result: Any) -> None:
        """Remember the next module."""
        if result is self._result:
            result.before_module_fixture("setUpModule", type(test).__module__)
        super().before_module(test, result)

    def before_module_end(self, module: str | None, result: Any) -> None:
        """Say that a module is torn down next."""
        if result is self._result and module is not None:
            result.before_module_fixture("tearDownModule", module)


class WorkerSession(Session):
    """The session of a worker, which sends what only the session knows."""

    writer: EventWriter

    def note_failure(self, closed: ClosedContext) -> None:
        """Record, and send, that the leaks of the last context fail it."""
        super().note_failure(closed)
        self.writer.add(events.LEAK_FAILED)

    def succeeded(self, id: str) -> None:
        """Record, and send, that a test came to its end with success."""
        super().succeeded(id)
        self.writer.add(events.line(events.SUCCEEDED, id))


def short_description(test: Any) -> str | None:
    """Return the short description of a test; None where it has none."""
    try:
        text = test.shortDescription()
    except Exception:  # a user's method may raise anything
        return None
    return None if text is None else str(text)
