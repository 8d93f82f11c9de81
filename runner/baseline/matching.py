"""The leaks of a run held against a baseline: those that are known are reported, and do not fail.

A context that closes more than once (a repeated test) is judged each time by itself.
"""

from __future__ import annotations

import glob
import os
from collections import Counter
from collections.abc import Callable, Collection
from typing import NamedTuple

from tempfiles.records import Leak, Scope
from tempfiles.reports import ContextReport

from .closings import Closing
from .file import Baseline, Entry, entry_of, names
from .shared_leaks import Claim, SharedLeaks


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
        self._used: Counter[Entry] = Counter()  # the most of any closing
        self._left: set[str] = set()  # the paths that this run has left
        self._shared = SharedLeaks(baseline, self._used, self.ended)
        self._closings: dict[str, Closing] = {}
        self._of_context: dict[str, Counter[Entry]] = {}
        for entry, number in baseline.items():
            self._of_context.setdefault(entry.context, Counter())[entry] = number

    def judge(self, report: ContextReport, late: bool = False) -> Judgement:
        """Tell the known leaks of a context that has closed from the new ones.

        What the baseline has by the same name comes first. What is left may be one of the same
        call whose name has changed, or one that another test used to make first.

        Args:
            report: what the context left.
            late: after it had closed; what it left then counts with what it had left before.
        """
        closing = self._closing(report.id, late)
        self._left.update(leak.path for leak in report.leaks)
        pairs = [(leak, entry_of(leak, self._project)) for leak in report.leaks]
        pairs = [(leak, entry) for leak, entry in pairs if not self._is_anew(leak, entry)]
        known = closing.known([entry for _, entry in pairs], self._shared.lent)
        self._used |= closing.used()
        self._shared.settle(closing.used())
        new, written = set(), []
        for (leak, entry), match in zip(pairs, known, strict=True):
            if match is None and self._shared.take(Claim(leak, entry, closing)):
                continue
            written.append((entry, match))
            if match is None:
                new.add(id(leak))
        closing.write(written)
        return Judgement(
            tuple(leak for leak in report.leaks if id(leak) not in new),
            tuple(leak for leak in report.leaks if id(leak) in new),
        )

    def _is_anew(self, leak: Leak, entry: Entry) -> bool:
        """Whether another has left this file, which is told already; then no entry is used up."""
        is_again = self._shared.is_again(leak, entry)
        return is_again and self._baseline.get(entry, 0) <= self._shared.lent(entry)

    def _closing(self, id: str, late: bool) -> Closing:
        before = self._closings.get(id)
        if before is None or not late:
            allowed = self._of_context.get(id, Counter())
            self._closings[id] = Closing(allowed, before)
        return self._closings[id]

    def mistaken(self) -> list[ContextReport]:
        """Return, once, what was taken for another test's that has now left its own: it is new."""
        found: dict[tuple[str, Scope], list[Leak]] = {}
        for claim in self._shared.mistaken:
            leak = claim.leak
            found.setdefault((leak.context, leak.scope), []).append(leak)
        self._shared.mistaken.clear()
        return [ContextReport(*context, leaks=tuple(leaks)) for context, leaks in found.items()]

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
        found = {
            entry: number - self._used[entry] - self._shared.lent(entry)
            for entry, number in sorted(self._baseline.items()) if is_judged(entry.context)
        }  # fmt: skip
        return {entry: number for entry, number in found.items() if number > 0}

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
        self, is_judged: Callable[[str], bool], cut_short: Collection[str] = (),
        is_gone: Callable[[str], bool] = lambda id: False,
    ) -> dict[Entry, int]:
        """Return the baseline that fits the run; entries of contexts that are not judged stay.

        Args:
            is_judged: see `fixed`.
            cut_short: contexts that were interrupted before they could remove what they made.
            is_gone: whether a context is there no more; what others left for it is theirs now.
        """
        updated: Counter[Entry] = Counter()
        for id, closing in self._closings.items():
            if id not in cut_short:
                updated |= closing.most
        for entry, number in self._baseline.items():
            is_open = not is_judged(entry.context) or self.lies_there(entry)
            if is_open and (number > self._used[entry] or entry.context in cut_short):
                updated[entry] = max(number, updated[entry])
            elif not is_gone(entry.context):
                updated[entry] += self._shared.lent(entry)
            else:
                claimed = (claim.entry for claim in self._shared.claims(entry))
                updated.update(taken for taken in claimed if taken.context not in cut_short)
        return dict(+updated)
