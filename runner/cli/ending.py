"""End a run step by step. A failed step is reported, and the next ones are still done."""

from __future__ import annotations

import contextlib
import os
import sys
import traceback
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from tempfiles import (
    TempFilesError,
    Terminated,
    is_terminated,
    original_os_functions,
    restore_user,
)  # fmt: skip

from ..errors import UsageError
from ..hosting import exit_steps
from ..hosting.run_end import RunEnd, warning_only
from ..session.session import Session
from ..unittest_api import is_interrupted_under_catch
from .assembly import CommandLineComponents

if TYPE_CHECKING:
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
        self, components: CommandLineComponents, session: Session, result: Any, stream: Any, *,
        whole: bool,
    ) -> None:
        self._components = components
        self._session = session
        self._result = result
        self._stream = stream
        self._failed = False
        self._steps = exit_steps.Steps()
        merging = components.merging
        self._is_caught = merging.is_caught if merging is not None else is_interrupted_under_catch()
        self._is_whole = whole
        self._interrupted = not whole or self._is_caught or is_terminated()
        self._end = RunEnd(components, session, self._completeness, self._is_filtered)

    def run(self) -> bool:
        """Clean up, print the summary and write the reports; return whether that fails the run.

        Raises:
            KeyboardInterrupt: a step was interrupted; the others have been done.
        """
        with original_os_functions():
            return self._run()

    def _run(self) -> bool:
        if not is_terminated():
            self._attempt(exit_steps.wait_for_threads)
        self._attempt(exit_steps.run_exit_handlers)
        os.umask(self._components.umask)
        restore_user()
        with original_os_functions():  # the tests may have replaced functions of `os`
            self._do_steps()
        self._steps.close()
        self._raise_interrupt()
        return self._failed or self._end.failed

    def _raise_interrupt(self) -> None:
        if is_terminated():
            self._write(f"{self._session.outcomes.interrupted_line()}\n")
            raise Terminated from None
        # A KeyboardInterrupt that is propagating already has the line of the test.
        is_propagating = isinstance(sys.exception(), KeyboardInterrupt)
        if is_propagating or self._steps.broken_off:
            self._write_after_traceback(f"{self._session.outcomes.interrupted_line()}\n")
            if not is_propagating:
                raise KeyboardInterrupt from None
        elif self._is_caught:
            self._write(f"{self._session.outcomes.interrupted_line()}\n")

    def _write_after_traceback(self, line: str) -> None:
        """Write a line after the interpreter has printed the traceback of the interrupt."""
        hook = sys.excepthook

        def print_both(*exception: Any) -> None:
            hook(*exception)
            self._write(line)

        sys.excepthook = print_both

    def _do_steps(self) -> None:
        components = self._components
        if components.watcher is not None:
            self._attempt(self._stop_watching)
        elsewhere = components.elsewhere
        if elsewhere is not None:
            self._attempt(elsewhere.finish)
        self._attempt(self._session.run.wait)
        has_run = self._result is not None
        if has_run:
            self._attempt(self._end.report_leftovers)
        if not self._attempt(self._end.finish):
            self._give_up()
        self._attempt(components.retention.finish)
        if has_run:
            self._attempt(self._end.finish_baseline)
            self._attempt(self._finish_memory)
        if components.flaky is not None:
            verdict = components.flaky.verdict()
            self._end.notes += verdict
            self._failed |= bool(verdict)
        if elsewhere is not None:
            bound = elsewhere.bound_lines()
            if bound and self._end.display(self._verbosity).mode == "full":
                self._end.notes += bound
            self._attempt(self._remember_durations)
        if not self._is_whole:  # unittest has printed no counts
            self._attempt(self._add_counts)
        if not self._attempt(self._print_summary) or self._end.report is None:
            self._report_remaining_root()
        if components.measurement is not None:
            self._attempt(self._finish_measurement)
        if not self._attempt(self._write_reports):
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

    def _give_up(self) -> None:
        """Remove at least the files of the run, unless a second ^C has come."""
        session = self._session
        if not session.run.root.is_going:
            self._attempt(session.run.abandon)
        if self._steps.broken_off and self._end.report is None:
            self._attempt(self._report_unfinished)

    def _report_unfinished(self) -> None:
        run = self._session.run
        self._end.report = run.report_unfinished(self._session.outcomes.tests_run)

    def _report_remaining_root(self) -> None:
        root = self._session.run.root.path
        if os.path.lexists(root):
            self._write(f"Could not be removed: {root}: interrupted; the next run removes it\n")

    def _add_counts(self) -> None:
        leaks = self._end.report.leaks if self._end.report is not None else ()
        counts = str(self._session.counts(leaks))
        self._end.notes += [f"Up to the interrupt: {counts}"] if counts else []

    def _print_summary(self) -> None:
        self._end.print_summary(self._stream, self._verbosity)

    @property
    def _verbosity(self) -> int:
        return getattr(self._result, "verbosity", 1)

    def _stop_watching(self) -> None:
        assert self._components.watcher is not None
        self._components.reports.samples = self._components.watcher.stop()

    def _finish_memory(self) -> None:
        with warning_only(self._write):
            self._end.finish_memory()

    def _remember_durations(self) -> None:
        settings, elsewhere = self._components.settings, self._components.elsewhere
        if elsewhere is None or settings.repeat is not None or settings.until_leak:
            return  # these durations are not those of an ordinary run
        if settings.shard is not None:
            return  # the other shards must be dealt by the same durations
        with warning_only(self._write):
            elsewhere.remember_durations()

    def _is_filtered(self) -> bool:
        components = self._components
        is_part = self._interrupted or components.settings.shard is not None
        return is_part or components.leaves_out_tests

    def _completeness(self) -> Completeness:
        from ..selection.completeness import Completeness

        components, session = self._components, self._session
        return Completeness(
            session.context_ids(components.loaded),
            whole=not self._is_filtered() and not self._result.shouldStop,
            imported=not session.outcomes.load_failed, project=components.directory,
        )  # fmt: skip

    def _finish_measurement(self) -> None:
        assert self._components.measurement is not None
        self._failed |= not self._components.measurement.finish(self._components.reports.stream)

    def _write_reports(self) -> None:
        self._end.write_reports(interrupted=self._interrupted)

    def _remember(self) -> None:
        session, selection = self._session, self._components.selection
        if self._result is None or not os.path.isdir(self._components.directory):
            return
        if selection is None and (session.outcomes.failed or session.leaked):
            selection = self._components.new_selection()
        if selection is not None and os.access(self._components.directory, os.W_OK):
            with warning_only(self._write):
                selection.remember(
                    session.ran, session.outcomes.failed, session.leaked, self._completeness()
                )
