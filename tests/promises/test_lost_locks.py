"""A test that closes all descriptors, or becomes another program, does not give its root away."""

from __future__ import annotations

import fcntl
import json
import os
import re
import signal
import sys
import unittest
from pathlib import Path

from tempfiles.recovery import reap
from tempfiles.roots import marker, ownership
from tests.promises.test_reaping import TempDirectoryCase
from tests.support.real_runs import live_run
from tests.support.whole_runs import Place, finish, kill, place, wait_until

CLOSES = "os.closerange(3, 4096)\n"
SUITE = """
import os, subprocess, sys, tempfile, time, unittest
ROOT = os.path.dirname(tempfile.gettempdir())
class Tests(unittest.TestCase):
    def test_1(self):
        tempfile.mkdtemp()
        os.closerange(3, 4096)
        self.look("before the next context")
    def test_2(self):
        self.look("at the next context")
        probe = ["flock", "--nonblock", "--exclusive", ROOT, "true"]
        if os.environ.get("TRACKS"):
            self.assertEqual(subprocess.run(probe).returncode, 1, "the lock was not taken again")
    def test_3(self):
        if os.environ.get("EXEC"):
            os.execv(sys.executable, [sys.executable, "-c", os.environ["EXEC"]])
    def look(self, when):
        for words in (("clean",), ("clean", "--kept", "--min-age", "0s")):
            done = subprocess.run(
                [sys.executable, "-m", "tempfiles", *words, "--temp-dir", os.path.dirname(ROOT)],
                capture_output=True, text=True, check=True)
            self.assertIn(f"left {ROOT}: live", done.stdout, when)
        self.assertTrue(os.path.isdir(tempfile.gettempdir()), when)
        print("looked", flush=True)
"""


@unittest.skipUnless(sys.platform == "linux", "looks at processes in /proc")
class LostLockTests(TempDirectoryCase):
    def assert_live(self, root: str, reason: str) -> None:
        verdict = ownership.examine(root)
        self.assertEqual(verdict.state, "live", verdict.reason)
        self.assertIn(reason, verdict.reason)
        self.assertEqual(reap.plan([self.temp], include_kept=True).chosen, ())
        stale = ownership.Verdict(root, "orphaned", "", verdict.marker, verdict.identity)
        (reaped,) = reap.execute(reap.Plan((stale,))).roots
        self.assertEqual((reaped.fate, os.path.isdir(root)), ("skipped", True))

    def test_descriptor_that_was_closed_leaves_two_proofs(self) -> None:
        with live_run(self.temp, CLOSES) as (root, process):
            self.assert_live(root, "holds its lock")  # the mapped file
            os.unlink(os.path.join(root, "current"))
            self.assert_live(root, f"pid {process.pid}, which has created it, still runs")
            process.kill()
            process.wait()
            self.assertEqual(ownership.examine(root).state, "orphaned")

    def test_pid_of_another_process_is_no_proof(self) -> None:
        with live_run(self.temp) as (root, process):
            process.kill()
            process.wait()
            path = Path(root, marker.NAME)
            content = json.loads(path.read_text())
            path.write_text(json.dumps({**content, "pid": os.getpid()}))
            self.assertEqual(ownership.examine(root).state, "orphaned")

    def test_killed_run_that_is_not_waited_for_is_dead(self) -> None:
        with live_run(self.temp) as (root, process):
            process.kill()
            os.waitid(os.P_PID, process.pid, os.WEXITED | os.WNOWAIT)
            self.assertEqual(ownership.examine(root).state, "orphaned")

    def test_forked_child_without_descriptors_holds_the_root(self) -> None:
        body = f"child = os.fork()\nif child == 0: {CLOSES.strip()}; sys.stdin.read(); os._exit(0)"
        with live_run(self.temp, body + "\nprint(child)") as (child, process):
            assert process.stdout is not None and process.stdin is not None
            root = process.stdout.readline().strip()
            process.kill()
            process.wait()
            self.assert_live(root, "forked child")
            os.kill(int(child), signal.SIGKILL)
            wait_until(lambda: ownership.examine(root).state == "orphaned", "the child to end")

    def test_program_that_the_run_became_keeps_its_root(self) -> None:
        body = "import time\nprint(root, flush=True)\nos.execv('/bin/sleep', ['sleep', '60'])"
        with live_run(self.temp, body) as (root, process):
            program = Path(f"/proc/{process.pid}/cmdline")
            wait_until(lambda: program.read_bytes().startswith(b"sleep"), "exec")
            self.assert_live(root, "still runs")
            process.kill()
            process.wait()
            self.assertTrue(reap.execute(reap.plan([self.temp])).ok)
            self.assertEqual(os.listdir(self.temp), [])

    def test_root_that_was_released_is_free_while_its_process_runs(self) -> None:
        claim = ownership.establish(self.temp, project="/p", argv=[])
        self.assertEqual(ownership.examine(claim.root).state, "live")
        claim.release()
        self.assertEqual(ownership.examine(claim.root).state, "orphaned")

    def test_lock_is_taken_again(self) -> None:
        claim = ownership.establish(self.temp, project="/p", argv=[])
        self.addCleanup(claim.release)
        os.close(claim.lock.fd)
        claim.lock_again()
        fd = os.open(claim.root, os.O_RDONLY)
        self.addCleanup(os.close, fd)
        with self.assertRaises(BlockingIOError):
            fcntl.flock(fd, fcntl.LOCK_SH | fcntl.LOCK_NB)


@unittest.skipUnless(sys.platform == "linux", "looks at processes in /proc")
class WholeRunTests(unittest.TestCase):
    def run_suite(self, *options: str, **more: str) -> tuple[Place, str]:
        ground = self.enterContext(place(SUITE))
        code, output = ground.run(*options, **more)
        self.assertEqual((code, output.count("looked")), (0, 2), output)
        return ground, output

    def test_clean_leaves_a_run_whose_lock_is_lost(self) -> None:
        for options, more in (((), {"TRACKS": "1"}), (("--leaks", "off"), {})):
            with self.subTest(options):
                ground, _ = self.run_suite(*options, **more)
                ground.check()

    def test_guard_leaves_it_and_removes_it_when_it_is_killed(self) -> None:
        ground, _ = self.run_suite("--guard")
        ground.check()
        ground = self.enterContext(place(SUITE))
        process = ground.start("--guard", more={"EXEC": "import time; time.sleep(60)"})
        wait_until(lambda: b"sleep" in Path(f"/proc/{process.pid}/cmdline").read_bytes(), "exec")
        roots = [name for name in ground.roots() if re.fullmatch("tidy-[0-9a-f]{8}", name)]
        self.assertEqual(len(roots), 1)
        kill(process, signal.SIGKILL, group=False)
        finish(process)
        wait_until(lambda: not ground.roots(), "the guard")
        ground.wait_for_processes()

    def test_next_run_leaves_it_while_another_program_runs(self) -> None:
        ground = self.enterContext(place(SUITE))
        process = ground.start(more={"EXEC": "import time; time.sleep(60)"})
        wait_until(lambda: b"sleep" in Path(f"/proc/{process.pid}/cmdline").read_bytes(), "exec")
        ground.run_next()
        self.assertEqual(len(ground.roots()), 1)
        kill(process, signal.SIGKILL, group=False)
        finish(process)
        ground.run_next()
        ground.check()


if __name__ == "__main__":
    unittest.main()
