"""What could not be removed is never reported as removed."""

from __future__ import annotations

import os
import subprocess
import sys
import unittest
from pathlib import Path
from typing import Any
from unittest import mock

from tempfiles import Run, RunReport, RunSettings, register_file
from tempfiles.fileops import remove_tree
from tempfiles.registry import reclaim
from tempfiles.roots import dispose, flock
from tests.promises.test_reaping import TempDirectoryCase

IS_ROOT = hasattr(os, "geteuid") and os.geteuid() == 0


class Refusing:
    """The module `os`, which cannot unlink a file named `b`."""

    def __init__(self) -> None:
        self._unlink = os.unlink

    def __getattr__(self, name: str) -> Any:
        return getattr(os, name)

    def unlink(self, name: str, *, dir_fd: int | None = None) -> None:
        if os.path.basename(name) == "b":
            raise PermissionError(1, "not permitted")
        self._unlink(name, dir_fd=dir_fd)


class Hosts:
    """Cases that open a run, in a class of their own so that only `ReportTests` runs them."""

    class ReportCases(TempDirectoryCase):
        def setUp(self) -> None:
            super().setUp()
            os.mkdir(os.path.join(self.temp, "outside"))
            self.run_ = Run(RunSettings(base=self.temp, project=self.temp))
            self.run_.open()
            self.context = self.run_.enter("test", "test")

        def leak(self, name: str) -> str:
            path = os.path.join(self.run_.root.slot, name)
            Path(path).touch()
            return path

        def finish(self) -> RunReport:
            self.run_.close(self.context)
            report, _ = self.run_.finish(1)
            return report

        def assert_failed(self, report: RunReport, *names: str) -> None:
            failed = [leak for leak in report.leaks if leak.outcome == "failed"]
            found = {os.path.basename(leak.path) for leak in failed}
            self.assertEqual(found, {*names})
            for leak in report.leaks:
                self.assertEqual(leak.outcome == "failed", os.path.lexists(leak.path))
            self.assertNotEqual(report.failures, ())

        def test_root_whose_lock_another_process_holds(self) -> None:
            self.leak("a")
            os.close(self.run_.root._claim.lock.fd)
            other = flock.acquire(self.run_.root.path)
            assert other is not None
            self.addCleanup(other.release)
            report = self.finish()
            self.assert_failed(report, "a")
            self.assertIn("another process holds its lock", report.failures[0].cause)

        def test_root_that_another_process_keeps_filling(self) -> None:
            self.leak("a")
            path, real = self.run_.root.path, dispose._Disposal.clear

            def clear(disposal: Any) -> None:
                real(disposal)
                Path(path, "late").touch()

            with mock.patch.object(dispose._Disposal, "clear", clear):
                report = self.finish()
            self.assertIn("late", os.listdir(path))
            self.assertIn("something keeps adding", report.failures[0].cause)

        def test_one_entry_that_cannot_be_removed(self) -> None:
            self.leak("a")
            stuck = self.leak("b")
            with mock.patch.object(remove_tree, "os", Refusing()):
                report = self.finish()
            self.assert_failed(report, "b")
            self.assertEqual([failure.path for failure in report.failures], [stuck])

        def test_registered_path_that_cannot_be_removed(self) -> None:
            outside = Path(self.temp, "outside")
            for name in ("a", "b"):
                Path(outside, name).touch()
                register_file(Path(outside, name))
            refusing = Refusing()
            with (
                mock.patch.object(remove_tree, "os", refusing),
                mock.patch.object(reclaim, "os", refusing),
                self.assertLogs("tempfiles", "WARNING"),
            ):
                report = self.finish()
            self.assertEqual(os.listdir(outside), ["b"])
            self.assertEqual((report.summary.made, report.summary.registered), (2, 1))


class ReportTests(unittest.TestCase):
    def test_what_stays_is_never_reported_as_removed(self) -> None:
        # The process of the tests may have a run open already: that of this project's runner.
        done = subprocess.run(
            [sys.executable, "-m", "unittest", f"{__name__}.Hosts.ReportCases"],
            capture_output=True, text=True, check=False, cwd=Path(__file__).parents[2],
        )
        self.assertRegex(done.stderr, r"Ran 4 tests in .*\n\nOK")


@unittest.skipUnless(sys.platform == "linux" and IS_ROOT, "needs root's chattr")
class CleanReportTests(TempDirectoryCase):
    def test_clean_says_failed_of_what_is_left(self) -> None:
        from tests.support.real_runs import dead_run

        root = dead_run(self.temp, "open(root + '/0/stuck', 'w').close()")
        stuck = os.path.join(root, "0", "stuck")
        if subprocess.run(["chattr", "+i", stuck], capture_output=True, check=False).returncode:
            self.skipTest("no file can be made immutable here")
        done = subprocess.run(
            [sys.executable, "-m", "tempfiles", "clean", "--temp-dir", self.temp],
            capture_output=True, text=True, check=False,
        )
        (name,) = os.listdir(self.temp)
        now = os.path.join(self.temp, name, "0", "stuck")
        subprocess.run(["chattr", "-i", now], check=True)
        self.assertEqual(done.returncode, 1)
        self.assertIn(f"failed {os.path.join(self.temp, name)}:", done.stdout)
        self.assertNotIn(f"removed {root}", done.stdout)
        self.assertTrue(os.path.exists(now))


if __name__ == "__main__":
    unittest.main()
