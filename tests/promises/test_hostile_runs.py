"""A run whose tests leave files that cannot be removed ends as usual and reports them."""

from __future__ import annotations

import os
import subprocess
import sys
import unittest

from tests.support.projects import ProjectTestCase
from tests.support.whole_runs import place

SUITE = '''
import os, subprocess, tempfile, unittest

class Hostile(unittest.TestCase):
    def setUp(self):
        self.top = tempfile.mkdtemp(prefix=self._testMethodName)

    def test_links(self):
        canary = os.environ["CANARY"]
        os.symlink(canary, os.path.join(self.top, "directory"))
        os.link(os.path.join(canary, "one"), os.path.join(self.top, "hard"))

    def test_closed(self):
        os.makedirs(os.path.join(self.top, "closed", "below"))
        os.chmod(os.path.join(self.top, "closed"), 0)

    def test_names(self):
        for name in (b"new\\nline", b"\\xff\\xfe", b"-rf", b" ", b"\\x1b[31m"):
            os.close(os.open(os.path.join(os.fsencode(self.top), name), os.O_CREAT))

    def test_deep(self):
        fd = os.open(self.top, os.O_RDONLY)
        for _ in range(200):
            os.mkdir("d", dir_fd=fd)
            below = os.open("d", os.O_RDONLY, dir_fd=fd)
            os.close(fd)
            fd = below
        os.close(fd)

    def test_fifo(self):
        os.mkfifo(os.path.join(self.top, "fifo"))

    def test_immutable(self):
        path = os.path.join(self.top, "immutable")
        open(path, "w").close()
        if os.environ.get("IMMUTABLE"):
            subprocess.run(["chattr", "+i", path], check=True)
'''


def can_make_immutable(directory: str) -> bool:
    """Whether this user may, on this file system, make what even root cannot remove."""
    path = os.path.join(directory, "immutable")
    open(path, "w").close()
    try:
        done = [subprocess.run(["chattr", change, path], capture_output=True, check=False)
                for change in ("+i", "-i")]
    except OSError:
        return False
    finally:
        os.unlink(path)
    return all(process.returncode == 0 for process in done)


@unittest.skipUnless(sys.platform == "linux", "looks at processes in /proc")
class HostileSuiteTests(unittest.TestCase):
    def test_ends_like_any_other_and_leaves_nothing(self) -> None:
        with place(SUITE) as ground:
            code, output = ground.run("-v")
            self.assertEqual(code, 0, output)
            self.assertNotIn("Traceback", output)
            self.assertIn("6 leaked by 6 tests (removed)", output)
            ground.check()

    def test_failed_removal_is_reported_now_and_at_the_next_start(self) -> None:
        with place(SUITE) as ground:
            if not can_make_immutable(ground.top):
                self.skipTest("chattr +i is not permitted here")
            try:
                code, output = ground.run(IMMUTABLE="1")
                self.assertEqual(code, 0, output)
                self.assertNotIn("Traceback", output)
                self.assertRegex(output, r"test_immutable\w+/immutable\b.*not permitted")
                self.assertEqual(len(ground.roots()), 1)
                output = ground.run_next()
                self.assertRegex(output, r"could not remove \S+/immutable: Operation not permitted")
                code, output = ground.command("clean")
                self.assertEqual(code, 1)
                self.assertRegex(output, r"failed \S+/immutable: Operation not permitted")
            finally:
                # It says 1, as there are links too; the check below says whether it was done.
                subprocess.run(["chattr", "-R", "-i", ground.tmp], capture_output=True, check=False)
            ground.run_next()
            ground.check()


GREEDY = """
import os, unittest
class A(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.taken = []
        cls.addClassCleanup(lambda: [os.close(fd) for fd in cls.taken])
    def test_1(self):
        try:
            while True: self.taken.append(os.open(os.devnull, os.O_RDONLY))
        except OSError: pass
    def test_2(self): self.fail("on purpose")
class B(unittest.TestCase):
    def test(self): pass
"""


@unittest.skipUnless(os.name == "posix", "needs ulimit")
class DescriptorLimitTests(ProjectTestCase):
    def test_a_failure_is_a_failure_and_the_run_goes_on(self) -> None:
        self.write("test_a.py", GREEDY)
        done = subprocess.run(
            ["sh", "-c", f"ulimit -n 256; exec '{sys.executable}' -m runner test_a"],
            cwd=self.project, env=self.environment(), capture_output=True, text=True,
        )
        self.assertIn("Ran 3 tests", done.stderr)
        self.assertIn("FAILED (failures=1)", done.stderr)
        self.assertNotIn("Errno", done.stderr)


if __name__ == "__main__":
    unittest.main()
