"""What the benchmarks take for a sample: all of the work, done by the contestant, where it fits."""

from __future__ import annotations

import contextlib
import os
import shutil
import subprocess
import sys
import tempfile
import unittest
from functools import partial
from pathlib import Path
from unittest import mock

import tempfiles
from benchmarks import native, one_count, places, runs, starts, suites, works
from benchmarks.pairs import FailedError, MissingError
from benchmarks.rows import Scale


class SampleTests(unittest.TestCase):
    """What a run wrote and how it ended, as it is read."""

    def check(self, words: tuple[str, ...], code: int, out: str, err: str, tests: int) -> object:
        done = subprocess.CompletedProcess(words, code, out, err)
        return runs.checked(words, done, runs.Count(tests))

    def test_a_run_with_all_its_tests_is_a_sample(self) -> None:
        ran = "...\nRan 10 tests in 0.250s\n\nOK (skipped=1)\n"
        self.assertEqual(0.25, self.check(runs.OURS, 0, "", ran, 10))
        for line in ("10 passed in 0.01s", "===== 10 passed, 2 warnings in 61.20s (0:01:01) ====="):
            self.assertIsNone(self.check(runs.PYTEST, 0, f"..\n{line}\n", "", 10))

    def test_a_run_that_did_other_work_is_none(self) -> None:
        ran = "Ran 9 tests in 0.250s\n\nOK\n"
        with self.assertRaisesRegex(FailedError, "ran 9 tests, not 10"):
            self.check(runs.OURS, 0, "", ran, 10)
        with self.assertRaisesRegex(FailedError, r"-m unittest: exit code 1: FAILED \(errors=1\)"):
            self.check(runs.STOCK, 1, "", "Ran 10 tests in 0.2s\n\nFAILED (errors=1)\n", 10)
        with self.assertRaisesRegex(FailedError, "no count of tests: .*No module named pytest"):
            self.check(runs.PYTEST, 1, "", "/bin/python: No module named pytest\n", 10)
        with self.assertRaisesRegex(FailedError, "no count of tests"):
            self.check(runs.PYTEST, 1, "1 failed, 9 passed in 0.01s\n", "", 10)

    def test_a_run_that_fell_back_to_disk_is_none_of_memory(self) -> None:
        reported = "tidytest: no temp directory in memory, using disk: /dev/shm does not exist\n"
        ran = f"{reported}Ran 10 tests in 0.250s\n\nOK\n"
        with self.assertRaisesRegex(MissingError, "using disk: /dev/shm does not exist$"):
            self.check(runs.RAM, 0, "", ran, 10)

    def test_the_first_count_is_the_others_but_none_is_no_count(self) -> None:
        count = runs.Count()
        count.check(5)
        with self.assertRaisesRegex(FailedError, "ran 4 tests, not 5"):
            count.check(4)
        with self.assertRaisesRegex(FailedError, "ran 0 tests, not some"):
            runs.Count().check(0)


class RealRunTests(unittest.TestCase):
    def setUp(self) -> None:
        self.top = self.enterContext(runs.project(suites.module(2, "pass")))

    def test_both_sides_run_the_tests_that_are_there(self) -> None:
        for runner in (runs.OURS, runs.STOCK):
            self.assertEqual({"command", "tests"}, suites.run(self.top, runner, 2).keys())
            with self.assertRaisesRegex(FailedError, "ran 2 tests, not 3"):
                suites.run(self.top, runner, 3)
            with self.assertRaisesRegex(FailedError, "exit code 1"):
                runs.command(self.top, runner, ["test_missing"], runs.Count())

    def test_settings_of_the_caller_change_no_run(self) -> None:
        settings = {"TIDYTEST_LEAKS": "nonsense", "PYTHONUTF8": "nonsense",
                    "PYTHONDONTWRITEBYTECODE": "1", "PYTEST_ADDOPTS": "--nonsense"}
        with mock.patch.dict(os.environ, settings):
            kept = runs.environment(self.top)
            suites.run(self.top, runs.OURS, 2)
        self.assertEqual([], [name for name in settings if name in kept])
        self.assertEqual(str(self.top / "temp"), kept["TMPDIR"])

    def test_memory_without_enough_room_is_told_as_it_is(self) -> None:
        greedy = (*runs.RAM, "--temp-root-min-free", "9999999G")
        with self.assertRaisesRegex(MissingError, "no temp directory in memory, using disk"):
            suites.run(self.top, greedy, 2)

    def test_an_empty_suite_is_empty_on_both_sides(self) -> None:
        for made, arguments in starts.SUITES.values():
            for runner in (runs.OURS, runs.STOCK):
                with self.subTest(arguments, runner=runner), runs.project(made) as base:
                    sample = runs.command(base, runner, arguments, runs.Count(0))
                    self.assertEqual({"command", "tests"}, sample.keys())
                with (
                    self.subTest(arguments, runner=runner),
                    runs.project(suites.module(1, "pass")) as base,
                    self.assertRaisesRegex(FailedError, "ran 1 tests, not 0"),
                ):
                    runs.command(base, runner, arguments, runs.Count(0))

    def test_our_modules_get_their_bytecode(self) -> None:
        (self.top / "runner").mkdir()
        (self.top / "runner" / "module.py").touch()
        with mock.patch.object(runs, "REPOSITORY", self.top):
            runs.compiled()
        self.assertEqual(1, len(os.listdir(self.top / "runner" / "__pycache__")))

    @unittest.skipUnless(shutil.which("valgrind"), "valgrind is not installed")
    def test_instructions_are_counted(self) -> None:
        code = 0 if sys.version_info < (3, 12) else 5  # of a run without tests
        source = f"import sys; sys.stderr.write('Ran 0 tests in 0.0s\\n'); sys.exit({code})"
        with runs.project({}) as base:  # the interpreter alone, which is slow enough under valgrind
            found = starts.instructions(base, ("-I", "-S", "-c", source), ())
        self.assertGreater(found["instructions"], 1e6)


class PlaceTests(unittest.TestCase):
    def status(self, **free: int) -> contextlib.AbstractContextManager[object]:
        limits = {"f_files": 1500, "f_favail": 1500, "f_blocks": 256, "f_bavail": 256}
        return mock.patch("os.statvfs", return_value=mock.Mock(f_frsize=4096, **limits | free))

    def test_what_does_not_fit_is_told_before_it_is_tried(self) -> None:
        place = places.Place("/tmp", "tmpfs")
        with self.status(), self.assertRaisesRegex(MissingError, "1,500 inodes free, not 10,000"):
            place.check(5_000)
        with self.status(), self.assertRaisesRegex(MissingError, r"1\.0 MB free, not 4\.1 MB"):
            place.check(500)
        with self.status():
            place.check(100)
        with self.status(f_files=0, f_favail=0, f_blocks=0, f_bavail=0):
            place.check(1_000_000)  # a file system without limits

    def test_a_directory_that_is_none_or_no_tmpfs_says_so(self) -> None:
        top = self.enterContext(tempfile.TemporaryDirectory())
        plain = Path(top, "file")
        plain.touch()
        self.assertEqual("does not exist", places.in_memory("/no/such/directory").unfit)
        self.assertEqual("is not a directory", places.in_memory(str(plain)).unfit)
        with mock.patch.object(places, "file_system_type", return_value="ext4"):
            found = places.in_memory(top)
        with self.assertRaisesRegex(MissingError, r"is no tmpfs \(ext4\)"):
            found.check(1)

    def test_one_that_cannot_be_written_to_says_so(self) -> None:
        top = self.enterContext(tempfile.TemporaryDirectory())
        with (mock.patch.object(places, "file_system_type", return_value="tmpfs"),
              mock.patch("os.access", return_value=False)):
            self.assertEqual("cannot be written to", places.in_memory(top).unfit)


class WorkTests(unittest.TestCase):
    def setUp(self) -> None:
        self.top = Path(self.enterContext(tempfile.TemporaryDirectory()))

    def test_all_make_and_remove_the_same_files(self) -> None:
        for work in works.works(Scale(1, 0.02)):
            for doing in (partial(work.ours, asked=False), partial(work.ours, asked=True),
                          partial(works.bare, work, works.rmtree),
                          partial(works.bare, work, works.rm)):
                found = works.in_own_directory(str(self.top), doing)
                self.assertEqual({"create", "clean"}, found.keys())
        self.assertEqual([], os.listdir(self.top))

    def test_the_whole_work_is_as_large_as_the_table_says(self) -> None:
        self.assertEqual(["5000 files", "364 directories, 1820 files", "20 contexts of 50 files"],
                         [work.name for work in works.works(Scale(7))])

    def test_a_contestant_that_leaves_or_makes_too_little_has_failed(self) -> None:
        work = works.works(Scale(1, 0.02))[0]
        with self.assertRaisesRegex(FailedError, "100 files are left"):
            works.in_own_directory(
                str(self.top), lambda top: works.bare(work, lambda _: 1.0, top))
        with (mock.patch.object(tempfiles, "create_with_content"),
              self.assertRaisesRegex(FailedError, "0 files were created, not 100")):
            works.in_own_directory(str(self.top), lambda top: work.ours(top, asked=False))
        self.assertEqual([], os.listdir(self.top))

    @unittest.skipUnless(native.compiler(), "no C compiler")
    def test_the_loop_in_c_removes_a_tree_or_says_what_it_could_not(self) -> None:
        (self.top / "tree" / "inner").mkdir(parents=True)
        (self.top / "tree" / "file").touch()
        self.assertGreaterEqual(works.native(self.top, [str(self.top / "tree")]), 0)
        self.assertEqual(["unlinkat"], os.listdir(self.top))
        with self.assertRaisesRegex(FailedError, "exit code 1: .*missing: No such file"):
            works.native(self.top, [str(self.top / "missing")])
        with self.assertRaisesRegex(FailedError, "exit code 1: .*: Not a directory"):
            works.native(self.top, [str(self.top / "unlinkat")])

    def test_a_machine_without_a_compiler_skips_the_row(self) -> None:
        with (mock.patch.object(native, "compiler", return_value=None),
              self.assertRaisesRegex(MissingError, "no C compiler")):
            works.native(self.top, [])

    def test_memory_is_measured_in_a_process_of_its_own(self) -> None:
        found = one_count.held(places.Place(str(self.top), "default temp"), 50)
        self.assertAlmostEqual(found["held"] / 50, found["each"])
        self.assertGreater(found["held"], 0)
        self.assertEqual([], os.listdir(self.top))

    def test_few_files_are_timed_again_and_again(self) -> None:
        clean = self.enterContext(
            mock.patch.object(one_count, "_clean", wraps=one_count._clean))
        with (mock.patch.object(one_count, "TIMED", 10), works.temp_dir(str(self.top)),
              tempfiles.context("few")):
            one_count.MEASURES["time"](2)
        self.assertEqual([1, 2, 2, 2, 2, 2], [call.args[0] for call in clean.call_args_list])


if __name__ == "__main__":
    unittest.main()
