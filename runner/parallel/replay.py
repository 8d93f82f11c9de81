"""Replay the events of the workers in serial order, into the result and the session of the run."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable, Sequence
from contextlib import ExitStack
from typing import Any

from ..pool.source import Source, write_out
from ..session.outcomes import CaseName, FlakyTest, Outcome
from ..session.policy import ClosedContext
from ..session.session import Session
from ..unittest_api import capturing, fixture_error, is_interrupted_under_catch, test_id
from ..workers import events
from ..workers.shown_warnings import ShownWarnings
from .replayed_result import RemoteTests, ReplayedResult

_IN_FIXTURE = (events.CAPTURED.encode(), events.OUTCOME.encode())
"""What a fixture sends while its output is captured."""


class Replay:
    """Takes events as they come, unit by unit, and applies them in the order of the units.

    The first unit that is not over is applied as it runs; later ones wait for their turn.

    Args:
        tests: all tests in serial order.
        units: how many units there are.
        result: of the run.
        session: of the run.

    Attributes:
        closed: the events of the contexts that have closed so far.
        made_and_removed: how many paths the other contexts have created.
        batches: whether a success is a dot and nothing else.
    """

    def __init__(
        self, tests: Sequence[Any], units: int, result: ReplayedResult, session: Session
    ) -> None:
        self._tests = tests
        self._result = result
        self._session = session
        self._waiting: list[list[tuple[Source, bytes]]] = [[] for _ in range(units)]
        self._done = [False] * units
        self._next = 0
        self._remote = RemoteTests()
        self._test: Any = None
        self._captured: list[tuple[str, str]] = []  # of a fixture, before it has failed
        self._fixture = ExitStack()  # captures what a fixture prints that has failed (`-b`)
        self._is_capturing = False
        self._closed: ClosedContext | None = None
        self._source = Source(0, ())
        self._plain = 0  # successes that are not printed yet
        self._started: bytes | None = None  # a start that is not applied yet
        self._ran: list[int] = []
        self.closed: list[bytes] = []
        self.made_and_removed = 0
        self._is_stopped = False
        self._outside: set[bytes] = set()
        self._warnings = ShownWarnings()
        self.batches = self._may_batch()
        self._handlers: dict[bytes, Callable[[bytes], None]] = {
            events.STARTED.encode(): self._start,
            events.FOREIGN.encode(): self._start_foreign,
            events.MACHINE.encode(): self._name_machine,
            events.PASSED.encode(): self._pass,
            events.STOPPED.encode(): self._stop,
            events.OUTCOME.encode(): self._outcome,
            events.CAPTURED.encode(): self._capture,
            events.POSITIONS.encode(): self._print_output,
            events.PRINTED.encode(): self._print_recorded,
            events.CONTEXT.encode(): self._close_context,
            events.CLEAN_CONTEXT.encode(): self._close_clean_context,
            events.LEAK_FAILED.encode(): self._leak_failed,
            events.SUCCEEDED.encode(): self._succeeded,
            events.ANNOTATED.encode(): self._annotate,
            events.FLAKY.encode(): self._note_flaky,
            events.WRITTEN.encode(): self._write,
            events.WARNING.encode(): self._warn,
            events.STOP.encode(): self._stop_run,
            events.BROKEN_OFF.encode(): self._break_off,
            events.UNIT.encode(): self._begin_unit,
            events.UNIT_DONE.encode(): self._end_unit,
        }

    # Events as they come

    def feed(self, unit: int, source: Source, lines: list[bytes]) -> None:
        """Take more events of a unit."""
        # As one text: a list of short lines takes three times the memory until its turn comes.
        if lines:
            self._waiting[unit].append((source, b"\n".join(lines)))

    def feed_outside(self, source: Source, lines: list[bytes]) -> None:
        """Apply the errors of the set-up of a worker and of its end, and print what it printed."""
        self._source = source
        for line in lines:
            code = line[:1].decode()
            if code == events.ENDING:
                self._begin_unit(line)
            elif code in (events.POSITIONS, events.PRINTED):
                self._handlers[line[:1]](line)
            elif code == events.OUTCOME and line not in self._outside:
                self._outside.add(line)  # the same function fails in each worker
                self._apply([line])
        self._end_capture()

    def finish_unit(self, unit: int) -> None:
        """Note that no more events of a unit come."""
        self._done[unit] = True

    def advance(self) -> None:
        """Apply the events whose turn has come."""
        while self._next < len(self._done) and not self._is_stopped:
            waiting, done = self._waiting[self._next], self._done[self._next]
            self._waiting[self._next] = []
            for self._source, text in waiting:
                self._apply(text.split(b"\n"))
            if not done:
                break
            self._next += 1
            # The unit is torn down first. ^C under `--catch` leaves out nothing that has run.
            self._is_stopped = self.stops and not is_interrupted_under_catch()
        self._print_plain()

    @property
    def stops(self) -> bool:
        """Whether the result says stop."""
        return bool(self._result.shouldStop)

    @property
    def is_partial(self) -> bool:
        """Whether something has run that comes after the stop in serial order (`-f`)."""
        return self._is_stopped and any(self._waiting[self._next :])

    def note_ran(self) -> None:
        """Record in the session which tests of the unit under way ran."""
        self._session.ran.update(test_id(self._tests[index]) for index in self._ran)
        self._ran.clear()

    def _may_batch(self) -> bool:
        """Whether a success is a dot and nothing else, so that many can be printed at once."""
        result, events_of = self._result, self._session.events
        follows = events_of.test_started or events_of.test_stopped
        return not (result.showAll or result.buffer or result.durations is not None or follows)

    def _apply(self, lines: list[bytes]) -> None:
        handlers = self._handlers
        if not self.batches:
            for line in lines:
                if self._is_capturing and line[:1] not in _IN_FIXTURE:
                    self._end_capture()
                handlers.get(line[:1], _ignore)(line)
            return
        for line in lines:
            code = line[:1]
            if code == b"s":
                self._apply_start()
                self._started = line
            elif code == b"p" and self._started is not None:
                self._ran.append(int(self._started[1:].partition(b" ")[0]))
                self._started = None
                self._plain += 1
            elif (handle := handlers.get(code)) is not None:
                self._apply_start()
                self._print_plain()
                handle(line)

    def _apply_start(self) -> None:
        if self._started is not None:
            started, self._started = self._started, None
            self._print_plain()
            self._start(started)

    def _print_plain(self) -> None:
        number, self._plain = self._plain, 0
        if number:
            self._result.add_plain_successes(number)

    # One handler an event

    def _break_off(self, line: bytes) -> None:
        self._result.interrupt = json.loads(line[1:])
        self._session.interrupted.add(test_id(self._test))
        self._session.outcomes.counted["error"] += 1

    def _stop_run(self, line: bytes) -> None:
        self._result.stop()

    def _begin_unit(self, line: bytes) -> None:
        self._source.skip_to([int(word) for word in line.split()[1:]])

    def _start(self, line: bytes) -> None:
        index, _, moment = line[1:].partition(b" ")
        self._ran.append(int(index))
        self._begin(self._tests[int(index)], float(moment))

    def _start_foreign(self, line: bytes) -> None:
        moment, *names, short = json.loads(line[1:])
        test = self._remote.test(CaseName(*names), short)
        self._session.ran.add(test.id())
        self._begin(test, moment)

    def _begin(self, test: Any, moment: float) -> None:
        self._session.moment = moment
        self._session.worker = self._source.number
        self._test = test
        self._result.startTest(test)

    def _name_machine(self, line: bytes) -> None:
        self._session.machine = machine = json.loads(line[1:])
        if self._result.showAll:
            self._result.stream.write(f"[{machine}] ")
            self._result.stream.flush()

    def _pass(self, line: bytes) -> None:
        self._note_times(line)
        self._result.addSuccess(self._test)
        self._finish_test()

    def _stop(self, line: bytes) -> None:
        self._note_times(line)
        self._finish_test()

    def _note_times(self, line: bytes) -> None:
        moment, _, elapsed = line[1:].partition(b" ")
        self._session.moment = float(moment)
        seconds = float(elapsed)
        if seconds:
            self._result.add_duration(self._test, seconds)

    def _finish_test(self) -> None:
        test, self._test = self._test, None
        self._result.stopTest(test)
        self._result.interrupt = ""

    def _outcome(self, line: bytes) -> None:
        index, text, *fields = json.loads(line[1:])
        outcome = Outcome(*fields)
        test = self._tests[index] if index is not None else self._test
        if outcome.fixture:
            if self._test is None and not self._is_capturing:  # else one captures already
                self._is_capturing = True
                self._fixture.enter_context(capturing(self._result))
            self._write_captured()
            self._result.replay(fixture_error(outcome.id), outcome, text)
        else:
            if self._test is None:  # Python 3.12.1 does not start a test that it skips
                self._session.worker = self._source.number
            self._test = test
            self._result.replay(test, outcome, text)

    def _capture(self, line: bytes) -> None:
        self._captured.append(json.loads(line[1:]))
        if self._test is not None or self._is_capturing:
            self._write_captured()

    def _end_capture(self) -> None:
        self._is_capturing = False
        self._fixture.close()

    def _write_captured(self) -> None:
        for out, err in self._captured:
            sys.stdout.write(out)
            sys.stderr.write(err)
        self._captured.clear()

    def _print_output(self, line: bytes) -> None:
        for fd, data in self._source.new_output([int(word) for word in line[1:].split()]):
            write_out(fd, data)

    def _print_recorded(self, line: bytes) -> None:
        fd, text = json.loads(line[1:])
        write_out(fd, text.encode("utf-8", "surrogateescape"))

    def _close_context(self, line: bytes) -> None:
        self.closed.append(line)
        report = events.context_of(line)
        if report.scope != "test":
            self._session.ran.add(report.id)
        self._closed = self._session.closed_elsewhere(report)

    def _close_clean_context(self, line: bytes) -> None:
        self.closed.append(line)
        if len(self._session.events.context_closed) > 1:  # the first one prints leaks
            self._closed = self._session.closed_elsewhere(events.context_of(line))

    def _leak_failed(self, line: bytes) -> None:
        if self._closed is not None:
            self._session.note_failure(self._closed)

    def _succeeded(self, line: bytes) -> None:
        self._session.succeeded(json.loads(line[1:]))

    def _annotate(self, line: bytes) -> None:
        index, owner, text, is_fixture = json.loads(line[1:])
        test = None if is_fixture else self._tests[index] if index is not None else self._test
        self._result.annotate(test, owner, text)

    def _note_flaky(self, line: bytes) -> None:
        self._session.note_flaky(FlakyTest(*json.loads(line[1:])[1:]))

    def _warn(self, line: bytes) -> None:
        key, have_changed, text = json.loads(line[1:])
        if self._warnings.show(key, have_changed):
            write_out(2, text.encode("utf-8", "backslashreplace"))

    def _write(self, line: bytes) -> None:
        self._result.stream.write(json.loads(line[1:]))

    def _end_unit(self, line: bytes) -> None:
        contexts, interrupted, _, made = json.loads(line[1:])
        self.made_and_removed += made
        self.note_ran()
        self._session.ran.update(contexts)
        self._session.interrupted.update(interrupted)


def _ignore(line: bytes) -> None:
    """Leave out an event that says nothing to the result."""
