"""A full disk or one without inodes changes no exit code, and leaves nothing behind."""

from __future__ import annotations

import subprocess
import sys
import unittest

from tests.runs.test_full_disk import may_mount
from tests.support.programs import REPOSITORY, Outcome
from tests.support.projects import ProjectTestCase

SUITE = """
import os, tempfile, unittest
class T(unittest.TestCase):
    def test_1_cleans_up(self):
        fd, path = tempfile.mkstemp()
        os.close(fd); os.unlink(path)
    def test_2_leaves(self): {}
    def test_3_goes_on(self): pass
"""
LEAVES = "open(os.path.join(tempfile.gettempdir(), 'left'), 'w').close()"
FAILS = f"{LEAVES}; self.fail()"
IN_TEMP = 'mount -t tmpfs -o size=2m,nr_inodes=6 none "$TMPDIR"; cd "$0"'
IN_PROJECT = (
    'cp -r "$0/." "$TMPDIR/copy"; mount -t tmpfs -o {} none "$0"; '
    'cp -r "$TMPDIR/copy/." "$0"; rm -r "$TMPDIR/copy"; cd "$0"; {}'
)
FILL = "cat /dev/zero >filler 2>/dev/null || :"
# One inode each for the root of the file system, the test and the temp directory.
OF_BOTH = IN_PROJECT.format("size=2m,nr_inodes=8", 'mkdir "$0/t"; export TMPDIR="$0/t"')


@unittest.skipUnless(may_mount(), "no file systems can be mounted here")
class FullPlaceTests(ProjectTestCase):
    def run_after(self, prepare: str, *words: str) -> Outcome:
        """Run a program in a mount namespace of its own, after some shell commands.

        They find the project in `$0` and the temp directory in TMPDIR. What is in the temp
        directory at the end is the output's last line.
        """
        script = f'{prepare}\nset +e; "$@"; code=$?; echo; echo left: $(ls -A "$TMPDIR")'
        script += '; exit $code'
        done = subprocess.run(
            ["unshare", "-m", "sh", "-ec", script, str(self.project), sys.executable, *words],
            env=self.environment(PYTHONPATH=REPOSITORY), capture_output=True, text=True,
            timeout=120, check=False,
        )
        return Outcome(done.returncode, done.stdout, done.stderr)

    def assertEndsAsUnderUnittest(self, prepare: str, warning: str = "") -> None:
        """Fail unless runs of passing and failing tests have unittest's exit code."""
        for statement in (LEAVES, FAILS):
            self.write("test_full.py", SUITE.format(statement))
            stock = self.run_after(prepare, "-m", "unittest", "test_full")
            self.assertIn("Ran 3 tests", stock.err)
            (self.base / "left").unlink(missing_ok=True)
            for words in ((), ("-v",)):
                with self.subTest(statement=statement, words=words):
                    outcome = self.run_after(prepare, "-m", "runner", *words, "test_full")
                    self.assertEqual(outcome.code, stock.code, outcome.err)
                    self.assertIn("1 leaked by 1 test (removed)", outcome.err)
                    self.assertIn(warning, outcome.err)
                    self.assertNotIn("defect", outcome.err)
                    self.assertNotIn("tidytest: error", outcome.err)
                    self.assertEqual(outcome.out.splitlines()[-1], "left:")

    def test_temp_directory_with_five_inodes_left(self) -> None:
        self.assertEndsAsUnderUnittest(IN_TEMP)

    def test_project_on_a_full_disk(self) -> None:
        self.assertEndsAsUnderUnittest(
            IN_PROJECT.format("size=64k", FILL),
            "tidytest: warning: cannot write .tidytest_cache/tests.json: No space left")

    def test_project_without_inodes(self) -> None:
        prepare = IN_PROJECT.format("size=1m,nr_inodes=3", ":")
        self.assertEndsAsUnderUnittest(prepare, "No space left")

    def test_project_and_temp_directory_share_five_inodes(self) -> None:
        self.assertEndsAsUnderUnittest(OF_BOTH)

    def test_leak_on_a_full_disk_is_reported_and_not_remembered(self) -> None:
        self.write("test_full.py", SUITE.format("open('outside.txt', 'w').close()"))
        prepare = IN_PROJECT.format("size=64k", FILL)
        outcome = self.run_after(prepare, "-m", "runner", "test_full")
        self.assertEqual(outcome.code, 0, outcome.err)
        self.assertIn("1 leaked by 1 test (left)", outcome.err)
        self.assertIn("tidytest: warning: cannot write .tidytest_cache: No space left", outcome.err)
        self.assertNotIn("defect", outcome.err)

    def test_new_leak_fails_on_a_full_disk_as_elsewhere(self) -> None:
        self.write("test_full.py", SUITE.format(LEAVES))
        prepare = IN_PROJECT.format("size=64k", FILL)
        outcome = self.run_after(prepare, "-m", "runner", "--leaks", "fail", "test_full")
        self.assertEqual(outcome.code, 1)
        self.assertRegex(outcome.err, r"LEAK: \S*test_2_leaves")
        self.assertNotIn("tidytest: error", outcome.err)


if __name__ == "__main__":
    unittest.main()
