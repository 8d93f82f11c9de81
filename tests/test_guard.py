from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
import tempfile
import time
import unittest
from pathlib import Path

from tempfiles import _proc, guard, ownership
from tempfiles._platform import HAS_PROC
from tests.real_runs import live_run

GUARDED = "from tempfiles import guard\nprint(guard.start(root))\n"
ENOUGH = 20.0  # seconds; a guard that does its work needs a fraction of one
MOST_MEMORY = 15 * 1024  # KiB


def wait_until(true: object, what: str) -> None:
    end = time.monotonic() + ENOUGH
    assert callable(true)
    while not true():
        if time.monotonic() > end:
            raise AssertionError(f"waited {ENOUGH} s in vain: {what}")
        time.sleep(0.01)


def is_gone(pid: int) -> bool:
    stat = _proc.stat(pid)
    return stat is None or stat.state in "ZX"


@unittest.skipUnless(HAS_PROC, "needs /proc to look at the guard")
class AGuard(unittest.TestCase):
    def setUp(self) -> None:
        self.temp = os.path.realpath(self.enterContext(tempfile.TemporaryDirectory()))

    def test_removes_the_root_of_a_killed_run_with_no_run_after_it(self) -> None:
        body = GUARDED + "os.mkdir(root + '/0/d'); os.symlink('/', root + '/0/d/link')"
        with live_run(self.temp, body) as (pid, process):
            process.kill()
            process.wait()
            wait_until(lambda: os.listdir(self.temp) == [], "the root to go")
            wait_until(lambda: is_gone(int(pid)), "the guard to end")

    def test_outlives_the_death_of_the_whole_process_group_and_its_signals(self) -> None:
        with live_run(self.temp, GUARDED, new_group=True) as (pid, process):
            assert process.stdout is not None
            root = process.stdout.readline().strip()
            for number in (signal.SIGINT, signal.SIGHUP, signal.SIGTERM, signal.SIGQUIT):
                os.kill(int(pid), number)
            self.assertFalse(is_gone(int(pid)))
            self.assertTrue(os.path.isdir(root))
            os.killpg(process.pid, signal.SIGKILL)
            process.wait()
            wait_until(lambda: os.listdir(self.temp) == [], "the root to go")

    def test_waits_for_forked_children_too(self) -> None:
        fork = "child = os.fork()\nif child == 0: sys.stdin.read(); os._exit(0)\nprint(child)"
        body = GUARDED + fork
        with live_run(self.temp, body) as (_, process):
            assert process.stdout is not None
            child = int(process.stdout.readline())
            root = process.stdout.readline().strip()
            process.kill()
            process.wait()
            self.assertEqual(ownership.judge(root).state, "live")
            os.kill(child, signal.SIGKILL)
            wait_until(lambda: os.listdir(self.temp) == [], "the root to go")

    def test_ends_quietly_when_the_run_has_removed_its_root(self) -> None:
        claim = ownership.establish(self.temp, project="/p", argv=[])
        self.addCleanup(claim.release)
        pid = guard.start(claim.root)
        assert pid is not None
        shutil.rmtree(claim.root)
        claim.release()
        wait_until(lambda: is_gone(pid), "the guard to end")

    def test_leaves_alone_what_has_the_name_of_the_root_by_then(self) -> None:
        claim = ownership.establish(self.temp, project="/p", argv=[])
        self.addCleanup(claim.release)
        pid = guard.start(claim.root)
        assert pid is not None
        shutil.rmtree(claim.root)
        os.mkdir(claim.root)
        Path(claim.root, "precious").touch()
        claim.release()
        wait_until(lambda: is_gone(pid), "the guard to end")
        self.assertEqual(os.listdir(claim.root), ["precious"])

    def test_is_no_child_has_its_own_session_and_nothing_of_ours_and_little_memory(self) -> None:
        claim = ownership.establish(self.temp, project="/p", argv=[])
        self.addCleanup(claim.release)
        file = self.enterContext(tempfile.TemporaryFile())
        os.set_inheritable(file.fileno(), True)
        pid = guard.start(claim.root)
        assert pid is not None
        with self.assertRaises(ChildProcessError):
            os.waitpid(pid, os.WNOHANG)
        wait_until(lambda: self.waits_for_the_lock(pid), "the guard to wait for the lock")
        self.assertNotEqual(os.getsid(pid), os.getsid(0))
        self.assertEqual(os.readlink(f"/proc/{pid}/cwd"), "/")
        held = {os.readlink(f"/proc/{pid}/fd/{fd}") for fd in os.listdir(f"/proc/{pid}/fd")}
        self.assertEqual(held, {os.devnull, claim.root})
        self.assertNotIn(b"TMPDIR", _proc.read(pid, "environ") or b"")
        self.assertLess(_resident(pid), MOST_MEMORY)
        os.kill(pid, signal.SIGKILL)

    def waits_for_the_lock(self, pid: int) -> bool:
        return any(f" {pid} " in line and "->" in line for line in _locks())

    def test_is_none_where_it_cannot_be_started(self) -> None:
        claim = ownership.establish(self.temp, project="/p", argv=[])
        self.addCleanup(claim.release)
        real = sys.executable
        self.addCleanup(setattr, sys, "executable", real)
        sys.executable = ""
        self.assertIsNone(guard.start(claim.root))

    def test_of_a_root_that_is_gone_ends_at_once(self) -> None:
        done = subprocess.run(
            [sys.executable, "-I", "-S", str(guard.__file__), "/nonexistent", "1", "2"],
            capture_output=True, check=False,
        )
        self.assertEqual((done.returncode, done.stdout, done.stderr), (0, b"", b""))


def _locks() -> list[str]:
    return Path("/proc/locks").read_text().splitlines()


def _resident(pid: int) -> int:
    """Return the resident memory of a process in KiB."""
    for line in Path(f"/proc/{pid}/status").read_text().splitlines():
        if line.startswith("VmRSS:"):
            return int(line.split()[1])
    raise AssertionError("no VmRSS")
