"""Close a context: collect observations, decide what leaked, remove registered paths, report.

This is apart from the run, so that a run in which nothing happens imports none of it.
"""

from __future__ import annotations

import json  # noqa: F401 - the journal's, which must import nothing when a context closes
import os
import sys
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import TYPE_CHECKING

from ..detection.ignore import Ignored
from ..detection.leak_finder import LeakFinder
from ..detection.project_tree import (
    FileStates,
    ProjectTree,
    SharedDirectories,
    is_own,
    shared_directories,
)
from ..detection.temp_dir import TempDirectoryScanner
from ..observation.observer import Observer
from ..processes.activity import activity_of
from ..processes.survivors import SurvivorProcesses
from ..processes.watch import held_by_others
from ..records import Leak, Leftover, Modification, Unattributed
from ..recovery import in_use
from ..registry import cleanup, contexts
from ..registry.contexts import Context
from ..reports import ContextReport, RemovalFailure, RemovalReport, RunReport
from ..roots.ownership import candidates
from ..roots.root import RunRoot
from ..system.platform import RACY_NS
from .move_out import MoveOut
from .totals import Totals

if TYPE_CHECKING:
    from .clean_outside import OutsideCleaner

Listener = Callable[[ContextReport], None]

_INTERPRETERS = ("_interpreters", "_xxsubinterpreters")  # no audit hook runs in them

# A slot with more leftovers than this is left for a new one, so that listing it stays cheap.
_MOST_LEFTOVERS = 256


@dataclass(frozen=True, slots=True)
class Collected:
    """What is known of a context when it closes.

    Attributes:
        context: the context.
        created: the topmost paths that it has created and that are known to have existed.
        leftovers: how many names the current slot of the temp directory holds.
        survives: whether a process that it started is still running.
    """

    context: Context
    created: tuple[str, ...]
    leftovers: int = 0
    survives: bool = False


class Closing:
    """Close contexts, and add up what they created and left.

    Args:
        root: the run root.
        observer: what was observed.
        temp_directory: what lies in the run root.
        tree: the project's, read already.
        ignored: what is no leak.
    """

    def __init__(
        self, root: RunRoot, observer: Observer, temp_directory: TempDirectoryScanner,
        tree: ProjectTree, ignored: Ignored,
    ) -> None:
        self._root = root
        self._observer = observer
        self._paths = observer.paths
        self._temp_directory = temp_directory
        self._tree = tree
        self._ignored = ignored
        self._processes = SurvivorProcesses(root)
        self._finder = LeakFinder(observer, tree, ignored, self._processes)
        temp_directory.of_servers = self._processes.of_servers
        temp_directory.beside = self._processes.beside
        temp_directory.server_slots = self._processes.server_directories
        self._shared: SharedDirectories | None = None
        self._states: FileStates | None = None
        self._cleaner = self._new_cleaner()
        self.totals = Totals(self._paths)
        self._move_out = MoveOut(root, observer, self.totals, tree)

    def _new_cleaner(self) -> OutsideCleaner | None:
        if not self._paths.keeps_all:
            return None
        from .clean_outside import OutsideCleaner

        return OutsideCleaner(self._root.made - RACY_NS, self._paths)

    def remember_files(self) -> None:
        """From now on report which of the project's files each context changes."""
        self._states = FileStates(self._tree)

    def remember_shared(self) -> None:
        """List the shared directories, before the first process that may write there."""
        if self._shared is None:
            self._shared = SharedDirectories(shared_directories(self._root.base))
            self._move_out.lost_elsewhere = self._shared.lost

    def add_leftovers(self, found: Iterable[Leftover]) -> None:
        """Report leaks of earlier runs again, as long as the same files are there."""
        self._finder.leftovers.add(found)

    def has_leftovers(self, context: Context) -> bool:
        """Return whether a context has left something in an earlier run."""
        return self._finder.leftovers.concern(context.id)

    # The close of one context

    def close(
        self, context: Context, tracks: bool = True, before_removal: Listener | None = None
    ) -> ContextReport:
        """Remove what a context has registered, and report what else it created and left.

        Args:
            context: an open context.
            tracks: whether to look for leaks.
            before_removal: called with the leaks while what is registered is still there.
        """
        collected = self.collect(context, tracks)
        leaks = self.decide(collected) if tracks else ()
        if before_removal is not None:
            before_removal(ContextReport(context.id, context.scope, leaks=leaks))
        counts = self._finder.count(collected.created, context)
        removal = self.remove_registered(context)
        report = self.report(collected, leaks, counts, removal)
        self._finish(collected)
        return report

    def collect(self, context: Context, tracks: bool = True) -> Collected:
        """Record what no event has reported yet, and return what is known of a context."""
        if self._observer.removed is not None:
            self._observer.removed.settle_all()
        if not tracks:
            return Collected(context, tuple(self._paths.topmost(context)))
        self._find_processes(context)
        self._observer.read_forks()
        self._observer.settle()
        self._finder.child_creations.read()
        leftovers = self._temp_directory.attribute_new(context)
        created = tuple(self._paths.topmost(context))
        return Collected(context, created, leftovers, self._processes.survive(context))

    def note_processes(self, context: Context) -> None:
        """Record which processes an open context has started, before others start within it."""
        self._processes.find(context, activity_of(context))

    def _find_processes(self, context: Context) -> None:
        late = self._observer.spawns.take_late()
        self._processes.late = tuple(dict.fromkeys(starter for starter, _ in late))
        self._finder.survivors += late
        self._paths.closed_makers.update(dict.fromkeys(self._processes.late))
        self._processes.find(context, activity_of(context))

    def decide(self, collected: Collected) -> tuple[Leak, ...]:
        """Return what a context has left: the leaks that nothing excuses, each once."""
        leaks = self._finder.left_by(collected.context)
        if not collected.context.exempt:
            return leaks
        for leak in leaks:
            self._ignored.add_path(leak.path)
        return ()

    def remove_registered(self, context: Context) -> RemovalReport:
        """Remove what a context has registered; its leaks stay until the end of the run."""
        return cleanup.remove_registered(context)

    def report(
        self, collected: Collected, leaks: tuple[Leak, ...], counts: tuple[int, int],
        removal: RemovalReport,
    ) -> ContextReport:
        """Write down what a context has created and left, in the journal and in the totals.

        Args:
            collected: what is known of the context.
            leaks: what it left.
            counts: how many paths it created, and how many of them were registered.
            removal: how these were removed.
        """
        context, (made, registered) = collected.context, counts
        activity = activity_of(context)
        report = ContextReport(
            context.id,
            context.scope,
            made=max(made, registered + len(leaks)),
            registered=registered,
            bytes_made=activity.bytes_removed + removal.bytes + activity.bytes_left,
            leaks=leaks,
            modifications=self._modifications_of(context),
            removal=removal,
        )
        self._root.journal.record_leaks(report)
        self.totals.add(report)
        if removal.failed:
            still = {*(context.files or ()), *(context.directories or ())}
            self.totals.unremoved += still.intersection(collected.created)
        return report

    def _finish(self, collected: Collected) -> None:
        """Forget what a closed context did, and leave it the slot that its processes write to."""
        if activity_of(collected.context).children:
            self._temp_directory.note_children()
        self._finder.close(collected.context, collected.survives)
        if self._processes.owns_slot(collected.context):
            self._temp_directory.replace_slot(collected.context)
        elif collected.leftovers > _MOST_LEFTOVERS:
            self._temp_directory.replace_slot(contexts.root)
        self._processes.forget_ended()

    def _modifications_of(self, context: Context) -> tuple[Modification, ...]:
        if self._states is None:
            return ()
        return tuple(
            Modification(path, "changed" if what else "deleted", context.id, context.scope, what)
            for path, what in self._states.changes()
            if not self._ignored(path)
        )

    # Contexts that are closed already

    def close_late(self) -> tuple[ContextReport, ...]:
        """Close again the contexts that created something after they were closed."""
        self._observer.read_forks()
        self._finder.child_creations.read()
        self._temp_directory.attribute_late()
        late = dict.fromkeys([*self._processes.contexts(), *self._paths.closed_makers])
        return self._close_again(*late)

    def close_run(self, has_exited: bool) -> tuple[ContextReport, ...]:
        """Close the contexts that created something after they were closed, and the run's own.

        Args:
            has_exited: whether the exit handlers have run: what they may remove is no leak yet.
        """
        self._finder.is_last = has_exited
        late = (*self.close_late(), *self._close_again(contexts.root))
        self._finder.set_undecided_apart()
        self.totals.measure_again()
        self.totals.note_holders(self._processes.pids())
        return late

    def close_leftovers(self, is_due: Callable[[str], bool]) -> tuple[ContextReport, ...]:
        """Report what earlier runs left, of contexts that did not close in this run.

        Args:
            is_due: whether to report it for a context with this id.
        """
        found: dict[tuple[str, str], list[Leak]] = {}
        for leak in self._finder.leftovers.take_all(is_due):
            found.setdefault((leak.context, leak.scope), []).append(leak)
        reports = [
            ContextReport(id, scope, made=len(leaks), leaks=tuple(leaks))
            for (id, scope), leaks in found.items()
        ]
        for report in reports:
            self.totals.add(report)
        return tuple(reports)

    def wait(self, grace: float) -> None:
        """Wait so many seconds, at most, for the survivor processes."""
        self._processes.wait(grace)

    def _close_again(self, *late: Context) -> tuple[ContextReport, ...]:
        reports = [self.close(context) for context in late]
        for leak in self._finder.take_leaks_of_survivors():
            report = ContextReport(leak.context, leak.scope, made=1, leaks=(leak,))
            self.totals.add(report)
            reports.append(report)
        return tuple(report for report in reports if report.leaks or report.modifications)

    # The end of the run

    def move_preexisting_out(self, paths: Iterable[str], tracks: bool) -> None:
        """Move what is from before the run out of registered paths, which are about to be removed.

        Args:
            paths: files and directories.
            tracks: whether what came into the run root was observed.
        """
        self._move_out.move_out_of(paths, self._observed_all(tracks))

    def remove(self, tracks: bool) -> None:
        """Remove the run root and, with `--clean-outside`, the leaks elsewhere that it created.

        Args:
            tracks: whether what came into the root was observed.
        """
        self.remove_root(tracks)
        if self._cleaner is not None:
            self.totals.update(self._cleaner.remove(self.totals.leaks))

    def remove_root(self, tracks: bool) -> None:
        """Remove the run root. What must not be removed is moved out of it before.

        It stays for a later run to remove while another run in it is live. A signal may interrupt
        this at any moment: a second call, or the next run, goes on.

        Args:
            tracks: whether what came into it was observed.
        """
        if self._root.is_replaced():
            self.totals.note_nothing_removed()
            self.totals.note_failures(self._root.remove())
            return
        observed_all = self._observed_all(tracks)
        runs = () if observed_all else in_use.live_runs_in(self._root.path) or ()
        if self._move_out.move_out(observed_all, runs) and not runs:
            self.totals.note_failures(self._root.remove())
        else:
            self._root.leave()
            self.totals.note_nothing_removed()
            causes = [f"{in_use.words_for_run(path)}; a later run removes it" for path in runs]
            failures = (RemovalFailure(self._root.path, cause) for cause in causes)
            self.totals.note_failures(RemovalReport(failed=tuple(failures)))

    def _observed_all(self, tracks: bool) -> bool:
        """Whether every move into the run root was observed."""
        interpreters = any(map(sys.modules.__contains__, _INTERPRETERS))
        others = candidates(self._root.path)  # of children that reopened the run, and died
        return tracks and self._shared is None and not (interpreters or others)

    def run_report(self, tests: int) -> RunReport:
        """Return the report of the whole run."""
        totals = self.totals
        return RunReport(
            totals.summary(tests),
            tuple(totals.leaks),
            self._unattributed(),
            tuple(totals.modifications),
            tuple(totals.removed_later),
            tuple(totals.failures),
            tuple(totals.rescued),
        )

    def unfinished(self, tests: int) -> RunReport:
        """Return the report of a run whose end was interrupted."""
        self.totals.note_unfinished(self._root.path)
        return self.run_report(tests)

    def _unattributed(self) -> tuple[Unattributed, ...]:
        unattributed = self._finder.unattributed
        found = {path: children for path, children in unattributed.items() if is_own(path)}
        if self._shared is not None:
            foreign = [path for path in self._shared.new() if self._is_foreign(path)]
            held = held_by_others(foreign, self._root.path)
            found.update({path: () for path in foreign if path not in held})
        undecided = self._finder.undecided
        found = {path: children for path, children in found.items() if path not in undecided}
        described = self._finder.explanations.describe_unattributed(found)
        return (*undecided.values(), *described)

    def _is_foreign(self, path: str) -> bool:
        own = os.path.basename(path).startswith("tidy-") or self._paths.is_of_run(path)
        if own or self._ignored(path) or self._paths.is_reported(path):
            return False
        return not self._observer.siblings.has(path)
