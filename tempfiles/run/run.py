"""A tracked run: open and close contexts, report what each of them left.

A context in which nothing happened costs one `stat` of the temp directory.
"""

from __future__ import annotations

import _thread
import contextlib
import errno
import gc
import os
from collections.abc import Callable, Iterable
from types import CodeType
from typing import TYPE_CHECKING

from ..detection.detector import Detectors
from ..recovery import guard
from ..registry import callbacks, contexts
from ..registry.contexts import Activation, Context
from ..reports import ContextReport, RunSettings
from ..roots.root import RunRoot
from ..system import exit_handlers, process_state, syscalls, termination
from ..system.audit import FirstWriteEvent
from ..system.thread_lock import Patient, new_lock

if TYPE_CHECKING:
    from ..detection.detector import Detector
    from ..records import Leftover, Scope
    from ..reports import RunReport
    from .close import Listener
    from .tracking import Tracking

Source = Callable[..., object] | CodeType | str | tuple[str, ...]
"""What defines a context: a function, its code, or the path of a file."""

_NOTHING_LEFT = ContextReport("", "")


class Run:
    """One tracked run, from the creation of its root directory to its removal.

    A host (a test runner) opens it, enters and closes a context for each test and each fixture
    scope, and finishes it. One run can be open in a process at a time.

    Args:
        settings: how the run tracks; the defaults if None.
        detectors: look for what contexts leave other than files.

    Attributes:
        root: the run root.

    Raises:
        OwnershipError: a run is open in this process, or no root directory could be created.
    """

    _open: Run | None = None

    def __init__(
        self, settings: RunSettings | None = None, detectors: Iterable[Detector] = ()
    ) -> None:
        _refuse_second()
        self._settings = settings = settings or RunSettings()
        self._project = syscalls.real_path(settings.project or syscalls.getcwd())
        self.root = RunRoot(settings.base, self._project, guard.start, settings.guarded)
        self._journal = self.root.journal
        self._tests = 0
        self._detectors = Detectors(detectors)
        self._detects = bool(self._detectors)
        self._first_write_event = FirstWriteEvent(self._start_at_event)
        self._started = False
        self._is_ready = False
        self._tracking: Tracking | None = None
        self._left_nothing: Callable[[Context], bool]

    @staticmethod
    def current() -> Run | None:
        """Return the run that is open in this process, or was when this process was forked."""
        return Run._open

    # Open

    def open(self, *, before_imports: bool = False) -> None:
        """Redirect the temp directory and begin to observe.

        Args:
            before_imports: observe only from the next import of a module on. For a host that runs
                no code of the user before that: a run without tests then loads little.

        Raises:
            OwnershipError: a run is open in this process.
        """
        with _lock:
            _refuse_second()
            Run._open = self
        contexts.root.attachment = contexts.UNDECIDED.attachment = None
        exit_handlers.start()
        self.root.redirect()
        process_state.remember(self.root.path)
        if before_imports:
            self._first_write_event.start()
        else:
            self._start_tracking()

    def reopen_in_child(
        self, settings: RunSettings | None = None, detectors: Iterable[Detector] = ()
    ) -> Run:
        """Open a new run in a forked child of the process that opened this one.

        For workers of a pool and fork servers, which report on their own. The new run's root lies
        in this run's root, so that the parent removes what a killed child leaves. Contexts that
        were open at the fork stay the parent's: the child enters its own.

        Args:
            settings: how the new run tracks; those of this run if None. `base` and `guarded` are
                not used.
            detectors: those of the new run.

        Returns:
            The new run, open already. Finish it before the child exits.

        Raises:
            OwnershipError: this process is the one that opened this run.
        """
        if os.getpid() == self.root.owner:
            from ..errors import OwnershipError

            raise OwnershipError(errno.EPERM, "a run is reopened only in a forked child process")
        self._stop_tracking()
        contexts.leave_all()
        settings = (settings or self._settings)._replace(base=self.root.path, guarded=False)
        project = settings.project or self._project
        run = Run(settings._replace(project=project), detectors)
        run.open()
        return run

    def _start_at_event(self) -> None:
        with Patient(_lock) as is_held:
            if is_held:
                self._start_tracking()

    def _start_tracking(self) -> None:
        with _lock:
            if self._started:
                return
            process_state.remember_modules()
            self._started = True  # before the imports below, which raise audit events
            tracking = self._components
            tracking.start()
            if self._settings.tracks:
                self._first_write_event.hand_over()
                tracking.observe()
            else:
                self._first_write_event.stop()
            self._is_ready = True

    @property
    def _components(self) -> Tracking:
        if self._tracking is None:
            from .tracking import Tracking

            self._tracking = Tracking(self._settings, self.root, self._project, self._detectors)
            tracking = self._tracking
            has_leftovers = bool(self._settings.leftovers)
            check = tracking if has_leftovers else tracking.quick_check
            self._left_nothing = check.left_nothing
        return self._tracking

    # Contexts

    def enter(self, id: str, scope: Scope, *, source: Source | None = None) -> Context:
        """Open a context within the current one and make it the current one.

        Args:
            id: any text that names it in reports, such as the id of a test. It need not be unique.
            scope: any word of the host. "test" is the scope of single tests, which close often
                and are checked with less effort; "context" is that of blocks in user code.
            source: what defines the context: the function of a test, its code, a class, the path
                of a module's file, or the examples of a doctest. Names in the constants of that
                code are evidence that the context created a file that no audit event named. It is
                kept as long as the context.
        """
        if not self._is_ready:
            self._start_tracking()
        context = contexts.enter(id, scope)
        if source is not None:
            context.source = source
        if _count_threads():
            with _lock:
                self._journal.enter(id, scope)
        else:
            self._journal.enter(id, scope)
        if self._detects:
            with _lock:
                self._detectors.opened(context)
        if callbacks.has_open_callbacks():
            from ..records import ContextRecord

            parent = context.parent.id if context.parent is not None else None
            callbacks.context_opened(ContextRecord(id, scope, parent))
        return context

    def close(self, context: Context, before_removal: Listener | None = None) -> ContextReport:
        """Close a context and report what it left.

        What it registered is removed. What it created, did not register and left is a leak: it is
        reported now and removed at the end of the run, as later tests may rely on it.

        Args:
            context: the context; its outer contexts stay open.
            before_removal: called with a report of the leaks before registered paths are removed.

        Returns:
            The report. Where the context left nothing and registered nothing, it is a shared one
            without id and scope.
        """
        if _count_threads():
            with _lock:
                report = self._close(context, before_removal)
        else:
            report = self._close(context, before_removal)
        if report is not _NOTHING_LEFT:
            callbacks.context_closed(report)
        return report

    def _close(self, context: Context, before_removal: Listener | None) -> ContextReport:
        report = _NOTHING_LEFT
        findings = self._detectors.left_by(context) if self._detects else ()
        # The garbage collector is off: an object in a cycle may be about to leave what its
        # finalizer would remove.
        collects = gc.isenabled()
        if collects:
            gc.disable()
        try:
            if not self._left_nothing(context) or callbacks.has_close_callbacks():
                with process_state.original_process_state():
                    closing = self._components.closing
                    report = closing.close(context, self._settings.tracks, before_removal)
        finally:
            if collects:
                gc.enable()
        contexts.close(context)
        self._journal.leave(context.id)
        if findings:
            if report is _NOTHING_LEFT:
                report = ContextReport(context.id, context.scope)
            report = report._replace(findings=findings)
        return report

    def activate(self, context: Context) -> Activation:
        """Make an open context the current one; see `tempfiles.activate`."""
        return contexts.activate(context)

    def attribute_new_to(self, context: Context) -> None:
        """Attribute what newly appeared in the temp directory to a context.

        Otherwise it is attributed to the context that closes next. For the end of a fixture's
        setup: call it before other code runs.
        """
        with _lock:
            self._components.attribute_new_to(context)

    def begin_part(self, context: Context, part: str | None) -> str | None:
        """Name the part of a context that runs now, such as a subtest.

        What newly appeared before is attributed to the part that ran until now.

        Args:
            context: an open context.
            part: the name; None for no part.

        Returns:
            The name of the part that ran until now.
        """
        self.attribute_new_to(context)
        before, context.part = context.part, part
        return before

    def ignore(self, path: str) -> None:
        """Report no leak at or below a path from now on.

        Args:
            path: a path, absolute or relative to the working directory, or a glob as in
                `RunSettings.ignore`.
        """
        self._start_tracking()
        self._components.ignored.add(path)

    def disk_full_lines(self, error: BaseException) -> list[str]:
        """Return lines on what fills the temp directory, where that may have caused an error."""
        return self._tracking.disk_full_lines(error) if self._tracking is not None else []

    # End

    def find_late_leaks(self) -> tuple[ContextReport, ...]:
        """Report, while the run goes on, what contexts created after they were closed."""
        tracking = self._tracking
        with _lock:
            return tracking.closing.close_late() if tracking and tracking.needs_judging() else ()

    def report_leftovers(
        self, is_due: Callable[[str], bool], more: Iterable[Leftover] = ()
    ) -> tuple[ContextReport, ...]:
        """Report what earlier runs left, of contexts that have not closed in this run.

        Args:
            is_due: whether to report it for a context with this id. It is also reported if this
                run has written into it.
            more: leaks of runs that ended while this one ran, in addition to the settings'.
        """
        if not self._settings.tracks:
            return ()
        self._start_tracking()
        closing = self._components.closing
        closing.add_leftovers(more)
        return closing.close_leftovers(is_due)

    def wait(self) -> None:
        """Wait for the survivor processes of closed contexts; `judge` then does not."""
        if self._tracking is not None and self._tracking.has_closed:
            self._tracking.closing.wait(self._settings.late_grace)

    def finish(self, tests: int = 0) -> tuple[RunReport, tuple[ContextReport, ...]]:
        """End the run: find the last leaks, remove its root directory.

        Args:
            tests: how many tests were run, for the report.

        Returns:
            The report of the whole run, and the reports of contexts that left something after
            they were closed, the run's own last.

        Raises:
            OwnershipError: this process is a forked child of the one that opened the run.
        """
        self._refuse_child()
        with syscalls.original_os_functions():
            late = self._judge(tests)
            return self._remove(), late

    def judge(self, tests: int = 0) -> tuple[RunReport, tuple[ContextReport, ...]]:
        """Find the last leaks, stop observing and restore the temp directory; remove nothing.

        For a host whose exit handlers still use files of the run: `remove` comes after them.

        Args:
            tests: as `finish`.

        Returns:
            As `finish`. The report of the run is made again by `remove`.

        Raises:
            OwnershipError: as `finish`.
        """
        self._refuse_child()
        with syscalls.original_os_functions():
            late = self._judge(tests)
            return self._report(), late

    def remove(self) -> RunReport:
        """Remove the root directory of a run, after `judge`.

        Returns:
            The report of the whole run, with what could not be removed.

        Raises:
            OwnershipError: as `finish`.
        """
        self._refuse_child()
        with syscalls.original_os_functions():
            return self._remove()

    def abandon(self) -> None:
        """End without a report, for a process that must stop: remove the root and restore.

        Raises:
            OwnershipError: as `finish`.
        """
        self._refuse_child()
        with syscalls.original_os_functions():
            self._stop_tracking()
            self.root.restore()
            is_gone = self._tracking is None and not syscalls.lexists(self.root.path)
            if not is_gone and self._needs_closing():
                self._components.closing.remove_root(self._settings.tracks)
            self._stop_protecting()

    def catch_termination(self) -> None:
        """Handle SIGTERM for this run: raise `Terminated` at the first one.

        A host catches it like a `KeyboardInterrupt`, finishes the run, and calls `terminate`. No
        context can be entered any more: code under test may have caught the exception. A second
        SIGTERM ends the process at once; a guard process then removes the run root.

        This has no effect if the signal has a handler already, or outside the main thread.
        """
        termination.catch_termination(self._prepare_for_termination)

    def _prepare_for_termination(self) -> None:
        def enter(id: str, scope: Scope, *, source: Source | None = None) -> Context:
            raise termination.Terminated

        self.enter = enter  # type: ignore[method-assign]
        with contextlib.suppress(OSError), syscalls.original_os_functions():
            self.root.guard()

    def report_unfinished(self, tests: int = 0) -> RunReport:
        """Return what is known, and what could not be removed, where `finish` was interrupted."""
        return self._components.closing.unfinished(tests)

    def _judge(self, tests: int) -> tuple[ContextReport, ...]:
        late: tuple[ContextReport, ...] = ()
        self._tests = tests
        self.wait()
        # Where no test ran, another process may have put something into the root.
        if not self._started and any(map(syscalls.listdir, self.root.slots)):
            self._start_tracking()
        with _lock:
            if self._tracking is not None:
                late = self._tracking.judge()
            self._stop_tracking()
        self.root.restore()
        return late

    def _remove(self) -> RunReport:
        if self._needs_closing():
            self._components.closing.remove(self._settings.tracks)
        self._stop_protecting()
        report = self._report()
        callbacks.run_closed(report)
        return report

    def _needs_closing(self) -> bool:
        """Remove a root in which nothing was left; return whether there is more to do."""
        tracking = self._tracking
        return (tracking is not None and tracking.has_closed) or not self.root.remove_empty()

    def _stop_protecting(self) -> None:
        if self._tracking is not None and not syscalls.lexists(self.root.path):
            self._tracking.stop_protecting()

    def _report(self) -> RunReport:
        if self._tracking is None:
            from ..reports import RunReport, Summary

            return RunReport(Summary(tests=self._tests))
        report = self._tracking.report(self._tests)
        return report._replace(findings=tuple(self._detectors.findings))

    def _stop_tracking(self) -> None:
        if Run._open is self:
            Run._open = None
            exit_handlers.stop()
        if self._tracking is None:
            self._first_write_event.stop()
        else:
            self._tracking.stop()

    def _refuse_child(self) -> None:
        if os.getpid() != self.root.owner:
            from ..errors import OwnershipError

            raise OwnershipError(
                errno.EPERM, "only the process that opened the run can end it, not a forked child"
            )


_lock = new_lock()
"""Held while a context opens or closes, which threads may do at once. Callbacks run without it.
Where there is one thread, it is not taken: it would be a tenth of the cost of a context."""

_count_threads = _thread._count  # those that were started; tests may replace the function


def _refuse_second() -> None:
    """Raise if a run is open: only one can observe a process."""
    if Run._open is not None:
        from ..errors import OwnershipError

        raise OwnershipError(errno.EBUSY, "a run is open in this process: finish it first")
