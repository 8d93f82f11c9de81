"""A tracked run: open it, ask it for what it knows, finish it."""

from __future__ import annotations

import contextlib
import errno
import os
from collections.abc import Callable, Iterable, Iterator
from os import getpid
from typing import TYPE_CHECKING

from ..detection.extra_detectors import Detectors
from ..registry import callbacks, contexts
from ..registry.contexts import Context
from ..reports import ContextReport, RunSettings
from ..roots.root import RunRoot
from ..system import audit, exit_handlers, process_state, syscalls, termination
from .lifecycle import lock
from .run_contexts import RunContexts, Source

if TYPE_CHECKING:
    from ..detection.extra_detectors import Detector
    from ..records import Leak, Leftover, Rescued, Scope
    from ..reports import RunReport
    from ..roots.root import RootGuard


class Run(RunContexts):
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
        SettingError: native child processes cannot be traced here.
    """

    _open: Run | None = None

    def __init__(
        self, settings: RunSettings | None = None, detectors: Iterable[Detector] = ()
    ) -> None:
        _refuse_second()
        settings = settings or RunSettings()
        if settings.trace_children:
            from ..events import recorder

            recorder.check()
        self._project = syscalls.real_path(settings.project or syscalls.getcwd())
        self.root = RunRoot(settings.base, self._project, _start_guard, settings.guarded)
        self._tests = 0
        super().__init__(settings, self.root, self._project, Detectors(detectors))

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
        with lock:
            _refuse_second()
            Run._open = self
        contexts.root.attachment = contexts.UNDECIDED.attachment = None
        exit_handlers.start()
        self.root.redirect()
        process_state.remember(self.root.path)
        if before_imports:
            self._life.wait_for_first_write()
        else:
            self._life.start()

    def fork(self) -> int:
        """Fork a child that calls `reopen_in_child` at once, and so reports on its own.

        To this run it is no child process that may create files. For a process with one thread.

        Returns:
            As `os.fork`.
        """
        with self.starting_worker():
            from . import tracking  # noqa: F401 - imported once, not in each child

            return os.fork()

    @contextlib.contextmanager
    def starting_worker(self) -> Iterator[None]:
        """Start a process in the block that opens a run in the root of this one.

        To this run it is no child process that may create files, and what the block opens is not
        observed. For a process with one thread.
        """
        with audit.muted("open", "os.fork", "subprocess.Popen", "os.posix_spawn"):
            yield

    def reopen_in_child(
        self, settings: RunSettings | None = None, detectors: Iterable[Detector] = ()
    ) -> Run:
        """Open a new run in a forked child of the process that opened this one.

        For workers of a pool and fork servers, which report on their own. The new run's root lies
        in this run's root, so that the parent removes what a killed child leaves. Contexts that
        were open at the fork stay the parent's: the child enters its own.

        Args:
            settings: how the new run tracks; those of this run if None. `base`, `guarded` and
                `siblings` are not used.
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
        from ..events.siblings import NAME

        siblings = os.path.join(self.root.path, NAME)
        settings = (settings or self._settings)._replace(
            base=self.root.path, guarded=False, siblings=siblings
        )
        project = settings.project or self._project
        run = Run(settings._replace(project=project), detectors)
        run.open()
        return run

    # While it is open

    def exempt(self, context: Context) -> None:
        """Report no leak of an open context. Its files are removed as ever, and no other's leak.

        For a test that the user has excluded from leak detection.
        """
        context.exempt = True

    def ignore(self, path: str) -> None:
        """Report no leak at or below a path from now on.

        Args:
            path: a path, absolute or relative to the working directory, or a glob as in
                `RunSettings.ignore`.
        """
        self._life.start()
        self._life.components.ignored.add(path)

    def disk_full_lines(self, error: BaseException) -> list[str]:
        """Return lines on what fills the temp directory, where that may have caused an error."""
        tracking = self._life.tracking
        return tracking.disk_full_lines(error) if tracking is not None else []

    def left_by_child(self, pid: int) -> tuple[Leak, ...]:
        """Return what lies in the root of a dead child that had reopened this run; remove nothing.

        Args:
            pid: the process id of the child.
        """
        from ..recovery.dead_run import left_by_worker

        return left_by_worker(self.root.path, pid)

    def reap_children(self) -> tuple[Rescued, ...]:
        """Remove the roots of dead children that had reopened this run.

        Returns:
            The preexisting files that were moved out before.
        """
        from ..records import Rescued
        from ..recovery.orphans import reap

        dead = reap([self.root.path]).roots
        return tuple(Rescued(was, now) for root in dead for was, now in root.rescued.items())

    @property
    def made_and_removed(self) -> int:
        """How many paths those contexts created so far that left and registered nothing."""
        tracking = self._life.tracking
        return tracking.made_and_removed if tracking is not None else 0

    # End

    def find_late_leaks(self) -> tuple[ContextReport, ...]:
        """Report, while the run goes on, what contexts created after they were closed."""
        with lock:
            return self._life.find_late_leaks()

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
        self._life.start()
        closing = self._life.closing
        closing.add_leftovers(more)
        return closing.close_leftovers(is_due)

    def wait(self) -> None:
        """Wait for the survivor processes of closed contexts; `judge` then does not."""
        self._life.wait()

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
            late = self._judge(tests, has_exited=True)
            return self._remove(), late

    def judge(self, tests: int = 0) -> tuple[RunReport, tuple[ContextReport, ...]]:
        """Find the last leaks, stop observing and restore the temp directory; remove nothing.

        For a host whose exit handlers still use files of the run: `remove` comes after them. What
        such a handler has within its reach, and so may remove, is no leak.

        Args:
            tests: as `finish`.

        Returns:
            As `finish`. The report of the run is made again by `remove`.

        Raises:
            OwnershipError: as `finish`.
        """
        self._refuse_child()
        with syscalls.original_os_functions():
            late = self._judge(tests, has_exited=False)
            return self._life.report(self._tests), late

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
            self._life.abandon()

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
        return self._life.closing.unfinished(tests)

    def _judge(self, tests: int, has_exited: bool) -> tuple[ContextReport, ...]:
        self._tests = tests
        self.wait()
        with lock:
            late = self._life.find_last_leaks(has_exited)
            self._stop_tracking()
        self.root.restore()
        return late

    def _remove(self) -> RunReport:
        self._life.remove()
        report = self._life.report(self._tests)
        callbacks.run_closed(report)
        return report

    def _stop_tracking(self) -> None:
        if Run._open is self:
            Run._open = None
            exit_handlers.stop()
        self._life.stop()

    def _refuse_child(self) -> None:
        if getpid() != self.root.owner:  # a test may have replaced `os.getpid`
            from ..errors import OwnershipError

            raise OwnershipError(
                errno.EPERM, "only the process that opened the run can end it, not a forked child"
            )


def _refuse_second() -> None:
    """Raise if a run is open: only one can observe a process."""
    if Run._open is not None:
        from ..errors import OwnershipError

        raise OwnershipError(errno.EBUSY, "a run is open in this process: finish it first")


def _start_guard(directory: str) -> RootGuard | None:
    from ..recovery import guard  # here: few runs have one

    return guard.start(directory)
