"""Removal of files and trees, and what is refused."""

from __future__ import annotations

import errno
import os
import socket
import stat
import tempfile
import unittest
from pathlib import Path
from types import SimpleNamespace
from unittest import mock

from tempfiles.errors import RefusedError
from tempfiles.fileops import remove, remove_tree
from tempfiles.fileops.identity import FileId, file_id_at
from tempfiles.fileops.measure import walk_tree
from tempfiles.fileops.remove import (
    refuse_if_precious,
    remove_entry,
    remove_listed,
    remove_path,
)
from tempfiles.fileops.remove_by_path import PathRemoval
from tempfiles.fileops.tally import Tally
from tempfiles.reports import RemovalReport
from tests.support.faults import FaultyOs, injected
from tests.support.hostile import left_in, make_mixed


class _InTemp(unittest.TestCase):
    def setUp(self) -> None:
        self.base = Path(os.path.realpath(self.enterContext(tempfile.TemporaryDirectory())))
        self.top = self.base / "top"


class OnePathTests(_InTemp):
    """One entry of each kind is removed, and counted."""

    def test_file_is_removed_with_its_bytes(self) -> None:
        self.top.write_bytes(b"12345")
        self.assertEqual(remove_path(self.top), RemovalReport(files=1, bytes=5))
        self.assertEqual(left_in(self.top), set())

    def test_missing_path_or_parent_is_an_empty_report(self) -> None:
        (self.base / "file").touch()
        for missing in ("no", "no/no", "file/no", "no/..", "file/."):
            with self.subTest(missing):
                self.assertEqual(remove_path(f"{self.base}/{missing}"), RemovalReport())
        self.assertTrue((self.base / "file").exists())

    def test_path_may_be_bytes_and_no_text(self) -> None:
        path = os.fsencode(self.base) + b"/\xff\n"
        os.close(os.open(path, os.O_CREAT | os.O_WRONLY))
        self.assertEqual(remove_path(path).files, 1)
        self.assertFalse(os.path.lexists(path))

    def test_path_that_no_system_call_takes_is_a_failure(self) -> None:
        for path in ("a\0b", "\ud800"):
            with self.subTest(repr(path)):
                (failure,) = remove_path(path).failed
                self.assertEqual(failure.path, path)
                self.assertTrue(failure.cause)

    def test_link_is_removed_and_its_target_stays(self) -> None:
        target = self.base / "target"
        target.mkdir()
        (target / "file").touch()
        for ending in ("", "/"):
            with self.subTest(ending):
                self.top.symlink_to(target)
                self.assertEqual(remove_path(f"{self.top}{ending}").files, 1)
                self.assertFalse(os.path.lexists(self.top))
                self.assertTrue((target / "file").exists())

    def test_fifo_socket_and_device_are_removed_unopened(self) -> None:
        os.mkfifo(self.base / "fifo")  # opening it would block for ever
        with socket.socket(socket.AF_UNIX) as server:
            server.bind(os.path.relpath(self.base / "socket"))
        names = ["fifo", "socket"]
        try:
            os.mknod(self.base / "device", stat.S_IFCHR | 0o600, os.makedev(1, 3))
            names.append("device")
        except PermissionError:
            pass
        for name in names:
            with self.subTest(name):
                self.assertEqual(remove_path(self.base / name), RemovalReport(files=1))
        self.assertEqual(os.listdir(self.base), [])

    def test_file_with_another_name_frees_no_bytes(self) -> None:
        self.top.write_bytes(b"12345")
        other = self.base / "other"
        os.link(self.top, other)
        self.assertEqual(remove_path(self.top), RemovalReport(files=1))
        self.assertEqual(other.read_bytes(), b"12345")

    def test_relative_paths_and_dots_at_the_end_are_resolved(self) -> None:
        self.addCleanup(os.chdir, os.getcwd())
        os.chdir(self.base)
        for path in ("top", "./top/", "top/.", "top/sub/.."):
            with self.subTest(path):
                (self.top / "sub").mkdir(parents=True)
                self.assertEqual(remove_path(path), RemovalReport(directories=2))


class TreeTests(_InTemp):
    """Whole trees are removed, and their report adds up."""

    def test_every_kind_of_entry_is_counted(self) -> None:
        files, directories = make_mixed(self.top)
        report = remove_path(self.top)
        # `one` has two names: only the second one removed frees its five bytes.
        self.assertEqual(report, RemovalReport(files, directories, bytes=20))
        self.assertEqual(left_in(self.top), set())

    def test_without_measuring_the_bytes_are_zero(self) -> None:
        files, directories = make_mixed(self.top)
        report = remove_path(self.top, measure=False)
        self.assertEqual(report, RemovalReport(files, directories))

    def test_wide_directories_are_read_in_parts(self) -> None:
        self.enterContext(mock.patch.object(remove_tree, "_PENDING", 3))
        self.enterContext(mock.patch.object(remove_tree, "_ENTRIES", 7))
        for number in range(40):
            (self.top / f"d{number}").mkdir(parents=True)
            (self.top / f"d{number}/file").touch()
            (self.top / f"f{number}").touch()
        self.assertEqual(remove_path(self.top), RemovalReport(files=80, directories=41))

    def test_entry_of_an_open_directory(self) -> None:
        make_mixed(self.top)
        fd = os.open(self.base, os.O_RDONLY)
        self.addCleanup(os.close, fd)
        self.assertTrue(remove_entry(fd, "top").ok)
        self.assertEqual(os.listdir(self.base), [])
        self.assertEqual(remove_entry(fd, "top"), RemovalReport())

    def test_no_descriptor_stays_open(self) -> None:
        before = len(os.listdir("/dev/fd"))
        make_mixed(self.top)
        remove_path(self.top)
        self.assertEqual(len(os.listdir("/dev/fd")), before)


class ExpectedTests(_InTemp):
    """With an identity only that very file is removed."""

    def test_the_expected_is_removed(self) -> None:
        self.top.mkdir()
        self.assertTrue(remove_path(self.top, expected=file_id_at(self.top)).ok)
        self.assertFalse(self.top.exists())

    def test_another_one_is_left_and_reported(self) -> None:
        self.top.mkdir()
        (self.top / "file").touch()
        device, inode = file_id_at(self.top).device, file_id_at(self.top).inode
        fd = os.open(self.base, os.O_RDONLY)
        self.addCleanup(os.close, fd)
        for expected in (FileId(device, inode + 1), FileId(device + 1, inode)):
            for report in (
                remove_path(self.top, expected=expected),
                remove_entry(fd, "top", path=str(self.top), expected=expected),
            ):
                self.assertEqual([failure.path for failure in report.failed], [str(self.top)])
                self.assertEqual(report.removed, 0)
        self.assertTrue((self.top / "file").exists())

    def test_identity_is_of_the_link_and_missing_raises(self) -> None:
        self.top.symlink_to(self.base)
        self.assertNotEqual(file_id_at(self.top), file_id_at(self.base))
        with self.assertRaises(FileNotFoundError):
            file_id_at(self.base / "missing")


class ListedTests(_InTemp):
    """Only listed entries are removed: what came into the tree afterwards is left."""

    def test_listed_tree_is_removed(self) -> None:
        (self.top / "inner").mkdir(parents=True)
        (self.top / "inner" / "file").touch()
        self.assertEqual(remove_listed(list(walk_tree(str(self.top)))), "")
        self.assertFalse(self.top.exists())

    def test_file_that_was_added_later_is_left(self) -> None:
        self.top.mkdir()
        entries = list(walk_tree(str(self.top)))
        (self.top / "added").touch()
        self.assertIn("not empty", remove_listed(entries))
        self.assertEqual(os.listdir(self.top), ["added"])

    def test_file_that_was_replaced_is_left(self) -> None:
        self.top.mkdir()
        (self.top / "file").touch()
        entries = list(walk_tree(str(self.top)))
        (self.top / "other").touch()
        os.replace(self.top / "other", self.top / "file")
        self.assertIn("another file", remove_listed(entries))
        self.assertEqual(os.listdir(self.top), ["file"])


class RefusalTests(_InTemp):
    """The root, home and working directory and their ancestors are never removed.

    Only made-up homes are handed to a removal here: a defect must not cost anybody's files.
    """

    def setUp(self) -> None:
        super().setUp()
        self.home = self.top / "people/me"
        self.home.mkdir(parents=True)
        (self.home / "file").touch()

    def assertRefused(self, path: Path | str) -> None:
        with self.assertRaises(RefusedError):
            refuse_if_precious(path)
        with self.assertRaises(RefusedError):
            remove_path(path)
        self.assertTrue((self.home / "file").exists())

    def test_home_and_what_it_is_in(self) -> None:
        self.enterContext(mock.patch.dict(os.environ, {"HOME": str(self.home)}))
        link = self.base / "link"
        link.symlink_to(self.top)
        for path in (
            self.home, self.home.parent, self.top, f"{self.home}/", f"{self.home}/.",
            f"{self.home}/../me", f"{self.home}/..", link / "people", f"{link}/people/me/..",
        ):
            with self.subTest(path):
                self.assertRefused(path)
        self.assertTrue(remove_path(link).ok)  # the link itself is no ancestor
        self.assertTrue((self.home / "file").exists())

    def test_home_that_is_reached_by_a_link(self) -> None:
        link = self.base / "link"
        link.symlink_to(self.top / "people")
        with mock.patch.dict(os.environ, {"HOME": str(link / "me")}):
            self.assertRefused(self.top)
            self.assertRefused(self.top / "people")

    def test_working_directory_and_what_it_is_in(self) -> None:
        self.addCleanup(os.chdir, os.getcwd())
        os.chdir(self.home)
        for path in (".", "", "..", "../..", self.home, self.top):
            with self.subTest(path):
                self.assertRefused(path)

    def test_real_root_and_home_are_precious(self) -> None:
        for path in ("/", "//", "/.", "/..", "/tmp/..", os.path.expanduser("~"), os.getcwd()):
            with self.subTest(path), self.assertRaises(RefusedError):
                refuse_if_precious(path)

    def test_others_are_not_precious(self) -> None:
        link = self.base / "link"
        link.symlink_to(os.getcwd())
        for path in (self.home, self.home / "file", self.base / "missing", link, "a\0b"):
            refuse_if_precious(path)

    def test_an_owner_may_remove_what_the_working_directory_is_in(self) -> None:
        self.addCleanup(os.chdir, os.getcwd())
        os.chdir(self.home)
        fd = os.open(self.base, os.O_RDONLY)
        self.addCleanup(os.close, fd)
        self.assertTrue(remove_entry(fd, "top").ok)


class ByPathTests(_InTemp):
    """Where directories cannot be opened, paths do: with the same report."""

    def setUp(self) -> None:
        super().setUp()
        self.enterContext(mock.patch.object(remove, "HAS_DIR_FD", False))

    def test_report_is_the_same(self) -> None:
        files, directories = make_mixed(self.top)
        self.assertEqual(remove_path(self.top), RemovalReport(files, directories, bytes=20))
        self.assertEqual(left_in(self.top), set())
        self.assertEqual(remove_path(self.top), RemovalReport())

    def test_links_are_not_followed(self) -> None:
        target = self.base / "target"
        target.mkdir()
        (target / "file").touch()
        self.top.mkdir()
        (self.top / "link").symlink_to(target)
        self.assertEqual(remove_path(self.top), RemovalReport(files=1, directories=1))
        self.assertTrue((target / "file").exists())

    def test_precious_is_refused(self) -> None:
        self.top.mkdir()
        with mock.patch.dict(os.environ, {"HOME": str(self.top)}), self.assertRaises(RefusedError):
            remove_path(self.top)

    def test_read_only_attribute_is_taken_away(self) -> None:
        self.top.touch()
        attributes = SimpleNamespace(
            st_mode=stat.S_IFREG | 0o444, st_file_attributes=stat.FILE_ATTRIBUTE_READONLY,
            st_dev=1, st_ino=1, st_nlink=1, st_size=5,
        )
        windows = _ReadOnly()
        tally = Tally()
        with injected(windows):
            PathRemoval(tally).remove(str(self.top), attributes)  # type: ignore[arg-type]
        self.assertEqual(tally.report(), RemovalReport(files=1, bytes=5))
        self.assertEqual(windows.changed, [str(self.top)])

    def test_failures_are_reported_and_do_not_stop_the_rest(self) -> None:
        make_mixed(self.top)
        faults = FaultyOs()
        with injected(faults):
            remove_path(self.top)
        for at in range(faults.calls):
            remove_path(self.top)
            make_mixed(self.top)
            faults = FaultyOs(errno.EIO, at)
            with self.subTest(call=at), injected(faults):
                report = remove_path(self.top)
            self.assertTrue(report.ok or report.failed[0].errno == errno.EIO, report)
            self.assertTrue(not report.ok or not os.path.lexists(self.top))


class _ReadOnly(FaultyOs):
    """An `os` that refuses to unlink until the mode was changed."""

    def __init__(self) -> None:
        super().__init__()
        self.changed: list[str] = []

    def chmod(self, path: str, mode: int) -> None:
        self.changed.append(path)

    def unlink(self, path: str) -> None:
        if not self.changed:
            raise PermissionError(errno.EACCES, "Access is denied", path)
        os.unlink(path)


if __name__ == "__main__":
    unittest.main()
