"""Create files and directories: content, modes, names, limits, and removal after failures."""

from __future__ import annotations

import concurrent.futures
import errno
import os
import stat
import unittest
from collections.abc import Callable
from pathlib import Path
from typing import Any

import tempfiles
from tempfiles import (
    ContentError,
    EscapeError,
    FileSystemError,
    InvalidNameError,
    LimitError,
    NotFoundError,
    PathTypeError,
    TempFilesError,
)
from tempfiles.errors import translated
from tests.support.isolation import IsolatedTestCase

BAD_PARTS = ["", "a/b", "a\\b", "..", "../x", "a\0b", "x" * 256, "é" * 128, "/abs", "a/../b"]


def mode_of(path: Path) -> int:
    return stat.S_IMODE(path.stat().st_mode)


class CreateWithContentTests(IsolatedTestCase):
    def test_text_and_bytes_are_written_unchanged(self) -> None:
        contents: list[tuple[Any, bytes]] = [
            ("grüße\r\n", "grüße\r\n".encode()), (b"\0\xff", b"\0\xff"), ("", b""),
            (bytearray(b"abc"), b"abc"), (memoryview(b"abc"), b"abc"), (b"x" * 3_000_000,) * 2,
        ]
        for content, expected in contents:
            path = tempfiles.create_with_content(content)
            self.assertEqual(path.read_bytes(), expected)
            self.assertTrue(tempfiles.is_registered(path))
            self.assertTrue(path.is_absolute())

    def test_extension_may_have_a_dot(self) -> None:
        self.assertEqual(tempfiles.create_with_content("").suffix, ".tmp")
        self.assertEqual(tempfiles.create_with_content("", "json").suffix, ".json")
        self.assertEqual(tempfiles.create_with_content("", ".json").suffix, ".json")
        self.assertTrue(tempfiles.create_with_content("", "tar.gz").name.endswith(".tar.gz"))

    def test_mode_does_not_depend_on_the_umask(self) -> None:
        for mask in (0, 0o022, 0o277, 0o777):
            before = os.umask(mask)
            try:
                path, directory = (
                    tempfiles.create_with_content("x"), tempfiles.create_temp_directory()
                )
                nested = tempfiles.create_nested_directory("a/b")
            finally:
                os.umask(before)
            with self.subTest(mask=oct(mask)):
                self.assertEqual(mode_of(path), 0o600)
                self.assertEqual([mode_of(directory), mode_of(nested)], [0o700, 0o700])

    def test_invalid_content_is_refused_before_creation(self) -> None:
        for content in (None, 3, ["x"], "\ud800"):
            with self.subTest(content=content), self.assertRaises(ContentError) as caught:
                tempfiles.create_with_content(content)  # type: ignore[arg-type]
            self.assertIsInstance(caught.exception, TypeError)
        self.assertEqual(self.left(), [])

    def test_invalid_extension_is_refused_everywhere(self) -> None:
        source = self.outside / "s"
        source.touch()
        for bad in BAD_PARTS:
            for call in (
                lambda e: tempfiles.create_with_content("", e),
                lambda e: tempfiles.copy_to_temp(source, e),
                tempfiles.generate_temp_path,
                tempfiles.create_temp_directory,
            ):
                with self.subTest(bad=bad, call=call), self.assertRaises(InvalidNameError):
                    call(bad)
        self.assertEqual(self.left(), [])

    def test_names_never_collide_in_threads_and_children(self) -> None:
        with concurrent.futures.ThreadPoolExecutor(8) as pool:
            paths = list(pool.map(lambda _: tempfiles.create_with_content("x"), range(400)))
        self.assertEqual(len(set(paths)), 400)

    @unittest.skipUnless(hasattr(os, "fork"), "needs fork")
    def test_forked_child_generates_other_names(self) -> None:
        read, write = os.pipe()
        child = os.fork()
        if child == 0:
            os.write(write, os.fsencode(tempfiles.generate_temp_path().name[:12]))
            os._exit(0)
        os.waitpid(child, 0)
        os.close(write)
        with open(read, "rb") as file:
            self.assertNotEqual(os.fsdecode(file.read()), tempfiles.generate_temp_path().name[:12])

    def test_existing_name_is_skipped(self) -> None:
        from tempfiles.registry import naming

        target = self.outside / "target"
        following = f"{naming._token}{next(naming._counter) + 1:x}"
        (self.base / f"tmp{following}.tmp").symlink_to(target)
        path = tempfiles.create_with_content("secret")
        self.assertEqual(path.read_text(), "secret")
        self.assertFalse(target.exists())
        self.assertFalse(path.is_symlink())

    @unittest.skipUnless(hasattr(os, "fork"), "needs limits of the process")
    def test_partial_file_is_removed_when_writing_fails(self) -> None:
        import resource

        soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
        resource.setrlimit(resource.RLIMIT_FSIZE, (1000, hard))
        try:
            with self.assertRaises(FileSystemError) as caught:
                tempfiles.create_with_content("x" * 5000)
        finally:
            resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
        self.assertEqual(caught.exception.errno, errno.EFBIG)
        self.assertEqual(self.left(), [])
        self.assertEqual(tempfiles.stats().files, 0)

    def test_missing_temp_directory_raises_both_error_types(self) -> None:
        gone = self.base / "gone"
        gone.mkdir()
        tempfiles.set_temp_dir(gone)
        gone.rmdir()
        calls: list[Callable[[], object]] = [
            tempfiles.create_with_content, tempfiles.create_temp_directory,
        ]
        for call in calls:
            with self.assertRaises(NotFoundError) as caught:
                call()
            self.assertIsInstance(caught.exception, FileNotFoundError)
            self.assertIsInstance(caught.exception, TempFilesError)
            self.assertTrue(str(caught.exception).endswith("'"), caught.exception)
            self.assertIsNone(caught.exception.filename2)

    def test_error_about_two_names_keeps_both(self) -> None:
        cause = OSError(errno.EXDEV, "not there", "/a", None, "/b")
        self.assertEqual(str(translated(cause)), str(cause))


class LimitTests(IsolatedTestCase):
    def test_limit_refuses_before_a_file_is_created(self) -> None:
        tempfiles.configure(max_temp_files=2)
        first = tempfiles.create_with_content("")
        tempfiles.copy_to_temp(first)
        calls: list[Callable[[], object]] = [
            tempfiles.create_with_content, lambda: tempfiles.copy_to_temp(first),
        ]
        for call in calls:
            with self.assertRaises(LimitError) as caught:
                call()
            self.assertIsInstance(caught.exception, OSError)
        self.assertEqual(len(self.left()), 2)
        tempfiles.remove(first)
        tempfiles.create_with_content("")

    def test_threads_together_stay_within_the_limit(self) -> None:
        tempfiles.configure(max_temp_files=20)

        def make(_: int) -> bool:
            try:
                tempfiles.create_with_content("")
            except LimitError:
                return False
            return True

        with concurrent.futures.ThreadPoolExecutor(8) as pool:
            self.assertEqual(sum(pool.map(make, range(60))), 20)
        self.assertEqual(len(self.left()), 20)


class OtherFunctionTests(IsolatedTestCase):
    def test_generated_path_is_new_and_not_created(self) -> None:
        paths = {tempfiles.generate_temp_path("txt") for _ in range(100)}
        self.assertEqual(len(paths), 100)
        self.assertEqual(self.left(), [])
        self.assertFalse(any(map(tempfiles.is_registered, paths)))

    def test_nested_directories_are_registered_and_removed(self) -> None:
        innermost = tempfiles.create_nested_directory("a/b/c")
        self.assertTrue(innermost.is_dir())
        self.assertEqual(innermost.parts[-3:], ("a", "b", "c"))
        for path in (innermost, innermost.parent, innermost.parent.parent):
            self.assertTrue(tempfiles.is_registered(path))
        self.assertNotEqual(innermost, tempfiles.create_nested_directory("a/b/c"))
        self.assertTrue(tempfiles.cleanup_context().ok)
        self.assertEqual(self.left(), [])

    def test_nested_names_that_escape_are_refused(self) -> None:
        for bad in ("../x", "a/../../x", "/abs", "C:\\x", "C:x", "\\\\host\\share"):
            with self.subTest(bad=bad), self.assertRaises(EscapeError):
                tempfiles.create_nested_directory(bad)
        for bad in ("", ".", "/".join(["x" * 256]), "a\0"):
            with self.subTest(bad=bad), self.assertRaises(InvalidNameError):
                tempfiles.create_nested_directory(bad)
        self.assertEqual(self.left(), [])

    def test_copy_has_content_and_extension_but_not_mode(self) -> None:
        source = self.outside / "photo.raw.jpeg"
        source.write_bytes(b"\1" * 2_500_000)
        source.chmod(0o444)
        copy = tempfiles.copy_to_temp(source)
        self.assertEqual((copy.suffix, mode_of(copy)), (".jpeg", 0o600))
        self.assertEqual(copy.read_bytes(), source.read_bytes())
        self.assertEqual(tempfiles.copy_to_temp(source, "bin").suffix, ".bin")
        self.assertTrue(source.exists())

    def test_copy_of_a_special_file_is_refused_at_once(self) -> None:
        os.mkfifo(self.outside / "fifo")
        for bad in ("fifo", "."):
            with self.subTest(bad=bad), self.assertRaises(PathTypeError):
                tempfiles.copy_to_temp(self.outside / bad)
        with self.assertRaises(NotFoundError):
            tempfiles.copy_to_temp(self.outside / "missing")
        self.assertEqual(self.left(), [])


class BlockTests(IsolatedTestCase):
    def test_files_and_directories_exist_during_the_block(self) -> None:
        with tempfiles.temp_file("x", "txt") as path, tempfiles.temp_directory() as directory:
            self.assertEqual(path.read_text(), "x")
            (directory / "inner").touch()
        self.assertEqual(self.left(), [])
        self.assertEqual(tempfiles.stats().files, 0)

    def test_exception_of_the_block_is_raised_if_removal_fails(self) -> None:
        with (
            self.assertLogs("tempfiles") as logs,
            self.assertRaisesRegex(KeyError, "mine"),
            tempfiles.temp_file() as path,
        ):
            path.unlink()
            path.mkdir()  # a directory is not removed in a file's stead
            raise KeyError("mine")
        self.assertIn("could not remove", logs.output[0])
        self.assertTrue(path.is_dir())
        tempfiles.unregister(path)

    def test_file_removed_or_kept_in_the_block_is_no_error(self) -> None:
        self.assertQuiet()
        with tempfiles.temp_file() as path:
            path.unlink()
        with tempfiles.temp_file() as path:
            tempfiles.keep(path)
        self.assertTrue(path.exists())

    @unittest.skipUnless(hasattr(os, "fork"), "needs fork")
    def test_child_that_ends_the_block_removes_nothing(self) -> None:
        with tempfiles.temp_file() as path, tempfiles.temp_directory() as directory:
            child = os.fork()
            if child:
                self.assertEqual(os.waitpid(child, 0)[1], 0)
                self.assertTrue(path.exists() and directory.exists())
        if child == 0:
            os._exit(0)
        self.assertEqual(self.left(), [])
