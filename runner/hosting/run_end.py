"""The steps at the end of a judged run: last leaks, baseline, memory, summary, report files."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING, Any

from .. import cache
from ..session.session import Session
from .components import Components

if TYPE_CHECKING:
    from tempfiles import ContextReport, RunReport

    from ..selection.completeness import Completeness
    from ..session.summary import Display


class RunEnd:
    """The steps of the end. A host calls them in the order in which they stand here.

    Args:
        components: the components of the run.
        session: the session of its tests.
        completeness: returns which tests ran to their end; called only where a step needs it.
        is_filtered: whether tests of the loaded modules were left out.

    Attributes:
        options: names the options of the host that list all leaks.
        report: the report of the run; None before `finish` or `judge`.
        late: what contexts left after they had closed.
        notes: lines for the summary.
        failed: whether the leaks or the baseline fail the run.
    """

    def __init__(
        self, components: Components, session: Session,
        completeness: Callable[[], Completeness], is_filtered: Callable[[], bool],
    ) -> None:
        self._components = components
        self.options = "--html or --leak-json"
        self._session = session
        self._completeness = completeness
        self._is_filtered = is_filtered
        self.report: RunReport | None = None
        self.notes: list[str] = []
        self.failed = False
        self.late: tuple[ContextReport, ...] = ()

    def report_leftovers(self) -> None:
        """Report what earlier runs left outside the temp directory and nothing has removed."""
        if self._has_memory():
            self._session.report_leftovers(self._completeness(), is_filtered=self._is_filtered())

    def _has_memory(self) -> bool:
        """Whether this run, an earlier one or one beside it has left something to remember."""
        components = self._components
        if not components.remembers_leaks:
            return False
        path = os.path.join(components.directory, cache.LEAKS)
        return components.memory is not None or os.path.lexists(path)

    def finish(self) -> None:
        """Find the last leaks, and remove the run's files."""
        self.report, self.late = self._session.finish()
        self._fail_for_late()

    def judge(self) -> None:
        """Find the last leaks; `remove` comes later."""
        self.report, self.late = self._session.judge()
        self._fail_for_late()

    def remove(self) -> None:
        """Remove the run's files, after `judge`."""
        self.report = self._session.remove()

    def _fail_for_late(self) -> None:
        """Fail the run for leaks that appeared after their contexts closed, if leaks fail."""
        policy = self._session.policy
        for late in self.late:
            message = policy.failure(late)
            if message is not None:
                self.failed = True
                self._session.note_late_failure(late)
                recorder = self._components.reports.recorder
                if recorder is not None:
                    recorder.note_late(late.id, f"AssertionError: {message}")

    def finish_baseline(self) -> None:
        """Write the baseline, or compare it with the run."""
        if self._components.known_leaks is not None:
            lines, failed = self._components.known_leaks.finish(self._completeness())
            self.notes += lines
            self.failed |= failed

    def finish_memory(self) -> None:
        """Forget the leaks of earlier runs that are gone; remember the others, and those of this.

        Raises:
            OSError: the cache cannot be written.
        """
        components, leaks = self._components, self.report.leaks if self.report is not None else ()
        # What was found at the end only, such as what exit handlers leave, is in no memory yet.
        if components.remembers_leaks and any(leak.where == "outside" for leak in leaks):
            components.read_memory()
        if self.report is not None and components.memory is not None:
            self.notes += components.memory.finish(leaks, self._completeness())
        if self.report is not None and self._components.settings.leaks != "off":
            self._remember_lines(self.report)

    def _remember_lines(self, report: RunReport) -> None:
        """Remember the lines of code that leak, for `--fix`."""
        components = self._components
        last = os.path.join(components.directory, cache.LAST)
        if os.path.lexists(last) or (report.leaks and os.access(components.directory, os.W_OK)):
            from ..advice.last_leaks import LastRun, write

            words = getattr(components, "words", None)
            with contextlib.suppress(OSError):  # the memory of tests and leaks warns of it
                write(components.directory, LastRun([*report.leaks], words))

    @property
    def is_silent(self) -> bool:
        """Whether nothing was left, kept or failed to be removed, and there is nothing to add."""
        report = self.report
        if report is None:
            return True
        found = report.leaks or report.failures or report.rescued or report.modifications
        kept = any(True for _ in self._components.retention.lines())
        return not (found or self.late or self.notes or kept)

    def display(self, verbosity: int) -> Display:
        """Return how much to print of the leaks.

        Args:
            verbosity: unittest's.
        """
        from ..session.summary import Display

        return Display(self._components.settings, verbosity, self.options)

    def print_summary(self, stream: Any, verbosity: int, *, names: bool = True) -> None:
        """Write the summary, if there is anything to say.

        Args:
            stream: the text stream to write to.
            verbosity: unittest's.
            names: whether to name the failed tests, which some hosts do themselves.
        """
        if self.report is None:
            return
        notes = [*self._components.retention.lines(), *self.notes]
        session = self._session
        known, failures = session.policy.known, session.outcomes.failures
        if self.report.is_empty and not (notes or self.late or known or failures):
            return  # do not import the summary to print nothing
        from ..session.summary import write_summary

        summary = session.summary(self.report, self.late)
        if not names:
            summary = summary._replace(failed=())
        write_summary(stream, summary, self.display(verbosity), notes)

    def write_reports(self, *, interrupted: bool) -> None:
        """Write the report files.

        Raises:
            ReportError: some could not be written; the message names each.
        """
        if self.report is not None:
            reports = self._components.reports
            reports.write(self.report, self._session, interrupted=interrupted)


@contextlib.contextmanager
def warning_only(write: Callable[[str], object]) -> Iterator[None]:
    """Print an error of the cache, which is a convenience: it never fails the run."""
    try:
        yield
    except OSError as error:
        write(f"tidytest: warning: {error.strerror or error}\n")
