"""Record how each test of a run ended and what it left, to compare it with another run."""

from __future__ import annotations

import json
import os
import re
from collections.abc import Iterable, Mapping
from typing import Any, NamedTuple

from tempfiles import ContextReport, Leak

from ..session.listener import Listener
from ..session.outcomes import CaseName, Outcome

_RANDOM = re.compile(r"\d+|[a-z0-9_]{8}(?=\W|$)")  # as `tempfile` and process numbers make names


class HowEnded(NamedTuple):
    """How a test, or a fixture of a class or module, ended.

    `statuses` are those other than success, also of its subtests. `leaks` describe what it left,
    without what differs from run to run. Both are sorted.
    """

    statuses: tuple[str, ...] = ()
    leaks: tuple[str, ...] = ()

    def __str__(self) -> str:
        words = ", ".join(dict.fromkeys(self.statuses)) or "ok"
        if not self.leaks:
            return words
        return f"{words}, {len(self.leaks)} {'leak' if len(self.leaks) == 1 else 'leaks'}"


SUCCESS, NOT_RUN = HowEnded(), HowEnded(("not run",))


class RunRecord(Listener):
    """Listens to a run.

    Attributes:
        orders: the ids of the tests that each process ran, in their order.
        ends: how tests, classes and modules ended that did not just succeed, by their ids.
        ran: the ids of the tests that ran.
    """

    def __init__(
        self, orders: Iterable[list[str]] = (), ends: Mapping[str, HowEnded] | None = None
    ) -> None:
        self.orders = list(orders)
        self.ends = dict(ends or {})
        self.ran = {id for order in self.orders for id in order}

    def test_started(self, test: CaseName) -> None:
        """Append a test to the order of this process."""
        if not self.orders:
            self.orders.append([])
        self.orders[0].append(test.id)
        self.ran.add(test.id)

    def outcome(self, outcome: Outcome) -> None:
        """Add an outcome to that of its test or fixture."""
        end = self.ends.get(outcome.owner, SUCCESS)
        statuses = sorted([*end.statuses, outcome.status])
        self.ends[outcome.owner] = end._replace(statuses=tuple(statuses))

    def context_closed(self, report: ContextReport, new: ContextReport) -> None:
        """Add what a test, class or module left."""
        if report.leaks:
            end = self.ends.get(report.id, SUCCESS)
            leaks = sorted([*end.leaks, *map(described, report.leaks)])
            self.ends[report.id] = end._replace(leaks=tuple(leaks))

    def end_of(self, id: str, *, is_test: bool) -> HowEnded:
        """Return how a test, or else a fixture of a class or module, ended."""
        return self.ends.get(id, NOT_RUN if is_test and id not in self.ran else SUCCESS)

    def write(self, path: str) -> None:
        """Write the record to a file, for `read` in another process."""
        with open(path, "w", encoding="utf-8") as file:
            json.dump({"orders": self.orders, "ends": self.ends}, file)


def read(path: str) -> RunRecord:
    """Return the record of a run in another process.

    Raises:
        OSError: there is none: the run did not come to its end.
        ValueError: it is not complete.
    """
    with open(path, encoding="utf-8") as file:
        document: Mapping[str, Any] = json.load(file)
    ends = {id: HowEnded(*map(tuple, end)) for id, end in document["ends"].items()}
    return RunRecord(document["orders"], ends)


def described(leak: Leak) -> str:
    """Return a leak in words that are the same in each run that leaves it."""
    name = _RANDOM.sub("*", os.path.basename(leak.path))
    return f"{leak.type} {leak.made_by or name} ({leak.where})"


def differing(one: RunRecord, other: RunRecord) -> list[str]:
    """Return the ids of what ended differently in two runs: tests in their order, then fixtures.

    Tests that only one of the runs ran, since a fixture ended differently, are left out.
    """
    tests = dict.fromkeys(id for order in (*one.orders, *other.orders) for id in order)
    fixtures = [
        id for id in sorted({*one.ends, *other.ends} - tests.keys())
        if one.end_of(id, is_test=False) != other.end_of(id, is_test=False)
    ]

    def is_explained(id: str) -> bool:
        ran_in_both = id in one.ran and id in other.ran
        return not ran_in_both and any(id.startswith(f"{fixture}.") for fixture in fixtures)

    found = [
        id for id in tests
        if one.end_of(id, is_test=True) != other.end_of(id, is_test=True) and not is_explained(id)
    ]
    return [*found, *fixtures]
