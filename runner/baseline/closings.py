"""One closing of a context: what it may leave, and what is to be written down of what it left."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Sequence

from .file import Entry

Lent = Callable[[Entry], int]
"""Says how many leaks of an entry other tests have taken."""


class Closing:
    """One closing of a context.

    Args:
        allowed: what the baseline has of the context.
        before: the closing before it in the same run, if there was one.

    Attributes:
        most: what is to be written down of the context: the most of any closing so far.
    """

    def __init__(self, allowed: Counter[Entry], before: Closing | None = None) -> None:
        self._allowed = allowed
        self._left = Counter(allowed)
        self.most: Counter[Entry] = Counter() if before is None else before.most
        self._written: Counter[Entry] = Counter()
        self._earlier = Counter(self.most)  # what earlier closings left, and this one has not yet

    def known(self, entries: Sequence[Entry], lent: Lent) -> list[Entry | None]:
        """Return for each leak what it is known as, None if it is not."""
        return _paired(entries, self._left, lent)

    def used(self) -> Counter[Entry]:
        """Return what of the baseline this closing has left."""
        return self._allowed - self._left

    def write(self, pairs: Iterable[tuple[Entry, Entry | None]]) -> None:
        """Note leaks that are to be written down, under the name that they had before.

        So a name that is random in a way of its own changes nothing. Outside the temp directory the
        name of today counts, since by it is found what lies there from an earlier run.

        Args:
            pairs: for each what it is called now, and what it is known as.
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
    """Take for each one of what is left: by its name, else the first of the same call.

    What another test has taken by a name that has a random part may have been another's leak.
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
