"""Limits on what the library costs, counted in calls and bytes, not in time."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import tempfile
import unittest
from pathlib import Path

import tempfiles
from tests.support.projects import ProjectTestCase

REPOSITORY = Path(__file__).resolve().parents[2]
IN_MEMORY = "/dev/shm" if os.access("/dev/shm", os.W_OK) else None
# What pathlib interns before 3.12 comes with the caller's path.
MEMORY = """
import pathlib, sys, tempfiles, tracemalloc
tempfiles.set_temp_dir(sys.argv[1])
tempfiles.create_with_content()
tempfiles.cleanup_context()
tracemalloc.start()
for _ in range(5_000):
    tempfiles.create_with_content()
found = tracemalloc.take_snapshot()
held = found.filter_traces([tracemalloc.Filter(False, pathlib.__file__)])
print(sum(trace.size for trace in held.traces))
del found, held
for _ in range(25_000):  # so that a list of all paths would be seen
    tempfiles.create_with_content()
before = tracemalloc.get_traced_memory()[0]
tracemalloc.reset_peak()
tempfiles.cleanup_context()
print(tracemalloc.get_traced_memory()[1] - before)
"""
COUNT_MKDIR = """
import sys, tempfiles
made = []
tree = {f"a{number // 100}/b{number // 10}/c{number}": "x" for number in range(300)}
sys.addaudithook(lambda event, args: made.append(args[0]) if event == "os.mkdir" else None)
tempfiles.temp_tree(tree)
print(len(made), len(set(made)))
"""

REMOVES = """
    import os, sys, tempfile, unittest

    class T(unittest.TestCase):
        def test_makes(self):
            os.mkdir("made")
            open("made/below", "x").close()
            os.mkdir("__pycache__")
            os.unlink("made/below")
            os.rmdir("made")
            os.rmdir("__pycache__")
            tempfile.TemporaryDirectory().cleanup()

        def test_of_what_judges_nothing_was_imported(self):
            self.assertNotIn("tempfiles.run.close", sys.modules)
"""

HELD = """
    import sys, tempfile, unittest
    from subprocess import DEVNULL, Popen

    read = []
    sys.addaudithook(
        lambda event, args: event == "open" and str(args[0]).endswith("/maps") and read.append(1)
    )

    class T(unittest.TestCase):
        def leak(self):
            self.held, _ = tempfile.mkstemp(prefix="held-")

        def start_sleep(self):
            Popen(["sleep", "60"], pass_fds=[self.held], stdout=DEVNULL, stderr=DEVNULL)

        def test_00(self):
            self.leak()
            self.start_sleep()

        {leaking}

        def test_98(self):
            self.leak()
            self.start_sleep()

        def test_99_few_reads(self):
            # One of this run for each of 20 leaks; a process of a neighbour may look like one.
            self.assertIn(len(read), range(20, 40))
"""



def _numbers_of(source: str, *arguments: str) -> list[int]:
    done = subprocess.run(
        [sys.executable, "-c", source, *arguments], cwd=REPOSITORY,
        capture_output=True, text=True, check=True,
    )
    return [int(number) for number in done.stdout.split()]


class MemoryTests(unittest.TestCase):
    def test_tracking_and_cleanup_take_little_memory(self) -> None:
        place = self.enterContext(tempfile.TemporaryDirectory(dir=IN_MEMORY))
        held, more = _numbers_of(MEMORY, place)
        self.assertLess(held, 1_000_000)
        self.assertLess(more, 300_000)
        self.assertEqual(os.listdir(place), [])


class SystemCallTests(unittest.TestCase):
    def test_a_tree_makes_each_of_its_directories_once(self) -> None:
        self.assertEqual(_numbers_of(COUNT_MKDIR), [34, 34])

    def test_close_callbacks_get_the_bytes(self) -> None:
        place = self.enterContext(tempfile.TemporaryDirectory())
        tempfiles.set_temp_dir(place)
        self.addCleanup(tempfiles.set_temp_dir, None)
        reports: list[tempfiles.ContextReport] = []
        tempfiles.on_context_close(reports.append)
        self.addCleanup(tempfiles.remove_callback, reports.append)
        with tempfiles.context("heard"):
            tempfiles.create_with_content("x" * 10)
            tempfiles.create_with_content("x" * 20)
            tempfiles.temp_tree({"a/b": "x" * 30})
        self.assertEqual([report.bytes_made for report in reports if report.id == "heard"], [60])


class CloseCostTests(ProjectTestCase):
    def setUp(self) -> None:
        super().setUp()
        self.write("test_it.py", REMOVES)

    def test_removed_project_files_are_counted_without_imports(self) -> None:
        self.new_processes = True
        outcome = self.tidytest()
        self.assertEqual(outcome.code, 0, outcome.err)
        self.assertIn("Temporary files: 2 created, 2 removed by their tests, none", outcome.err)

    def test_slowest_temp_counts_what_each_test_made_and_removed(self) -> None:
        outcome = self.tidytest("-q", "--slowest-temp", "5", "-k", "test_makes")
        self.assertRegex(outcome.err, r"0 B +2 created  test_it.T.test_makes")

    @unittest.skipUnless(os.path.isdir("/proc/self/fd"), "needs /proc")
    def test_holders_of_leaks_are_asked_for_few_times(self) -> None:
        tests = (f"def test_{number}(self): self.leak()" for number in range(10, 40))
        self.write("test_it.py", HELD.replace("{leaking}", f"\n{' ' * 8}".join(tests)))
        outcome = self.tidytest("--late-grace", "0", "--leak-json", "leaks.json")
        report = json.loads((self.project / "leaks.json").read_text("utf-8"))
        leaks = {one["context"][-2:]: one for one in report["leaks"]}
        holders = [leaks[number]["open_by"][0] for number in ("00", "98")]
        for holder in holders:
            self.assertRegex(holder, r"pid \d+ \(sleep\)")
            os.kill(int(holder.split()[1]), signal.SIGKILL)
        self.assertEqual(outcome.code, 0, outcome.err)
        self.assertIn(f"open by {holders[0]}", outcome.err)
        self.assertNotIn("open_by", leaks["10"])


if __name__ == "__main__":
    unittest.main()
