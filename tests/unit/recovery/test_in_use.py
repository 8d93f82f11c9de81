"""What still uses the root of a dead run."""

from __future__ import annotations

import os
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
import unittest
from pathlib import Path

from tempfiles.recovery import in_use
from tempfiles.roots import claim


class UserOfTests(unittest.TestCase):
    def setUp(self) -> None:
        self.root = os.path.realpath(self.enterContext(tempfile.TemporaryDirectory()))

    def test_root_without_users_has_none(self) -> None:
        Path(self.root, "0/deep").mkdir(parents=True)
        Path(self.root, "0/tidy-01234567").mkdir()
        self.assertEqual(in_use.user_of(self.root), "")

    def test_live_run_at_any_depth_is_a_user(self) -> None:
        inner = Path(self.root, "0/a/b/tidy-01234567")
        inner.mkdir(parents=True, mode=0o700)
        held = claim.claim(str(inner), project=self.root, argv=["x"])
        self.assertEqual(in_use.user_of(self.root), f"the run in {inner} is live")
        held.release()
        self.assertEqual(in_use.user_of(self.root), "")

    @unittest.skipUnless(sys.platform == "linux", "reads /proc")
    def test_open_file_is_a_use_and_an_open_directory_is_none(self) -> None:
        fd = os.open(self.root, os.O_RDONLY)
        self.addCleanup(os.close, fd)
        self.assertEqual(in_use.user_of(self.root), "")
        with open(os.path.join(self.root, "file"), "w"):
            words = rf"^in use by pid {os.getpid()} \(.*\)$"
            self.assertRegex(str(in_use.user_of(self.root)), words)

    @unittest.skipUnless(sys.platform == "linux", "reads /proc")
    def test_process_that_names_or_runs_something_there_is_a_user(self) -> None:
        program = os.path.join(self.root, "sleep")
        shutil.copy("/bin/sleep", program)
        for words, environment in (
            (["/bin/sh", "-c", f"sleep 60; echo > {self.root}/0/out"], {}),
            (["/bin/sleep", "60"], {"HOME": f"{self.root}/0/home"}),
            ([program, "60"], {}),
        ):
            with self.subTest(words), subprocess.Popen(
                words, env=environment, cwd="/", start_new_session=True
            ) as process:
                self.assertRegex(str(in_use.user_of(self.root)), f"pid {process.pid} ")
                os.killpg(process.pid, signal.SIGKILL)

    @unittest.skipUnless(sys.platform == "linux", "reads /proc")
    def test_bound_socket_is_a_use(self) -> None:
        with socket.socket(socket.AF_UNIX) as bound:
            bound.bind(os.path.join(self.root, "socket"))
            self.assertEqual(
                in_use.user_of(self.root), f"a process has the socket {self.root}/socket open"
            )
        self.assertEqual(in_use.user_of(self.root), "")

    def test_deadline_ends_the_search(self) -> None:
        Path(self.root, "0").mkdir()
        self.assertIsNone(in_use.user_of(self.root, time.monotonic() - 1))


if __name__ == "__main__":
    unittest.main()
