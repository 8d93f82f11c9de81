"""A run: it opens and closes contexts, and reports what each of them left.

The cost of a context in which nothing happened is one `stat` of the temp directory.
"""

from __future__ import annotations

import _thread
import errno
import gc
import os

from ..registry import callbacks, contexts
from ..registry.contexts import Context
from ..reports import RunSettings
from ..roots.root import RunRoot
from ..system import syscalls
from ..system.audit import FirstWriteEvent

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable

    from ..records import Scope
    from ..reports import ContextReport, RunReport
    from .close import Closing, Listener
    from .parts import Parts


class Run:
    """One run, from the making of its root to the removal of it.

    Attributes:
        root: the run root.
        open_one: the one that is open in this process, or in that which it was forked from.

    Raises:
        OwnershipError: one is open, or no root could be made.
    """

    open_one: Run | None = None

    def __init__(self, settings: RunSettings) -> None:
        _refuse_a_second()
        self._settings = settings
        self._project = syscalls.real_path(settings.project or syscalls.getcwd())
        self.root = RunRoot(settings.base, self._project, settings.guarded)
        self._journal = self.root.journal
        self._watches = False
        self._first_write_event = FirstWriteEvent(self._watch)
        self._parts: Parts
        self._closing_part: Closing | None = None

    def open(self, *, before_imports: bool = False) -> None:
        """Begin: redirect the temp directory, listen to what is made.

        Args:
            before_imports: listen only from the next import on, for a caller that runs nobody
                else's code before: a run without tests then needs little.

        Raises:
            OwnershipError: a run is open in this process.
        """
        with _opening:
            _refuse_a_second()
            Run.open_one = self
        contexts.root.attachment = None
        self.root.redirect()
        if before_imports:
            self._first_write_event.start()
        else:
            self._watch()

    def _watch(self) -> None:
        if self._watches:
            return
        self._watches = True
        from ..registry import registrations
        from . import so_far

        self._make_parts()
        registrations.before_removal = self._spare
        if not self._settings.tracks:
            self._first_write_event.stop()
            return
        self._parts.tree.snapshot()
        if self._settings.watch_modified:
            self._closing.remember_files()
        self._first_write_event.hand_over()
        self._parts.observer.start()
        so_far.activate(self._parts.observer, self._parts.ignored)

    def _make_parts(self) -> None:
        from .parts import Parts

        def remember_places() -> None:
            self._closing.remember_places()

        self._parts = Parts(self._settings, self.root, self._project, remember_places)

    def enter(self, id: str, scope: Scope) -> Context:
        """Open a context below the current one."""
        if not self._watches:
            self._watch()
        context = contexts.enter(id, scope)
        self._journal.enter(id, scope)
        if callbacks.has_open_callbacks():
            from ..records import ContextRecord

            parent = context.parent.id if context.parent is not None else None
            callbacks.context_opened(ContextRecord(id, scope, parent))
        return context

    def close(
        self, context: Context, before_removal: Listener | None = None
    ) -> ContextReport | None:
        """Close a context and tell what it left; None if all that it made is gone.

        What it registered is removed. What it did not register and left is a leak, reported now
        and removed at the end of the run.

        Args:
            context: what closes.
            before_removal: told of the leaks while what is registered is still there.
        """
        report = None
        # While it is looked at, nothing is collected: an object in a cycle may be about to leave
        # what it would remove then.
        collects = gc.isenabled()
        if collects:
            gc.disable()
        try:
            if not self._parts.glance.left_nothing(context) or callbacks.has_close_callbacks():
                report = self._closing.close(context, self._settings.tracks, before_removal)
        finally:
            if collects:
                gc.enable()
        contexts.close(context)
        self._journal.leave()
        if report is not None:
            callbacks.context_closed(report)
        return report

    def full_lines(self, error: BaseException) -> list[str]:
        """Return lines on what fills the temp directory, where that may be behind a failure."""
        from .disk_full import full_lines, suspicion

        told = suspicion(error, self.root.path) if self._watches else ""
        if not told:
            return []
        entries = self._parts.observer.entries if self._settings.tracks else None
        return [told, *full_lines(self.root.path, entries)]

    def notice(self, context: Context) -> None:
        """Give what newly appeared to a context now, before other code runs."""
        if self._settings.tracks and self._parts.slots.changed():
            self._parts.slots.assign_new(context)

    def look_again(self) -> tuple[ContextReport, ...]:
        """Judge, while the run goes on, what contexts made after they were closed."""
        if not self._settings.tracks or not self._something_happened():
            return ()
        return self._closing.close_late()

    def wait(self) -> None:
        """Wait for the processes that outlived their context; `finish` then does not."""
        if self._closing_part is not None:
            self._closing_part.wait(self._settings.late_grace)

    def finish(self, tests: int = 0) -> tuple[RunReport, tuple[ContextReport, ...]]:
        """End the run: judge what came late and what belongs to no context, remove the root.

        Args:
            tests: how many tests were run, for the report.

        Returns:
            The report of the whole run, and the reports of contexts that left something after
            they were closed, the run's own last.

        Raises:
            OwnershipError: this is a forked child of the process that made the run.
        """
        self._refuse_a_child()
        with syscalls.genuine():
            return self._finish(tests)

    def _finish(self, tests: int) -> tuple[RunReport, tuple[ContextReport, ...]]:
        late: tuple[ContextReport, ...] = ()
        self.wait()
        # Where nothing has been run, somebody else may have put something there.
        if not self._watches and any(map(syscalls.listdir, self.root.slots)):
            self._watch()
        if self._settings.tracks and self._something_happened():
            self.notice(contexts.root)
            late = self._closing.close_run()
        self._stop_observing()
        self.root.restore()
        report = self._end(tests)
        callbacks.run_closed(report)
        return report, late

    def abandon(self) -> None:
        """End without a report, for a process that must stop: remove the root and restore.

        Raises:
            OwnershipError: as `finish`.
        """
        self._refuse_a_child()
        with syscalls.genuine():
            self._stop_observing()
            self.root.restore()
            self.root.remove()

    def unfinished(self, tests: int = 0) -> RunReport:
        """Return what is known where `finish` was broken off, and what is left to remove."""
        return self._closing.unfinished(tests)

    @property
    def _closing(self) -> Closing:
        if self._closing_part is None:
            from .close import Closing

            if not self._watches:
                self._make_parts()
            parts = self._parts
            self._closing_part = Closing(
                self.root, parts.observer, parts.slots, parts.tree, parts.ignored
            )
        return self._closing_part

    def _spare(self, paths: Iterable[str]) -> None:
        has_seen_all = self._settings.tracks and self._closing_part is None
        if not has_seen_all or self._parts.observer.brought.is_any():
            self._closing.spare(paths, self._settings.tracks)

    def _stop_observing(self) -> None:
        if Run.open_one is self:
            Run.open_one = None
        if not self._watches:
            self._first_write_event.stop()
            return
        from ..registry import registrations
        from . import so_far

        registrations.before_removal = registrations.protect_nothing
        self._parts.slots.release()
        if self._settings.tracks:
            so_far.deactivate(self._parts.observer)
            self._parts.observer.stop()

    def _refuse_a_child(self) -> None:
        if os.getpid() != self.root.owner:
            from ..errors import OwnershipError

            raise OwnershipError(errno.EPERM, "the run is the parent process's: that ends it")

    def _something_happened(self) -> bool:
        return self._watches and (
            self._closing_part is not None
            or contexts.root.attachment is not None
            or bool(self._parts.observer.late)
            or self._parts.slots.has_new()
            or self._parts.tree.has_new()
        )

    def _end(self, tests: int) -> RunReport:
        if self._closing_part is None and self.root.remove_empty():
            from ..reports import RunReport, Summary

            made = self._parts.glance.made_and_removed if self._watches else 0
            return RunReport(Summary(tests=tests, made=made, removed_by_tests=made))
        closing = self._closing
        closing.totals.made += self._parts.glance.made_and_removed
        closing.remove(self._settings.tracks)
        return closing.report(tests)


_opening = _thread.allocate_lock()


def _refuse_a_second() -> None:
    """Raise if there would be two runs: what is made can be noted by one only."""
    if Run.open_one is not None:
        from ..errors import OwnershipError

        raise OwnershipError(errno.EBUSY, "a run is open in this process: finish it first")
