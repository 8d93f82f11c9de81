"""Match the leaks of a run with the known ones of a baseline.

Known leaks are reported and fail nothing. A context that closes more than once (`--repeat`) is
matched each time by itself.
"""

from __future__ import annotations

import glob
import os
from collections import Counter
from collections.abc import Callable, Iterable, Sequence, Set
from typing import NamedTuple

from tempfiles import ContextReport, Leak

from ..selection.ids import KnownIds
from .file import Baseline, Entry, entry_of, names, names_above

Lent = Callable[[Entry], int]
"""Returns how many leaks of an entry other tests have left."""


class Matched(NamedTuple):
    """The leaks of one context."""

    known: tuple[Leak, ...]
    new: tuple[Leak, ...]


class Ledger:
    """Matches the leaks of one run with a baseline.

    Args:
        baseline: the known leaks; empty where there is no baseline.
        project: the directory that paths outside the temp directory are relative to.

    Attributes:
        ended: the ids of the tests that have succeeded so far.
    """

    def __init__(self, baseline: Baseline, project: str) -> None:
        self.ended: set[str] = set()
        self._baseline = baseline
        self._ids = KnownIds(entry.context for entry in baseline)
        self._project = project
        self._used: Counter[Entry] = Counter()  # the most that one closing of the context left
        self._left: set[str] = set()  # the paths that this run has left
        self._shared = SharedLeaks(baseline, self._used, self.ended)
        self._allowances: dict[str, Allowance] = {}
        self._of_context: dict[str, Counter[Entry]] = {}
        self._outside = {e.name for e in baseline if "/" in e.name and not e.is_drawn}
        for entry, number in baseline.items():
            self._of_context.setdefault(entry.context, Counter())[entry] = number

    def match(self, report: ContextReport, late: bool = False) -> Matched:
        """Split the leaks of a context that has closed into known and new ones.

        A leak matches an entry of the context with its name; else one of the same call, whose name
        may differ; else one of another test that used to create the file first. What lies in a
        known directory is known with it, and so is what an earlier run left under a known name:
        that uses nothing up of what this run may leave.

        Args:
            report: what the context left.
            late: whether it left this after it had closed; it counts with what it left before.
        """
        allowance = self._allowance(self._ids.find(report.id), late)
        self._left.update(leak.path for leak in report.leaks)
        pairs = [(leak, self._entry_of(leak)) for leak in report.leaks]
        pairs = [(leak, entry) for leak, entry in pairs if not self._is_repeated(leak, entry)]
        pairs.sort(key=lambda pair: bool(pair[0].since))  # what this run created comes first
        anew = {entry for leak, entry in pairs if not leak.since}
        known = allowance.match([entry for _, entry in pairs], self._shared.lent)
        self._used |= allowance.used()
        self._shared.settle(allowance.used())
        new, written = set(), []
        for (leak, entry), match in zip(pairs, known, strict=True):
            if match is None and self._lies_in_known(entry):
                continue
            if match is None and self._shared.take(Borrowed(leak, entry, allowance)):
                continue
            is_known_before = entry.name in self._outside or entry in self._baseline
            if match is None and leak.since and is_known_before:
                continue
            if not (leak.since and entry in anew):
                written.append((entry, match))
            if match is None:
                new.add(id(leak))
        allowance.write(written)
        return Matched(
            tuple(leak for leak in report.leaks if id(leak) not in new),
            tuple(leak for leak in report.leaks if id(leak) in new),
        )

    def _entry_of(self, leak: Leak) -> Entry:
        entry = entry_of(leak, self._project)
        return entry._replace(context=self._ids.find(entry.context))

    def note_ended(self, id: str) -> None:
        """Record that a test has succeeded."""
        self.ended.add(self._ids.find(id))

    def _lies_in_known(self, entry: Entry) -> bool:
        """Return whether the file of an entry lies in a directory of another entry."""
        return "/" in entry.name and not self._outside.isdisjoint(names_above(entry.name))

    def _is_repeated(self, leak: Leak, entry: Entry) -> bool:
        """Return whether another context has left this file already, so that it uses no entry."""
        is_again = self._shared.is_again(leak, entry)
        return is_again and self._baseline.get(entry, 0) <= self._shared.lent(entry)

    def _allowance(self, id: str, late: bool) -> Allowance:
        previous = self._allowances.get(id)
        if previous is None or not late:
            allowed = self._of_context.get(id, Counter())
            self._allowances[id] = Allowance(allowed, previous)
        return self._allowances[id]

    def mistaken(self) -> list[ContextReport]:
        """Return, once, leaks matched with another test that later left its own: they are new."""
        found: dict[tuple[str, str], list[Leak]] = {}
        for borrowed in self._shared.mistaken:
            leak = borrowed.leak
            found.setdefault((leak.context, leak.scope), []).append(leak)
        self._shared.mistaken.clear()
        return [ContextReport(*context, leaks=tuple(leaks)) for context, leaks in found.items()]

    def fixed(self, is_decided: Callable[[str], bool]) -> dict[Entry, int]:
        """Return the entries that the run did not leak, each with how many leaks are missing.

        Args:
            is_decided: whether the context with an id came to its end, or no longer exists. Nothing
                is known of other contexts.
        """
        unused = self._unused(is_decided)
        return {entry: unused[entry] for entry in unused if not self._exists(entry)}

    def undecided(self, is_decided: Callable[[str], bool]) -> list[Entry]:
        """Return the entries that may be fixed, but whose file an earlier run left."""
        return [entry for entry in self._unused(is_decided) if self._exists(entry)]

    def _unused(self, is_decided: Callable[[str], bool]) -> dict[Entry, int]:
        found = {
            entry: number - self._used[entry] - self._shared.lent(entry)
            for entry, number in sorted(self._baseline.items())
            if is_decided(entry.context) and not self._lies_in_known(entry)
        }  # fmt: skip
        return {entry: number for entry, number in found.items() if number > 0}

    def _exists(self, entry: Entry) -> bool:
        """Return whether a file of an entry may exist outside the temp directory since before.

        Then it is unknown whether the test would leave it again.
        """
        if "/" not in entry.name:  # it was in the temp directory
            return False
        path = os.path.normpath(os.path.join(self._project, os.path.expanduser(entry.name)))
        pattern = "*".join(map(glob.escape, path.split("*")))
        found = glob.glob(pattern, include_hidden=True)
        return any(
            path not in self._left and os.path.lexists(path) and names(entry, path, self._project)
            for path in found
        )

    def updated(
        self, is_decided: Callable[[str], bool], interrupted: Set[str] = frozenset(),
        is_gone: Callable[[str], bool] = lambda id: False,
    ) -> dict[Entry, int]:
        """Return the baseline that fits the run; entries of undecided contexts stay.

        Args:
            is_decided: see `fixed`.
            interrupted: contexts that were interrupted before they could clean up.
            is_gone: whether a context no longer exists; its entries go to the tests that left the
                files.
        """
        updated: Counter[Entry] = Counter()
        for id, allowance in self._allowances.items():
            if id not in interrupted:
                updated |= allowance.most
        for entry, number in self._baseline.items():
            is_open = not is_decided(entry.context) or self._exists(entry)
            if is_open and (number > self._used[entry] or entry.context in interrupted):
                updated[entry] = max(number, updated[entry])
            elif not is_gone(entry.context):
                updated[entry] += self._shared.lent(entry)
            else:
                taken = (borrowed.entry for borrowed in self._shared.borrowed(entry))
                updated.update(other for other in taken if other.context not in interrupted)
        return dict(+updated)


class Allowance:
    """What a context may leave when it closes once, and what is written of what it left.

    Args:
        allowed: the entries of the context in the baseline.
        previous: the allowance of its last closing in the same run, if there was one.

    Attributes:
        most: what is written of the context: the most of any closing so far.
    """

    def __init__(self, allowed: Counter[Entry], previous: Allowance | None = None) -> None:
        self._allowed = allowed
        self._left = Counter(allowed)
        self.most: Counter[Entry] = Counter() if previous is None else previous.most
        self._written: Counter[Entry] = Counter()
        self._earlier = Counter(self.most)  # what this closing has not left yet

    def match(self, entries: Sequence[Entry], lent: Lent) -> list[Entry | None]:
        """Return for each leak the entry of the baseline that it matches; None if it is new."""
        return _paired(entries, self._left, lent)

    def used(self) -> Counter[Entry]:
        """Return the entries of the baseline that this closing has left."""
        return self._allowed - self._left

    def write(self, pairs: Iterable[tuple[Entry, Entry | None]]) -> None:
        """Record the leaks to write into the baseline, under the name that they had there.

        So a name whose random part is not recognised changes nothing. Outside the temp directory
        the name of today is written, as the file of an earlier run is found by it.

        Args:
            pairs: for each leak its entry now, and the one that it matched.
        """
        kept, others = [], []
        for entry, known in pairs:
            if known is not None and "/" not in known.name:
                kept.append(known)
            else:
                others.append(entry)
        self._earlier -= Counter(kept)
        found = _paired(others, self._earlier)
        self._written.update(kept)
        self._written.update(old or entry for old, entry in zip(found, others, strict=True))
        self.most |= self._written


def _paired(
    entries: Sequence[Entry], left: Counter[Entry], lent: Lent = lambda entry: 0
) -> list[Entry | None]:
    """Take one of `left` for each entry: one with its name, else the first of the same call.

    What another test has borrowed under a name with a random part may have been its own leak.
    """
    found = [_take(left, entry) for entry in entries]
    for index, entry in enumerate(entries):
        if found[index] is None:
            alike = (other for other in left if other.call == entry.call)
            free = (o for o in alike if left[o] > lent(o) or (left[o] and "*" in o.name))
            found[index] = _take(left, next(free, entry))
    return found


def _take(left: Counter[Entry], entry: Entry) -> Entry | None:
    if not left[entry]:
        return None
    left[entry] -= 1
    return entry


class Borrowed(NamedTuple):
    """A leak that is matched with an entry of another test, and where to write it otherwise."""

    leak: Leak
    entry: Entry
    allowance: Allowance


class SharedLeaks:
    """Known leaks of files that several tests create: the test that runs first leaves them.

    The order and the selection of tests decide which one that is, and by which call. So a leak is
    matched with an entry of the same name of another test, until that test leaves its own.

    Args:
        baseline: the known leaks.
        used: how many leaks of each entry its own context has left so far.
        ended: the ids of the tests that have succeeded so far.

    Attributes:
        mistaken: what was matched with another test, which then left its own.
    """

    def __init__(self, baseline: Baseline, used: Counter[Entry], ended: Set[str]) -> None:
        self.mistaken: list[Borrowed] = []
        self._baseline = baseline
        self._used = used
        self._ended = ended
        self._first: dict[str, str] = {}  # the directory of each name
        self._borrowed: dict[Entry, dict[tuple[str, str], Borrowed]] = {}
        self._alike: dict[str, list[Entry]] = {}
        for entry in baseline:
            if not entry.is_drawn:
                self._alike.setdefault(entry.name, []).append(entry)

    def borrowed(self, entry: Entry) -> list[Borrowed]:
        """Return the leaks of other tests that are matched with an entry."""
        return list(self._borrowed.get(entry, {}).values())

    def lent(self, entry: Entry) -> int:
        """Return how many leaks of an entry other tests have left."""
        return len(self._borrowed.get(entry, ()))

    def is_again(self, leak: Leak, entry: Entry) -> bool:
        """Return whether a file of this name was left before, in an earlier temp directory."""
        if leak.where != "temp" or entry.is_drawn:
            return False
        directory, name = os.path.split(leak.path)
        return self._first.setdefault(name, directory) != directory

    def take(self, borrowed: Borrowed) -> bool:
        """Match a leak with an entry of a test that has not ended yet; return whether it did.

        What an earlier run left, a test that has ended could not create again.
        """
        if borrowed.entry.is_drawn:
            return False
        key = borrowed.leak.key
        for other in self._alike.get(borrowed.entry.name, ()):
            taken = self._borrowed.get(other, {})
            has_room = self._used[other] + len(taken) < self._baseline[other]
            is_free = borrowed.leak.since or other.context not in self._ended
            if key in taken or (has_room and is_free):
                self._borrowed[other] = {**taken, key: borrowed}
                return True
        return False

    def settle(self, left: Counter[Entry]) -> None:
        """Give back what was borrowed of entries whose own context has now left its leaks too.

        Args:
            left: what that context left.
        """
        for entry in left:
            taken = self._borrowed.get(entry, {})
            while taken and self._used[entry] + len(taken) > self._baseline[entry]:
                _, borrowed = taken.popitem()
                if not self.take(borrowed):
                    self.mistaken.append(borrowed)
                    borrowed.allowance.write([(borrowed.entry, None)])
