"""The simulation of runs on a cluster."""

from __future__ import annotations

import unittest
from xml.etree import ElementTree

from benchmarks.cluster import plot, simulate


class SimulationTests(unittest.TestCase):
    def test_work_is_shared_evenly(self) -> None:
        runs = [simulate(tests, workers) for tests, workers in ((10_000, 10), (50_000, 50))]
        for run in runs:
            with self.subTest(workers=run.workers):
                self.assertLess(run.ratio, 1.05)
                self.assertLess(run.chunks, 20 * run.workers)
        ElementTree.fromstring(plot(runs))


if __name__ == "__main__":
    unittest.main()
