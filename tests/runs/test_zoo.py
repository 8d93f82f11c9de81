"""The leak zoo in its quick form: many rows in a few processes (`make zoo` gives each its own)."""

from __future__ import annotations

import unittest

from tests.campaigns.zoo.campaign import cells, run_alone, run_together
from tests.campaigns.zoo.judgement import Verdict
from tests.campaigns.zoo.rows import HOME, PROJECT, TEMP, TMP
from tests.campaigns.zoo.trials import trials
from tests.campaigns.zoo.ways import FAMILIES, ways

_ALONE = (
    "TemporaryDirectory on self @ temp", "import time @ project", "atexit @ temp",
    "name with an escape sequence @ temp", "name with non-UTF-8 bytes @ project",
    "ignored by a glob @ project", "leaks fail @ temp", "traced touch @ home",
)


class ZooTests(unittest.TestCase):
    def check(self, verdicts: list[Verdict]) -> None:
        self.assertTrue(verdicts)
        wrong = [f"{v.way} @ {v.place}: {p}" for v in verdicts for p in v.problems]
        self.assertEqual([], wrong, "\n".join(wrong))


def _batch(family: str, place: str) -> None:
    """Add a test for the rows of one family that can share a process.

    Rows that can be tried in the temp directory and in the project are tried in one of them, by
    turns; the campaign tries each in both.
    """
    turns = (TEMP, PROJECT)
    rows = [row for number, row in enumerate(FAMILIES[family])
            if place in row.places and not row.alone
            and (place not in turns or not {*turns} <= {*row.places} or place == turns[number % 2])]

    def test(self: ZooTests) -> None:
        self.check(run_together(rows, place))

    slug = family.replace(" ", "_").replace("-", "_")
    setattr(ZooTests, f"test_{slug}_in_{place}", test)


# The rows of these do not share a process.
_ALONE_FAMILIES = ("names", "options", "commands and scripts", "traced programs")
for _family in FAMILIES:
    for _place in (TEMP, PROJECT):
        if _family not in _ALONE_FAMILIES:
            _batch(_family, _place)
_batch("in-process", TMP)
_batch("in-process", HOME)


class AloneTests(unittest.TestCase):
    def test_rows_that_need_a_process_of_their_own(self) -> None:
        """Names, the run's own scope, and options."""
        chosen = [cell for cell in cells(ways(), (), ())
                  if f"{cell[0].name} @ {cell[1]}" in _ALONE]
        self.assertEqual(len(_ALONE), len(chosen))
        for cell in chosen:
            with self.subTest(row=cell[0].name, place=cell[1]):
                self.assertEqual([], run_alone(cell).problems)


class TrialTests(unittest.TestCase):
    def test_late_writers_and_neighbours(self) -> None:
        for name, trial in trials(full=False).items():
            with self.subTest(name):
                self.assertEqual([], trial().problems)


if __name__ == "__main__":
    unittest.main()
