"""What a run observes and checks with, created when the first code of the user is about to run."""

from __future__ import annotations

import os
from collections.abc import Iterable
from typing import TYPE_CHECKING

from ..detection.extra_detectors import Detectors
from ..detection.ignore import Ignored
from ..detection.project_tree import ProjectTree
from ..detection.temp_dir import TempDirectoryScanner
from ..events import origins
from ..events.siblings import SiblingLog
from ..observation.observer import Observer
from ..processes.activity import Activity
from ..registry import contexts, registrations
from ..registry.contexts import Context
from ..reports import ContextReport, RunSettings
from ..roots.root import RunRoot
from ..system.thread_lock import Patient, new_lock
from . import so_far

if TYPE_CHECKING:
    from ..reports import RunReport
    from .close import Closing

_lock = new_lock()


class Tracking:
    """The components of a run, and its report. It is started and stopped once.

    Args:
        settings: how the run tracks.
        root: the run root.
        project: the real path of the project's directory.
        detectors: look for what contexts leave other than files.

    Attributes:
        ignored: decides which paths are no leaks.
        observer: records who created which path.
        temp_directory: lists the run's own temp directory.
        made_and_removed: how many paths the contexts created that left nothing.
    """

    def __init__(
        self, settings: RunSettings, root: RunRoot, project: str, detectors: Detectors
    ) -> None:
        origins.set_harness(settings.harness)
        self._settings = settings
        self._root = root
        self._detectors = detectors
        self._closing: Closing | None = None
        self._active = False
        self.ignored = Ignored(settings.ignore, project)
        roots = {root.path, os.path.dirname(settings.siblings)}  # with that of the whole run
        self._tree = ProjectTree(project, self.ignored, excluded=roots)
        self.observer = Observer(
            root.path, trace=settings.trace, keeps_all=settings.clean_outside,
            before_unaudited=self._before_unaudited,
        )  # fmt: skip
        self.observer.child_log.traces_native = settings.trace_children
        self.observer.record_preexisting = root.journal.record_preexisting
        if settings.siblings:
            self.observer.siblings = SiblingLog(settings.siblings, writes=True)
        if settings.measure_made:
            from ..observation.removed_bytes import RemovedBytes

            self.observer.removed = RemovedBytes(self.observer.root)
        self.temp_directory = TempDirectoryScanner(root, self.observer)
        self._made_by = self.observer.paths.made_by
        self._spawns = self.observer.spawns
        self._has_leftovers = bool(settings.leftovers)
        self._looks_closer = settings.watch_modified or self._has_leftovers
        self.made_and_removed = 0  # how many paths the contexts created that left nothing

    def _before_unaudited(self) -> None:
        if self._settings.tracks:
            self.observer.child_log.prepare()
            self.closing.remember_shared()
        else:
            self._tree.snapshot()  # what is missing at the end may lie in the run root
        self.observer.paths.preexisting.add_all(self._tree.entries(), self._root.made)

    @property
    def closing(self) -> Closing:
        """What closes contexts in which something happened; created when it is first used."""
        if self._closing is None:
            from .close import Closing  # before the lock: an import may wait for another thread

            with Patient(_lock):
                if self._closing is None:
                    self._closing = Closing(
                        self._root, self.observer, self.temp_directory, self._tree, self.ignored
                    )
        return self._closing

    @property
    def has_closed(self) -> bool:
        """Whether `closing` has been used."""
        return self._closing is not None

    def start(self) -> None:
        """Begin to observe, if the run tracks at all."""
        self._active = True
        self._detectors.start(self._root.path)
        registrations.before_removal = self._move_preexisting_out
        if self._settings.tracks:
            self._tree.snapshot()  # another program may create files before the first child
            if self._settings.leftovers:
                self.closing.add_leftovers(self._settings.leftovers)
            if self._settings.watch_modified:
                self.closing.remember_files()

    def observe(self) -> None:
        """Subscribe to audit events, and have Python children report theirs.

        Without tracking, only those count that may move the user's files.
        """
        if not self._settings.tracks:
            self.observer.follow_moves()
            return
        self.observer.start()
        self.observer.child_log.start()
        so_far.activate(self.observer, self.ignored)

    def stop(self) -> None:
        """Observe nothing more; a second call does nothing."""
        if not self._active:
            return
        self._active = False
        self._detectors.stop()
        self.temp_directory.release()
        if self._settings.tracks:
            so_far.deactivate(self.observer)
            self.observer.child_log.stop()
        self.observer.stop()

    def is_untouched(self, context: Context) -> bool:
        """Return whether nothing happened in a closing context, as in most tests.

        Then no object that is about to be collected has anything to remove.
        """
        if context.attachment is not None or self._made_by(context) or self._looks_closer:
            return False
        if context.files is not None or context.directories is not None:
            return False
        if context.scope != "test" or self._spawns.native_modules:
            return False
        return not self.temp_directory.changed()

    def left_nothing(self, context: Context) -> bool:
        """Return whether a closing context left nothing, so that it needs no closer look.

        That is so if all that it created is gone, it has nothing registered, and no earlier run
        left something of it.
        """
        if context.files is not None or context.directories is not None:
            return False
        if not self._settings.tracks:
            return True
        if self._has_leftovers and self.closing.has_leftovers(context):
            return False
        if self._settings.watch_modified or self._tree_may_have_changed(context):
            return False
        activity: Activity | None = context.attachment
        if activity is not None and (activity.has_helpers or activity.bytes_removed):
            return False
        if self.ignored.directories and not self._settings.measure_made:
            self.observer.paths.forget_below(self.ignored.directories, context)
        made = self._made_by(context)
        if not made:
            context.attachment = None
            return not (self.temp_directory.changed() and self.temp_directory.has_new())
        if self._settings.measure_made or self.temp_directory.holds(made):
            return False
        paths = self.observer.paths
        number = None if self.ignored.has_globs else paths.forget_removed(context)
        if number is None:
            number = self._count(context)
            paths.forget_all(context)
        self.made_and_removed += number
        context.attachment = None
        return True

    def _tree_may_have_changed(self, context: Context) -> bool:
        if context.scope != "test":
            return self._tree.changed()
        return self._spawns.native_modules and self._tree.top_changed()

    def _count(self, context: Context) -> int:
        """Return how many paths a context has created and removed, without ignored ones."""
        ignored, root, number = self.ignored, self.observer.root, 0
        for path in self.observer.paths.topmost(context):
            if path.startswith(root):
                number += not (ignored.has_globs and ignored(path, True))
            else:
                number += not ignored.by_name(path)
        return number

    def stop_protecting(self) -> None:
        """Let registered paths be removed as outside of a run: the run root is gone."""
        if registrations.before_removal == self._move_preexisting_out:
            registrations.before_removal = registrations.protect_nothing

    def attribute_new_to(self, context: Context) -> None:
        """Attribute what newly appeared in the temp directory to a context."""
        if self._settings.tracks and self.temp_directory.changed():
            self.temp_directory.attribute_new(context)
        if context.scope != "test" and context.attachment and context.attachment.children:
            self.closing.note_processes(context)  # they run beside the tests

    def needs_judging(self) -> bool:
        """Return whether there may be leaks that have not been found yet."""
        return self._settings.tracks and (
            self.has_closed
            or contexts.root.attachment is not None
            or bool(self.observer.paths.made_by(contexts.root))
            or bool(self.observer.paths.made_by(contexts.UNDECIDED))
            or bool(self.observer.paths.closed_makers)
            or self.temp_directory.has_new()
            or self._tree.has_new()
        )

    def judge(self, has_exited: bool) -> tuple[ContextReport, ...]:
        """Return what contexts left after they were closed, and what the run left outside them.

        Args:
            has_exited: see `Closing.close_run`.
        """
        late: tuple[ContextReport, ...] = ()
        root = contexts.root
        if self.needs_judging():
            self.attribute_new_to(root)
            late = self.closing.close_run(has_exited)
        findings = self._detectors.left_by(root)
        if not findings:
            return late
        own = [report for report in late if report.scope == root.scope]
        rest = [report for report in late if report.scope != root.scope]
        report = own[0] if own else ContextReport(root.id, root.scope)
        return (*rest, report._replace(findings=findings))

    def disk_full_lines(self, error: BaseException) -> list[str]:
        """Return lines on what fills the temp directory, where that may have caused an error."""
        from ..monitor.disk_full import full_lines, suspicion

        suspected = suspicion(error, self._root.path)
        if not suspected:
            return []
        maker_of = self.observer.paths.owner_above if self._settings.tracks else None
        return [suspected, *full_lines(self._root.path, maker_of)]

    def report(self, tests: int) -> RunReport:
        """Return the report of the run as far as it is known.

        Args:
            tests: how many tests were run.
        """
        created = self.made_and_removed
        if self._closing is None:
            from ..reports import RunReport, Summary

            return RunReport(Summary(tests=tests, made=created, removed_by_tests=created))
        self._closing.totals.made += created
        self.made_and_removed = 0
        return self._closing.run_report(tests)

    def _move_preexisting_out(self, paths: Iterable[str]) -> None:
        has_seen_all = self._settings.tracks and self._closing is None
        if not has_seen_all or self.observer.paths.preexisting:
            self.closing.move_preexisting_out(paths, self._settings.tracks)
