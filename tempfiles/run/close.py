"""The close of a context in which something happened, and the end of a run.

Apart from the tracker, so that a run in which nothing happens imports none of what this needs.
"""

from __future__ import annotations

import json  # noqa: F401 - the journal's, which must import nothing when a context closes
import os
import sys
from collections.abc import Callable, Iterable

from ..detection.ignore import Ignored
from ..detection.leaks import Judge, with_holders
from ..detection.processes import LateProcesses
from ..detection.project_tree import FileStates, ProjectTree, SharedPlaces, shared_places
from ..detection.temp_dir import RACY_NS, Slots
from ..observation.activity import Activity, activity_of
from ..observation.observer import Observer
from ..records import Leak, Modification, Unattributed
from ..registry import cleanup, contexts
from ..registry.contexts import Context
from ..reports import ContextReport, RunReport
from ..roots.root import RunRoot
from .survivors import Survivors
from .totals import Totals

TYPE_CHECKING = False
if TYPE_CHECKING:
    from .clean_outside import OutsideCleaner

Listener = Callable[[ContextReport], None]

_INTERPRETERS = ("_interpreters", "_xxsubinterpreters")  # in which no audit hook runs

# A slot with more leftovers than this is left for a new one, so that listing it stays cheap.
_MOST_LEFTOVERS = 256


class Closing:
    """Judges contexts as they close, and adds up what they made and left.

    Args:
        root: the run root.
        observer: what was observed.
        slots: what lies in the run root.
        tree: the project's, read already.
        ignored: what is no leak.
    """

    def __init__(
        self, root: RunRoot, observer: Observer, slots: Slots, tree: ProjectTree, ignored: Ignored
    ) -> None:
        self._root = root
        self._observer = observer
        self._slots = slots
        self._tree = tree
        self._ignored = ignored
        self._judge = Judge(observer, tree, ignored)
        self._late = LateProcesses(root)
        self._shared: SharedPlaces | None = None
        self._states: FileStates | None = None
        self._cleaner = _cleaner(root, observer)
        self.totals = Totals()
        self._survivors = Survivors(root, observer, self.totals)

    def remember_files(self) -> None:
        """From now on tell which of the project's files each context changes."""
        self._states = FileStates(self._tree)

    def remember_places(self) -> None:
        """Note what shared places hold, before the first process that may write there."""
        self._shared = SharedPlaces(shared_places(os.path.dirname(self._root.path)))

    def close(
        self, context: Context, tracks: bool = True, before_removal: Listener | None = None
    ) -> ContextReport:
        """Remove what a context has registered, and tell what else it made and left.

        Args:
            context: what closes; it is still open.
            tracks: whether to look for leaks.
            before_removal: told of the leaks while what is registered is still there.
        """
        activity = activity_of(context)
        if self._observer.removed is not None:
            self._observer.removed.settle_all()
        leftovers = self._look(context, activity) if tracks else 0
        made_paths = self._judge.made(activity)
        leaks = self._leaks_of(context, activity) if tracks else ()
        if before_removal is not None:
            before_removal(ContextReport(context.id, context.scope, leaks=leaks))
        made, registered = self._judge.count(made_paths, context, activity)
        removal = cleanup.remove_registered(context)
        self._observer.told.add(leaks, context)
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
        self._settle(context, activity, leftovers)
        return report

    def close_late(self) -> tuple[ContextReport, ...]:
        """Close again the contexts that made something after they were closed."""
        self._judge.hear_forks()
        self._slots.assign_late()
        late = dict.fromkeys([*self._late.contexts(), *self._observer.late])
        return self._close_again(*late)

    def wait(self, grace: float) -> None:
        """Wait so many seconds, at most, for the processes that outlived their context."""
        self._late.wait(grace)

    def close_run(self) -> tuple[ContextReport, ...]:
        """Close the contexts that made something after they were closed, and the run's own."""
        return (*self.close_late(), *self._close_again(contexts.root))

    def _close_again(self, *late: Context) -> tuple[ContextReport, ...]:
        reports = [self.close(context) for context in late]
        found, self._judge.late_leaks = self._judge.late_leaks, []
        for leak in found:
            report = ContextReport(leak.context, leak.scope, made=1, leaks=(leak,))
            self.totals.add(report)
            reports.append(report)
        return tuple(report for report in reports if report.leaks or report.modifications)

    def spare(self, paths: Iterable[str], tracks: bool) -> None:
        """Move what is from before the run out of registered paths, which are about to go.

        Args:
            paths: files and directories.
            tracks: whether what came into the run root was observed.
        """
        self._survivors.spare(paths, self._observed_all(tracks))

    def remove(self, tracks: bool) -> None:
        """Remove the run root, and what else this run was seen to make, if that is asked for.

        What must not be removed is moved out of the root before.

        Args:
            tracks: whether what came into it was observed.
        """
        if self._survivors.set_apart(self._observed_all(tracks)):
            self.totals.note_failures(self._root.remove())
        else:
            self._root.leave()
            self.totals.note_nothing_removed()
        if self._cleaner is not None:
            self.totals.leaks = self._cleaner.remove(self.totals.leaks)

    def _observed_all(self, tracks: bool) -> bool:
        """Whether every move into the run root was seen."""
        interpreters = any(map(sys.modules.__contains__, _INTERPRETERS))
        return tracks and self._shared is None and not interpreters

    def report(self, tests: int) -> RunReport:
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
        """Return the report of a run whose end was broken off."""
        self.totals.note_unfinished(self._root.path)
        return self.report(tests)

    def _look(self, context: Context, activity: Activity) -> int:
        self._late.look(context, activity)
        self._judge.hear_forks()
        return self._slots.assign_new(context)

    def _leaks_of(self, context: Context, activity: Activity) -> tuple[Leak, ...]:
        leaks = [*self._judge.leaks_in_temp(context, activity)]
        leaks += self._judge.leaks_outside(context, activity)
        foreign = activity.children or activity.native or self._observer.spawning.native_modules
        if self._tree.known and (foreign or context.scope != "test"):
            leaks += self._judge.leaks_in_tree(context, activity)
        leaks = with_holders(leaks, context)
        if self._cleaner is not None:
            self._cleaner.remember(leaks)
        return tuple(leaks)

    def _settle(self, context: Context, activity: Activity, leftovers: int) -> None:
        outlived = self._late.outlived(context)
        self._judge.rest(context, activity, outlived)
        if outlived:
            self._slots.replace(context)
        elif leftovers > _MOST_LEFTOVERS:
            self._slots.replace(contexts.root)

    def _modifications_of(self, context: Context) -> tuple[Modification, ...]:
        if self._states is None:
            return ()
        return tuple(
            Modification(path, "changed" if what else "deleted", context.id, context.scope, what)
            for path, what in self._states.changes()
            if not self._ignored(path)
        )

    def _unattributed(self) -> tuple[Unattributed, ...]:
        found = dict(self._judge.unattributed)
        if self._shared is not None:
            found.update({path: () for path in self._shared.new() if self._is_strange(path)})
        return tuple(self._judge.explanations.describe_unattributed(found))

    def _is_strange(self, path: str) -> bool:
        own = os.path.basename(path).startswith("tidy-") or path in self._observer.ours
        return not (own or self._ignored(path) or self._judge.is_reported(path))


def _cleaner(root: RunRoot, observer: Observer) -> OutsideCleaner | None:
    if observer.seen is not None:
        from .clean_outside import OutsideCleaner

        return OutsideCleaner(root.made - RACY_NS, observer)
    return None
