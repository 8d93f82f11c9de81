"""A run: it opens and closes contexts, and reports what each of them left.

The cost of a context in which nothing happened is one `stat` of the temp directory.
"""

from __future__ import annotations

import os
import time
from dataclasses import dataclass, replace

from . import callbacks, cleanup, contexts, finalizers, late, remaining
from .contexts import Context
from .ignores import Ignored
from .judge import Judge
from .observer import Observer
from .outside import OutsideCleaner
from .records import (
    ContextRecord,
    ContextReport,
    Leak,
    Modification,
    RemovalReport,
    RunReport,
    Scope,
    Summary,
    Unattributed,
)
from .root import RunRoot
from .territory import FileStates, ProjectTree, SharedPlaces, shared_places

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
        watch_modified: also report pre-existing files of the project that a context changed.
        clean_outside: remove leaks outside the temp directory that this run was seen to make.
        late_grace: seconds to wait, at the end, for processes that outlived their context.
    """

    base: str | None = None
    project: str = ""
    tracks: bool = True
    trace: bool = False
    ignore: tuple[str, ...] = ()
    watch_modified: bool = False
    clean_outside: bool = False
    late_grace: float = 2.0


class Run:
    """One run, from the making of its root to the removal of it.

    Attributes:
        root: the run root.
        reports: what contexts left, in the order in which they closed.
    """

    def __init__(self, settings: RunSettings) -> None:
        self._settings = settings
        project = os.path.realpath(settings.project or os.getcwd())
        self.root = RunRoot(settings.base, project)
        self._journal = self.root.journal
        self._journal_enter = self._journal.enter
        self._ignored = Ignored(settings.ignore, project)
        self._tree = ProjectTree(project, self._ignored, excluded=self.root.path)
        self._observer = Observer(
            self.root.path, trace=settings.trace, before_foreign=self._remember_places
        )
        self._judge = Judge(self.root, self._observer, self._tree, self._ignored)
        self._late = late.LateProcesses(self.root)
        self._shared: SharedPlaces | None = None
        self._states: FileStates | None = None
        self._leaks: list[Leak] = []
        self._cleaner = OutsideCleaner(time.time_ns())
        self._modifications: list[Modification] = []
        self._made = self._registered = 0

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
        self._journal_enter(id, scope)
        if callbacks.has_open_callbacks():
            parent = context.parent.id if context.parent is not None else None
            callbacks.context_opened(ContextRecord(id, scope, parent))
        return context

    def close(self, context: Context) -> ContextReport | None:
        """Close a context and tell what it left; None if nothing happened in it.

        What it registered is removed. What it did not register and left is a leak, reported now
        and removed at the end of the run.
        """
        if not self._may_have_left(context):
            contexts.leave(context)
            self._journal.leave()
            if callbacks.has_close_callbacks():
                callbacks.context_closed(ContextReport(context.id, context.scope))
            return None
        report = self._close(context)
        contexts.leave(context)
        self._journal.leave()
        callbacks.context_closed(report)
        return report

    def adopt(self, context: Context) -> None:
        """Make a context the current one of the code that calls this (a copied `contextvars`)."""
        contexts.adopt(context)

    def notice(self, context: Context) -> None:
        """Give what newly appeared to a context now, before other code runs."""
        if self._judge.slot_changed():
            self._judge.assign_new(context)

    def finish(self, tests: int = 0) -> tuple[RunReport, tuple[ContextReport, ...]]:
        """End the run: judge what came late and what belongs to no context, remove the root.

        Returns:
            The report of the whole run, and the reports of contexts that left something after
            they were closed, the run's own last.
        """
        late_reports = self._finish_contexts() if self._settings.tracks else ()
        self._stop_observing()
        finalizers.disarm([leak.path for leak in self._leaks if leak.never_closed])
        self.root.restore()
        removal = self.root.remove()
        if self._settings.clean_outside:
            self._leaks = self._cleaner.remove(self._leaks)
        self._note_failures(removal)
        report = RunReport(
            self._summary(tests),
            tuple(self._leaks),
            self._unattributed(),
            tuple(self._modifications),
        )
        callbacks.run_closed(report)
        return report, late_reports

    def abandon(self) -> None:
        """End without a report, for a process that must stop: remove the root and restore."""
        self._stop_observing()
        self.root.restore()
        self.root.remove()

    def _stop_observing(self) -> None:
        if not self._settings.tracks:
            return
        remaining.deactivate(self._observer)
        self._observer.stop()

    def _may_have_left(self, context: Context) -> bool:
        if not self._settings.tracks:
            return context.files is not None or context.directories is not None
        return (
            context.attachment is not None
            or context.files is not None
            or context.directories is not None
            or self._judge.slot_changed()
            or self._states is not None
            or (self._observer.native_modules and self._tree.top_changed())
        )

    def _close(self, context: Context) -> ContextReport:
        activity = self._judge.activity(context)
        self._late.look(context, activity)
        self._judge.hear_forks()
        if self._judge.slot_changed() or activity.created:
            leftovers = self._judge.assign_new(context)
        else:
            leftovers = 0
        registered = self._judge.count_registered(context, activity)
        removal = cleanup.remove_registered(context)
        leaks = self._leaks_of(context) if self._settings.tracks else ()
        made = len(activity.created) + self._judge.made_outside(context, activity)
        self._judge.rest(context, activity)
        self._made += max(made, registered + len(leaks))
        self._registered += registered
        if leftovers > _MOST_LEFTOVERS:
            self._replace_slot(contexts.root)
        elif self._late.outlived(context):
            self._replace_slot(context)
        report = ContextReport(
            context.id,
            context.scope,
            made=max(made, registered + len(leaks)),
            registered=registered,
            leaks=leaks,
            modifications=self._modifications_of(context),
            removal=removal,
        )
        self._journal.left(report)
        return report

    def _leaks_of(self, context: Context) -> tuple[Leak, ...]:
        activity = self._judge.activity(context)
        leaks = [*self._judge.leaks_in_temp(context, activity)]
        leaks += self._judge.leaks_outside(context, activity)
        foreign = activity.children or activity.native or self._observer.native_modules
        if self._tree.known and (foreign or context.scope != "test"):
            leaks += self._judge.leaks_in_tree(context, activity)
        for leak in leaks:
            self._cleaner.remember(leak)
        self._leaks += leaks
        return tuple(leaks)

    def _modifications_of(self, context: Context) -> tuple[Modification, ...]:
        if self._states is None:
            return ()
        found = tuple(
            Modification(path, "changed" if what else "deleted", context.id, context.scope, what)
            for path, what in self._states.changes()
            if not self._ignored(path)
        )
        self._modifications += found
        return found

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
        reports = []
        for context in [*self._late.contexts(), *self._observer.late, contexts.root]:
            report = self._close(context)
            if report.leaks or report.modifications:
                reports.append(report)
        return tuple(reports)

    def _unattributed(self) -> tuple[Unattributed, ...]:
        found = dict(self._judge.unattributed)
        if self._shared is not None:
            found.update({path: () for path in self._shared.new() if self._is_strange(path)})
        return tuple(self._judge.describe_unattributed(found))

    def _is_strange(self, path: str) -> bool:
        own = os.path.basename(path).startswith("tidy-")
        return not (own or self._ignored(path) or self._judge.is_reported(path))

    def _note_failures(self, removal: RemovalReport) -> None:
        failed = [failure.path for failure in removal.failed]
        if failed:
            self._leaks = [
                replace(leak, outcome="failed")
                if leak.where == "temp" and any(path.startswith(leak.path) for path in failed)
                else leak
                for leak in self._leaks
            ]

    def _summary(self, tests: int) -> Summary:
        return Summary(
            tests=tests,
            made=self._made,
            removed_by_tests=self._made - self._registered - len(self._leaks),
            registered=self._registered,
            leaked=len(self._leaks),
            leaked_bytes=sum(leak.bytes for leak in self._leaks),
            leaking_contexts=len({(leak.scope, leak.context) for leak in self._leaks}),
        )
