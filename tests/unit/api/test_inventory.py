"""Register, list, remove, keep and persist paths."""

from __future__ import annotations

import os
import shutil
import socket
import stat
import tempfile
import unittest
from pathlib import Path

import tempfiles
from tempfiles import (
    DestinationExistsError,
    FileSystemError,
    InvalidNameError,
    NotFoundError,
    NotRegisteredError,
    PathTypeError,
    RefusedError,
    RemovalError,
    context,
)
from tempfiles.registry import move
from tests.support.isolation import IsolatedTestCase

SHARED_MEMORY = Path("/dev/shm")


def has_other_device(path: Path) -> bool:
    return SHARED_MEMORY.is_dir() and SHARED_MEMORY.stat().st_dev != path.stat().st_dev


class RegisterTests(IsolatedTestCase):
    def test_relative_path_is_resolved_at_registration(self) -> None:
        before = Path.cwd()
        self.addCleanup(os.chdir, before)
        os.chdir(self.base)
        with context("A"):
            path = tempfiles.register_file("made-later")
            self.assertEqual(path, Path.cwd() / "made-later")
            self.assertTrue(tempfiles.is_registered("made-later"))
            os.chdir(self.outside)
            path.touch()
            Path("made-later").touch()
        self.assertFalse(path.exists())
        self.assertTrue((self.outside / "made-later").exists())

    def test_symlink_is_registered_itself(self) -> None:
        target, directory = self.outside / "t", self.outside / "d"
        target.touch()
        directory.mkdir()
        (directory / "inner").touch()
        (self.base / "link").symlink_to(target)
        (self.base / "dirlink").symlink_to(directory)
        with context("A"):
            self.assertEqual(tempfiles.register_file(self.base / "link"), self.base / "link")
            tempfiles.register_directory(self.base / "dirlink")
            tempfiles.register_file(self.base / "dirlink" / "unmade")
        self.assertEqual(self.left(), [])
        self.assertTrue(target.exists() and (directory / "inner").exists())

    def test_dots_after_a_symlink_mean_what_the_system_means(self) -> None:
        (self.outside / "deep" / "er").mkdir(parents=True)
        (self.base / "link").symlink_to(self.outside / "deep" / "er")
        (self.base / "x").touch()
        (self.outside / "deep" / "x").touch()
        with context("A"):
            tempfiles.register_file(f"{self.base}/link/../x")
        self.assertTrue((self.base / "x").exists())
        self.assertFalse((self.outside / "deep" / "x").exists())

    def test_bytes_and_unusual_names_are_accepted(self) -> None:
        path = os.fsencode(self.base) + b"/-\xff\n\x1b[31m"
        Path(os.fsdecode(path)).touch()
        with context("A"):
            tempfiles.register_file(path)
            self.assertTrue(tempfiles.is_registered(path))
        self.assertEqual(self.left(), [])

    def test_invalid_path_is_refused(self) -> None:
        for bad in ("", "a\0b", "\ud800"):
            with self.subTest(bad), self.assertRaises(InvalidNameError):
                tempfiles.register_file(bad)

    def test_wrong_type_of_path_is_refused(self) -> None:
        file, directory = self.base / "f", self.base / "d"
        file.touch()
        directory.mkdir()
        for call, path in (
            (tempfiles.register_file, directory), (tempfiles.register_directory, file),
            (tempfiles.remove, directory), (tempfiles.remove_directory, file),
        ):
            with self.subTest(call), self.assertRaises(PathTypeError):
                call(path)
        self.assertEqual(self.left(), ["d", "f"])

    def test_precious_path_is_refused(self) -> None:
        link = self.base / "link"
        link.symlink_to(Path.home())
        for path in ("/", Path.home(), Path.home().parent, ".", "..", Path.cwd(), "/./", link):
            with self.subTest(path), self.assertRaises(RefusedError) as caught:
                tempfiles.register_directory(path)
            self.assertIsInstance(caught.exception, OSError)
        for path in ("/", Path.home(), "."):
            with self.subTest(path), self.assertRaises(RefusedError):
                tempfiles.remove_directory(path)

    def test_path_changes_its_owner_and_can_be_unregistered(self) -> None:
        path = tempfiles.create_with_content("x")
        with context("A"):
            tempfiles.register_file(path)
            self.assertEqual(tempfiles.get_context_for_file(path), "A")
            self.assertEqual(tempfiles.unregister(path), path)
            self.assertFalse(tempfiles.is_registered(path))
            self.assertIsNone(tempfiles.get_context_for_file(path))
        self.assertTrue(path.exists())
        with self.assertRaises(NotRegisteredError) as caught:
            tempfiles.unregister(path)
        self.assertIsInstance(caught.exception, ValueError)


class CountTests(IsolatedTestCase):
    def test_stats_count_each_file_once_by_context(self) -> None:
        around = len(tempfiles.contexts())
        with context("A"):
            directory = tempfiles.create_temp_directory()
            (directory / "loose").write_bytes(b"x" * 10)
            with context("B"):
                (directory / "b").write_bytes(b"x" * 100)
                tempfiles.register_file(directory / "b")
                tempfiles.create_with_content("x" * 1000)
                tempfiles.register_file(self.base / "missing")
                stats = tempfiles.stats()
        self.assertEqual((stats.files, stats.directories, stats.bytes), (3, 1, 1110))
        self.assertEqual(stats.by_context["A"], tempfiles.Usage(0, 1, 10))
        self.assertEqual(stats.by_context["B"], tempfiles.Usage(3, 0, 1100))
        self.assertEqual(stats.contexts, around + 2)
        self.assertEqual(tempfiles.stats().files, 0)

    def test_list_has_context_times_and_size(self) -> None:
        with context("A"):
            path, missing = tempfiles.create_with_content("12345"), self.base / "missing"
            tempfiles.register_file(missing)
            directory = tempfiles.create_temp_directory()
            os.mkfifo(self.base / "fifo")
            tempfiles.register_file(self.base / "fifo")
            found = {r.path: r for r in tempfiles.get_registered_files("A")}
            (listed,) = tempfiles.get_registered_directories()
            self.assertEqual(tempfiles.get_registered_files("B"), ())
        file = found[str(path)]
        self.assertEqual((file.type, file.context, file.size), ("file", "A", 5))
        self.assertIsNotNone(file.modified)
        self.assertAlmostEqual(file.created, file.modified or 0, delta=60)
        self.assertEqual(found[str(self.base / "fifo")].type, "fifo")
        self.assertEqual((found[str(missing)].size, found[str(missing)].modified), (None, None))
        self.assertEqual((listed.path, listed.type), (str(directory), "directory"))


class RemoveTests(IsolatedTestCase):
    def test_removed_path_is_no_longer_registered(self) -> None:
        path, directory = tempfiles.create_with_content("123"), tempfiles.create_temp_directory()
        tempfiles.register_file(directory / "inner").write_text("12")
        report = tempfiles.remove(path)
        self.assertEqual((report.files, report.bytes), (1, 3))
        self.assertEqual(tempfiles.remove_directory(directory).removed, 2)
        self.assertEqual(self.left(), [])
        self.assertEqual(tempfiles.stats().files + tempfiles.stats().directories, 0)
        self.assertEqual(tempfiles.remove(path).removed, 0)

    def test_symlinks_and_sockets_are_removed_not_followed(self) -> None:
        link = self.base / "link"
        link.symlink_to(self.outside)
        tempfiles.remove(link)
        server = self.enterContext(socket.socket(socket.AF_UNIX))
        server.bind(str(self.base / "s"))
        tempfiles.remove(self.base / "s")
        self.assertEqual(self.left(), [])
        self.assertTrue(self.outside.is_dir())

    @unittest.skipIf(not hasattr(os, "geteuid") or os.geteuid() == 0, "root may do anything")
    def test_failed_removal_is_raised_with_its_cause(self) -> None:
        path = self.outside / "x"
        path.touch()
        self.outside.chmod(0o500)
        self.addCleanup(self.outside.chmod, 0o700)
        with self.assertRaises(RemovalError):
            tempfiles.remove(path)


class KeepTests(IsolatedTestCase):
    def test_kept_file_outlives_its_context_and_directory(self) -> None:
        with context("A"):
            path, directory = tempfiles.create_with_content("x"), tempfiles.create_temp_directory()
            inner = directory / "a" / "b"
            inner.parent.mkdir()
            inner.touch()
            (directory / "a" / "c").touch()
            (directory / "d").mkdir()
            self.assertEqual(tempfiles.keep(path), path)
            tempfiles.keep(inner)
            tempfiles.keep(inner)
        self.assertEqual([p.exists() for p in (path, inner)], [True, True])
        self.assertEqual(sorted(os.listdir(directory)), ["a"])
        self.assertEqual(os.listdir(inner.parent), ["b"])
        self.assertEqual(tempfiles.stats().directories, 0)

    def test_keep_refuses_a_path_that_is_not_registered(self) -> None:
        with self.assertRaises(NotRegisteredError):
            tempfiles.keep(self.outside / "x")


class PersistTests(IsolatedTestCase):
    def test_persisted_file_and_directory_stay(self) -> None:
        with context("A"):
            path, directory = tempfiles.create_with_content("x"), tempfiles.create_temp_directory()
            tempfiles.register_file(directory / "inner").write_text("y")
            moved = tempfiles.persist(path, self.outside / "file")
            tempfiles.persist(directory, self.outside / "dir")
            self.assertFalse(path.exists() or tempfiles.is_registered(path))
            self.assertEqual(tempfiles.stats().files, 0)
        self.assertEqual(moved.read_text(), "x")
        self.assertEqual((self.outside / "dir" / "inner").read_text(), "y")
        self.assertEqual(self.left(), [])

    def test_persist_never_overwrites(self) -> None:
        (self.outside / "file").write_text("whole")
        (self.outside / "dir").mkdir()
        (self.outside / "dangling").symlink_to("nowhere")
        for make in (tempfiles.create_with_content, tempfiles.create_temp_directory):
            for name in ("file", "dir", "dangling"):
                path = make()
                with self.subTest(name), self.assertRaises(DestinationExistsError):
                    tempfiles.persist(path, self.outside / name)
                self.assertTrue(path.exists() and tempfiles.is_registered(path))
        self.assertEqual((self.outside / "file").read_text(), "whole")
        self.assertEqual(sorted(os.listdir(self.outside)), ["dangling", "dir", "file"])

    def test_persist_never_overwrites_without_the_system_call(self) -> None:
        (self.outside / "taken").write_text("whole")
        (self.outside / "full").mkdir()
        (self.outside / "full" / "x").touch()
        for make in (tempfiles.create_with_content, tempfiles.create_temp_directory):
            for name in ("taken", "full"):
                with self.assertRaises(OSError):
                    move._rename_in_two_steps(str(make()), str(self.outside / name))
            path = make()
            move._rename_in_two_steps(str(path), str(self.outside / path.name))
            self.assertTrue((self.outside / path.name).exists() and not path.exists())
        self.assertEqual((self.outside / "taken").read_text(), "whole")

    def test_persist_of_a_missing_path_is_an_error(self) -> None:
        path = tempfiles.create_with_content("x")
        for source, target in (
            (path, self.outside / "no" / "dir"), (self.base / "missing", self.outside / "x"),
        ):
            with self.assertRaises(NotFoundError):
                tempfiles.persist(source, target)
        self.assertTrue(tempfiles.is_registered(path))

    def test_persist_to_another_device_copies_completely(self) -> None:
        if not has_other_device(self.base):
            self.skipTest("needs /dev/shm on another device")
        other = Path(self.enterContext(tempfile.TemporaryDirectory(dir=SHARED_MEMORY)))
        path = tempfiles.create_with_content("x" * 100_000)
        tree = tempfiles.temp_tree({"a/b": "y", "link": tempfiles.Symlink("/nowhere"), "e/": None})
        shape = tempfiles.read_tree(tree)
        tempfiles.persist(path, other / "file")
        tempfiles.persist(tree, other / "tree")
        self.assertEqual((other / "file").stat().st_size, 100_000)
        self.assertEqual((other / "file").stat().st_mode & 0o777, 0o600)
        self.assertEqual(tempfiles.read_tree(other / "tree"), shape)
        self.assertEqual(self.left(), [])
        with self.assertRaises(DestinationExistsError):
            tempfiles.persist(tempfiles.create_with_content("z"), other / "file")
        self.assertEqual(sorted(os.listdir(other)), ["file", "tree"])

    def test_failed_copy_is_removed(self) -> None:
        if not has_other_device(self.base):
            self.skipTest("needs /dev/shm on another device")
        other = Path(self.enterContext(tempfile.TemporaryDirectory(dir=SHARED_MEMORY)))
        directory = tempfiles.create_temp_directory()
        (directory / "file").touch()
        os.mknod(directory / "socket", stat.S_IFSOCK | 0o600)
        with self.assertRaisesRegex(FileSystemError, "a socket: .*/socket"):
            tempfiles.persist(directory, other / "x")
        self.assertEqual(os.listdir(other), [])
        self.assertEqual(sorted(os.listdir(directory)), ["file", "socket"])
        shutil.rmtree(directory)

    def test_copy_to_another_device_keeps_holes_and_fifos(self) -> None:
        if not has_other_device(self.base):
            self.skipTest("needs /dev/shm on another device")
        other = Path(self.enterContext(tempfile.TemporaryDirectory(dir=SHARED_MEMORY)))
        directory = tempfiles.create_temp_directory()
        os.mkfifo(directory / "fifo", 0o640)
        with open(directory / "sparse", "wb") as file:
            file.write(b"head")
            file.seek(1 << 30)
            file.write(b"middle")
            file.truncate(5 << 30)
        os.utime(directory / "sparse", (1, 2))
        tempfiles.persist(directory, other / "x")
        mode = (other / "x" / "fifo").lstat().st_mode
        self.assertTrue(stat.S_ISFIFO(mode))
        status = (other / "x" / "sparse").stat()
        self.assertEqual((status.st_size, status.st_mtime), (5 << 30, 2))
        self.assertLess(status.st_blocks * 512, 1 << 20)
        with open(other / "x" / "sparse", "rb") as file:
            self.assertEqual(file.read(5), b"head\0")
            file.seek(1 << 30)
            self.assertEqual(file.read(7), b"middle\0")
