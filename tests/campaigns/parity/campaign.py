"""Run jobs under both programs, look twice at what differs, and give a verdict on each."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from tests.campaigns.parity import comparison
from tests.campaigns.parity.comparison import Difference
from tests.campaigns.parity.sides import Job, Run, Side, run

Compare = Callable[[Run, Run], list[Difference]]


@dataclass(frozen=True)
class Verdict:
    """What the comparison of one job says.

    `differences` were there in both of two tries. `unstable` were there in one only, or in two runs
    of the stock side as well: they are reported, and fail nothing. `allowed` are the reasons of
    the differences that a list allows, a reason a difference. `options` are the candidate's own.
    """

    job: Job
    stock: Run
    candidate: Run
    differences: tuple[Difference, ...]
    unstable: tuple[str, ...] = ()
    leaks: comparison.LeakVerdict | None = None
    allowed: tuple[str, ...] = ()
    options: tuple[str, ...] = ()

    @property
    def tests(self) -> int:
        """Number of different tests that the stock side ran or skipped."""
        if self.stock.junit:
            return self.stock.junit.count("<testcase ")
        return len({test for event, test, _ in self.stock.events if event != "addSubTest"})


def outcomes(stock: Run, candidate: Run) -> list[Difference]:
    """Compare a run by its tests' outcomes, what it left, and what it says that leaked."""
    found = comparison.outcomes(stock, candidate)
    if candidate.report is not None:
        verdict = comparison.leaks(stock, candidate)
        found += [*verdict.false, *verdict.missed, *comparison.leftovers(stock, candidate)]
    return found


def check(stock: Side, candidate: Side, job: Job, compare: Compare) -> Verdict:
    """Run a job on both sides, and once more on both where they differ."""
    return check_each(stock, (candidate,), job, compare)[0]


def check_each(
    stock: Side, candidates: Sequence[Side], job: Job, compare: Compare
) -> list[Verdict]:
    """Hold each of several candidates against one run of the stock side; see `check`."""
    tries = _Tries(stock, job, compare)
    return [tries.verdict(candidate) for candidate in candidates]


class _Tries:
    """The first run of the stock side, and a second one as soon as a candidate differs."""

    def __init__(self, stock: Side, job: Job, compare: Compare) -> None:
        self._side, self._job, self._differ = stock, job, compare
        self._first = run(stock, job)
        self._second: Run | None = None

    def verdict(self, candidate: Side) -> Verdict:
        """Run the candidate, and once more if it differs."""
        ours = run(candidate, self._job)
        found = _compare(candidate, self._differ, self._first, ours)
        # Where both sides report their leaks, the reports are compared; else the disk is the truth.
        by_disk = candidate.wants_report and not self._side.wants_report
        told = comparison.leaks(self._first, ours) if by_disk else None
        kept, unstable = self._look_twice(candidate, found) if found else ((), ())
        return Verdict(self._job, self._first, ours, kept, unstable, told,
                       options=candidate.options)

    def _look_twice(
        self, candidate: Side, found: list[Difference]
    ) -> tuple[tuple[Difference, ...], tuple[str, ...]]:
        """Tell the differences of both tries from those that come and go."""
        if self._second is None:
            self._second = run(self._side, self._job)
        ours = run(candidate, self._job)
        flips = {d.key: d for d in self._differ(self._first, self._second)}
        again = {d.key for d in _compare(candidate, self._differ, self._second, ours)}
        kept = tuple(d for d in found if d.key in again and d.key not in flips)
        unstable = [f"{d} (flips on the stock side)" for d in flips.values()]
        unstable += [
            f"{d} (once in two tries)" for d in found if d not in kept and d.key not in flips
        ]
        return kept, tuple(unstable)


def _compare(candidate: Side, compare: Compare, theirs: Run, ours: Run) -> list[Difference]:
    found = compare(theirs, ours)
    has_exited_early = theirs.exit_code == 2  # for its command line, before any test
    if candidate.wants_report and ours.report is None and not has_exited_early:
        found.append(Difference("no leak report was written"))
    return found
