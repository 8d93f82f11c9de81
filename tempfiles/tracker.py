"""A run: it opens and closes contexts, and reports what each of them left.

The cost of a context in which nothing happened is one `stat` of the temp directory.
"""

from __future__ import annotations

import os
import time
from dataclasses import dataclass

from . import _contexts as contexts
from . import callbacks, cleanup, finalizers, late, remaining, syscalls
from ._contexts import Context
from .activity import Activity, activity_of
from .ignores import Ignored
from .judge import Judge
from .observer import Observer
from .outside import OutsideCleaner
from .records import (
    ContextRecord,
    ContextReport,
    Leak,
    Modification,
    RunReport,
    Scope,
    Unattributed,
)
from .rescue import rescue
from .root import RunRoot
from .territory import FileStates, ProjectTree, SharedPlaces, shared_places
from .totals import Totals

# A slot with more leftovers than this is left for a new one, so that listing it stays cheap.
_MOST_LEFTOVERS = 256


@dataclass(frozen=True, slots=True)
class RunSettings:
    """How a run tracks.

    Args:
        base: the directory for the run root; None for the system's temp directory.
        project: the directory that relative origins are relative to and whose tree is swept.
        tracks: whether to look for leaks at all; the root is made and removed in any case.
        trace: keep the whole stack of each origin.
        ignore: globs of paths that are no leaks.
        measure_made: also count the bytes of what tests remove themselves.
        watch_modified: also report pre-existing files of the project that a context changed.
        clean_outside: remove leaks outside the temp directory that this run was seen to make.
        late_grace: seconds to wait, at the end, for processes that outlived their context.
    """

    base: str | None = None
    project: str = ""
    tracks: bool = True
    trace: bool = False
    ignore: tuple[str, ...] = ()
    measure_made: bool = False
    watch_modified: bool = False
    clean_outside: bool = False
    late_grace: float = 2.0


class Run:
    """One run, from the making of its root to the removal of it.

    Attributes:
        root: the run root.
    """

    def __init__(self, settings: RunSettings) -> None:
        self._settings = settings
        project = syscalls.real_path(settings.project or syscalls.getcwd())
        self.root = RunRoot(settings.base, project)
        self._journal = self.root.journal
        self._ignored = Ignored(settings.ignore, project)
        self._tree = ProjectTree(project, self._ignored, excluded=self.root.path)
        self._observer = Observer(
            self.root.path,
            trace=settings.trace,
            measure=settings.measure_made,
            before_foreign=self._remember_places,
        )
        self._judge = Judge(self.root, self._observer, self._tree, self._ignored)
        self._late = late.LateProcesses(self.root)
        self._shared: SharedPlaces | None = None
        self._states: FileStates | None = None
        self._totals = Totals()
        self._cleaner = OutsideCleaner(time.time_ns())

    def open(self) -> None:
        """Begin: redirect the temp directory, listen to what is made."""
        contexts.root.attachment = None
        self.root.redirect()
        if self._settings.tracks:
            self._tree.snapshot()
            if self._settings.watch_modified:
                self._states = FileStates(self._tree)
            self._observer.start()
            remaining.activate(self._observer)

    def guard(self) -> None:
        """Start the process that removes the root when this one has died."""
        from . import guard

        guard.start(self.root.path)

    def enter(self, id: str, scope: Scope) -> Context:
        """Open a context below the current one."""
        context = contexts.enter(id, scope)
        self._journal.enter(id, scope)
        if callbacks.has_open_callbacks():
            parent = context.parent.id if context.parent is not None else None
            callbacks.context_opened(ContextRecord(id, scope, parent))
        return context

    def close(self, context: Context) -> ContextReport | None:
        """Close a context and tell what it left; None if all that it made is gone.

        What it registered is removed. What it did not register and left is a leak, reported now
        and removed at the end of the run.
        """
        report = None
        if not self._left_nothing(context):
            report = self._close(context)
        elif callbacks.has_close_callbacks():
            callbacks.context_closed(ContextReport(context.id, context.scope))
        contexts.leave(context)
        self._journal.leave()
        if report is not None:
            callbacks.context_closed(report)
        return report

    def adopt(self, context: Context) -> None:
        """Make a context the current one of the code that calls this (a copied `contextvars`)."""
        contexts.adopt(context)

    def notice(self, context: Context) -> None:
        """Give what newly appeared to a context now, before other code runs."""
        if self._settings.tracks and self._judge.slot_changed():
            self._judge.assign_new(context)

    def finish(self, tests: int = 0) -> tuple[RunReport, tuple[ContextReport, ...]]:
        """End the run: judge what came late and what belongs to no context, remove the root.

        Returns:
            The report of the whole run, and the reports of contexts that left something after
            they were closed, the run's own last.
        """
        late_reports = self._finish_contexts() if self._settings.tracks else ()
        totals = self._totals
        self._stop_observing()
        totals.set_aside_gone()
        finalizers.disarm([leak.path for leak in totals.leaks if leak.never_closed])
        self.root.restore()
        kept = rescue({*contexts.kept(), *self._observer.older}, self.root.path)
        totals.note_kept(kept)
        totals.note_failures(self.root.remove())
        if self._settings.clean_outside:
            totals.leaks = self._cleaner.remove(totals.leaks)
        report = RunReport(
            totals.summary(tests),
            tuple(totals.leaks),
            self._unattributed(),
            tuple(totals.modifications),
            tuple(totals.removed_later),
        )
        callbacks.run_closed(report)
        return report, late_reports

    def abandon(self) -> None:
        """End without a report, for a process that must stop: remove the root and restore."""
        self._stop_observing()
        self.root.restore()
        self.root.remove()

    def _stop_observing(self) -> None:
        if self._settings.tracks:
            remaining.deactivate(self._observer)
            self._observer.stop()

    def _left_nothing(self, context: Context) -> bool:
        """Whether a context needs no closer look; counts what it made and removed."""
        activity: Activity | None = context.attachment
        if context.files is not None or context.directories is not None:
            return False
        if not self._settings.tracks:
            return True
        if self._states is not None or self._tree_needs_look():
            return False
        if activity is None:
            return not self._judge.slot_changed()
        if not activity.is_plain or not self._judge.all_gone(activity):
            return False
        self._totals.made += len(activity.created)
        return True

    def _tree_needs_look(self) -> bool:
        return self._observer.spawning.native_modules and self._tree.top_changed()

    def _close(self, context: Context) -> ContextReport:
        activity = activity_of(context)
        self._late.look(context, activity)
        self._judge.hear_forks()
        leftovers = self._judge.assign_new(context) if self._settings.tracks else 0
        registered = self._judge.count_registered(context, activity)
        removal = cleanup.remove_registered(context)
        leaks = self._leaks_of(context, activity) if self._settings.tracks else ()
        made = len(activity.created) + self._judge.made_outside(activity)
        report = ContextReport(
            context.id,
            context.scope,
            made=max(made, registered + len(leaks)),
            registered=registered,
            bytes_made=activity.bytes_removed + removal.bytes + sum(leak.bytes for leak in leaks),
            leaks=leaks,
            modifications=self._modifications_of(context),
            removal=removal,
        )
        self._journal.left(report)
        self._totals.add(report)
        self._judge.rest(context, activity, self._late.outlived(context))
        if self._late.outlived(context):
            self._replace_slot(context)
        elif leftovers > _MOST_LEFTOVERS:
            self._replace_slot(contexts.root)
        return report

    def _leaks_of(self, context: Context, activity: Activity) -> tuple[Leak, ...]:
        leaks = [*self._judge.leaks_in_temp(context, activity)]
        leaks += self._judge.leaks_outside(context, activity)
        foreign = activity.children or activity.native or self._tree_needs_look()
        if self._tree.known and (foreign or context.scope != "test"):
            leaks += self._judge.leaks_in_tree(context, activity)
        for leak in leaks:
            if not self._observer.holds_older(leak.path):
                self._cleaner.remember(leak)
        return tuple(leaks)

    def _modifications_of(self, context: Context) -> tuple[Modification, ...]:
        if self._states is None:
            return ()
        return tuple(
            Modification(path, "changed" if what else "deleted", context.id, context.scope, what)
            for path, what in self._states.changes()
            if not self._ignored(path)
        )

    def _replace_slot(self, leaving_to: Context) -> None:
        self.root.add_slot(leaving_to)
        self._judge.follow_slot()

    def _remember_places(self) -> None:
        self._shared = SharedPlaces(shared_places(os.path.dirname(self.root.path)))

    def _finish_contexts(self) -> tuple[ContextReport, ...]:
        self.notice(contexts.root)
        self._late.wait(self._settings.late_grace)
        self._judge.hear_forks()
        self._judge.assign_late()
        found = dict.fromkeys([*self._late.contexts(), *self._observer.late, contexts.root])
        reports = [self._close(context) for context in found]
        for leak in self._judge.late_leaks:
            report = ContextReport(leak.context, leak.scope, made=1, leaks=(leak,))
            self._totals.add(report)
            reports.append(report)
        return tuple(report for report in reports if report.leaks or report.modifications)

    def _unattributed(self) -> tuple[Unattributed, ...]:
        found = dict(self._judge.unattributed)
        if self._shared is not None:
            found.update({path: () for path in self._shared.new() if self._is_strange(path)})
        return tuple(self._judge.describe_unattributed(found))

    def _is_strange(self, path: str) -> bool:
        own = os.path.basename(path).startswith("tidy-")
        return not (own or self._ignored(path) or self._judge.is_reported(path))
