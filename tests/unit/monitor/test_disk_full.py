"""What is reported of a temp directory that has filled up, and of which failures it is reported."""

from __future__ import annotations

import errno
import os
import subprocess
import tempfile
import unittest
from unittest import mock

from tempfiles.monitor.disk_full import full_lines, suspicion
from tempfiles.registry import contexts
from tempfiles.system.procfs import file_system_type

IN_MEMORY = file_system_type("/dev/shm") == "tmpfs"


def full(*paths: str, number: int = errno.ENOSPC) -> OSError:
    """Return the error of a full disk, of up to two paths."""
    return OSError(number, os.strerror(number), *(item for path in paths for item in (path, None)))


def disk(free: int, inodes: int) -> os.statvfs_result:
    """Return the state of a file system of a hundred blocks and a thousand inodes."""
    return os.statvfs_result((4096, 4096, 100, free, free, 1000, inodes, inodes, 0, 255))


class OneDirectory(unittest.TestCase):
    def setUp(self) -> None:
        self.root = self.enterContext(tempfile.TemporaryDirectory())
        os.mkdir(os.path.join(self.root, "0"))

    def file(self, name: str, size: int) -> str:
        path = os.path.join(self.root, "0", name)
        os.makedirs(os.path.dirname(path), exist_ok=True)
        with open(path, "wb") as file:
            file.write(bytes(size))
        return path


class FailureTests(OneDirectory):
    """Which failures may come of it."""

    def setUp(self) -> None:
        super().setUp()
        # There is some room again, on a small disk.
        self.enterContext(mock.patch("os.statvfs", return_value=disk(9, 9)))

    def reported(self, error: BaseException) -> str:
        return suspicion(error, self.root)

    def test_an_error_of_the_system(self) -> None:
        perhaps = "No space was left, perhaps here: by now"
        self.assertTrue(self.reported(full()).startswith(perhaps))
        self.assertTrue(self.reported(full(number=errno.EDQUOT)).startswith(perhaps))
        named = self.reported(full(os.path.join(self.root, "0", "new", "file")))
        self.assertTrue(named.startswith("No space was left: by now"), named)
        self.assertFalse(self.reported(OSError(errno.EACCES, "Permission denied")))
        self.assertFalse(self.reported(AssertionError("1 != 2")))

    def test_one_that_led_to_another_failure(self) -> None:
        for reraise in (True, False):
            with self.subTest(reraise=reraise):
                try:
                    try:
                        raise full()
                    except OSError as cause:
                        if reraise:
                            raise RuntimeError("cannot save") from cause
                        raise AssertionError("not saved") from None
                except (RuntimeError, AssertionError) as error:
                    self.assertTrue(self.reported(error))
        self.assertTrue(self.reported(ExceptionGroup("both", [ValueError(), full()])))

    def test_what_a_child_or_a_library_says_of_it(self) -> None:
        said = b"cp: error writing 'b': No space left on device\n"
        for error in (
            subprocess.CalledProcessError(1, "cp", stderr=said),
            subprocess.CalledProcessError(1, "cp", output=said.decode()),
            AssertionError(f"1 != 0 : {said!r}"),
            RuntimeError("database or disk is full"),
        ):
            self.assertTrue(self.reported(error), error)

    def test_a_circle_of_errors_and_one_that_cannot_be_shown(self) -> None:
        class Hostile(Exception):
            def __str__(self) -> str:
                raise full()

        error = Hostile()
        error.__cause__, error.__context__ = ValueError(), error
        error.__cause__.__context__ = error
        self.assertFalse(self.reported(error))

    @unittest.skipUnless(IN_MEMORY, "/dev/shm is no tmpfs here")
    def test_not_one_of_another_file_system(self) -> None:
        other = self.enterContext(tempfile.TemporaryDirectory(dir="/dev/shm"))
        if os.lstat(other).st_dev == os.lstat(self.root).st_dev:
            self.skipTest("the temp directory is in memory")
        self.assertFalse(self.reported(full(os.path.join(other, "file"))))
        self.assertTrue(self.reported(full(os.path.join(other, "file"), self.root)))

    def test_any_failure_where_no_room_is_left(self) -> None:
        for status, reported in ((disk(1, 9), True), (disk(9, 0), True), (disk(9, 9), False)):
            with mock.patch("os.statvfs", return_value=status):
                line = self.reported(AssertionError("1 != 2"))
                self.assertEqual(line.startswith("No space left: the temp directory"), reported)

    @unittest.skipUnless(IN_MEMORY, "/dev/shm is no tmpfs here")
    def test_not_what_a_child_says_of_another_file_system(self) -> None:
        other = self.enterContext(tempfile.TemporaryDirectory(dir="/dev/shm"))
        if os.lstat(other).st_dev == os.lstat(self.root).st_dev:
            self.skipTest("the temp directory is in memory")
        for path, reported in ((other, False), (self.root, True)):
            said = f"cp: error writing '{path}/b': No space left on device\n"
            error = subprocess.CalledProcessError(1, "cp", stderr=said)
            self.assertEqual(bool(self.reported(error)), reported)


class LineTests(OneDirectory):
    """What is reported."""

    def lines(self, **known: str) -> list[str]:
        makers = {
            os.path.join(self.root, "0", name): contexts.Context(id, "test", None)
            for name, id in known.items()
        }
        return [suspicion(full(self.root), self.root), *full_lines(self.root, makers.get)]

    def test_the_root_and_the_largest_contexts_first(self) -> None:
        self.file("small", 10)
        self.file("large", 5000)
        self.file("tree/one", 2048)
        reported = self.lines(small="test.a", large="test.b", tree="test.a")
        line = rf"^No space was left: .* {self.root} holds 6.9 KiB; .* free$"
        self.assertRegex(reported[0], line)
        self.assertEqual([line.split() for line in reported[1:]],
                         [["4.9", "KiB", "test.b"], ["2.0", "KiB", "test.a"]])  # fmt: skip

    def test_what_nobody_has_named_yet_is_of_what_is_under_way(self) -> None:
        self.file("by-child", 3000)
        current = contexts.open_contexts()[-1].id
        self.assertEqual(self.lines()[1].split(), ["2.9", "KiB", current])

    def test_a_file_with_holes_is_what_it_takes(self) -> None:
        os.truncate(self.file("holes", 0), 1 << 40)
        self.assertIn(" holds 0 B;", self.lines(holes="test.a")[0])

    def test_entries_where_it_is_the_inodes_that_are_used_up(self) -> None:
        self.file("large", 5000)
        for number in range(3):
            self.file(f"tree/{number}", 0)
        with mock.patch("os.statvfs", return_value=disk(50, 0)):
            reported = self.lines(large="test.a", tree="test.b")
        self.assertRegex(reported[0], r" holds 4.9 KiB in 5 entries; .* 0 of 1,000 inodes$")
        self.assertEqual([line.split() for line in reported[1:]],
                         [["4", "entries", "test.b"], ["1", "entry", "test.a"]])  # fmt: skip

    def test_no_contexts_where_none_were_followed(self) -> None:
        self.file("large", 5000)
        self.assertEqual(list(full_lines(self.root, None)), [])

    def test_what_holds_nothing_is_not_listed(self) -> None:
        self.file("empty", 0)
        self.assertEqual(len(self.lines(empty="test.a")), 1)

    def test_many_failures_on_the_same_full_disk_are_measured_once(self) -> None:
        self.file("large", 5000)
        self.stamp(0)
        with mock.patch("os.statvfs", return_value=disk(0, 9)):
            once = self.lines(large="test.a")
            with mock.patch("tempfiles.system.syscalls.lstat", side_effect=AssertionError):
                self.assertEqual(self.lines(large="test.a"), once)

    def test_what_has_changed_since_is_measured_anew(self) -> None:
        self.file("one", 5000)
        self.stamp(0)
        with mock.patch("os.statvfs", return_value=disk(0, 9)):
            self.assertIn("test.a", self.lines(one="test.a")[1])
            os.rename(os.path.join(self.root, "0", "one"), os.path.join(self.root, "0", "two"))
            self.stamp(1)
            self.assertIn("test.b", self.lines(two="test.b")[1])

    def stamp(self, seconds: int) -> None:
        """Have the slot look as if it had changed long ago: a fresh stamp is not trusted."""
        os.utime(os.path.join(self.root, "0"), (seconds, seconds))

    def test_a_file_with_two_names_takes_its_bytes_once(self) -> None:
        os.link(self.file("one", 5000), os.path.join(self.root, "0", "two"))
        self.assertIn(" holds 4.9 KiB;", self.lines(one="test.a", two="test.a")[0])

    def test_a_root_that_is_gone(self) -> None:
        os.rmdir(os.path.join(self.root, "0"))
        self.assertEqual(len(self.lines(gone="test.a")), 1)


if __name__ == "__main__":
    unittest.main()
