"""Listeners: the events of a run for coverage, records, a progress line, a debugger."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import TYPE_CHECKING, Any, Protocol

from .outcomes import CaseName, FlakyTest, Outcome

if TYPE_CHECKING:
    from tempfiles import ContextReport


class RunControl(Protocol):
    """What a listener may ask of the run: a session offers it."""

    stop: Callable[[], None]

    @property
    def now(self) -> float:
        """When the event happened, as `time.perf_counter` tells it; a worker may have sent it."""

    @property
    def worker(self) -> int:
        """The number of the worker that has sent the event; 0 where the tests run here."""

    @property
    def machine(self) -> str:
        """The machine of a cluster that ran the last test, and in which attempt; else empty."""

    def has_leaked_late(self) -> bool:
        """Return whether a context left something new after it closed."""


class Listener:
    """Follows a run of tests. Every method is optional: only those that a class defines are called.

    All arguments are text and numbers, except the run, the stream and the exception.
    `replaces_dots` says that the listener prints its own progress in place of unittest's dots.
    """

    replaces_dots: bool = False

    def run_started(self, run: RunControl, stream: Any) -> None:
        """The tests start; the listener may stop the run. `stream` is where the tool prints."""

    def tests_counted(self, number: int | None) -> None:
        """So many tests will run; None if there is no limit (`--until-leak`)."""

    def test_started(self, test: CaseName) -> None:
        """A test begins."""

    def test_stopped(self, test: CaseName, stdout: str, stderr: str) -> None:
        """A test is over; the texts are what was captured of it (`-b`)."""

    def outcome(self, outcome: Outcome) -> None:
        """A test, a subtest or a fixture ended other than with success."""

    def flaky(self, test: FlakyTest) -> None:
        """The test under way, or a fixture, failed before, and passes now (`--retries`)."""

    def exception(self, description: str, error: BaseException, trace: Any) -> None:
        """A test failed with this exception; its traceback has the frames that still exist."""

    def context_closed(self, report: ContextReport, new: ContextReport) -> None:
        """A context closed in which something was created; `new` has its new leaks only."""

    def annotated(self, owner: str, text: str, fixture: bool) -> None:
        """Text was added to the failure of a test, or of a fixture of a class or module."""

    def round_ended(self) -> None:
        """All tests have run once more (`--until-leak`)."""

    def run_finished(self) -> None:
        """The last test is over, or the run was broken off; the test tool prints lines next."""

    def summary_lines(self, verbose: bool) -> Iterable[str]:
        """Return the lines to print after the failures."""
        return ()


class WorkerListener(Listener):
    """Follows the tests in each worker, and brings what it has collected there to the parent."""

    def begin_in_worker(self, file: str) -> None:
        """Begin to collect for a file, in a worker that was forked after the start."""

    def end_in_worker(self) -> None:
        """Write the file."""

    def absorb(self, file: str) -> None:
        """Add, in the parent, what a worker has written; there may be no such file."""


_EVENTS = tuple(name for name in vars(Listener) if name[0] != "_" and name != "replaces_dots")


class Events:
    """The methods to call for each event of `Listener`; a list a name, empty without listeners."""

    run_started: list[Callable[[RunControl, Any], None]]
    tests_counted: list[Callable[[int | None], None]]
    test_started: list[Callable[[CaseName], None]]
    test_stopped: list[Callable[[CaseName, str, str], None]]
    outcome: list[Callable[[Outcome], None]]
    flaky: list[Callable[[FlakyTest], None]]
    exception: list[Callable[[str, BaseException, Any], None]]
    context_closed: list[Callable[[ContextReport, ContextReport], None]]
    annotated: list[Callable[[str, str, bool], None]]
    round_ended: list[Callable[[], None]]
    run_finished: list[Callable[[], None]]
    summary_lines: list[Callable[[bool], Iterable[str]]]

    def __init__(self, listeners: Sequence[Listener] = ()) -> None:
        self.replaces_dots = any(listener.replaces_dots for listener in listeners)
        for name in _EVENTS:
            inherited = getattr(Listener, name)
            defined = [
                getattr(listener, name) for listener in listeners
                if getattr(type(listener), name, inherited) is not inherited
            ]
            setattr(self, name, defined)

    @contextlib.contextmanager
    def closing_contexts_to(
        self, printer: Callable[[ContextReport, ContextReport], None] | None
    ) -> Iterator[None]:
        """Have a function called first for each context that closes, while the block runs."""
        if printer is None:
            yield
            return
        self.context_closed.insert(0, printer)
        try:
            yield
        finally:
            self.context_closed.remove(printer)
