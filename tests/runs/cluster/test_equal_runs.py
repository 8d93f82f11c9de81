"""A run on a cluster prints and writes what a serial run does, but for the names of machines."""

from __future__ import annotations

import re
from pathlib import Path

from tests.runs.parallel import test_equal_output as equal_output
from tests.support.dask_cluster import DaskCluster
from tests.support.programs import Outcome
from tests.support.projects import ProjectTestCase

_cluster: DaskCluster


def setUpModule() -> None:
    global _cluster
    _cluster = DaskCluster(workers=2).__enter__()


def tearDownModule() -> None:
    _cluster.__exit__()


class ClusterTestCase(ProjectTestCase):
    def on_cluster(self, *words: str) -> Outcome:
        outcome = self.tidytest("--workers", _cluster.address, *words)
        self.assertEqual(_cluster.left(), [], outcome.err)
        return outcome


def steady(text: str) -> str:
    """Return a text without what differs from run to run, and without what other programs do."""
    return re.sub(r"New in shared dir.*\n(    .*\n)*", "", equal_output.steady(text))


class EqualRunTests(ClusterTestCase):
    maxDiff = None

    def setUp(self) -> None:
        super().setUp()
        for name, source in equal_output.SUITE.items():
            self.write(name, source)

    def test_output_and_reports_are_those_of_a_serial_run(self) -> None:
        words = ("-v", "-b", "--leak-json", "leaks.json")
        serial = self.tidytest(*words)
        document = Path(self.project, "leaks.json").read_text("utf-8")
        Path(self.project, "outside.txt").unlink()
        for path in self.project.glob(".tidytest_cache/*"):
            path.unlink()
        outcome = self.on_cluster(*words)
        self.assertIn("test_passes (test_a.A.test_passes) ... [127.0.0.1] ok", outcome.err)
        printed = outcome.err.replace("[127.0.0.1] ", "")
        self.assertEqual(steady(printed), steady(serial.err))
        self.assertEqual(outcome.out, serial.out)
        self.assertEqual(outcome.code, serial.code)
        written = Path(self.project, "leaks.json").read_text("utf-8")
        written = written.replace(str(_cluster.top), str(self.base))
        self.assertEqual(steady(written), steady(document))


if __name__ == "__main__":
    import unittest

    unittest.main()
