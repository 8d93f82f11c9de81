"""The session of one run of tests: contexts and outcomes go in, records come out.

A session knows no test tool. An adapter (`runner.execution` for unittest) calls `enter` and `close`
around each module, class and test, and reports each outcome.
"""

from __future__ import annotations

import contextlib
from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from time import perf_counter
from typing import TYPE_CHECKING, NamedTuple

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
from .outcomes import FAILURES, UNSUCCESSFUL, Counts, FlakyTest, Outcome, Status
from .policy import Policy

if TYPE_CHECKING:
    from tempfiles import Finding, Leak, Modification, Retention, Run, Scope, Source

    from ..selection.completeness import Completeness
    from .memory import LeakMemory
    from .summary import RunSummary

__unittest = True


class ClosedContext(NamedTuple):
    """What a context left.

    `report` has all of it, `new` only the leaks that no baseline knows. `failure` is the message to
    fail the context with; None where its leaks do not fail it.
    """

    report: ContextReport
    new: ContextReport
    failure: str | None = None

    @property
    def is_empty(self) -> bool:
        """Whether the context created and changed nothing."""
        return not self.report.scope  # that of the shared empty report


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
        failed: the ids of the tests, classes and modules with an unsuccessful outcome.
        failures: the ids of those among them that failed not only for their leaks, in order.
        counted: how often each outcome other than success has come.
        flaky: the number of flaky tests and fixtures.
        incomplete: the ids of those that failed, were skipped or were expected to fail: they may
            create less than they would otherwise.
        load_failed: whether a test module could not be imported.
        tests_run: the number of tests that ran.
        count_tests: returns how many tests there are to run, None if that is unknown; the adapter
            sets it.
        moment: when the event happened that a worker has sent; None where the tests run here. It is
            a reading of `time.perf_counter`.
        worker: the number of the worker that has sent it.
        machine: the machine of a cluster that ran the last test; empty without a cluster.
        machines: the machine where a context has left something, by its id.
        name_running: returns the ids of the tests that workers run now; None without workers.
        stop: called by a listener to end the run after the test under way; the adapter sets it.
        own_report: what this process itself has created and left, without its workers, when the
            run has ended.
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
        self.failed: set[str] = set()
        self.failures: dict[str, None] = {}
        self.counted: Counter[Status] = Counter()
        self.flaky = 0
        self.incomplete: set[str] = set()
        self.load_failed = False
        self.tests_run = 0
        self.count_tests: Callable[[], int | None] = lambda: None
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
        self._kept_elsewhere = 0
        self._reports_of_workers: list[RunReport] = []
        self._shown: set[tuple[str, str]] = set()
        self._left_uncounted: set[tuple[str, str]] = set()
        self._order: dict[tuple[Scope, str], int] = {}

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
            self.counted["error"] += context.scope == "test" and not inner  # as in the reports
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
        report = report._replace(leaks=self._once(report.leaks, self._shown))
        new = self.policy.without_known(report)
        closed = ClosedContext(report, new)
        self._order.setdefault((report.scope, report.id), len(self._order))
        if self.machine and report.leaks:
            self.machines[report.id] = self.machine
        self._notify(closed)
        return closed

    def left_uncounted(self, leaks: Iterable[Leak]) -> None:
        """Leave out what tests have left that ran beyond the stop of this run, in workers."""
        self._left_uncounted.update(leak.key for leak in leaks)

    def kept_elsewhere(self, contexts: Iterable[tuple[str, str]], number: int) -> None:
        """Add what a worker has kept; see `kept`."""
        if self.retention is not None:
            self.retention.join([(scope, id) for scope, id in contexts], number)
        else:
            self._kept_elsewhere += number

    def ended_elsewhere(self, report: RunReport, late: Iterable[ContextReport] = ()) -> None:
        """Add the run of a worker to this one; before `finish`.

        Args:
            report: of its run.
            late: what contexts of it left after they had closed.
        """
        self._reports_of_workers.append(
            report._replace(summary=report.summary._replace(tests=0))  # counted as they came
        )
        self._note_late(late)

    def _failure(self, context: Context, new: ContextReport) -> str | None:
        return self.policy.failure(new, self._fails.pop(context, None) if self._fails else None)

    def note_failure(self, closed: ClosedContext) -> None:
        """Record that the leaks of a context fail it, also where it has failed already."""
        self.policy.note_failed(closed.new)

    def note_late_failure(self, new: ContextReport) -> None:
        """Record that the run fails for what a context left after it had closed."""
        self.policy.note_failed(new)
        self.counted["leak"] += 1

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
        self.counted[outcome.status] += 1
        if outcome.status in FAILURES:
            self.failures[outcome.owner] = None
        if outcome.status in UNSUCCESSFUL:
            self.failed.add(outcome.owner)
        if outcome.status != "unexpected success":
            self.incomplete.add(outcome.owner)
        self.load_failed |= outcome.load_failure
        for notify in self.events.outcome:
            notify(outcome)

    def note_flaky(self, test: FlakyTest) -> None:
        """Record that a test failed and then passed, and notify the listeners."""
        self.flaky += 1
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
        report, late = self.run.finish(self.tests_run)
        self._note_late(late)
        return self._with_kept(report), tuple(self._late)

    def judge(self) -> tuple[RunReport, tuple[ContextReport, ...]]:
        """End the run without removing anything yet, for a host that calls `remove` later."""
        report, late = self.run.judge(self.tests_run)
        self._note_late(late)
        return self._with_kept(report), tuple(self._late)

    def remove(self) -> RunReport:
        """Remove what the run left, after `judge`."""
        return self._with_kept(self.run.remove())

    def kept(self) -> tuple[list[tuple[str, str]], int]:
        """Return of which contexts files were kept, and how many registered files."""
        if self.retention is None:
            return [], self._kept_elsewhere
        return self.retention.kept_contexts(), self.retention.registered_kept

    def _with_kept(self, report: RunReport) -> RunReport:
        self.own_report = report
        if self._reports_of_workers:
            report = self._in_order(report.merge(*self._reports_of_workers))
        return report if self.retention is None else self.retention.mark_kept(report)

    def _once(self, leaks: Iterable[Leak], seen: set[tuple[str, str]]) -> tuple[Leak, ...]:
        """Return the leaks without those of earlier runs that another worker has reported."""
        kept = tuple(leak for leak in leaks if not (leak.since and leak.key in seen))
        seen.update(leak.key for leak in kept if leak.since)
        return kept

    def _in_order(self, report: RunReport) -> RunReport:
        """Return a report with its entries in the order in which their contexts closed."""
        order, last = self._order, len(self._order)

        def rank(entry: Leak | Modification | Finding) -> int:
            return order.get((entry.scope, entry.context), last)

        return report._replace(
            leaks=self._once(sorted(report.leaks, key=rank), set()),
            modifications=tuple(sorted(report.modifications, key=rank)),
            findings=tuple(sorted(report.findings, key=rank)),
        )

    def counts(self, leaks: Iterable[Leak]) -> Counts:
        """Return the counts of the run, from which every output takes them.

        Args:
            leaks: all leaks of the run.
        """
        keys = [leak.key for leak in leaks]
        known = sum(key in self.policy.known_keys for key in keys)
        of = self.counted
        return Counts(
            self.tests_run, of["failure"], of["error"], of["skipped"], of["expected failure"],
            of["unexpected success"], of["leak"], self.flaky, len(keys) - known, known,
        )  # fmt: skip

    def interrupted_line(self) -> str:
        """Return the line that says how many tests ran before the run was interrupted."""
        ran, total = self.tests_run, None
        with contextlib.suppress(Exception):  # it may be a method of the user's
            total = self.count_tests()
        if not ran:
            return "Interrupted: no test ran."
        noun = "test" if (total or ran) == 1 else "tests"
        return f"Interrupted: {ran:,} {'' if total is None else f'of {total:,} '}{noun} ran."

    def summary(self, report: RunReport, late: tuple[ContextReport, ...]) -> RunSummary:
        """Return what the end of the run prints, from what `finish` returned."""
        from .summary import RunSummary

        policy = self.policy
        failing = (len(found.leaks) for found in late if policy.failure(found) is not None)
        return RunSummary(
            report, self.counts(report.leaks), late, sum(failing), frozenset(policy.known_keys),
            self.kept()[1],
            tuple(self.failures),
        )  # fmt: skip

    def _note_late(self, late: Iterable[ContextReport]) -> None:
        late = tuple(late)
        self.found_late += late
        self.leaked.update(found.id for found in late if found.leaks)
        self._late += (self.policy.without_known(report, late=True) for report in late)
        self._late += self.policy.mistaken()
