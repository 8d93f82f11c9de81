"""Run jobs under both programs, look twice at what differs, and give a verdict on each."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from tests.campaigns.parity import comparison
from tests.campaigns.parity.comparison import Difference
from tests.campaigns.parity.sides import Job, Run, Side, run

Compare = Callable[[Run, Run], list[Difference]]


@dataclass(frozen=True)
class Verdict:
    """What the comparison of one job says.

    `differences` were there in both of two tries. `unstable` were there in one only, or in two runs
    of stock unittest as well: they are reported, and fail nothing.
    """

    job: Job
    stock: Run
    candidate: Run
    differences: tuple[Difference, ...]
    unstable: tuple[str, ...] = ()
    leaks: comparison.LeakVerdict | None = None

    @property
    def tests(self) -> int:
        """Number of different tests that stock unittest ran or skipped."""
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
    theirs, ours = run(stock, job), run(candidate, job)
    found = _compare(candidate, compare, theirs, ours)
    verdict = comparison.leaks(theirs, ours) if candidate.wants_report else None
    if not found:
        return Verdict(job, theirs, ours, (), (), verdict)
    theirs_again, ours_again = run(stock, job), run(candidate, job)
    flips = {d.test: d for d in compare(theirs, theirs_again)}
    again = {_key(d) for d in _compare(candidate, compare, theirs_again, ours_again)}
    kept = [d for d in found if _key(d) in again and d.test not in flips]
    unstable = [f"{d} (flips under stock unittest)" for d in flips.values()]
    unstable += [f"{d} (once in two tries)" for d in found if d not in kept and d.test not in flips]
    return Verdict(job, theirs, ours, tuple(kept), tuple(unstable), verdict)


def _compare(candidate: Side, compare: Compare, theirs: Run, ours: Run) -> list[Difference]:
    found = compare(theirs, ours)
    if candidate.wants_report and ours.report is None:
        found.append(Difference("no leak report was written"))
    return found


def _key(difference: Difference) -> tuple[str | None, str]:
    """Return what makes two differences the same: the test, or else the words."""
    return (difference.test, "" if difference.test else difference.what)
