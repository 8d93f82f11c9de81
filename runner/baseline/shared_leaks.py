"""Leaks that several tests share: a file of one name is left by the one that comes first.

Which test that is changes with the order and with the choice of tests, so a leak that is known of
one is taken for it if another leaves it, until that one leaves its own.
"""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Set
from typing import NamedTuple

from tempfiles.records import Leak

from .closings import Closing
from .file import Baseline, Entry


class Claim(NamedTuple):
    """A leak that is taken for another test's, and where it is written down if it is not."""

    leak: Leak
    entry: Entry
    closing: Closing


class SharedLeaks:
    """The known leaks that other tests have left in this run.

    Args:
        baseline: the known leaks.
        used: how many of each its own context has left so far.
        ended: the ids of the tests that have succeeded so far.

    Attributes:
        mistaken: what was taken for another test's, which then left its own.
    """

    def __init__(self, baseline: Baseline, used: Counter[Entry], ended: Set[str]) -> None:
        self.mistaken: list[Claim] = []
        self._baseline = baseline
        self._used = used
        self._ended = ended
        self._places: dict[tuple[str, str], str] = {}  # where each name and call came first
        self._claims: dict[Entry, dict[tuple[str, str], Claim]] = {}
        self._alike: dict[Entry, list[Entry]] = {}
        for entry in baseline:
            self._alike.setdefault(_anyones(entry), []).append(entry)

    def claims(self, entry: Entry) -> list[Claim]:
        """Return what was taken for a known leak."""
        return list(self._claims.get(entry, {}).values())

    def lent(self, entry: Entry) -> int:
        """Return how many leaks of an entry other tests have left."""
        return len(self._claims.get(entry, ()))

    def is_again(self, leak: Leak, entry: Entry) -> bool:
        """Whether a file of its name was left before, in a slot that has been replaced since."""
        if leak.where != "temp" or entry.is_drawn:
            return False
        place, name = os.path.split(leak.path)
        return self._places.setdefault((name, entry.call), place) != place

    def take(self, claim: Claim) -> bool:
        """Whether a test that has not had its turn yet used to leave this first; it is taken so."""
        if claim.entry.is_drawn:
            return False
        for other in self._alike.get(_anyones(claim.entry), ()):
            claims = self._claims.get(other, {})
            has_room = self._used[other] + len(claims) < self._baseline[other]
            if claim.leak.key in claims or (has_room and other.context not in self._ended):
                self._claims[other] = {**claims, claim.leak.key: claim}
                return True
        return False

    def settle(self, left: Counter[Entry]) -> None:
        """Take back what was taken for leaks that their own context has now left as well.

        Args:
            left: by their own context.
        """
        for entry in left:
            claims = self._claims.get(entry, {})
            while claims and self._used[entry] + len(claims) > self._baseline[entry]:
                _, claim = claims.popitem()
                if not self.take(claim):
                    self.mistaken.append(claim)
                    claim.closing.write([(claim.entry, None)])


def _anyones(entry: Entry) -> Entry:
    return entry._replace(context="")
