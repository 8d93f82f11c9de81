"""The session of one run of tests: contexts and outcomes go in, records come out.

A session knows no test tool. An adapter (`runner.execution` for unittest) calls `enter` and `close`
around each module, class and test, and reports each outcome.
"""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterable, Sequence, Set
from time import perf_counter
from typing import TYPE_CHECKING

from tempfiles import (
    Context,
    ContextReport,
    RunReport,
    Summary,
    open_contexts,
    original_os_functions,
    untracked,
)

from .listener import Events, Listener
from .outcomes import Counts, FlakyTest, Outcome, Outcomes
from .policy import ClosedContext, Policy

if TYPE_CHECKING:
    from tempfiles import Leak, Retention, Run, Scope, Source

    from ..selection.completeness import Completeness, ContextIds
    from .memory import LeakMemory
    from .summary import RunSummary
    from .worker_reports import WorkerReports

__unittest = True

_NOTHING = ClosedContext(ContextReport("", ""), ContextReport("", ""))


class Session:
    """Opens and closes the contexts of one run, has the policy decide about leaks, and counts.

    Args:
        run: the tracked run; it is open already.
        policy: decides whether what a context left is a failure.
        retention: keeps the files of failed tests; None to keep none.
        listeners: follow the run.
        memory: returns the memory of leaks outside the temp directory; None to remember none.

    Attributes:
        ran: the ids of all contexts that were entered.
        leaked: the ids of the contexts that left something.
        interrupted: the ids of the contexts that were broken off, before they could clean up.
        outcomes: what the tests came to so far.
        moment: when the event happened that a worker has sent; None where the tests run here. It is
            a reading of `time.perf_counter`.
        worker: the number of the worker that has sent it.
        machine: the machine of a cluster that ran the last test; empty without a cluster.
        machines: the machine where a context has left something, by its id.
        name_running: returns the ids of the tests that workers run now; None without workers.
        stop: called by a listener to end the run after the test under way; the adapter sets it.
        own_report: what this process itself has created and left, without its workers, when the
            run has ended.
        kept_elsewhere: how many registered files recorded runs have kept.
        found_late: what contexts left after they had closed, known leaks too.
    """

    def __init__(
        self, run: Run, policy: Policy, *, retention: Retention | None = None,
        listeners: Sequence[Listener] = (),
        memory: Callable[[], LeakMemory] | None = None,
    ) -> None:
        self.run = run
        self.policy = policy
        self.retention = retention
        self.events = Events(listeners)
        self.ran: set[str] = {"run"}
        self.leaked: set[str] = set()
        self.interrupted: set[str] = set()
        self.outcomes = Outcomes()
        self.stop: Callable[[], None] = lambda: None
        self.moment: float | None = None
        self.name_running: Callable[[], str] | None = None
        self.worker = 0
        self.machine = ""
        self.machines: dict[str, str] = {}
        self.own_report = RunReport(Summary())
        self.found_late: list[ContextReport] = []
        self._late: list[ContextReport] = []
        self._fails: dict[Context, bool] = {}  # of contexts that differ from the run
        self._memory = memory
        self.kept_elsewhere = 0
        self._workers: WorkerReports | None = None  # created by the first report of one
        self._left_uncounted: set[tuple[str, str]] = set()

    @property
    def now(self) -> float:
        """When the event happened that is being reported, as `time.perf_counter` tells it."""
        return perf_counter() if self.moment is None else self.moment

    @property
    def context_now(self) -> str:
        """The id of the context under way, also when it is asked for from another thread."""
        running = self.name_running() if self.name_running is not None else ""
        return running or open_contexts()[-1].id

    def enter(self, id: str, scope: Scope, *, source: Source | None = None) -> Context:
        """Open a context within the current one; see `tempfiles.Run.enter`."""
        self.ran.add(id)
        return self.run.enter(id, scope, source=source)

    def judge_as(self, context: Context, leaks: str) -> None:
        """Judge an open context in another way than the run.

        Args:
            context: the context.
            leaks: `off` reports no leak of it, `report` only reports them, `fail` fails it.
        """
        if leaks == "off":
            self.run.exempt(context)
        else:
            self._fails[context] = leaks == "fail"

    def close(
        self, context: Context, *, failed: bool = False, interrupted: bool = False
    ) -> ClosedContext:
        """Close a context, decide whether its leaks fail it, and notify the listeners.

        Args:
            context: the current context.
            failed: whether it has failed already, so that its registered files may be kept.
            interrupted: whether it was broken off before it could clean up.

        Returns:
            What it left; empty if it created and changed nothing.
        """
        if interrupted:
            self.interrupted.add(context.id)
            inner = context.parent is not None and context.parent.scope == "test"  # it goes on
            counts = context.scope == "test" and not inner  # as in the reports
            self.outcomes.counted["error"] += counts
        closed = None
        if self.retention is not None:
            closed = self._close_and_keep(context, self.retention, failed)
            report = closed.report
        else:
            report = self.run.close(context)
        if not report.scope:
            return _NOTHING  # as after most tests
        # The test may have broken the import of modules. One block: to enter it takes some time.
        with original_os_functions():
            if closed is None:
                new = self.policy.without_known(report)
                closed = ClosedContext(report, new, self._failure(context, new))
            self._notify(closed)
            if closed.failure is not None and not interrupted:
                self.note_failure(closed)
        return closed

    def _notify(self, closed: ClosedContext) -> None:
        if closed.report.leaks:
            self.leaked.add(closed.report.id)
            self._remember(closed.report)
        for notify in self.events.context_closed:
            notify(closed.report, closed.new)

    def _remember(self, report: ContextReport) -> None:
        """Remember what a context left outside the temp directory, for other runs at once."""
        if self._memory is None or all(leak.where == "temp" for leak in report.leaks):
            return
        # A test may have broken what this needs; the end of the run writes all leaks once more.
        with contextlib.suppress(Exception), untracked(), original_os_functions():
            self._memory().note(report.leaks)

    def report_leftovers(self, completeness: Completeness, *, is_filtered: bool) -> None:
        """Report what earlier runs left and what this run has not reported yet; before `finish`.

        Leftovers of tests that this run left out are not reported, if it left out any.

        Args:
            completeness: which tests ran, and which no longer exist.
            is_filtered: whether tests of the loaded modules were left out.
        """
        if self._memory is None:
            return
        memory = self._memory()

        def is_due(id: str) -> bool:
            if id != "run" and id in self.ran:
                return True
            return not is_filtered and (id == "run" or completeness.concerns(id))

        others = [
            one for one in memory.of_other_runs() if one.leak.key not in self._left_uncounted
        ]
        if others:
            self._note_late(self.run.report_leftovers(is_due, others))

    def _close_and_keep(
        self, context: Context, retention: Retention, failed: bool
    ) -> ClosedContext:
        decided: list[tuple[ContextReport, str | None]] = []

        def keep(report: ContextReport) -> None:
            new = self.policy.without_known(report)
            failure = self._failure(context, new)
            decided.append((new, failure))
            retention.keep_registered(context, failed or failure is not None)

        report = self.run.close(context, keep)
        if not report.scope:
            return _NOTHING
        if not decided:  # it left no file
            return ClosedContext(report, report)
        new, failure = decided[0]
        return ClosedContext(report, report._replace(leaks=new.leaks), failure)

    def closed_elsewhere(self, report: ContextReport) -> ClosedContext:
        """Decide about a context that a worker has closed, and notify the listeners."""
        report = self._of_workers().closed(report)
        new = self.policy.without_known(report)
        closed = ClosedContext(report, new)
        if self.machine and report.leaks:
            self.machines[report.id] = self.machine
        self._notify(closed)
        return closed

    def left_uncounted(self, leaks: Iterable[Leak]) -> None:
        """Leave out what tests have left that ran beyond the stop of this run, in workers."""
        self._left_uncounted.update(leak.key for leak in leaks)

    def ended_elsewhere(self, report: RunReport, late: Iterable[ContextReport] = ()) -> None:
        """Add the run of a worker to this one; before `finish`.

        Args:
            report: of its run.
            late: what contexts of it left after they had closed.
        """
        self._of_workers().ended(report)
        self._note_late(late)

    def context_ids(self, loaded: Set[str]) -> ContextIds:
        """Return the ids of the tests that were loaded, and of what became of all contexts."""
        from ..selection.completeness import ContextIds

        return ContextIds(loaded, self.ran, self.outcomes.incomplete, self.interrupted)

    def _of_workers(self) -> WorkerReports:
        if self._workers is None:
            from .worker_reports import WorkerReports

            self._workers = WorkerReports()
        return self._workers

    def _failure(self, context: Context, new: ContextReport) -> str | None:
        return self.policy.failure(new, self._fails.pop(context, None) if self._fails else None)

    def note_failure(self, closed: ClosedContext) -> None:
        """Record that the leaks of a context fail it, also where it has failed already."""
        self.policy.note_failed(closed.new)

    def note_late_failure(self, new: ContextReport) -> None:
        """Record that the run fails for what a context left after it had closed."""
        self.policy.note_failed(new)
        self.outcomes.counted["leak"] += 1

    def keep_leaks(
        self, context: Context, closed: ClosedContext, failed: bool,
        annotate: Callable[[str], bool],
    ) -> None:
        """Keep copies of what a context leaked, if it failed and files are kept.

        Args:
            context: the context; it has closed.
            closed: what it left.
            failed: whether it failed, for its leaks or otherwise.
            annotate: adds text to the failure; returns whether there is a failure to add it to.
        """
        if self.retention is not None:
            self.retention.keep_leaks(context, closed.report.leaks, failed, annotate)

    def outcome(self, outcome: Outcome) -> None:
        """Record an outcome other than success, and notify the listeners."""
        self.outcomes.add(outcome)
        for notify in self.events.outcome:
            notify(outcome)

    def note_flaky(self, test: FlakyTest) -> None:
        """Record that a test failed and then passed, and notify the listeners."""
        self.outcomes.flaky += 1
        for notify in self.events.flaky:
            notify(test)

    def succeeded(self, id: str) -> None:
        """Record that a test came to its end with success, after its context closed."""
        if self.policy.ledger is not None:
            self.policy.ledger.note_ended(id)

    def has_leaked_late(self) -> bool:
        """Return whether a context left something new after it closed; `finish` returns what."""
        self._note_late(self.run.find_late_leaks())
        return any(found.leaks for found in self._late)

    def finish(self) -> tuple[RunReport, tuple[ContextReport, ...]]:
        """End the run; see `tempfiles.Run.finish`.

        Returns:
            The report of the run, and the new leaks that contexts left after they had closed.
        """
        report, late = self.run.finish(self.outcomes.tests_run)
        self._note_late(late)
        return self._with_kept(report), tuple(self._late)

    def judge(self) -> tuple[RunReport, tuple[ContextReport, ...]]:
        """End the run without removing anything yet, for a host that calls `remove` later."""
        report, late = self.run.judge(self.outcomes.tests_run)
        self._note_late(late)
        return self._with_kept(report), tuple(self._late)

    def remove(self) -> RunReport:
        """Remove what the run left, after `judge`."""
        return self._with_kept(self.run.remove())

    @property
    def registered_kept(self) -> int:
        """How many registered files were kept."""
        here = self.retention.registered_kept if self.retention is not None else 0
        return here + self.kept_elsewhere

    def _with_kept(self, report: RunReport) -> RunReport:
        self.own_report = report
        if self._workers is not None:
            report = self._workers.added_to(report)
        return report if self.retention is None else self.retention.mark_kept(report)

    def counts(self, leaks: Iterable[Leak]) -> Counts:
        """Return the counts of the run, from which every output takes them.

        Args:
            leaks: all leaks of the run.
        """
        keys = [leak.key for leak in leaks]
        known = sum(key in self.policy.known_keys for key in keys)
        return self.outcomes.counts(len(keys) - known, known)

    def summary(self, report: RunReport, late: tuple[ContextReport, ...]) -> RunSummary:
        """Return what the end of the run prints, from what `finish` returned."""
        from .summary import RunSummary

        policy = self.policy
        failing = (len(found.leaks) for found in late if policy.failure(found) is not None)
        return RunSummary(
            report, self.counts(report.leaks), late, sum(failing), frozenset(policy.known_keys),
            self.registered_kept,
            tuple(self.outcomes.failures),
        )  # fmt: skip

    def _note_late(self, late: Iterable[ContextReport]) -> None:
        late = tuple(late)
        self.found_late += late
        self.leaked.update(found.id for found in late if found.leaks)
        self._late += (self.policy.without_known(report, late=True) for report in late)
        self._late += self.policy.mistaken()
