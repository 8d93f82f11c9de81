"""Each example is a project that does what it is there to show."""

from __future__ import annotations

import tempfile
import unittest
from pathlib import Path

from tests.support.documentation import PROJECT, Workshop


class ExampleTests(unittest.TestCase):
    def copy(self, name: str) -> Workshop:
        directory = self.enterContext(tempfile.TemporaryDirectory())
        return Workshop(Path(directory), f"examples/{name}")

    def assertRuns(self, workshop: Workshop, command: str) -> str:
        status, printed = workshop.type(command)
        self.assertEqual(status, 0, printed)
        return printed

    def test_tracked_leaves_nothing_under_unittest(self) -> None:
        workshop = self.copy("tracked")
        self.assertIn("\nOK", self.assertRuns(workshop, "python -W error -m unittest"))
        self.assertEqual(workshop.take_leftovers(), [])

    def test_tracked_leaks_nothing(self) -> None:
        workshop = self.copy("tracked")
        self.assertIn("none leaked", self.assertRuns(workshop, "python -m runner --leaks fail"))

    def test_leaky_passes_under_unittest(self) -> None:
        workshop = self.copy("leaky")
        self.assertRuns(workshop, "python -m unittest")
        self.assertEqual(len(workshop.take_leftovers()), 4)

    def test_adopted_passes_with_the_baseline_it_brings(self) -> None:
        workshop = self.copy("adopted")
        printed = self.assertRuns(workshop, "make")
        self.assertIn("Known leaks: 6 of 6 are in the baseline", printed)
        self.assertNotIn("fixed", printed)

    def test_adopted_fails_without_its_baseline(self) -> None:
        workshop = self.copy("adopted")
        status, printed = workshop.type("rm .tidytest-leaks.json; make")
        self.assertNotEqual(status, 0)
        self.assertIn("FAILED (leaks=6)", printed)

    def test_adopted_writes_the_very_baseline_it_brings(self) -> None:
        workshop = self.copy("adopted")
        self.assertRuns(workshop, "rm .tidytest-leaks.json; tidytest --update-baseline")
        name = ".tidytest-leaks.json"
        written = (workshop.path / name).read_text(encoding="utf-8")
        self.assertEqual(written, (PROJECT / "examples/adopted" / name).read_text(encoding="utf-8"))

    def test_own_runner_reports_a_leak_and_a_finding(self) -> None:
        workshop = self.copy("own_runner")
        status, printed = workshop.type("python own_runner.py checks.py")
        self.assertEqual(status, 1, printed)
        self.assertIn("checks.py::leaves_a_file left file, 7 B: checks.py:", printed)
        self.assertIn("checks.py::leaves_a_variable left the environment variable MODE", printed)
        self.assertIn("3 run, 0 failed, 1 leaked\n", printed)
        self.assertEqual(workshop.take_leftovers(), [])


if __name__ == "__main__":
    unittest.main()
