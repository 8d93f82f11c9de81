"""TempDirectory: its methods, and that no name escapes from it."""

from __future__ import annotations

import contextlib
import os
import shutil
import stat
import threading
from pathlib import Path

import tempfiles
from tempfiles import (
    DestinationExistsError,
    EscapeError,
    InvalidNameError,
    NotFoundError,
    PathTypeError,
    TempDirectory,
)
from tests.support.isolation import IsolatedTestCase

ESCAPES = [
    "../x", "a/../../x", "a/..", "..", "/etc/x", "//x", "C:\\x", "C:x", "c:/x", "\\x",
    "..\\x", "\\\\host\\share\\x",
]


class FileTests(IsolatedTestCase):
    def setUp(self) -> None:
        super().setUp()
        self.directory = TempDirectory("box-")

    def test_files_are_created_with_their_parents(self) -> None:
        path = self.directory.create_file("sub/deep/x.json", "{ü}")
        self.assertEqual(path, self.directory.path / "sub/deep/x.json")
        self.assertEqual(path.read_text("utf-8"), "{ü}")
        self.assertEqual(self.directory.read_file("sub/deep/x.json"), "{ü}")
        self.assertEqual(self.directory.read_bytes(Path("sub", "deep", "x.json")), "{ü}".encode())
        self.assertEqual(stat.S_IMODE(path.stat().st_mode), 0o600)

    def test_create_never_overwrites_and_write_does(self) -> None:
        self.directory.create_file("x", "long content")
        with self.assertRaises(DestinationExistsError) as caught:
            self.directory.create_file("x", "new")
        self.assertIsInstance(caught.exception, FileExistsError)
        self.assertEqual(self.directory.read_file("x"), "long content")
        self.directory.write_file("x", b"short")
        self.directory.write_file("new/y", "made")
        self.assertEqual(self.directory.read_file("x"), "short")
        self.assertEqual(self.directory.read_file("new/y"), "made")

    def test_existing_subdirectory_is_allowed_but_not_a_file(self) -> None:
        first = self.directory.create_subdirectory("a/b")
        self.assertEqual(first, self.directory.create_subdirectory("a/b"))
        self.assertTrue(first.is_dir())
        self.directory.create_file("file")
        for name in ("file", "file/below"):
            with self.assertRaises(PathTypeError):
                self.directory.create_subdirectory(name)

    def test_file_exists_is_false_for_directories(self) -> None:
        self.directory.create_file("a/x")
        answers = {n: self.directory.file_exists(n) for n in ("a/x", "a", "b", "b/c", "a/x/y")}
        self.assertEqual([n for n, answer in answers.items() if answer], ["a/x"])

    def test_reading_a_special_file_is_refused_at_once(self) -> None:
        os.mkfifo(self.directory.path / "fifo")
        self.directory.create_subdirectory("dir")
        for name in ("fifo", "dir"):
            with self.subTest(name), self.assertRaises(PathTypeError):
                self.directory.read_file(name)
        with self.assertRaises(NotFoundError):
            self.directory.read_file("missing")

    def test_unique_name_is_not_in_use(self) -> None:
        names = {self.directory.unique_filename("log", ".txt") for _ in range(50)}
        self.assertEqual(len(names), 50)
        self.assertTrue(all(n.startswith("log") and n.endswith(".txt") for n in names))
        with self.assertRaises(InvalidNameError):
            self.directory.unique_filename("../x", "txt")

    def test_numbered_files_count_from_one(self) -> None:
        braces = self.directory.create_numbered_files("log", "{:03d}.txt", 3, "x")
        self.assertEqual([p.name for p in braces], ["log001.txt", "log002.txt", "log003.txt"])
        self.assertEqual(braces[2].read_text(), "x")
        percent = self.directory.create_numbered_files("sub/p-", "%02d", 2)
        self.assertEqual([p.name for p in percent], ["p-01", "p-02"])
        self.assertEqual(self.directory.create_numbered_files("n", "{}", 0), ())
        for pattern, n in (("same", 2), ("{x}", 1), ("%s%s", 1), ("{:q}", 1), ("{}", -1)):
            with self.subTest(pattern=pattern, n=n), self.assertRaises(InvalidNameError):
                self.directory.create_numbered_files("f", pattern, n)

    def test_partial_file_is_removed(self) -> None:
        with self.assertRaises(tempfiles.ContentError):
            self.directory.create_file("x", 3)  # type: ignore[arg-type]
        self.assertFalse(self.directory.file_exists("x"))


class LifetimeTests(IsolatedTestCase):
    def test_directory_is_removed_with_its_context(self) -> None:
        with tempfiles.context("A"):
            directory = TempDirectory()
            directory.create_file("a/b", "x")
            self.assertEqual(tempfiles.get_context_for_file(directory.path_for("a/b")), "A")
        self.assertEqual(self.left(), [])
        with self.assertRaises(NotFoundError):
            directory.read_file("a/b")

    def test_directory_is_a_context_manager_and_a_path(self) -> None:
        with TempDirectory() as directory:
            self.assertEqual(os.fspath(directory), str(directory.path))
            self.assertEqual(os.listdir(directory), [])
        self.assertEqual(self.left(), [])


class EscapeTests(IsolatedTestCase):
    def setUp(self) -> None:
        super().setUp()
        self.directory = TempDirectory()
        self.canary = self.outside / "canary"
        self.canary.write_text("whole")

    def refused(self, name: str) -> None:
        for call in (
            self.directory.path_for, self.directory.create_file, self.directory.read_file,
            self.directory.file_exists, self.directory.create_subdirectory,
            lambda n: self.directory.write_file(n, "evil"),
            lambda n: self.directory.create_numbered_files(n, "{}", 1),
        ):
            with self.subTest(name=name, call=call), self.assertRaises(EscapeError) as caught:
                call(name)
            self.assertIsInstance(caught.exception, ValueError)

    def test_names_that_escape_are_refused(self) -> None:
        for name in ESCAPES:
            if name not in ("a/..", ".."):
                self.refused(name)
        for name in ("a/..", ".."):
            with self.assertRaises(EscapeError):
                self.directory.path_for(name)
        self.assertEqual(os.listdir(self.directory), [])

    def test_invalid_names_are_refused(self) -> None:
        for name in ("", ".", "a\0b", "a\\b", "x" * 256, "a/" + "é" * 128):
            with self.subTest(name=name), self.assertRaises(InvalidNameError):
                self.directory.create_file(name)

    def test_symlinks_that_lead_out_are_refused(self) -> None:
        for name, target in (
            ("absolute", self.outside), ("relative", "../../outside"), ("up", ".."),
            ("chain", "absolute"), ("winding", "./x/../../.."),
        ):
            (self.directory.path / name).symlink_to(target)
        (self.directory.path / "x").mkdir()
        (self.directory.path / "file").symlink_to(self.canary)
        (self.directory.path / "dangling").symlink_to(self.outside / "new")
        for name in ("absolute", "relative", "chain"):
            self.refused(f"{name}/canary")
        for name in ("up/x/y", "winding/outside/canary"):
            with self.assertRaises(EscapeError):
                self.directory.write_file(name, "evil")
        for name in ("file", "dangling"):
            with self.assertRaises(EscapeError):
                self.directory.write_file(name, "evil")
        self.assertEqual(self.canary.read_text(), "whole")
        self.assertEqual(os.listdir(self.outside), ["canary"])

    def test_symlinks_that_stay_inside_work(self) -> None:
        self.directory.create_file("real/deep/x", "inside")
        (self.directory.path / "link").symlink_to("real/deep")
        (self.directory.path / "real" / "up").symlink_to("../real/./deep/x")
        (self.directory.path / "loop").symlink_to("loop")
        self.assertEqual(self.directory.read_file("link/x"), "inside")
        self.assertEqual(self.directory.read_file("real/up"), "inside")
        self.directory.write_file("link/y", "new")
        self.assertEqual(self.directory.read_file("real/deep/y"), "new")
        with self.assertRaises(PathTypeError):
            self.directory.read_file("loop")

    def test_another_directory_at_its_path_is_refused(self) -> None:
        self.directory.path.rename(self.base / "moved")
        self.outside.joinpath("x").touch()
        self.directory.path.mkdir()
        with self.assertRaises(EscapeError):
            self.directory.create_file("x")
        self.directory.path.rmdir()
        self.directory.path.symlink_to(self.outside)
        with self.assertRaises(PathTypeError):
            self.directory.create_file("a/b")
        self.directory.path.unlink()

    def test_directory_replaced_by_a_symlink_is_never_followed(self) -> None:
        stop = threading.Event()
        real, aside = self.directory.create_subdirectory("d"), self.directory.path / "aside"

        def swap() -> None:
            while not stop.is_set():
                real.rename(aside)
                with contextlib.suppress(FileExistsError):
                    real.symlink_to(self.outside)
                    real.unlink()
                while aside.exists():
                    # The writer may have made a directory in the gap.
                    shutil.rmtree(real, ignore_errors=True)
                    with contextlib.suppress(OSError):
                        aside.rename(real)

        swapper = threading.Thread(target=swap)
        swapper.start()
        try:
            for _ in range(500):
                try:
                    self.directory.write_file("d/canary", "evil")
                except (EscapeError, OSError):
                    continue
        finally:
            stop.set()
            swapper.join()
        self.assertEqual(self.canary.read_text(), "whole")
