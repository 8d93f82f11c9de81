"""Runs on a dask cluster that lose machines, schedulers and links, with the waits that these take.

    python -m tests.campaigns.cluster

`tests/runs/cluster` has the quick form of most. Each run must end within a hard bound, with the
exit code and the lines that it should have, and leave no process and no file on a machine.
"""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import tempfile
import textwrap
import time
import unittest
from collections.abc import Callable
from pathlib import Path
from unittest import mock

from tests.runs.cluster import test_namespaces
from tests.support.dask_cluster import DaskCluster
from tests.support.programs import REPOSITORY

BOUND = 120.0
"""Seconds for one run; also on a machine that is busy."""
SLOW = """
    import time, unittest
    class A(unittest.TestCase):
        def test_1(self):
            open("started-{}", "a").close()
            time.sleep(4)
        def test_2(self): pass
"""
QUICK = "class A(unittest.TestCase):\n    def test_1(self): pass\n"
KILLER = """
    import os, pathlib, time, unittest
    class A(unittest.TestCase):
        def test_1(self): pass
        def test_2(self):
            time.sleep(0.5)
            node = pathlib.Path(f"/proc/{os.getppid()}/stat").read_text().rpartition(")")[2]
            os.kill(int(node.split()[1]), 9)  # the process of dask
            time.sleep(60)
        def test_3(self): pass
"""


class Campaign:
    """One project on one cluster.

    Args:
        cluster: the cluster.
        sources: the test modules, by their names.
    """

    def __init__(self, cluster: DaskCluster, **sources: str) -> None:
        self.cluster = cluster
        self._directory = tempfile.TemporaryDirectory()
        self.project = Path(self._directory.name)
        for name, source in sources.items():
            (self.project / f"{name}.py").write_text(textwrap.dedent(source))

    def start(self, *words: str) -> None:
        """Start a run."""
        environment = {**os.environ, "PYTHONPATH": REPOSITORY, "PYTHONDONTWRITEBYTECODE": "1"}
        program = [sys.executable, "-m", "runner", "-v", "--leaks", "off", *words]
        self.run = subprocess.Popen(
            [*program, "--workers", self.cluster.address], cwd=self.project, env=environment,
            stderr=subprocess.PIPE, text=True,
        )  # fmt: skip

    def wait_for_tests(self) -> None:
        """Wait until a test runs, and a little for the notes about it."""
        deadline = time.monotonic() + BOUND
        while not any(self.project.glob("started-*")) and time.monotonic() < deadline:
            time.sleep(0.1)
        time.sleep(1)

    def check(self, code: int, *lines: str) -> None:
        """Wait for the end of the run, and complain where it is not as it should be."""
        try:
            err = self.run.communicate(timeout=BOUND)[1]
        except subprocess.TimeoutExpired:
            self.run.kill()
            err = f"it hangs\n{self.run.communicate()[1]}"
        deadline = time.monotonic() + 30
        while self.cluster.left() and time.monotonic() < deadline:
            time.sleep(0.2)
        missing = [line for line in lines if line not in err]
        if self.run.returncode != code or missing or self.cluster.left():
            left = self.cluster.left()
            raise AssertionError(f"exit {self.run.returncode}, {missing=}, {left=}\n{err}")
        self._directory.cleanup()


def killer(cluster: DaskCluster) -> None:
    """A test that kills each machine is given up by name after three; the others run."""
    for _ in range(3):
        cluster.add_worker()
    campaign = Campaign(cluster, test_k=KILLER, test_o=SLOW.format("o"))
    campaign.start()
    campaign.check(
        1, "ERROR: test_2 (test_k.A.test_2)", "this test has lost 3 machines", "Ran 5 tests"
    )


def late(cluster: DaskCluster) -> None:
    """A cluster without a worker is waited for; what joins late gets work."""
    _kill_workers(cluster)
    campaign = Campaign(cluster, test_a=SLOW.format("a"), test_b=SLOW.format("b"))
    campaign.start()
    time.sleep(20)  # it starts slowly where the machine is busy
    cluster.add_worker()
    campaign.check(0, "has no worker: waiting up to 60 s", "Ran 4 tests", "OK")


def scaled_to_zero(cluster: DaskCluster) -> None:
    """A cluster that loses all workers in the middle goes on when others join."""
    campaign = Campaign(cluster, test_a=SLOW.format("a"), test_b=SLOW.format("b"))
    campaign.start()
    campaign.wait_for_tests()
    _kill_workers(cluster)
    time.sleep(4)
    cluster.add_worker()
    campaign.check(0, "has no worker: waiting", "attempt 2: machine 127.0.0.1 lost] ok", "OK")


def interrupted(cluster: DaskCluster) -> None:
    """^C ends the tests on the machines too, and so does the death of the parent."""
    for number in (signal.SIGINT, signal.SIGKILL):
        campaign = Campaign(cluster, test_a=SLOW.format("a"), test_b=SLOW.format("b"))
        campaign.start()
        campaign.wait_for_tests()
        campaign.run.send_signal(number)
        campaign.check(-number)


def scheduler_gone(cluster: DaskCluster) -> None:
    """A scheduler that does not come back ends the run within the time that was given."""
    campaign = Campaign(cluster, test_a=SLOW.format("a"), test_b=SLOW.format("b"))
    campaign.start("--workers-wait", "5")
    campaign.wait_for_tests()
    cluster.kill(cluster.scheduler)
    campaign.check(
        2, "does not answer: waiting up to 5 s", "does not answer, for 5 s; 0 of 4 tests ran"
    )


def encrypted(cluster: DaskCluster) -> None:
    """A scheduler that speaks TLS is reached with dask's settings, and else refused in one line."""
    del cluster
    refusals = ("tidytest: error: --workers: cannot connect to tls://",)
    with tempfile.TemporaryDirectory() as directory:
        place = Path(directory)
        for name in ("ours", "theirs"):
            _certify(place, name)
        words = {"ours": "", "theirs": "TLS certificate does not match",
                 "none": "a file of dask's TLS settings does not exist"}  # fmt: skip
        settings = mock.patch.dict(os.environ, DASK_CONFIG=str(_security(place, "ours")))
        with settings, DaskCluster(1, protocol="tls") as machines:
            for name, reason in words.items():
                os.environ["DASK_CONFIG"] = str(_security(place, name))
                campaign = Campaign(machines, test_a="import unittest\n" + QUICK)
                campaign.start()
                campaign.check(2 if reason else 0, *(refusals if reason else ("OK",)), reason)


def _certify(place: Path, name: str) -> None:
    """Create a certificate that signs itself."""
    subprocess.run(
        ["openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "2", "-subj",
         f"/CN={name}", "-keyout", place / f"{name}.key", "-out", place / f"{name}.pem"],
        stderr=subprocess.DEVNULL, check=True,
    )  # fmt: skip


def _security(place: Path, name: str) -> Path:
    """Write settings of dask with a certificate; return the file."""
    own = {"cert": f"{place}/{name}.pem", "key": f"{place}/{name}.key"}
    tls = {"ca-file": own["cert"], **dict.fromkeys(("scheduler", "worker", "client"), own)}
    file = place / f"{name}.yaml"
    file.write_text(json.dumps({"distributed": {"comm": {"tls": tls}}}))  # JSON is YAML
    return file


def _kill_workers(cluster: DaskCluster) -> None:
    for pid in cluster.workers:
        cluster.kill(pid)
    cluster.workers.clear()


CAMPAIGNS: tuple[Callable[[DaskCluster], None], ...] = (
    killer, late, scaled_to_zero, interrupted, scheduler_gone, encrypted,
)


def main() -> int:
    """Run all; return the exit code."""
    failed = 0
    with DaskCluster(workers=2) as cluster:
        for campaign in CAMPAIGNS:
            begun = time.monotonic()
            try:
                campaign(cluster)
                verdict = "ok"
            except AssertionError as error:
                failed += 1
                verdict = f"FAILED: {error}"
            print(f"{campaign.__name__}: {verdict} ({time.monotonic() - begun:.0f} s)", flush=True)
    test_namespaces.CUT = 20.0
    suite = unittest.defaultTestLoader.loadTestsFromModule(test_namespaces)
    done = unittest.TextTestRunner(verbosity=2).run(suite)
    return int(failed > 0 or not done.wasSuccessful())


if __name__ == "__main__":
    sys.exit(main())
