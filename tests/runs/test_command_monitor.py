"""`monitor` on the command line: real processes, signals, limits, refusals."""

from __future__ import annotations

import argparse
import contextlib
import csv
import io
import json
import os
import signal
import subprocess
import sys
import tempfile
import time
import unittest
from pathlib import Path

from tempfiles.commands import monitor

PROGRAM = """
import argparse, sys
from tempfiles.commands import monitor
parser = argparse.ArgumentParser()
monitor.add_parser(parser.add_subparsers())
args = parser.parse_args()
sys.exit(args.run(args))
"""


def run(*argv: str) -> tuple[int, str, str]:
    """Run the command in this process; return its exit code, stdout and stderr."""
    parser = argparse.ArgumentParser()
    monitor.add_parser(parser.add_subparsers())
    out, err = io.StringIO(), io.StringIO()
    with contextlib.redirect_stdout(out), contextlib.redirect_stderr(err):
        code = monitor.run(parser.parse_args(["monitor", *argv]))
    return code, out.getvalue(), err.getvalue()


class MonitorCommandTests(unittest.TestCase):
    def setUp(self) -> None:
        base = self.enterContext(tempfile.TemporaryDirectory())
        self.top, self.out = os.path.join(base, "top"), os.path.join(base, "out")
        os.mkdir(self.top)
        os.mkdir(self.out)
        for n in range(3):
            Path(self.top, f"{n}.tmp").write_bytes(b"x" * 1000)
        os.mkdir(os.path.join(self.top, "sub"))
        Path(self.top, "sub", "b.log").write_bytes(b"x" * 10)

    def _file(self, name: str) -> str:
        return os.path.join(self.out, name)

    def _rows(self, name: str) -> list[dict[str, str]]:
        with open(self._file(name), encoding="utf-8", newline="") as file:
            return list(csv.DictReader(file))

    def test_records_until_max_runtime_with_first_and_last_sample(self) -> None:
        code, out, err = run("--temp-dir", self.top, "--interval", "0.05", "--max-runtime", "0.2",
                             "--output", self._file("u.csv"))
        rows = self._rows("u.csv")
        self.assertEqual((0, ""), (code, err))
        self.assertLessEqual(2, len(rows))
        self.assertLessEqual(0.19, float(rows[-1]["timestamp"]) - float(rows[0]["timestamp"]))
        for row in rows:
            self.assertEqual(("4", "1", "3010"), (row["files"], row["directories"], row["bytes"]))
        self.assertIn(f"{len(rows)} samples, at most 4 files, 1 directory, 2.9 KiB", out)

    def test_counts_only_what_a_pattern_matches(self) -> None:
        run("--temp-dir", self.top, "--max-runtime", "0.01", "--pattern", "*.log",
            "--pattern", "0*", "--output", self._file("u.jsonl"))
        with open(self._file("u.jsonl"), encoding="utf-8") as file:
            first = json.loads(file.readline())
        self.assertEqual((2, 0, 1010), (first["files"], first["directories"], first["bytes"]))

    def test_a_passed_limit_exits_with_3_and_names_the_largest(self) -> None:
        code, _, err = run("--temp-dir", self.top, "--max-files", "3", "--max-bytes", "2K",
                           "--output", self._file("u.csv"))
        self.assertEqual(3, code)
        lines = err.splitlines()
        self.assertIn("monitor: --max-files 3 passed: 4 files", lines)
        self.assertIn("monitor: --max-bytes 2048 passed: 3010 bytes (2.9 KiB)", lines)
        self.assertIn("monitor:   0.tmp: 1 file, 1000 B", lines)
        self.assertIn("monitor:   sub: 1 file, 10 B", lines)
        self.assertEqual(1, len(self._rows("u.csv")))

    def test_a_limit_that_is_exactly_met_is_not_passed(self) -> None:
        code, _, err = run("--temp-dir", self.top, "--max-files", "4", "--max-bytes", "3010",
                           "--max-runtime", "0.01")
        self.assertEqual((0, ""), (code, err))

    def test_draws_the_curve_at_the_end_also_when_a_limit_was_passed(self) -> None:
        for name in ("curve.svg", "curve.html"):
            code, _, _ = run("--temp-dir", self.top, "--max-files", "1", "--plot", self._file(name))
            self.assertEqual(3, code)
            self.assertIn("Temporary files in", Path(self._file(name)).read_text("utf-8"))

    def test_bad_input_is_refused_in_one_line_that_names_the_option(self) -> None:
        for option, *values in (
            ("--temp-dir", "nowhere", self._file("u"), __file__, "a\0b", ""),
            ("--interval", "0", "-1", "x", "nan", "inf", "", "1e99", "2x"),
            ("--max-runtime", "0", "-5", "soon"),
            ("--max-files", "-1", "1.5", "many", "", "٣"),
            ("--max-bytes", "2X", "-1", "G", ""),
            ("--pattern", "", "a/b", "[a"),
            ("--output", "u.txt", "u", "nowhere/u.csv", self.top, "a\0.csv"),
            ("--plot", "u.png", "nowhere/u.svg", "u", "a\0.svg"),
        ):
            for value in values:
                with self.subTest(option=option, value=value):
                    code, out, err = run(f"{option}={value}", *(
                        () if option == "--max-runtime" else ("--max-runtime", "0.01")))
                    self.assertEqual((2, ""), (code, out))
                    self.assertRegex(err, rf"\Amonitor: error: {option}: [^\n]+\n\Z")
        self.assertEqual([], os.listdir(self.out))

    def test_what_is_refused_beside_a_good_output_leaves_that_alone(self) -> None:
        Path(self._file("u.csv")).write_text("kept")
        code, _, _ = run("--output", self._file("u.csv"), "--interval", "x")
        self.assertEqual((2, "kept"), (code, Path(self._file("u.csv")).read_text()))

    @unittest.skipIf(os.name == "nt", "signals end processes there")
    def test_interrupt_and_sigterm_end_it_with_all_written(self) -> None:
        for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
            with self.subTest(signal=number.name):
                name = f"{number.name}.csv"
                process = self._start("--interval", "3600", "--output", self._file(name),
                                      "--plot", self._file("curve.svg"))
                self._wait_for_row(name, process)
                process.send_signal(number)
                out, err = process.communicate(timeout=30)
                self.assertEqual((0, ""), (process.returncode, err))
                self.assertIn("1 sample, at most 4 files", out)
                self.assertEqual(1, len(self._rows(name)))
                self.assertTrue(os.path.exists(self._file("curve.svg")))

    def test_handlers_of_signals_are_put_back(self) -> None:
        before = [signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM)]
        run("--temp-dir", self.top, "--max-runtime", "0.01")
        after = [signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM)]
        self.assertEqual(before, after)

    @unittest.skipIf(os.name == "nt", "there are no pseudo-terminals")
    def test_a_live_line_on_a_terminal_and_only_there(self) -> None:
        import pty

        ours, theirs = pty.openpty()
        self.addCleanup(os.close, ours)
        process = self._start("--max-runtime", "0.05", "--interval", "0.02", stderr=theirs)
        os.close(theirs)
        out, _ = process.communicate(timeout=30)
        shown = os.read(ours, 65536).decode()
        self.assertRegex(shown, r"^\r0:00  4 files, 1 directory, 2.9 KiB +\r")
        self.assertNotIn("\n", shown)
        self.assertTrue(shown.endswith(" \r"))
        self.assertNotIn("\r", out)

    @unittest.skipUnless(os.path.exists("/dev/full"), "a full disk can be had there")
    def test_a_full_disk_is_reported_and_exits_with_1(self) -> None:
        os.symlink("/dev/full", self._file("full.svg"))
        code, _, err = run("--temp-dir", self.top, "--max-runtime", "0.01",
                           "--plot", self._file("full.svg"))
        self.assertEqual(2, code, err)  # no regular file: refused before anything is sampled
        script = "import resource\nresource.setrlimit(resource.RLIMIT_FSIZE, (300, 300))\n"
        process = self._start("--interval", "0.01", "--max-runtime", "30",
                              "--output", self._file("u.csv"), before=script)
        out, err = process.communicate(timeout=60)
        self.assertEqual((1, ""), (process.returncode, out))
        self.assertEqual(f"monitor: cannot write {self._file('u.csv')}: File too large\n", err)

    def _start(
        self, *argv: str, stderr: int = subprocess.PIPE, before: str = ""
    ) -> subprocess.Popen[str]:
        return subprocess.Popen(
            [sys.executable, "-c", before + PROGRAM, "monitor", "--temp-dir", self.top, *argv],
            stdout=subprocess.PIPE, stderr=stderr, text=True,
            cwd=Path(__file__).parents[2],
        )

    def _wait_for_row(self, name: str, process: subprocess.Popen[str]) -> None:
        while not (os.path.exists(self._file(name)) and self._rows(name)):
            self.assertIsNone(process.poll(), "it has ended by itself")
            time.sleep(0.01)


if __name__ == "__main__":
    unittest.main()
