"""The guard: a process that removes the root of a run that dies."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import tempfile
import time
import unittest
from pathlib import Path

from tempfiles.errors import OwnershipError
from tempfiles.recovery import guard
from tempfiles.roots import ownership
from tempfiles.roots.root import RunRoot
from tempfiles.system import procfs
from tempfiles.system.platform import HAS_PROC
from tests.support.real_runs import dead_run, live_run

GUARDED = (
    "from tempfiles.recovery import guard\nguarding = guard.start(root)\nguarding.announce(root)\n"
)
ENOUGH = 20.0  # seconds; a guard that does its work needs a fraction of one
MOST_MEMORY = 15 * 1024  # KiB


def wait_until(true: object, what: str) -> None:
    end = time.monotonic() + ENOUGH
    assert callable(true)
    while not true():
        if time.monotonic() > end:
            raise AssertionError(f"waited {ENOUGH} s in vain: {what}")
        time.sleep(0.01)


def pid_of(root: str) -> int:
    """Return the process that was started to guard what lies in a directory."""
    end = time.monotonic() + ENOUGH
    while time.monotonic() < end:
        for name in filter(str.isdecimal, os.listdir("/proc")):
            words = (procfs.read(int(name), "cmdline") or b"").split(b"\0")
            if words[:2] != [b"sh", b"-c"] and words[-3:] == [
                os.fsencode(str(guard.__file__)), os.fsencode(root), b""
            ]:
                return int(name)
    raise AssertionError("there is no guard")


def is_gone(pid: int) -> bool:
    stat = procfs.stat(pid)
    return stat is None or stat.state in "ZX"


@unittest.skipUnless(HAS_PROC, "needs /proc to look at the guard")
class GuardTests(unittest.TestCase):
    def setUp(self) -> None:
        self.temp = os.path.realpath(self.enterContext(tempfile.TemporaryDirectory()))

    def test_is_let_go_where_no_root_can_be_made(self) -> None:
        place = os.path.join(self.temp, "file")
        Path(place).touch()
        before = os.listdir("/proc/self/fd")
        self.assertRaises(OwnershipError, RunRoot, place, "/", True)
        self.assertEqual(os.listdir("/proc/self/fd"), before)

    def test_removes_the_root_of_a_killed_run_with_no_run_after_it(self) -> None:
        body = GUARDED + "os.mkdir(root + '/0/d'); os.symlink('/', root + '/0/d/link')"
        with live_run(self.temp, body) as (root, process):
            pid = pid_of(root)
            process.kill()
            process.wait()
            wait_until(lambda: os.listdir(self.temp) == [], "the root to go")
            wait_until(lambda: is_gone(pid), "the guard to end")

    def test_removes_a_root_announced_and_partly_created(self) -> None:
        guarding = self.guarding()
        bare, marked = os.path.join(self.temp, "tidy-bare"), os.path.join(self.temp, "tidy-marked")
        for root in (bare, marked, os.path.join(self.temp, "tidy-never")):
            guarding.announce(root)
        os.mkdir(bare)
        os.chmod(bare, ownership.BARE_MODE)
        os.mkdir(marked, 0o700)
        ownership.claim(marked, project="/p", argv=[]).release()
        guarding.release()
        wait_until(lambda: os.listdir(self.temp) == [], "the roots to go")

    def test_survives_signals_and_death_of_the_process_group(self) -> None:
        with live_run(self.temp, GUARDED, new_group=True) as (root, process):
            pid = pid_of(root)
            for number in (signal.SIGINT, signal.SIGHUP, signal.SIGTERM, signal.SIGQUIT):
                os.kill(pid, number)
            self.assertFalse(is_gone(pid))
            self.assertTrue(os.path.isdir(root))
            os.killpg(process.pid, signal.SIGKILL)
            process.wait()
            wait_until(lambda: os.listdir(self.temp) == [], "the root to go")

    def test_waits_for_forked_children_that_close_the_pipe(self) -> None:
        for closing in ("", "guarding.release(); "):
            fork = f"child = os.fork()\nif child == 0: {closing}sys.stdin.read(); os._exit(0)\n"
            with (
                self.subTest(closing),
                live_run(self.temp, f"{GUARDED}{fork}print(child)") as (child, process),
            ):
                assert process.stdout is not None
                root = process.stdout.readline().strip()
                process.kill()
                process.wait()
                self.assertEqual(ownership.examine(root).state, "live")
                os.kill(int(child), signal.SIGKILL)
                wait_until(lambda: os.listdir(self.temp) == [], "the root to go")

    def test_passes_over_a_root_that_the_run_has_removed(self) -> None:
        orphan = dead_run(self.temp)
        guarding = self.guarding()
        pid = pid_of(self.temp)
        guarding.announce(os.path.join(self.temp, "tidy-gone"))
        guarding.announce(orphan)
        self.assertEqual(os.listdir(self.temp), [os.path.basename(orphan)])
        guarding.release()
        guarding.release()
        wait_until(lambda: is_gone(pid), "the guard to end")
        self.assertEqual(os.listdir(self.temp), [])

    def test_leaves_alone_what_is_no_orphan(self) -> None:
        guarding = self.guarding()
        pid = pid_of(self.temp)
        foreign, link = os.path.join(self.temp, "tidy-foreign"), os.path.join(self.temp, "link")
        os.mkdir(foreign)
        Path(foreign, "precious").touch()
        os.symlink(foreign, link)
        guarding.announce(foreign)
        guarding.announce(link)
        guarding.release()
        wait_until(lambda: is_gone(pid), "the guard to end")
        self.assertEqual(sorted(os.listdir(self.temp)), ["link", "tidy-foreign"])
        self.assertEqual(os.listdir(foreign), ["precious"])

    def test_has_its_own_session_no_descriptors_and_little_memory(self) -> None:
        file = self.enterContext(tempfile.TemporaryFile())
        os.set_inheritable(file.fileno(), True)
        self.guarding()
        pid = pid_of(self.temp)
        with self.assertRaises(ChildProcessError):
            os.waitpid(pid, os.WNOHANG)
        wait_until(lambda: self.waits_for_its_end(pid), "the guard to wait")
        self.assertNotEqual(os.getsid(pid), os.getsid(0))
        self.assertEqual(os.readlink(f"/proc/{pid}/cwd"), "/")
        self.assertEqual(sorted(os.listdir(f"/proc/{pid}/fd")), ["0", "1", "2"])
        self.assertNotIn(b"TMPDIR", procfs.read(pid, "environ") or b"")
        self.assertLess(_resident(pid), MOST_MEMORY)

    def guarding(self) -> guard.Guard:
        found = guard.start(self.temp)
        assert found is not None
        self.addCleanup(found.release)
        return found

    def waits_for_its_end(self, pid: int) -> bool:
        stat = procfs.stat(pid)
        return stat is not None and stat.state == "S" and "3" not in os.listdir(f"/proc/{pid}/fd")

    def test_is_none_where_it_cannot_be_started(self) -> None:
        real = sys.executable
        self.addCleanup(setattr, sys, "executable", real)
        sys.executable = ""
        self.assertIsNone(guard.start(self.temp))

    def test_ends_at_once_without_a_valid_root(self) -> None:
        for reported in (b"", b"/nonexistent\0", b"cut off", b"\0\0"):
            done = subprocess.run(
                [sys.executable, "-I", "-S", str(guard.__file__), "/nonexistent"],
                input=reported, capture_output=True, check=False,
            )
            self.assertEqual((done.returncode, done.stdout, done.stderr), (0, b"", b""))


def _resident(pid: int) -> int:
    """Return the resident memory of a process in KiB."""
    for line in Path(f"/proc/{pid}/status").read_text().splitlines():
        if line.startswith("VmRSS:"):
            return int(line.split()[1])
    raise AssertionError("no VmRSS")
