"""Files that appear when their test has ended, or while tests overlap: never under another test."""

from __future__ import annotations

import os
import unittest

from tests.campaigns.zoo.campaign import cells, run_alone
from tests.campaigns.zoo.shared_workers import LATE
from tests.campaigns.zoo.trials import late_writers


class LateFileTests(unittest.TestCase):
    def check(self, way: str) -> None:
        """Check that the report names the right test, or sets the file apart, in each place."""
        chosen = cells([row for row in LATE if row.name == way], (), ())
        self.assertTrue(chosen)
        for cell in chosen:
            with self.subTest(place=cell[1]):
                self.assertEqual(run_alone(cell).problems, [])

    def test_file_of_an_event_before_the_end_of_its_test(self) -> None:
        self.check("event before the end, file after it")

    @unittest.skipUnless(os.path.isdir("/proc/self"), "needs /proc")
    def test_files_of_grandchildren_without_environment(self) -> None:
        for form in ("empty environment", "empty environment and session"):
            with self.subTest(form):
                self.assertEqual(late_writers(form, 8).problems, [])

    def test_file_of_a_fork_servers_child(self) -> None:
        self.check("forkserver child that outlives its test")

    def test_file_of_one_of_two_children_of_a_fork_server(self) -> None:
        self.check("forkserver child after another one has outlived its test")

    def test_file_of_a_child_while_another_test_ends(self) -> None:
        self.check("child while tests overlap in threads")

    def test_files_of_the_children_of_two_overlapping_tests(self) -> None:
        self.check("children of two tests that overlap in threads")
        self.check("unnamed file of two tests that overlap in threads")

    def test_file_of_a_subinterpreter(self) -> None:
        self.check("file of a subinterpreter")
        self.check("file of a subinterpreter after a test with a child")


if __name__ == "__main__":
    unittest.main()
