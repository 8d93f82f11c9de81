"""The leaks of a run held against a baseline: those that are known are reported, and do not fail.

A context that closes more than once (a repeated test) is judged each time by itself.
"""

from __future__ import annotations

import glob
import os
from collections import Counter
from collections.abc import Callable
from typing import NamedTuple

from tempfiles.records import ContextReport, Leak

from .baseline import Baseline, Entry, entry_of


class Judgement(NamedTuple):
    """The leaks of one context, told apart."""

    known: tuple[Leak, ...]
    new: tuple[Leak, ...]


class Ledger:
    """Holds what one run leaks against a baseline.

    Args:
        baseline: the known leaks; empty where there is no baseline.
        project: the directory that paths outside the temp directory are relative to.
    """

    def __init__(self, baseline: Baseline, project: str) -> None:
        self._baseline = baseline
        self._project = project
        self._seen: Counter[Entry] = Counter()
        self._left: set[str] = set()  # the paths that this run has left
        self._used: Counter[Entry] = Counter()
        self._takers: dict[Entry, set[str]] = {}
        self._of_context: dict[str, Counter[Entry]] = {}
        self._of_class: dict[Entry, list[Entry]] = {}
        for entry, number in baseline.items():
            self._of_context.setdefault(entry.context, Counter())[entry] = number
            self._of_class.setdefault(_in_class(entry), []).append(entry)

    def judge(self, report: ContextReport) -> Judgement:
        """Tell the known leaks of a context that has closed from the new ones.

        What the baseline has by the same name comes first. What is left may be one of the same
        call whose name has changed, or, where a name is always the same, one that another test of
        the class used to make first.
        """
        allowed = Counter(self._of_context.get(report.id, ()))
        left = dict(allowed)
        pairs = [(leak, entry_of(leak, self._project)) for leak in report.leaks]
        self._left.update(leak.path for leak in report.leaks)
        known: set[int] = set()
        for match in (self._by_name, self._by_call, self._by_class):
            for leak, entry in pairs:
                if id(leak) not in known and match(entry, left):
                    known.add(id(leak))
        self._seen |= Counter(entry for _, entry in pairs)  # the most of any closing
        self._used |= allowed - Counter(left)
        return Judgement(
            tuple(leak for leak in report.leaks if id(leak) in known),
            tuple(leak for leak in report.leaks if id(leak) not in known),
        )

    def _by_name(self, entry: Entry, left: dict[Entry, int]) -> bool:
        return _take(left, entry)

    def _by_call(self, entry: Entry, left: dict[Entry, int]) -> bool:
        others = (other for other in left if other.call == entry.call and left[other])
        return _take(left, next(others, entry))

    def _by_class(self, entry: Entry, left: dict[Entry, int]) -> bool:
        if "*" in entry.name:
            return False
        for other in self._of_class.get(_in_class(entry), ()):
            takers = self._takers.setdefault(other, set()) | {entry.context}
            if not self._used[other] and len(takers) <= self._baseline[other]:
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
            and entry not in self._takers and is_judged(entry.context)
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
        return any(path not in self._left and os.path.lexists(path) for path in there)

    def updated(self, is_judged: Callable[[str], bool]) -> dict[Entry, int]:
        """Return the baseline that fits the run; entries of contexts that are not judged stay."""
        updated = dict(self._seen)
        for entry, number in self._baseline.items():
            is_open = not is_judged(entry.context) or self.lies_there(entry)
            if is_open and number > self._used[entry]:
                updated[entry] = max(number, updated.get(entry, 0))
        return updated


def _take(left: dict[Entry, int], entry: Entry) -> bool:
    if not left.get(entry):
        return False
    left[entry] -= 1
    return True


def _in_class(entry: Entry) -> Entry:
    return entry._replace(context=entry.context.rpartition(".")[0])
