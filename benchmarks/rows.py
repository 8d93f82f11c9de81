"""The rows of the table: what is wanted, and what came of it."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

from .pairs import UNMEASURED, FailedError, Ratio, Rounds, Spread, reason

LEAST_ROUNDS = 7
QUICK_ROUNDS = 3


@dataclass(frozen=True)
class Row:
    """One line: a work, its rival, and what came of it.

    `aim` is the greatest value wished for, in the unit of the value; `skipped` says what this
    machine lacks, `failed` what a contestant did other than its work.
    """

    work: str
    rival: str
    value: Spread | None = None
    aim: float | None = None
    skipped: str = ""
    failed: str = ""

    @property
    def verdict(self) -> str:
        """Whether the aim is met, or the row could not be measured; empty where there is none."""
        if self.skipped or self.failed:
            return "skipped" if self.skipped else "FAILED"
        if self.value is None or self.aim is None:
            return ""
        return "met" if self.value.value <= self.aim else "MISSED"


@dataclass(frozen=True)
class Wanted:
    """A row that is to be filled: how its value is taken from the rounds, and its aim."""

    work: str
    rival: str
    value: Callable[[Rounds], Spread]
    aim: float | None = None


@dataclass(frozen=True)
class Scale:
    """How much is measured: `rounds` counted rounds, and `share` of each amount of work."""

    rounds: int
    share: float = 1.0

    def amount(self, full: int) -> int:
        """Return the part of a full amount that is to be done, at least one."""
        return max(1, int(full * self.share))

    @property
    def counting(self) -> int:
        """Rounds of what is counted, not timed: it hardly differs, so a quick look needs one."""
        return 1 if self.quick else self.rounds

    @property
    def quick(self) -> bool:
        """Whether it is a fraction of the work only."""
        return self.share < 1


def refusal(rounds: int | None, *, quick: bool) -> str:
    """Return in one line why that many rounds are no measurement; empty if they are."""
    if rounds is None:
        return ""
    if quick:
        return "" if rounds >= 1 else f"--rounds {rounds}: it takes one round at the least"
    if rounds >= LEAST_ROUNDS:
        return ""
    return (f"--rounds {rounds}: it takes {LEAST_ROUNDS} rounds at the least to say something; "
            "fewer go with --quick only")


def filled(wanted: Sequence[Wanted], measure: Callable[[], Rounds]) -> Iterator[Row]:
    """Measure, and yield each row with its value, or with the reason why it has none."""
    try:
        done = measure()
    except (*UNMEASURED, OSError) as error:
        problem = reason(error)
        yield from (_unmeasured(row, problem) for row in wanted)
        return
    for row in wanted:
        try:
            yield Row(row.work, row.rival, row.value(done), row.aim)
        except UNMEASURED as error:
            yield _unmeasured(row, error)


def ratio(ours: str, rival: str, what: str, of: str = "s") -> Callable[[Rounds], Ratio]:
    """Return what takes the ratio of two contestants from the rounds."""
    return lambda done: done.ratio(ours, rival, what, of)


def _unmeasured(row: Wanted, error: Exception) -> Row:
    if isinstance(error, FailedError):
        return Row(row.work, row.rival, aim=row.aim, failed=str(error))
    return Row(row.work, row.rival, aim=row.aim, skipped=str(error))
