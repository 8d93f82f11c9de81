"""Durations that are remembered from run to run."""

from __future__ import annotations

import json
import os
import tempfile
import unittest
from pathlib import Path

from runner import cache
from runner.errors import UsageError
from runner.scheduling.durations import UnitDurations
from runner.scheduling.plan import Unit


def unit(key: str, tests: int = 1) -> Unit:
    return Unit(0, key, range(tests))


class DurationsTests(unittest.TestCase):
    def setUp(self) -> None:
        self.root = Path(self.enterContext(tempfile.TemporaryDirectory()))
        self.file = self.root / "durations.json"

    def run_with(self, *took: tuple[Unit, float], file: bool = True) -> UnitDurations:
        durations = UnitDurations(str(self.root), str(self.file) if file else None)
        for each, seconds in took:
            durations.note(each, seconds)
        durations.write()
        return UnitDurations(str(self.root), str(self.file) if file else None)

    def test_next_run_knows_them(self) -> None:
        for file in (True, False):
            with self.subTest(file=file):
                known = self.run_with((unit("m.A"), 1.5), (unit("m.B", 4), 2.0), file=file)
                self.assertEqual(known.of(unit("m.A")), 1.5)
                self.assertIsNone(known.of(unit("m.C")))
        self.assertTrue((self.root / cache.DURATIONS).exists())

    def test_part_of_a_class_takes_its_share(self) -> None:
        known = self.run_with((unit("m.A", 4), 2.0))
        self.assertEqual(known.of(unit("m.A", 2)), 1.0)

    def test_parts_of_a_unit_are_added(self) -> None:
        known = self.run_with((unit("m.A", 3), 2.0), (unit("m.A", 1), 1.0))
        self.assertEqual(known.of(unit("m.A", 4)), 3.0)

    def test_small_changes_leave_the_file_as_it_is(self) -> None:
        self.run_with((unit("m.A"), 10.0), (unit("m.B"), 0.01))
        before = self.file.stat().st_ino
        self.run_with((unit("m.A"), 11.0), (unit("m.B"), 0.04))
        self.assertEqual(self.file.stat().st_ino, before)
        known = self.run_with((unit("m.A"), 14.0))
        self.assertEqual((known.of(unit("m.A")), known.of(unit("m.B"))), (14.0, 0.01))

    def test_run_of_one_test_of_many_changes_nothing(self) -> None:
        self.run_with((unit("m.A", 10), 10.0))
        known = self.run_with((unit("m.A"), 9.0))
        self.assertEqual(known.of(unit("m.A", 10)), 10.0)

    def test_units_of_other_runs_are_kept_up_to_a_limit(self) -> None:
        self.run_with(*((unit(f"m.C{number}"), 1.0) for number in range(10_005)))
        self.run_with((unit("m.New"), 1.0))
        units = json.loads(self.file.read_text())["units"]
        self.assertEqual(len(units), 10_001)
        self.assertIn("m.New", units)

    def test_damaged_cache_is_replaced(self) -> None:
        self.run_with((unit("m.A"), 1.0), file=False)
        path = self.root / cache.DURATIONS
        for content in ("{", "[]", '{"version": 1, "units": {"m.A": 3}}', '{"version": 9}'):
            with self.subTest(content):
                path.write_text(content)
                known = self.run_with((unit("m.A"), 2.0), file=False)
                self.assertEqual(known.of(unit("m.A")), 2.0)

    def test_file_of_the_user_that_is_none_of_durations_is_refused(self) -> None:
        for content, why in (
            ("{", "it is malformed"), ("[]", "it is not a file of durations"),
            ('{"version": 9}', "it is of another version"),
            ('{"version": 1, "units": {"a": [1, "x"]}}', "it is not a file of durations"),
            ('{"version": 1, "units": {"a": [Infinity, 1]}}', "it is not a file of durations"),
            ('{"version": 1, "units": {"a": [-1, 1]}}', "it is not a file of durations"),
        ):  # fmt: skip
            self.file.write_text(content)
            with self.subTest(content), self.assertRaises(UsageError) as caught:
                UnitDurations(str(self.root), str(self.file))
            self.assertEqual(str(caught.exception), f"--durations-file: {self.file}: {why}")
            self.assertEqual(self.file.read_text(), content)

    def test_file_in_no_directory_is_refused(self) -> None:
        with self.assertRaisesRegex(UsageError, "there is no such directory"):
            UnitDurations(str(self.root), os.path.join(self.root, "no", "file.json"))


if __name__ == "__main__":
    unittest.main()
