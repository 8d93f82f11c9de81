"""The leaks of a run held against a baseline: those that are known are reported, and do not fail.

A context that closes more than once (a repeated test) is judged each time by itself.
"""

from __future__ import annotations

import glob
import os
from collections import Counter
from collections.abc import Callable, Collection, Iterable, Sequence
from typing import NamedTuple

from tempfiles.records import ContextReport, Leak

from .baseline import Baseline, Entry, entry_of, is_constant, names


class Judgement(NamedTuple):
    """The leaks of one context, told apart."""

    known: tuple[Leak, ...]
    new: tuple[Leak, ...]


class Ledger:
    """Holds what one run leaks against a baseline.

    Args:
        baseline: the known leaks; empty where there is no baseline.
        project: the directory that paths outside the temp directory are relative to.

    Attributes:
        ended: the ids of the tests that have succeeded so far.
    """

    def __init__(self, baseline: Baseline, project: str) -> None:
        self.ended: set[str] = set()
        self._baseline = baseline
        self._project = project
        self._seen: Counter[Entry] = Counter()
        self._left: set[str] = set()  # the paths that this run has left
        self._used: Counter[Entry] = Counter()
        self._takers: dict[Entry, set[str]] = {}
        self._closings: dict[str, _Closing] = {}
        self._of_context: dict[str, Counter[Entry]] = {}
        self._of_anyone: dict[Entry, list[Entry]] = {}
        for entry, number in baseline.items():
            self._of_context.setdefault(entry.context, Counter())[entry] = number
            self._of_anyone.setdefault(_by_anyone(entry), []).append(entry)

    def judge(self, report: ContextReport, late: bool = False) -> Judgement:
        """Tell the known leaks of a context that has closed from the new ones.

        What the baseline has by the same name comes first. What is left may be one of the same
        call whose name has changed, or, where a name is the same all the time, one that another
        test used to make first.

        Args:
            report: what the context left.
            late: after it had closed; what it left then counts with what it had left before.
        """
        closing = self._closings.get(report.id) if late else None
        if closing is None:
            closing = self._closings[report.id] = _Closing(self._of_context.get(report.id, ()))
        pairs = [(leak, entry_of(leak, self._project)) for leak in report.leaks]
        self._left.update(leak.path for leak in report.leaks)
        known = self._known_of(pairs, closing.left)
        closing.seen.update(entry for _, entry in pairs)
        self._seen |= closing.seen  # the most of any closing
        self._used |= closing.used()
        return Judgement(
            tuple(leak for leak in report.leaks if id(leak) in known),
            tuple(leak for leak in report.leaks if id(leak) not in known),
        )

    def _known_of(self, pairs: Sequence[tuple[Leak, Entry]], left: Counter[Entry]) -> set[int]:
        known: set[int] = set()
        for match in (_by_name, _by_call, self._by_another):
            for leak, entry in pairs:
                if id(leak) not in known and match(leak, entry, left):
                    known.add(id(leak))
        return known

    def _by_another(self, leak: Leak, entry: Entry, _: Counter[Entry]) -> bool:
        """Whether a test that has not had its turn yet used to make this first."""
        others = self._of_anyone.get(_by_anyone(entry), ())
        if not others or not is_constant(leak, self._project):
            return False
        for other in others:
            takers = self._takers.setdefault(other, set()) | {entry.context}
            may_take = not self._used[other] and other.context not in self.ended
            if may_take and len(takers) <= self._baseline[other]:
                self._takers[other] = takers
                return True
        return False

    def fixed(self, is_judged: Callable[[str], bool]) -> dict[Entry, int]:
        """Return what the baseline holds and the run did not leak.

        Args:
            is_judged: whether a context, by its id, has come to its end or is gone; of others
                nothing is known.
        """
        unused = self._unused(is_judged)
        return {entry: unused[entry] for entry in unused if not self.lies_there(entry)}

    def undecided(self, is_judged: Callable[[str], bool]) -> list[Entry]:
        """Return the entries that may be fixed, but lie there from an earlier run."""
        return [entry for entry in self._unused(is_judged) if self.lies_there(entry)]

    def _unused(self, is_judged: Callable[[str], bool]) -> dict[Entry, int]:
        return {
            entry: number - self._used[entry]
            for entry, number in sorted(self._baseline.items())
            if number > self._used[entry]
            and not self._takers.get(entry) and is_judged(entry.context)
        }  # fmt: skip

    def lies_there(self, entry: Entry) -> bool:
        """Whether what an entry names may lie outside the temp directory from an earlier run.

        Then it cannot be told whether the test would leave it again.
        """
        if "/" not in entry.name:  # it was in the temp directory
            return False
        path = os.path.normpath(os.path.join(self._project, os.path.expanduser(entry.name)))
        pattern = "*".join(map(glob.escape, path.split("*")))
        there = glob.glob(pattern, include_hidden=True)
        return any(
            path not in self._left and os.path.lexists(path) and names(entry, path, self._project)
            for path in there
        )

    def updated(
        self, is_judged: Callable[[str], bool], cut_short: Collection[str] = ()
    ) -> dict[Entry, int]:
        """Return the baseline that fits the run; entries of contexts that are not judged stay.

        Args:
            is_judged: see `fixed`.
            cut_short: contexts that were interrupted before they could remove what they made.
        """
        updated = {e: number for e, number in self._seen.items() if e.context not in cut_short}
        for entry, number in self._baseline.items():
            is_open = not is_judged(entry.context) or self.lies_there(entry)
            if is_open and (number > self._used[entry] or entry.context in cut_short):
                updated[entry] = max(number, updated.get(entry, 0))
        return updated


class _Closing:
    """What one closing of a context may still leave, and what it has left."""

    def __init__(self, allowed: Iterable[Entry]) -> None:
        self._allowed = Counter(allowed)
        self.left = Counter(self._allowed)
        self.seen: Counter[Entry] = Counter()

    def used(self) -> Counter[Entry]:
        return self._allowed - self.left


def _by_name(_: Leak, entry: Entry, left: Counter[Entry]) -> bool:
    return _take(left, entry)


def _by_call(_: Leak, entry: Entry, left: Counter[Entry]) -> bool:
    others = (other for other in left if other.call == entry.call and left[other])
    return _take(left, next(others, entry))


def _take(left: Counter[Entry], entry: Entry) -> bool:
    if not left[entry]:
        return False
    left[entry] -= 1
    return True


def _by_anyone(entry: Entry) -> Entry:
    return entry._replace(context="")
