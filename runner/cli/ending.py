"""End a run step by step. A failed step is reported, and the next ones are still done."""

from __future__ import annotations

import contextlib
import os
import sys
import traceback
import unittest
from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING, Any

from tempfiles import (
    TempFilesError,
    Terminated,
    is_terminated,
    original_os_functions,
    original_process_state,
    restore_user,
)  # fmt: skip

from .. import cache
from ..errors import UsageError
from ..session.session import Session
from . import exit_steps
from .assembly import Components

if TYPE_CHECKING:
    from tempfiles import ContextReport, RunReport

    from ..selection.completeness import Completeness


class Ending:
    """Ends a run.

    Args:
        components: the components of the run.
        session: the session of its tests.
        result: the result of unittest; None if no test was started.
        stream: the stream for messages.
        whole: whether all tests have run.
    """

    def __init__(
        self, components: Components, session: Session, result: Any, stream: Any, *, whole: bool
    ) -> None:
        self._components = components
        self._session = session
        self._result = result
        self._stream = stream
        self._report: RunReport | None = None
        self._late: tuple[ContextReport, ...] = ()
        self._notes: list[str] = []
        self._failed = False
        self._steps = exit_steps.Steps()
        self._is_caught = _is_interrupted_under_catch()
        self._interrupted = not whole or self._is_caught or is_terminated()

    def run(self) -> bool:
        """Clean up, print the summary and write the reports; return whether that fails the run.

        Raises:
            KeyboardInterrupt: a step was interrupted; the others have been done.
        """
        with original_process_state():
            return self._run()

    def _run(self) -> bool:
        if not is_terminated():
            self._attempt(exit_steps.wait_for_threads)
        self._attempt(exit_steps.run_exit_handlers)
        os.umask(self._components.umask)
        restore_user()
        with original_os_functions():  # the tests may have replaced functions of `os`
            self._end()
        self._steps.close()
        self._raise_interrupt()
        return self._failed

    def _raise_interrupt(self) -> None:
        if is_terminated():
            self._write(f"{self._session.interrupted_line()}\n")
            raise Terminated from None
        # A KeyboardInterrupt that is propagating already has the line of the test.
        is_propagating = isinstance(sys.exception(), KeyboardInterrupt)
        if is_propagating or self._steps.broken_off:
            self._write_after_traceback(f"{self._session.interrupted_line()}\n")
            if not is_propagating:
                raise KeyboardInterrupt from None
        elif self._is_caught:
            self._write(f"{self._session.interrupted_line()}\n")

    def _write_after_traceback(self, line: str) -> None:
        """Write a line after the interpreter has printed the traceback of the interrupt."""
        hook = sys.excepthook

        def print_both(*exception: Any) -> None:
            hook(*exception)
            self._write(line)

        sys.excepthook = print_both

    def _end(self) -> None:
        components = self._components
        if components.watcher is not None:
            self._attempt(self._stop_watching)
        self._attempt(self._session.run.wait)
        if self._has_memory():
            self._attempt(self._report_leftovers)
        if not self._attempt(self._finish_session):
            self._give_up()
        self._attempt(components.retention.finish)
        if components.known_leaks is not None:
            self._attempt(self._finish_baseline)
        if self._report is not None and components.memory is not None:
            self._attempt(self._finish_memory)
        if not self._attempt(self._print_summary) or self._report is None:
            self._report_remaining_root()
        if components.measurement is not None:
            self._attempt(self._finish_measurement)
        if self._report is not None and not self._attempt(self._write_reports):
            self._failed = True  # whatever the cause
        self._attempt(self._remember)
        if components.reaper is not None:
            reaper = components.reaper
            self._attempt(lambda: reaper.end(self._stream))

    def _attempt(self, step: Callable[[], Any]) -> bool:
        """Do a step; return whether it finished."""
        try:
            return self._steps.do(step)
        except (TempFilesError, OSError, UsageError) as error:
            self._failed = True
            self._write(f"tidytest: error: {error}\n")
        except Exception:  # a defect here must not stop the other steps or fail the tests
            self._write("tidytest: a defect in tidytest; the run still ends in order:\n")
            self._write(traceback.format_exc())
        return False

    def _write(self, text: str) -> None:
        with contextlib.suppress(OSError, ValueError, AttributeError):  # closed or None
            self._stream.write(text)

    def _finish_session(self) -> None:
        self._report, self._late = self._session.finish()
        for found in self._late:
            self._fail_for(found)

    def _give_up(self) -> None:
        """Remove at least the files of the run, unless a second ^C has come."""
        session = self._session
        if not session.run.root.is_going:
            self._attempt(session.run.abandon)
        if self._steps.broken_off and self._report is None:
            self._attempt(self._report_unfinished)

    def _report_unfinished(self) -> None:
        self._report = self._session.run.report_unfinished(self._session.tests_run)

    def _report_remaining_root(self) -> None:
        root = self._session.run.root.path
        if os.path.lexists(root):
            self._write(f"Could not be removed: {root}: interrupted; the next run removes it\n")

    def _fail_for(self, late: ContextReport) -> None:
        """Fail the run for leaks of a context that appeared after it was closed, if leaks fail."""
        message = self._session.policy.failure(late)
        if message is None:
            return
        self._failed = True
        self._session.policy.note_failed(late)
        if self._components.reports.recorder is not None:
            self._components.reports.recorder.note_late(late.id, f"AssertionError: {message}")

    def _print_summary(self) -> None:
        if self._report is not None:
            notes = [*self._components.retention.lines(), *self._notes]
            known, empty = self._session.policy.known, self._report.is_empty
            if empty and not (notes or self._late or known):
                return  # do not import the summary to print nothing
            from ..session.summary import write_summary

            summary = self._session.summary(self._report, self._late)
            verbosity = getattr(self._result, "verbosity", 1)
            write_summary(self._stream, summary, verbosity, notes)

    def _stop_watching(self) -> None:
        assert self._components.watcher is not None
        self._components.reports.samples = self._components.watcher.stop()

    def _finish_baseline(self) -> None:
        assert self._components.known_leaks is not None
        if self._result is not None:
            lines, failed = self._components.known_leaks.finish(self._completeness())
            self._notes += lines
            self._failed |= failed

    def _has_memory(self) -> bool:
        """Whether this run, an earlier one or one beside it has left something to remember."""
        components = self._components
        if self._result is None or components.settings.leaks == "off":
            return False
        path = os.path.join(components.directory, cache.LEAKS)
        return components.memory is not None or os.path.lexists(path)

    def _report_leftovers(self) -> None:
        self._session.report_leftovers(self._completeness(), is_filtered=self._is_filtered())

    def _finish_memory(self) -> None:
        assert self._components.memory is not None and self._report is not None
        if self._result is None:
            return
        with self._warning_only():
            self._notes += self._components.memory.finish(
                self._report.leaks, self._completeness()
            )

    def _is_filtered(self) -> bool:
        from ..selection.completeness import is_filtered

        components = self._components
        return self._interrupted or is_filtered(components.settings, components.words)

    def _completeness(self) -> Completeness:
        from ..selection.completeness import Completeness, ContextIds

        components, session = self._components, self._session
        return Completeness(
            ContextIds(components.loaded, session.ran, session.incomplete, session.interrupted),
            whole=not self._is_filtered() and not self._result.shouldStop,
            imported=not session.load_failed, project=components.directory,
        )  # fmt: skip

    def _finish_measurement(self) -> None:
        assert self._components.measurement is not None
        self._failed |= not self._components.measurement.finish(self._components.reports.stream)

    def _write_reports(self) -> None:
        assert self._report is not None
        self._components.reports.write(
            self._report, self._session.policy, interrupted=self._interrupted
        )

    def _remember(self) -> None:
        session, selection = self._session, self._components.selection
        if self._result is None or not os.path.isdir(self._components.directory):
            return
        if selection is None and (session.failed or session.leaked):
            selection = self._components.new_selection()
        if selection is not None and os.access(self._components.directory, os.W_OK):
            with self._warning_only():
                selection.remember(
                    session.ran, session.failed, session.leaked, self._completeness()
                )

    @contextlib.contextmanager
    def _warning_only(self) -> Iterator[None]:
        """Print an error of the cache, which is a convenience: it never fails the run."""
        try:
            yield
        except OSError as error:
            self._write(f"tidytest: warning: {error.strerror or error}\n")


def _is_interrupted_under_catch() -> bool:
    """Return whether ^C came under unittest's `--catch`, which ends the run after the test."""
    handler = getattr(unittest.signals, "_interrupt_handler", None)
    return bool(getattr(handler, "called", False))
