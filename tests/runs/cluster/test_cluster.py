"""Runs on a real scheduler and two real workers of dask."""

from __future__ import annotations

import importlib.util
import json
import os
import re
import subprocess
import sys
import time
import unittest
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from tests.runs.parallel import test_equal_output as equal_output
from tests.support.dask_cluster import DaskCluster, free_port
from tests.support.programs import Outcome
from tests.support.projects import ProjectTestCase
from tests.support.whole_runs import wait_until

_cluster: DaskCluster
PATIENCE = 60.0  # seconds; far more than anything here takes, also on a machine that is busy


def setUpModule() -> None:
    global _cluster
    if importlib.util.find_spec("distributed") is None:
        raise unittest.SkipTest("distributed is not installed")
    _cluster = DaskCluster(workers=2).__enter__()
    unittest.addModuleCleanup(lambda: _cluster.__exit__())


class ClusterTestCase(ProjectTestCase):
    def on_cluster(self, *words: str) -> Outcome:
        """Run on the cluster, and check that the machines are clean."""
        outcome = self.tidytest("--workers", _cluster.address, *words)
        self.assertEqual(_cluster.left(), [], outcome.err)
        return outcome

    @contextmanager
    def running(self, *words: str) -> Iterator[subprocess.Popen[str]]:
        """Run on the cluster while the block does something to it."""
        with subprocess.Popen(
            [sys.executable, "-m", "runner", "--workers", _cluster.address, *words],
            cwd=self.project, env=self.environment(), stderr=subprocess.PIPE, text=True,
        ) as process:
            try:
                yield process
                process.wait(PATIENCE)
            finally:
                process.kill()

    def wait_for(self, *names: str) -> list[str]:
        """Wait until a test has created one of some files; return it, then the others."""
        deadline = time.monotonic() + PATIENCE
        while not any(Path(self.project, name).exists() for name in names):
            self.assertLess(time.monotonic(), deadline, sorted(os.listdir(self.project)))
            time.sleep(0.05)
        return sorted(names, key=lambda name: not Path(self.project, name).exists())


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
        ours = json.loads(steady(written.replace(str(_cluster.top), str(self.base))))["leaks"]
        machines = [leak.pop("machine", "") for leak in ours]
        self.assertEqual(ours, json.loads(steady(document))["leaks"])
        self.assertEqual(machines, ["127.0.0.1"] * len(ours))


class ShippedRunTests(ClusterTestCase):
    REPORTS = ("junit.xml", "page.html", "quality.json", "leaks.sarif")

    def test_all_of_a_shipped_run_comes_back(self) -> None:
        self.write("measured.py", "def f():\n    return 1\n\ndef g():\n    return 2\n")
        self.write("data/ignored.txt", "")
        self.write(".gitignore", "data\n")
        self.write("test_a.py", """
            import os, tempfile, runner
            import measured

            class A(runner.TrackedTestCase):
                def test_directory(self):
                    self.artifactPath("log.txt").touch()
                    files = [".gitignore", "measured.py", "test_a.py"]
                    self.assertEqual(sorted(n for n in os.listdir() if "_" != n[:1]), files)
                def test_leaks(self):
                    measured.f()
                    tempfile.mkstemp(prefix="left-")
                    self.fail("and fails")
        """)
        subprocess.run(["git", "init", "--quiet"], cwd=self.project, check=True)
        junit, page, quality, sarif = self.REPORTS
        outcome = self.on_cluster(
            "--ship", "--coverage", "--keep", "on-failure", "--keep-dir", "kept", "--github",
            "--junit-xml", junit, "--html", page, "--gitlab-quality", quality, "--sarif", sarif,
            "--leak-lines", "--record", "record.jsonl",
        )
        self.assertRegex(outcome.err, r"tidytest: ships 3 files, \d+ B\n")
        self.assertRegex(outcome.out, r"measured.py +4 +1 +75%")
        self.assertIn(f'File "{self.project}/test_a.py", line 13', outcome.err)
        (place,) = Path(self.project, "kept").glob("*/test_a.A.test_leaks/left-*")
        self.assertIn(str(place.parent), outcome.err)
        self.assertTrue([*place.parents[1].glob("test_a.A.test_directory/log.txt")])
        self.assertEqual(outcome.code, 1)
        for name in (*self.REPORTS, "record.jsonl"):
            with self.subTest(name):
                self.assertIn("127.0.0.1", Path(self.project, name).read_text("utf-8"))
        self.assertIn("::error", outcome.out)
        self.assertRegex(outcome.out, r"test_a.py:12: 1 temporary file left by .* \[127.0.0.1\]")
        self.assertRegex(outcome.out, r"title=FAIL%3A test_a.A.test_leaks \[127.0.0.1\]")


class LostMachineTests(ClusterTestCase):
    """One run during which a worker is killed, then the scheduler; both come again."""

    def test_lost_tests_run_once_more_and_are_marked(self) -> None:
        for name in "ab":
            self.write(f"test_{name}.py", f"""
                import os, time, unittest
                class A(unittest.TestCase):
                    def test_1(self):
                        own = [n for n in os.listdir() if n.startswith("started-{name}")]
                        place = f"started-{name}-{{len(own)}}"
                        open(place, "w").close()
                        while not os.path.exists("go-" + place): time.sleep(0.02)
                    def test_2(self): pass
            """)
        with self.running("-v", "--leaks", "off") as run:
            self.wait_for("started-a-0")
            self.wait_for("started-b-0")
            time.sleep(1.0)  # the notes about them are on their way
            for worker in _cluster.workers:
                _cluster.kill(worker)
            _cluster.workers.clear()
            _cluster.add_worker()
            first, second = self.wait_for("started-a-1", "started-b-1")
            time.sleep(1.0)
            _cluster.kill(_cluster.scheduler)
            _cluster.start_scheduler()
            _cluster.workers.clear()
            for _ in range(2):
                _cluster.add_worker()
            for name in (f"{first[:-1]}2", second):
                self.write(f"go-{name}", "")
            assert run.stderr is not None
            err = run.stderr.read()
        self.assertEqual(run.returncode, 0, err)
        mark = "[127.0.0.1, attempt {}: {} lost]"
        twice = mark.format(3, "machines 127.0.0.1, 127.0.0.1")
        once = mark.format(2, "machine 127.0.0.1")
        self.assertIn(f"test_1 (test_{first[8]}.A.test_1) ... {twice} ok", err)
        self.assertIn(f"test_1 (test_{second[8]}.A.test_1) ... {once} ok", err)
        self.assertIn("test_2 (test_b.A.test_2) ... [127.0.0.1] ok", err)
        self.assertEqual(err.count("machine 127.0.0.1 lost: 2 tests run again elsewhere\n"), 3)
        self.assertIn("Ran 4 tests", err)
        # What ran on a machine that was killed notices it by itself.
        wait_until(lambda: not _cluster.left(), "the machines to be clean")


class RefusalTests(ClusterTestCase):
    def setUp(self) -> None:
        super().setUp()
        self.write("test_a.py", "import unittest\nclass A(unittest.TestCase):\n"
                                "    def test_1(self): pass\n")  # fmt: skip

    def test_engines_that_are_not_there_are_refused(self) -> None:
        nowhere = f"tcp://127.0.0.1:{free_port()}"
        Path(self.project, "dask-scheduler.json").write_text(json.dumps({"address": nowhere}))
        for address, reason in (
            ("dask-scheduler.json", "cannot connect to .*: .*Timed out"),
            ("none.json", "there is no file none.json"),
            ("dask", r"--workers dask needs \$DASK_SCHEDULER_ADDRESS"),
            ("tls://127.0.0.1:1", "cannot connect to tls://127.0.0.1:1: TLS expects"),
            ("no_such_module:create", "No module named 'no_such_module'"),
            ("somewhere", "'somewhere' is not the address of a scheduler"),
        ):
            with self.subTest(address):
                outcome = self.tidytest("--workers", address)
                self.assertRefused(outcome)
                self.assertRegex(outcome.err, reason)

    def test_settings_of_dask_that_cannot_be_read_are_refused(self) -> None:
        self.write("dask.yaml", "distributed: [")
        outcome = self.tidytest("--workers", _cluster.address, DASK_CONFIG="dask.yaml")
        self.assertRefused(outcome, "A dask config file at")

    def test_settings_of_dask_name_the_scheduler(self) -> None:
        outcome = self.tidytest("--workers", "dask", DASK_SCHEDULER_ADDRESS=_cluster.address)
        self.assertEqual(outcome.code, 0, outcome.err)
        self.assertIn("Ran 1 test", outcome.err)
        self.assertEqual(_cluster.left(), [])  # also on the machine that got no test

    def test_machine_with_other_tests_is_refused(self) -> None:
        self.write("test_a.py", """
            import os, unittest
            class A(unittest.TestCase): pass
            setattr(A, f"test_{os.getpid()}", lambda self: None)
        """)
        outcome = self.on_cluster()
        self.assertEqual(outcome.code, 2)
        self.assertRegex(
            outcome.err, "error: --workers: machine 127.0.0.1:[0-9]+ cannot run the tests:"
                         " it has other tests: 1, from test_a.A.test_",
        )  # fmt: skip


if __name__ == "__main__":
    unittest.main()
