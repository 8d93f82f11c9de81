"""The end of a run, step by step: a step that fails is told, and the others are still done."""

from __future__ import annotations

import contextlib
import os
import sys
import traceback
from collections.abc import Callable

import tempfiles
from tempfiles.system import syscalls

from ..errors import UsageError
from ..execution.boundaries import Session
from . import signals
from .assembly import Assembly

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from tempfiles.reports import ContextReport, RunReport

    from ..selection.completeness import Reach


class Ending:
    """Ends a run.

    Args:
        assembly: what the run was made of.
        session: its tests.
        result: of its tests; None where it did not come to running any.
        stream: where to tell it.
        whole: whether all tests have run.
    """

    def __init__(
        self, assembly: Assembly, session: Session, result: Any, stream: Any, *, whole: bool
    ) -> None:
        self._assembly = assembly
        self._session = session
        self._result = result
        self._stream = stream
        self._report: RunReport | None = None
        self._late: tuple[ContextReport, ...] = ()
        self._notes: list[str] = []
        self._failed = False
        self._steps = signals.Steps()
        self._interrupted = not whole or signals.is_terminated()

    def __call__(self) -> bool:
        """Clean up, tell, and write the reports; return whether something in that fails the run.

        Raises:
            KeyboardInterrupt: a step was interrupted; the others have been done.
        """
        if not signals.is_terminated():
            self._attempt(signals.wait_for_threads)
        self._attempt(signals.run_exit_handlers)
        os.umask(self._assembly.umask)
        with syscalls.genuine():  # whatever the tests have replaced
            self._end()
        self._steps.over()
        self._raise_interrupt()
        return self._failed

    def _raise_interrupt(self) -> None:
        if signals.is_terminated():
            raise signals.Terminated from None
        # Another is on its way already, with the line of the test.
        if self._steps.broken_off and not isinstance(sys.exception(), KeyboardInterrupt):
            raise KeyboardInterrupt from None

    def _end(self) -> None:
        assembly = self._assembly
        if assembly.watcher is not None:
            self._attempt(self._stop_watching)
        self._attempt(self._session.run.wait)
        if not self._attempt(self._finish_session):
            self._give_up()
        self._attempt(assembly.keeping.finish)
        if assembly.adoption is not None:
            self._attempt(self._adopt)
        if not self._attempt(self._tell) or self._report is None:
            self._tell_what_is_left()
        if assembly.measurement is not None:
            self._attempt(self._finish_measurement)
        if self._report is not None and not self._attempt(self._write_reports):
            self._failed = True  # whatever kept them from being written
        self._attempt(self._remember)
        if assembly.reaper is not None:
            reaper = assembly.reaper
            self._attempt(lambda: reaper.end(self._stream))

    def _attempt(self, step: Callable[[], Any]) -> bool:
        """Do a step; return whether it came to its end."""
        try:
            return self._steps.do(step)
        except (tempfiles.TempFilesError, OSError, UsageError) as error:
            self._failed = True
            self._write(f"tidytest: error: {error}\n")
        except Exception:  # a defect of ours must neither keep the rest from it nor fail the tests
            self._write("tidytest: a defect in tidytest; the run is ended all the same:\n")
            self._write(traceback.format_exc())
        return False

    def _write(self, text: str) -> None:
        with contextlib.suppress(OSError, ValueError, AttributeError):  # closed, or there is none
            self._stream.write(text)

    def _finish_session(self) -> None:
        self._report, self._late = self._session.finish()
        for found in self._late:
            self._fail_for(found)

    def _give_up(self) -> None:
        """Remove at least what the run has made; but a second ^C wants no more of it."""
        session = self._session
        if not session.run.root.is_going:
            self._attempt(session.run.abandon)
        if self._steps.broken_off and self._report is None:
            self._attempt(self._report_unfinished)

    def _report_unfinished(self) -> None:
        self._report = self._session.run.report_unfinished(self._session.tests_run)

    def _tell_what_is_left(self) -> None:
        root = self._session.run.root.path
        if os.path.lexists(root):
            from tempfiles.run.totals import UNFINISHED

            self._write(f"Could not be removed: {root}: {UNFINISHED}\n")

    def _fail_for(self, late: ContextReport) -> None:
        """Fail the run for what a context left after it had closed, if leaks fail."""
        message = self._session.policy.failure(late)
        if message is None:
            return
        self._failed = True
        self._session.policy.note_failed(late)
        if self._assembly.reports.recorder is not None:
            self._assembly.reports.recorder.note_late(late.id, f"AssertionError: {message}")

    def _tell(self) -> None:
        if self._report is not None:
            keeper = self._assembly.keeping.keeper
            notes = [*(keeper.told() if keeper is not None else ()), *self._notes]
            if not (notes or self._late or self._report.tells or self._session.policy.known):
                return  # nothing is imported to tell nothing
            from ..session.summary import tell_ending

            tell_ending(self._stream, self._session, self._report, self._late, notes)

    def _stop_watching(self) -> None:
        assert self._assembly.watcher is not None
        self._assembly.reports.samples = self._assembly.watcher.stop()

    def _adopt(self) -> None:
        assert self._assembly.adoption is not None
        if self._result is not None:
            self._notes, failed = self._assembly.adoption.finish(self._reach())
            self._failed |= failed

    def _reach(self) -> Reach:
        from ..selection.completeness import Reach, is_filtered

        assembly = self._assembly
        filtered = self._interrupted or is_filtered(assembly.settings, assembly.words)
        return Reach(
            assembly.loaded, self._session, self._result, whole=not filtered,
            project=assembly.directory,
        )

    def _finish_measurement(self) -> None:
        assert self._assembly.measurement is not None
        self._failed |= not self._assembly.measurement.finish(self._assembly.reports.stream)

    def _write_reports(self) -> None:
        assert self._report is not None
        self._assembly.reports.write(
            self._report, self._session.policy, interrupted=self._interrupted
        )

    def _remember(self) -> None:
        result, selection = self._result, self._assembly.selection
        if result is None or not os.path.isdir(self._assembly.directory):
            return
        unsuccessful = result.errors or result.failures or result.unexpectedSuccesses
        if selection is None and (unsuccessful or self._session.leaked):
            selection = self._assembly.new_selection()
        if selection is not None and os.access(self._assembly.directory, os.W_OK):
            selection.remember(self._session, result, self._reach())
