"""Clean-up: which paths are removed, which stay, and what is reported."""

from __future__ import annotations

import errno
import os
import shutil
import threading
import time
from pathlib import Path

import tempfiles
from tempfiles import SettingError, context
from tempfiles.registry import settings
from tests.support.isolation import IsolatedTestCase


def unremovable() -> Path:
    """Register a file and put a directory in its place, which is never removed in its stead."""
    path = tempfiles.create_with_content("")
    path.unlink()
    path.mkdir()
    return path


class ReportTests(IsolatedTestCase):
    def test_reports_add_up(self) -> None:
        with context("A"):
            for size in (10, 20):
                tempfiles.create_with_content("x" * size)
            directory = tempfiles.create_temp_directory()
            (directory / "sub").mkdir()
            (directory / "sub" / "x").write_bytes(b"x" * 100)
            tempfiles.register_file(directory / "sub" / "x")
            tempfiles.register_file(self.base / "missing")
            report = tempfiles.cleanup_context()
            self.assertEqual(
                (report.files, report.directories, report.bytes, report.failed), (3, 2, 130, ())
            )
            self.assertEqual(tempfiles.cleanup_context().removed, 0)
        self.assertEqual(self.left(), [])

    def test_failure_is_logged_with_its_cause_and_stops_nothing(self) -> None:
        with self.assertLogs("tempfiles", "WARNING") as logs, context("A"):
            stuck = unremovable()
            others = [tempfiles.create_with_content("x") for _ in range(3)]
            directory = tempfiles.create_temp_directory()
            report = tempfiles.cleanup_context("A")
            self.assertEqual((report.files, report.directories), (3, 1))
            self.assertEqual([f.path for f in report.failed], [str(stuck)])
            self.assertEqual(report.failed[0].errno, errno.EISDIR)
            self.assertTrue(tempfiles.is_registered(stuck))
        self.assertFalse(any(path.exists() for path in [*others, directory]))
        self.assertIn(str(stuck), logs.output[0])
        tempfiles.remove_directory(stuck)

    def test_failure_never_replaces_the_exception_of_the_block(self) -> None:
        with (
            self.assertLogs("tempfiles", "WARNING"),
            self.assertRaisesRegex(KeyError, "mine"),
            context("A"),
        ):
            stuck = unremovable()
            raise KeyError("mine")
        tempfiles.remove_directory(stuck)

    def test_registered_working_directory_is_a_failure(self) -> None:
        before = Path.cwd()
        self.addCleanup(os.chdir, before)
        directory = tempfiles.create_temp_directory()
        os.chdir(directory)
        with self.assertLogs("tempfiles", "WARNING"):
            report = tempfiles.cleanup_context()
        self.assertEqual([f.path for f in report.failed], [str(directory)])
        os.chdir(before)
        self.assertTrue(tempfiles.cleanup_context().ok)


class CleanupAllTests(IsolatedTestCase):
    def test_all_contexts_are_cleaned_and_failures_retried(self) -> None:
        with context("A"):
            tempfiles.create_with_content("x")
            with context("B"):
                stuck = unremovable()
                timer = threading.Timer(0.02, stuck.rmdir)
                timer.start()
                report = tempfiles.cleanup_all(max_attempts=50)
                timer.join()
        self.assertTrue(report.ok)
        self.assertEqual(report.files, 1)
        self.assertGreaterEqual(report.retried, 1)
        self.assertEqual(self.left(), [])

    def test_last_attempt_reports_the_failure(self) -> None:
        stuck = unremovable()
        with self.assertLogs("tempfiles", "WARNING") as logs:
            report = tempfiles.cleanup_all(max_attempts=2)
        self.assertEqual((len(report.failed), report.retried), (1, 1))
        self.assertEqual(len(logs.records), 1)
        tempfiles.remove_directory(stuck)

    def test_number_of_attempts_is_checked(self) -> None:
        for bad in (0, -1, 1.5, "3", True, None):
            with self.subTest(bad), self.assertRaisesRegex(SettingError, "max_attempts"):
                tempfiles.cleanup_all(bad)  # type: ignore[arg-type]


class IsolationTests(IsolatedTestCase):
    def test_directory_keeps_paths_of_other_contexts(self) -> None:
        with context("outer"):
            outer = tempfiles.create_temp_directory()
            with context("inner"):
                mine = tempfiles.register_directory(outer / "a" / "mine")
                mine.mkdir(parents=True)
                (mine / "x").touch()
                (outer / "a" / "rest").touch()
                (outer / "rest").mkdir()
                report = tempfiles.cleanup_context("outer")
                self.assertTrue(report.ok)
                self.assertEqual(sorted(os.listdir(outer)), ["a"])
                self.assertEqual(os.listdir(outer / "a"), ["mine"])
                self.assertTrue((mine / "x").exists())
        self.assertEqual(self.left(), [])

    def test_directory_keeps_paths_registered_through_a_symlink(self) -> None:
        (self.outside / "link").symlink_to(self.base)
        with context("outer"):
            directory = tempfiles.create_temp_directory()
            with context("inner"):
                path = tempfiles.register_file(self.outside / "link" / directory.name / "x")
                path.touch()
                tempfiles.cleanup_context("outer")
                self.assertTrue(path.exists())
        self.assertEqual(self.left(), [])

    def test_directory_replaced_by_a_symlink_is_not_followed(self) -> None:
        (self.outside / "x").touch()
        with context("A"):
            directory = tempfiles.create_temp_directory()
            tempfiles.register_file(directory / "x")
            tempfiles.register_file(directory / "sub" / "x")
            (directory / "sub").symlink_to(self.outside)
        self.assertEqual(self.left(), [])
        self.assertTrue((self.outside / "x").exists())

    def test_parent_replaced_by_a_symlink_is_not_followed(self) -> None:
        for names in (["a"], ["a", "b"], ["sub/c"]):
            with self.subTest(names), context("A"):
                inner = self.base / "swapped" / "inner"
                for top in (inner, self.outside):
                    (top / "sub").mkdir(parents=True, exist_ok=True)
                    for name in names:
                        (top / name).touch()
                with context("B"):
                    for name in names:
                        tempfiles.register_file(inner / name)
                    tempfiles.register_directory(inner / "sub")
                    shutil.rmtree(inner)
                    inner.symlink_to(self.outside)
                    with self.assertLogs("tempfiles", "WARNING") as logs:
                        report = tempfiles.cleanup_context()
                    self.assertEqual(len(report.failed), len(names) + 1)
                    self.assertIn("a symlink above it leads elsewhere", logs.output[0])
                    for name in [*names, "sub"]:
                        self.assertTrue((self.outside / name).exists(), name)
                    inner.unlink()
                    inner.mkdir()  # another directory, at its own place
                    for name in names:
                        (inner / name).parent.mkdir(exist_ok=True)
                        (inner / name).touch()
                self.assertEqual(list(inner.iterdir()), [])

    def test_path_registered_before_its_directory_is_safe(self) -> None:
        (self.outside / "x").touch()
        with self.assertLogs("tempfiles", "WARNING"), context("A"):
            registered = tempfiles.register_file(self.base / "later" / "x")
            (self.base / "later").symlink_to(self.outside)
        self.assertTrue((self.outside / "x").exists())
        tempfiles.unregister(registered)

    def test_cleanup_of_outer_context_keeps_paths_of_inner(self) -> None:
        with context("A"):
            first = tempfiles.create_with_content("")
            with context("B"):
                second = tempfiles.create_with_content("")
                tempfiles.cleanup_context("A")
                self.assertEqual([first.exists(), second.exists()], [False, True])

    def test_deep_tree_is_removed_completely(self) -> None:
        with context("A"):
            fd = os.open(tempfiles.create_temp_directory(), os.O_RDONLY)
            for _ in range(1500):
                os.mkdir("d", dir_fd=fd)
                inner = os.open("d", os.O_RDONLY, dir_fd=fd)
                os.close(fd)
                fd = inner
            os.close(fd)
        self.assertEqual(os.listdir(self.base), [])


class PolicyTests(IsolatedTestCase):
    def test_policy_decides_at_close_and_a_call_always_removes(self) -> None:
        policies: tuple[settings.CleanupPolicy, ...] = ("on-exit", "never")
        for policy in policies:
            tempfiles.configure(cleanup_policy=policy)
            with context("A"):
                path = tempfiles.create_with_content("")
            self.assertTrue(path.exists())
            self.assertEqual(tempfiles.get_context_for_file(path), "A")
            self.assertEqual(tempfiles.cleanup_context("A").files, 1)

    def test_removal_waits_for_the_delay(self) -> None:
        tempfiles.configure(cleanup_delay=0.05)
        with context("A"):
            tempfiles.create_with_content("")
            start = time.monotonic()
        self.assertGreaterEqual(time.monotonic() - start, 0.05)
        self.assertEqual(self.left(), [])
