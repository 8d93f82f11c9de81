"""Dealing units to shards: balanced where durations are known, and stable."""

from __future__ import annotations

import random
import unittest
from collections import Counter

from runner.scheduling.shards import deal

SHARDS = 8


def durations(units: int) -> dict[str, float]:
    draw = random.Random(5)
    return {f"m.C{number}": draw.lognormvariate(-1, 1.5) for number in range(units)}


class DealTests(unittest.TestCase):
    def moved(self, before: dict[str, int], after: dict[str, int]) -> int:
        return sum(before[key] != after[key] for key in before)

    def test_known_units_are_dealt_evenly(self) -> None:
        seconds = durations(1000)
        loads: Counter[int] = Counter()
        for key, shard in deal(seconds, seconds, SHARDS).items():
            loads[shard] += round(1000 * seconds[key])
        self.assertEqual({*loads}, {*range(1, SHARDS + 1)})
        self.assertLess(max(loads.values()) * SHARDS, 1.03 * sum(loads.values()))

    def test_one_long_unit_has_a_shard_of_its_own(self) -> None:
        seconds = {"long": 50.0, **dict.fromkeys("abcde", 10.0)}
        dealt = deal(seconds, seconds, 2)
        self.assertNotIn(dealt["long"], {dealt[key] for key in "abcde"})

    def test_new_unit_moves_few_others(self) -> None:
        seconds = durations(1000)
        before = deal(seconds, seconds, SHARDS)
        more = {**seconds, "new": 2.0}
        self.assertLess(self.moved(before, deal(more, more, SHARDS)), 60)
        self.assertEqual(self.moved(before, deal(more, seconds, SHARDS)), 0)  # not yet known

    def test_units_without_durations_are_dealt_by_name(self) -> None:
        keys = [f"m.C{number}" for number in range(1000)]
        dealt = deal(keys, {}, SHARDS)
        sizes = Counter(dealt.values())
        self.assertGreater(min(sizes.values()), 80)  # of 125
        self.assertEqual(deal(reversed(keys), {}, SHARDS), dealt)
        one_more = deal(keys, {}, SHARDS + 1)
        self.assertLess(self.moved(dealt, one_more), 200)  # about a ninth
        self.assertEqual(deal(["test_a.T", "test_b.T", "caf\udce9"], {}, 3),
                         {"test_a.T": 3, "test_b.T": 2, "caf\udce9": 3})  # on every machine
