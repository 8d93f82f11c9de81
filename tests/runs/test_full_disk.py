"""Real runs whose temp directory is a tmpfs of a few pages: their reports, and that they go on."""

from __future__ import annotations

import shutil
import subprocess
import sys
import textwrap
import time
import unittest
from unittest import mock

from runner.listeners.usage_watch import Watcher
from tempfiles.monitor.sampler import Recording
from tests.support.programs import REPOSITORY, Outcome
from tests.support.projects import ProjectTestCase

FILL = """
    import os, subprocess, sys, tempfile, unittest

    def fill(path, keep=False):
        with open(path, "wb", buffering=0) as file:
            while file.write(bytes(65536)): pass
"""


def may_mount() -> bool:
    if shutil.which("unshare") is None:
        return False
    probe = ["unshare", "-m", "mount", "-t", "tmpfs", "none", "/mnt"]
    return subprocess.run(probe, capture_output=True, check=False).returncode == 0


@unittest.skipUnless(may_mount(), "no file systems can be mounted here")
class FullDiskTests(ProjectTestCase):
    options = "size=2m"

    program = ("-m", "runner")

    def run_on_small_disk(self, suite: str, *words: str, before: str = "") -> Outcome:
        """Run a suite with a temp directory in a tmpfs of 2 MiB, mounted for it alone."""
        self.write("test_full.py", textwrap.dedent(FILL) + textwrap.dedent(suite))
        script = (
            f'mount -t tmpfs -o {self.options} none "$0"; {before or ":"}; '
            'set +e; "$@"; code=$?; ls -A "$0" >"$0.left"; exit $code'
        )
        done = subprocess.run(
            ["unshare", "-m", "sh", "-ec", script, str(self.base), sys.executable,
             *self.program, "--temp-root", str(self.base), *words, "test_full"],
            cwd=self.project, env=self.environment(PYTHONPATH=REPOSITORY), capture_output=True,
            text=True, timeout=120, check=False,
        )  # fmt: skip
        with open(f"{self.base}.left", encoding="utf-8") as left:
            self.left = left.read().split()
        return Outcome(done.returncode, done.stdout, done.stderr)

    def test_is_reported_with_size_and_largest_owners(self) -> None:
        outcome = self.run_on_small_disk("""
            class T(unittest.TestCase):
                def test_1(self): fill(os.path.join(tempfile.mkdtemp(), "x"))
                def test_2(self): tempfile.mkstemp(); fill(os.path.join(tempfile.gettempdir(), "y"))
        """)
        self.assertEqual(outcome.code, 1)
        reported = outcome.err.split("No space left: the temp directory")
        self.assertEqual(len(reported), 3, outcome.err)
        self.assertIn("of 2.0 MiB free", reported[1])
        self.assertRegex(reported[2], r"\n +[12]\.\d MiB  test_full\.T\.test_1\n")
        self.assertEqual(self.left, [])

    def test_names_each_time_who_fills_it_then(self) -> None:
        outcome = self.run_on_small_disk("""
            import shutil
            class T(unittest.TestCase):
                def fill(self):
                    directory = tempfile.mkdtemp()
                    self.addCleanup(shutil.rmtree, directory)
                    fill(os.path.join(directory, "x"))
                def test_1(self): self.fill()
                def test_2(self): self.fill()
        """)
        for name in ("test_1", "test_2"):
            reported = rf"No space left: .*\n +[12]\.\d MiB  test_full\.T\.{name}\n"
            self.assertRegex(outcome.err, reported)

    def test_that_has_room_again_says_so(self) -> None:
        outcome = self.run_on_small_disk("""
            class T(unittest.TestCase):
                def test(self):
                    with tempfile.TemporaryDirectory() as directory:
                        fill(os.path.join(directory, "x"))
        """)
        self.assertRegex(
            outcome.err, r"No space was left, perhaps here: by now .* holds 0 B; .* of 2.0 MiB free"
        )

    def test_names_no_test_with_leaks_off(self) -> None:
        outcome = self.run_on_small_disk("""
            class T(unittest.TestCase):
                def test_1(self): fill(os.path.join(tempfile.gettempdir(), "x"))
                def test_2(self): fill(os.path.join(tempfile.gettempdir(), "y"))
        """, "--leaks", "off")
        self.assertEqual(outcome.err.count("No space left: "), 2)
        self.assertNotIn("MiB  test_full", outcome.err)

    def test_is_not_reported_below_a_leak_failure(self) -> None:
        outcome = self.run_on_small_disk("""
            class T(unittest.TestCase):
                def test(self):
                    try: fill(os.path.join(tempfile.gettempdir(), "x"))
                    except OSError: pass
        """, "--leaks", "fail")
        self.assertIn("LEAKS: 1 left by 1 test", outcome.err)
        self.assertNotIn("No space", outcome.err)

    def test_cuts_reports_of_forked_children_and_the_run_goes_on(self) -> None:
        outcome = self.run_on_small_disk("""
            class T(unittest.TestCase):
                def fork(self, number):
                    child = os.fork()
                    if not child:
                        for n in range(number):
                            open(os.path.join(tempfile.gettempdir(), f"{number}-{n}"), "w").close()
                        os._exit(0)
                    os.waitpid(child, 0)
                def test(self):
                    big = os.path.join(tempfile.gettempdir(), "big")
                    try:
                        with open(big, "wb", buffering=0) as file:
                            while file.write(bytes(4096)): pass
                    except OSError: pass
                    os.truncate(big, os.path.getsize(big) - 4096)
                    self.fork(60)
                    os.unlink(big)
                    self.fork(1)
                def test_after(self): pass
        """)
        self.assertIn("Ran 2 tests", outcome.err)
        self.assertEqual(outcome.code, 0, outcome.err)
        self.assertIn("61 leaked by 1 test", outcome.err)

    def test_keeps_nothing_and_says_so_once(self) -> None:
        outcome = self.run_on_small_disk("""
            class T(unittest.TestCase):
                def test_1(self): fill(os.path.join(tempfile.gettempdir(), "x"))
                def test_2(self): tempfile.mkdtemp(); self.fail()
                def test_3(self): pass
        """, "--keep", "on-failure", "--keep-dir", str(self.base / "kept"))
        self.assertIn("Ran 3 tests", outcome.err)
        self.assertEqual(outcome.err.count("cannot keep the files of"), 1, outcome.err)
        self.assertIn("No space left on device\n", outcome.err)

    def test_at_the_start_is_refused_in_one_line_and_nothing_is_left(self) -> None:
        for options, before in (
            ("size=8k", 'head -c 8192 /dev/zero >"$0/x"'),
            ("size=1m,nr_inodes=2", "true"),
            ("size=1m,nr_inodes=3", "true"),
        ):
            with self.subTest(options):
                self.options = options
                outcome = self.run_on_small_disk("", before=before)
                words = f"cannot create a run root in {self.base}: No space left"
                self.assertRefused(outcome, words)
                self.assertEqual(self.left, ["x"] if "size=8k" in options else [])

    def test_disk_filled_by_a_killed_run_is_freed_first(self) -> None:
        self.write("test_killed.py", textwrap.dedent(FILL) + textwrap.dedent("""
            class T(unittest.TestCase):
                def test(self):
                    try: fill(os.path.join(tempfile.mkdtemp(), "x"))
                    except OSError: os.kill(os.getpid(), 9)
        """))
        # As if there were so much that the time at the start does not suffice.
        hurry = (
            "from runner.cli import main; from runner.hosting import dead_runs;"
            " dead_runs._SECONDS_AT_START = 0; main.main()"
        )
        self.program = ("-c", hurry)
        for words in ((), ("--guard",)):
            with self.subTest(words=words):
                outcome = self.run_on_small_disk("""
                    class T(unittest.TestCase):
                        def test(self): tempfile.mkdtemp()
                """, *words, before=self.killed_run())
                self.assertIn("an earlier run died during test_killed.T.test", outcome.err)
                self.assertIn("Ran 1 test", outcome.err)
                self.assertEqual((outcome.code, self.left), (0, []))

    def killed_run(self) -> str:
        return f'{{ {sys.executable} -m runner --temp-root "$0" test_killed || :; }} 2>/dev/null'

    def test_disk_filled_by_a_killed_run_stays_with_no_reap(self) -> None:
        self.write("test_killed.py", "import os; os.kill(os.getpid(), 9)")
        before = f'{self.killed_run()}; head -c 2m /dev/zero >"$0/x" 2>/dev/null || :'
        outcome = self.run_on_small_disk("", "--no-reap", before=before)
        words = f"cannot create a run root in {self.base}: No space left"
        self.assertRefused(outcome, words)
        self.assertEqual(len(self.left), 2)

    def test_full_coverage_file_ends_the_measurement_only(self) -> None:
        for n in range(200):
            self.write(f"module_{n}.py", "def f():\n" + f"    x = '{'y' * 50}'\n" * 200)
        outcome = self.run_on_small_disk("""
            class T(unittest.TestCase):
                def test_0(self): fill(os.path.join(tempfile.gettempdir(), "x"))
            for n in range(200):
                def test(self, n=n): __import__(f"module_{n}").f()
                setattr(T, f"test_1_{n}", test)
        """, "--coverage", before='export COVERAGE_FILE="$0/data"')
        self.assertIn("Ran 201 tests", outcome.err)
        self.assertIn("ERROR: test_0", outcome.err)
        self.assertNotIn("defect", outcome.err)
        self.assertEqual(outcome.code, 1)
        self.assertEqual(outcome.out.count("coverage: cannot be recorded: "), 1, outcome.out)


class RecordingTests(ProjectTestCase):
    def test_that_cannot_be_written_is_named_with_its_option(self) -> None:
        path = str(self.base / "usage.csv")
        watcher = Watcher(path)
        with mock.patch.object(Recording, "append", side_effect=OSError(28, "No space left")):
            watcher.start(str(self.base), lambda: "a.test")
            time.sleep(0.01)
            with self.assertRaisesRegex(OSError, f"--monitor {path}: .*No space left"):
                watcher.stop()


if __name__ == "__main__":
    unittest.main()
