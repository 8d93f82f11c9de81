"""`clean --pattern` removes only what is old, unused and the user's own."""

from __future__ import annotations

import fcntl
import os
import socket
import subprocess
import sys
import tempfile
import time
import unittest
from pathlib import Path
from unittest import mock

from tempfiles.commands import litter
from tempfiles.commands.litter import LitterPlan
from tempfiles.errors import SettingError
from tempfiles.system import procfs
from tempfiles.system.platform import HAS_PROC

IS_ROOT = hasattr(os, "geteuid") and os.geteuid() == 0
NOBODY = 65534
DAY = 86400.0


class PatternTests(unittest.TestCase):
    def test_of_one_name_is_taken(self) -> None:
        for pattern in ("redis-*.tmp", "?x", "[ab]c*", "*.tmp", ".cache*"):
            self.assertEqual(litter.check_pattern(pattern), pattern)

    def test_that_is_empty_a_path_or_matches_everything_is_refused(self) -> None:
        for pattern in ("", "*", "**", "?*", ".*", "[a-z]*", "/tmp/x*", "a/b", "..", "a\0", "[ab*"):
            with self.subTest(pattern), self.assertRaises(SettingError):
                litter.check_pattern(pattern)


@unittest.skipUnless(HAS_PROC, "open files cannot be reported here")
class LitterTests(unittest.TestCase):
    def setUp(self) -> None:
        self.temp = os.path.realpath(self.enterContext(tempfile.TemporaryDirectory()))

    def make(self, name: str, *, directory: bool = False, age: float = 2 * DAY) -> str:
        path = os.path.join(self.temp, name)
        if directory:
            os.mkdir(path)
            self.make(os.path.join(name, "inner"), age=age)
        else:
            Path(path).write_text("1234")
        self.date(path, age)
        return path

    def date(self, path: str, age: float = 2 * DAY) -> None:
        when = time.time() - age
        os.utime(path, (when, when), follow_symlinks=False)

    def plan(self, pattern: str = "x-*") -> LitterPlan:
        return litter.plan([self.temp], [pattern], min_age=DAY)

    def assert_left(self, path: str, reason: str) -> None:
        found = self.plan()
        self.assertEqual(found.chosen, ())
        self.assertEqual([item.path for item in found.left], [path])
        self.assertRegex(found.left[0].reason, reason)

    def test_that_is_old_and_ours_is_chosen_with_its_size(self) -> None:
        file, directory = self.make("x-file"), self.make("x-dir", directory=True)
        found = self.plan()
        self.assertEqual(found.left, ())
        self.assertEqual([(item.path, item.bytes, item.entries) for item in found.chosen],
                         [(directory, 4, 2), (file, 4, 1)])
        self.assertGreaterEqual(found.chosen[0].age, 2 * DAY - 1)

    def test_that_does_not_match_is_not_even_looked_at(self) -> None:
        for name in ("y-file", "ax-file", ".x-hidden", "X-FILE"):
            self.make(name)
        self.assertEqual(self.plan(), LitterPlan())
        self.assertEqual(self.plan("*x-hidden"), LitterPlan())
        self.assertEqual(len(self.plan(".x-*").chosen), 1)

    def test_that_is_young_anywhere_in_it_is_left(self) -> None:
        path = self.make("x-dir", directory=True)
        self.date(os.path.join(path, "inner"), 10)
        self.assert_left(path, "too recently")

    @unittest.skipUnless(IS_ROOT, "only root can give files away")
    def test_of_another_user_or_that_holds_something_of_one_is_left(self) -> None:
        path = self.make("x-dir", directory=True)
        os.chown(os.path.join(path, "inner"), NOBODY, NOBODY)
        self.assert_left(path, f"inner belongs to user {NOBODY}")
        os.chown(path, NOBODY, NOBODY)
        self.assert_left(path, f"x-dir belongs to user {NOBODY}")

    def test_that_is_open_in_a_process_is_left(self) -> None:
        path = self.make("x-dir", directory=True)
        with open(os.path.join(path, "inner")):
            self.assert_left(path, rf"open in pid {os.getpid()} ")
        self.assertEqual(len(self.plan().chosen), 1)

    def test_that_is_locked_is_left(self) -> None:
        path = self.make("x-file")
        with open(path) as file:
            fcntl.flock(file, fcntl.LOCK_EX)
            self.assert_left(path, "locked")
        program = (f"import fcntl, sys; f = open({path!r}, 'r+'); fcntl.lockf(f, fcntl.LOCK_EX)\n"
                   "print(flush=True); sys.stdin.read()")
        self.date(path)
        with subprocess.Popen([sys.executable, "-c", program], stdin=subprocess.PIPE,
                              stdout=subprocess.PIPE) as process:
            assert process.stdout is not None
            process.stdout.readline()
            self.assert_left(path, "locked")
            process.kill()

    def test_that_is_a_link_goes_as_a_link(self) -> None:
        target = self.make("target")
        link = os.path.join(self.temp, "x-link")
        os.symlink(target, link)
        self.assert_left(link, "too recently")
        self.date(link)
        self.assertEqual([(item.path, item.bytes) for item in self.plan().chosen], [(link, 0)])

    def test_with_a_link_inside_is_not_judged_by_its_target(self) -> None:
        young = self.make("young", age=0)
        path = self.make("x-dir", directory=True)
        os.symlink(young, os.path.join(path, "link"))
        self.date(os.path.join(path, "link"))
        self.date(path)
        self.assertEqual(len(self.plan().chosen), 1)

    def test_that_is_or_holds_a_mount_point_is_left(self) -> None:
        path = self.make("x-dir", directory=True)
        for point in (path, path + "/inner"):
            table = {**procfs.mounts(), point: "ext4"}
            with mock.patch.object(procfs, "mounts", return_value=table):
                self.assert_left(path, "mount point")

    @unittest.skipUnless(IS_ROOT, "only root can mount")
    def test_that_is_really_mounted_is_left(self) -> None:
        path = self.make("x-dir", directory=True)
        command = ["mount", "-t", "tmpfs", "none", path]
        if subprocess.run(command, capture_output=True, check=False).returncode:
            self.skipTest("nothing can be mounted here")
        try:
            self.date(path)
            self.assert_left(path, "mount point")
        finally:
            subprocess.run(["umount", path], check=True)

    def test_on_a_network_file_system_is_left(self) -> None:
        path = self.make("x-file")
        with mock.patch.object(procfs, "mounts", return_value={"/": "nfs4"}):
            self.assert_left(path, "nfs4")

    def test_that_is_a_fifo_is_not_waited_for(self) -> None:
        path = os.path.join(self.temp, "x-fifo")
        os.mkfifo(path)
        self.date(path)
        self.assertEqual([item.path for item in self.plan().chosen], [path])

    def test_that_is_a_socket_in_use_is_left(self) -> None:
        path = os.path.join(self.temp, "x-socket")
        with socket.socket(socket.AF_UNIX) as listening:
            listening.bind(path)
            self.date(path)
            self.assert_left(path, "socket")
        self.assertEqual(len(self.plan().chosen), 1)

    def test_in_a_place_writable_by_everyone_needs_the_sticky_bit(self) -> None:
        path = self.make("x-file")
        os.chmod(self.temp, 0o777)
        self.assert_left(path, "sticky bit")

    def test_never_is_the_root_of_a_run(self) -> None:
        path = self.make("tidy-x", directory=True)
        (item,) = self.plan("tidy-*").left
        self.assertEqual(item.path, path)
        self.assertIn("rules of its own", item.reason)

    def test_that_has_changed_since_it_was_planned_is_left(self) -> None:
        replaced, renewed, gone = self.make("x-1"), self.make("x-2"), self.make("x-3")
        same = self.make("x-4")
        plan = self.plan()
        self.assertEqual(len(plan.chosen), 4)
        os.rename(self.make("new"), replaced)
        self.date(replaced)
        Path(renewed).write_text("new")
        os.unlink(gone)
        done = [litter.remove(item, min_age=DAY) for item in plan.chosen]
        reasons = [item.reason for item, _ in done]
        self.assertIn("changed since it was planned", reasons[0])
        self.assertIn("too recently", reasons[1])
        self.assertIn("No such file", reasons[2])
        self.assertEqual([report and report.removed for _, report in done], [None, None, None, 1])
        self.assertEqual([os.path.exists(path) for path in (replaced, renewed, same)],
                         [True, True, False])
