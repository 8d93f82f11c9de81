"""The search for the shortest list of predecessors."""

from __future__ import annotations

import itertools
import random
import unittest
from collections.abc import Sequence

from runner.dependence.predecessors import Depends, shortest


def needs(wanted: int) -> Depends[int]:
    return lambda chosen: wanted in chosen


class ShortestTests(unittest.TestCase):
    def setUp(self) -> None:
        self.calls = 0

    def counted(self, depends: Depends[int]) -> Depends[int]:
        def called(chosen: Sequence[int]) -> bool:
            self.assertEqual(list(chosen), sorted(set(chosen)))
            self.calls += 1
            return depends(chosen)

        return called

    def search(self, number: int, depends: Depends[int]) -> list[int] | None:
        return shortest(range(number), self.counted(depends))

    def test_nothing_if_the_test_ends_so_alone(self) -> None:
        self.assertEqual(self.search(100, lambda chosen: True), [])
        self.assertEqual(self.calls, 1)

    def test_none_if_it_does_not_end_so_after_all(self) -> None:
        self.assertIsNone(self.search(100, lambda chosen: False))
        self.assertIsNone(self.search(0, lambda chosen: False))

    def test_one_predecessor_at_each_place(self) -> None:
        for number in (1, 2, 3, 7, 8):
            for wanted in range(number):
                with self.subTest(number=number, wanted=wanted):
                    found = self.search(number, needs(wanted))
                    self.assertEqual(found, [wanted])

    def test_calls_grow_with_the_logarithm(self) -> None:
        self.search(5000, lambda chosen: 1234 in chosen)
        self.assertLess(self.calls, 18)

    def test_several_are_returned_in_their_order(self) -> None:
        found = self.search(200, lambda chosen: {7, 50, 199} <= set(chosen))
        self.assertEqual(found, [7, 50, 199])
        self.assertLess(self.calls, 70)

    def test_one_is_preferred_to_two_before_it(self) -> None:
        found = self.search(9, lambda chosen: {1, 2} <= set(chosen) or 8 in chosen)
        self.assertEqual(found, [8])

    def test_either_of_two_is_enough(self) -> None:
        found = self.search(9, lambda chosen: 3 in chosen or 6 in chosen)
        self.assertIn(found, ([3], [6]))

    def test_one_that_undoes_another_is_left_out(self) -> None:
        def depends(chosen: Sequence[int]) -> bool:
            return 2 in chosen and (4 not in chosen or 6 in chosen)

        self.assertIn(self.search(9, depends), ([2], [2, 6]))

    def test_what_is_found_is_enough_and_nothing_in_it_is_spare(self) -> None:
        dice = random.Random(14)
        for _ in range(200):
            groups = [set(dice.sample(range(12), dice.randrange(1, 4))) for _ in range(2)]

            def depends(chosen: Sequence[int], groups: list[set[int]] = groups) -> bool:
                return any(group <= set(chosen) for group in groups)

            found = self.search(12, depends)
            assert found is not None
            self.assertTrue(depends(found))
            for less in itertools.combinations(found, len(found) - 1):
                self.assertFalse(depends(less))


if __name__ == "__main__":
    unittest.main()
