"""A run on a cluster over real links, which are cut: three network namespaces, as root only."""

from __future__ import annotations

import importlib.util
import subprocess
import sys
import time
import unittest
from pathlib import Path

from tests.support import namespaces
from tests.support.dask_cluster import DaskCluster
from tests.support.projects import ProjectTestCase

CUT = 3.0
"""Seconds for which the link is cut; `make cluster` cuts it for 20."""
PATIENCE = 90.0


class CutLinkTests(ProjectTestCase):
    def test_cut_link_costs_no_test(self) -> None:
        if importlib.util.find_spec("distributed") is None:
            self.skipTest("distributed is not installed")
        if reason := namespaces.reason_against():
            self.skipTest(reason)
        for name in "ab":
            self.write(f"test_{name}.py", f"""
                import os, time, unittest
                class A(unittest.TestCase):
                    def test_1(self):
                        open("started-{name}", "a").write("x")
                        while not os.path.exists("go"): time.sleep(0.02)
                    def test_2(self): pass
            """)
        net = self.enterContext(namespaces.network())
        prefixes = net.command(net.scheduler), net.command(net.workers)
        cluster = self.enterContext(DaskCluster(2, net.host, prefixes))
        words = [*net.command(net.parent), sys.executable, "-m", "runner", "-v", "--leaks", "off"]
        with subprocess.Popen(
            [*words, "--workers", cluster.address], cwd=self.project, text=True,
            env=self.environment(), stderr=subprocess.PIPE,
        ) as run:  # fmt: skip
            assert run.stderr is not None
            deadline = time.monotonic() + PATIENCE
            while len(list(self.project.glob("started-*"))) < 2 and time.monotonic() < deadline:
                time.sleep(0.05)
            net.set_link(net.workers, "down")
            time.sleep(CUT)
            self.write("go", "")
            net.set_link(net.workers, "up")
            try:
                err = run.communicate(timeout=PATIENCE)[1]
            finally:
                run.kill()
        self.assertEqual(run.returncode, 0, err)
        self.assertIn(f"[{namespaces.SUBNET}.3] ok", err)
        self.assertIn("Ran 4 tests", err)
        self.assertNotIn("attempt", err)
        for name in "ab":
            self.assertEqual(Path(self.project, f"started-{name}").read_text(), "x")
        self.assertEqual(cluster.left(), [])


if __name__ == "__main__":
    unittest.main()
