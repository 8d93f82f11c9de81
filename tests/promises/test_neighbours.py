"""The quick form of `torture_neighbours`, and a test of its comparison."""

from __future__ import annotations

import sys
import unittest
from unittest import mock

from tests.campaigns import torture_neighbours
from tests.support.whole_runs import BrokenPromiseError, place

TELLS_ITS_PID = """
import os, unittest
class Telling(unittest.TestCase):
    def test_pid(self):
        print(os.getpid())
"""


@unittest.skipUnless(sys.platform == "linux", "kills processes and looks at them in /proc")
class NeighbourTests(unittest.TestCase):
    def test_concurrent_runs_and_a_cleaner_behave_as_if_alone(self) -> None:
        with place(torture_neighbours.PASSING) as ground:
            tally = torture_neighbours.neighbours(ground, 1.0)
        self.assertEqual(tally.runs.keys(), torture_neighbours.SUITES.keys())
        self.assertGreater(tally.cleans, 0)

    def test_a_run_that_differs_from_a_run_alone_is_reported(self) -> None:
        with (
            mock.patch.object(torture_neighbours, "SUITES", {"slow": TELLS_ITS_PID}),
            mock.patch.object(torture_neighbours, "AT_ONCE", 1),
            place(torture_neighbours.PASSING) as ground,
            self.assertRaisesRegex(BrokenPromiseError, "slow alone: "),
        ):
            torture_neighbours.neighbours(ground, 0.1)


if __name__ == "__main__":
    unittest.main()
