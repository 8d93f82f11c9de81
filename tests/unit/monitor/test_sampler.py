"""Usage over time: the monitor beside a running program, and what it records."""

from __future__ import annotations

import csv
import dataclasses
import json
import os
import subprocess
import sys
import tempfile
import threading
import time
import unittest
import warnings
from collections.abc import Callable
from pathlib import Path

from tempfiles.errors import SettingError
from tempfiles.monitor.sampler import COLUMNS, Monitor, Recording, watch
from tempfiles.monitor.usage import Sample, Share

SAMPLE = Sample(
    12.3456, 7, 2, 900, 1, 0, "tests.own",
    (Share("tidy-1", 5, 1, 800, "shop (pid 4)", "tests.a"), Share("x,\"y", 2, 1, 100)),
)


def _wait(condition: Callable[[], object]) -> None:
    """Wait until something happens that another thread is to do; far too long is a failure."""
    deadline = time.monotonic() + 30
    while not condition():
        if time.monotonic() > deadline:
            raise AssertionError("it never happened")
        time.sleep(0.001)


class WatchTests(unittest.TestCase):
    def test_samples_at_once_and_until_stopped(self) -> None:
        asked: list[float] = []

        def pause(seconds: float) -> bool:
            asked.append(seconds)
            return len(asked) == 3

        taken = list(watch(lambda: SAMPLE, 60.0, pause))
        self.assertEqual([SAMPLE] * 3, taken)
        self.assertTrue(all(0 < seconds <= 60 for seconds in asked))

    def test_slow_sample_is_followed_at_once(self) -> None:
        asked: list[float] = []

        def take() -> Sample:
            time.sleep(0.01)
            return SAMPLE

        list(watch(take, 0.001, lambda seconds: not asked.append(seconds)))  # type: ignore[func-returns-value]
        self.assertEqual([0.0], asked)


class MonitorTests(unittest.TestCase):
    def setUp(self) -> None:
        self.top = self.enterContext(tempfile.TemporaryDirectory())

    def _monitor(self, **options: object) -> tuple[Monitor, list[Sample]]:
        seen: list[Sample] = []
        monitor = Monitor(self.top, 0.005, append=seen.append, **options)  # type: ignore[arg-type]
        self.addCleanup(monitor.stop)
        return monitor, seen

    def test_samples_in_the_background_and_once_at_the_end(self) -> None:
        contexts = ["first"]
        monitor, seen = self._monitor(context_now=lambda: contexts[-1])
        monitor.start()
        _wait(lambda: len(seen) >= 3)
        contexts.append("second")
        Path(self.top, "file").write_bytes(b"12345")
        _wait(lambda: seen[-1].bytes == 5)
        Path(self.top, "last").touch()
        samples = monitor.stop()
        self.assertEqual(seen, samples)
        self.assertEqual((0, "first"), (samples[0].files, samples[0].context))
        self.assertEqual((2, 5, "second"),
                         (samples[-1].files, samples[-1].bytes, samples[-1].context))
        self.assertEqual(sorted(s.timestamp for s in samples), [s.timestamp for s in samples])

    def test_monitor_stopped_at_once_has_one_sample(self) -> None:
        monitor = Monitor(self.top, 60.0)
        monitor.start()
        samples = monitor.stop()
        self.assertLessEqual(1, len(samples))
        self.assertEqual(samples, monitor.stop())

    def test_threading_does_not_see_the_thread(self) -> None:
        before = threading.enumerate()
        monitor, seen = self._monitor()
        monitor.start()
        _wait(lambda: len(seen) >= 2)
        self.assertEqual(before, threading.enumerate())

    @unittest.skipUnless(Path("/proc/self/task").is_dir(), "threads are listed there")
    def test_no_thread_and_no_descriptor_is_left(self) -> None:
        before = [os.listdir(f"/proc/self/{what}") for what in ("task", "fd")]
        monitor, seen = self._monitor()
        monitor.start()
        _wait(lambda: len(seen) >= 2)
        monitor.stop()
        self.assertEqual(before, [os.listdir(f"/proc/self/{what}") for what in ("task", "fd")])

    @unittest.skipUnless(hasattr(os, "fork"), "processes fork there")
    def test_fork_happens_without_a_thread(self) -> None:
        monitor, seen = self._monitor()
        monitor.start()
        _wait(lambda: len(seen) >= 2)
        with warnings.catch_warnings(record=True) as warned:
            warnings.simplefilter("always")
            for _ in range(20):
                pid = os.fork()
                if pid == 0:
                    os._exit(len(monitor.stop()))
                self.assertEqual(0, os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]))
        # 3.12 warns of threads there are at the fork; later ones of those there are after it, too.
        if sys.version_info < (3, 13):
            self.assertEqual([], [str(warning.message) for warning in warned])
        count = len(seen)
        _wait(lambda: len(seen) > count)

    @unittest.skipUnless(hasattr(os, "fork"), "processes fork there")
    def test_samples_while_a_program_forks_often(self) -> None:
        seen: list[Sample] = []
        monitor = Monitor(self.top, 0.05, append=seen.append)
        self.addCleanup(monitor.stop)
        monitor.start()

        def forked_and_sampled() -> bool:
            pid = os.fork()
            if pid == 0:
                os._exit(0)
            os.waitpid(pid, 0)
            return len(seen) > 2

        _wait(forked_and_sampled)

    def test_program_ends_without_waiting(self) -> None:
        script = (
            "import sys; from tempfiles.monitor.sampler import Monitor\n"
            "Monitor(sys.argv[1], 3600).start()\n"
        )
        done = subprocess.run(
            [sys.executable, "-W", "error", "-c", script, self.top], capture_output=True,
            text=True, check=False, timeout=60, cwd=Path(__file__).parents[3],
        )
        self.assertEqual((0, "", ""), (done.returncode, done.stdout, done.stderr))

    def test_directory_that_vanishes_is_empty_from_then_on(self) -> None:
        below = os.path.join(self.top, "below")
        os.mkdir(below)
        Path(below, "file").touch()
        monitor = Monitor(below, 60.0)
        monitor.start()
        os.unlink(os.path.join(below, "file"))
        os.rmdir(below)
        self.assertEqual(0, monitor.stop()[-1].files)

    def test_unwritable_recording_does_not_end_the_sampling(self) -> None:
        calls: list[Sample] = []

        def fail(sample: Sample) -> None:
            calls.append(sample)
            raise OSError(28, "No space left on device")

        monitor = Monitor(self.top, 0.005, append=fail)
        monitor.start()
        _wait(lambda: monitor.error is not None)
        samples = monitor.stop()
        self.assertEqual(1, len(calls))
        self.assertLess(1, len(samples))
        self.assertEqual("[Errno 28] No space left on device", str(monitor.error))

    def test_missing_directory_and_bad_interval_are_refused(self) -> None:
        with self.assertRaisesRegex(SettingError, "no such directory: nowhere"):
            Monitor("nowhere")
        for interval in (0.0, -1.0, float("nan"), float("inf")):
            with self.subTest(interval=interval), self.assertRaises(SettingError):
                Monitor(self.top, interval)

    def test_sample_is_frozen(self) -> None:
        with self.assertRaises(dataclasses.FrozenInstanceError):
            SAMPLE.files = 3  # type: ignore[misc]


class RecordingTests(unittest.TestCase):
    def setUp(self) -> None:
        self.directory = self.enterContext(tempfile.TemporaryDirectory())

    def _path(self, name: str) -> str:
        return os.path.join(self.directory, name)

    def test_csv_can_be_read_while_it_grows(self) -> None:
        with Recording(self._path("usage.csv")) as recording:
            for count in (1, 2):
                recording.append(SAMPLE)
                with open(recording.path, encoding="utf-8", newline="") as file:
                    rows = list(csv.DictReader(file))
                self.assertEqual(count, len(rows))
        row = rows[-1]
        self.assertEqual(COLUMNS, tuple(row))
        self.assertEqual(
            ["12.346", "7", "2", "900", "1", "0", "tests.own; tests.a", "shop (pid 4)"],
            [row[column] for column in COLUMNS[:-1]],
        )
        self.assertEqual([dataclasses.asdict(s) for s in SAMPLE.shares], json.loads(row["shares"]))

    def test_no_cell_of_a_csv_is_a_formula(self) -> None:
        for text in ("=1+1", "+1", "-1", "@SUM(A1)", " =1", "\t=1", "\uff1d1"):
            share = Share(text, 1, 1, 1, owner=text, context=text)
            for sample in (Sample(-1.0, -1, context=text), Sample(1.0, shares=(share,))):
                with Recording(self._path("usage.csv")) as recording:
                    recording.append(sample)
                with open(self._path("usage.csv"), encoding="utf-8", newline="") as file:
                    row = list(csv.reader(file))[1]
                self.assertIn(f"'{text}", row)
                starts = [cell.lstrip()[:1] for cell in row[6:]]
                self.assertTrue({"=", "+", "-", "@", "\uff1d"}.isdisjoint(starts), row)
                self.assertEqual(row[0], str(sample.timestamp))  # a number stays one

    def test_json_lines_have_the_same_keys(self) -> None:
        for name in ("usage.jsonl", "usage.ndjson", "usage.json", "USAGE.JSONL"):
            with self.subTest(name=name), Recording(self._path(name)) as recording:
                recording.append(SAMPLE)
                recording.append(SAMPLE)
                with open(recording.path, encoding="utf-8") as file:
                    lines = [json.loads(line) for line in file]
                self.assertEqual([set(COLUMNS)] * 2, [set(line) for line in lines])
                self.assertEqual((900, "shop (pid 4)"), (lines[0]["bytes"], lines[0]["owner"]))

    def test_other_ending_is_refused_and_nothing_created(self) -> None:
        with self.assertRaisesRegex(SettingError, r"usage\.txt' does not end in one of \.csv, "):
            Recording(self._path("usage.txt"))
        self.assertEqual([], os.listdir(self.directory))

    @unittest.skipUnless(hasattr(os, "mkfifo"), "FIFOs exist there")
    def test_fifo_is_refused(self) -> None:
        os.mkfifo(self._path("pipe.csv"))
        with self.assertRaisesRegex(SettingError, "not a regular file"):
            Recording(self._path("pipe.csv"))

    @unittest.skipUnless(os.path.exists("/dev/full"), "a full disk can be had there")
    def test_full_disk_is_an_error_at_once(self) -> None:
        recording = Recording(self._path("usage.csv"))
        self.addCleanup(recording.close)
        full = os.open("/dev/full", os.O_WRONLY)
        os.dup2(full, recording._file.fileno(), inheritable=False)
        os.close(full)
        with self.assertRaises(OSError):
            recording.append(SAMPLE)
        recording.close()


if __name__ == "__main__":
    unittest.main()
