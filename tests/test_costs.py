"""What the library must not cost, by counting what it does: no clock is asked."""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
import unittest
from pathlib import Path

import tempfiles

REPOSITORY = Path(__file__).resolve().parent.parent
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


def _numbers_of(source: str, *arguments: str) -> list[int]:
    done = subprocess.run(
        [sys.executable, "-c", source, *arguments], cwd=REPOSITORY,
        capture_output=True, text=True, check=True,
    )
    return [int(number) for number in done.stdout.split()]


class MemoryTests(unittest.TestCase):
    def test_tracking_takes_little_and_cleaning_up_next_to_nothing_more(self) -> None:
        place = self.enterContext(tempfile.TemporaryDirectory(dir=IN_MEMORY))
        held, more = _numbers_of(MEMORY, place)
        self.assertLess(held, 1_000_000)
        self.assertLess(more, 300_000)
        self.assertEqual(os.listdir(place), [])


class SystemCallTests(unittest.TestCase):
    def test_a_tree_makes_each_of_its_directories_once(self) -> None:
        self.assertEqual(_numbers_of(COUNT_MKDIR), [34, 34])

    def test_bytes_are_told_to_those_who_hear_of_a_close(self) -> None:
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


if __name__ == "__main__":
    unittest.main()
