"""The listing of the temp directory: an empty one is recognised without it where that is safe."""

from __future__ import annotations

import os
import tempfile
import unittest
from pathlib import Path
from types import SimpleNamespace
from unittest import mock

from tempfiles.detection import temp_dir
from tempfiles.detection.temp_dir import Watched
from tempfiles.system import syscalls


class WatchedTests(unittest.TestCase):
    def check(self, place: str | None, listings: int) -> None:
        top = Path(self.enterContext(tempfile.TemporaryDirectory(dir=place)))
        (top / "marker").touch()
        (top / "0").mkdir()
        watched = Watched(str(top / "0"))
        self.addCleanup(watched.release)
        listing = self.enterContext(mock.patch.object(temp_dir, "listing", wraps=os.listdir))
        self.assertEqual(watched.names(), [])
        self.assertEqual(listing.call_count, listings)
        for name in ("one", "two"):
            (top / "0" / name).touch()
            self.assertIn(name, watched.names())
        for name in ("one", "two"):
            (top / "0" / name).unlink()
            self.assertNotIn(name, watched.names())

    @unittest.skipUnless(os.access("/dev/shm", os.W_OK), "needs /dev/shm")
    def test_empty_directory_is_not_listed_in_memory(self) -> None:
        self.check("/dev/shm", 0)

    def test_directory_whose_size_tells_nothing_is_listed(self) -> None:
        real = os.stat

        def of_one_size(path: str | int) -> SimpleNamespace:
            found = real(path)
            return SimpleNamespace(st_ino=found.st_ino, st_size=1, st_mtime_ns=found.st_mtime_ns)

        with mock.patch.object(syscalls, "stat", of_one_size):
            self.check(None, 1)

    def test_directory_that_is_not_empty_is_listed(self) -> None:
        top = Path(self.enterContext(tempfile.TemporaryDirectory()))
        (top / "0").mkdir()
        (top / "0" / "before").touch()
        watched = Watched(str(top / "0"))
        self.addCleanup(watched.release)
        self.assertEqual(watched.names(), ["before"])


if __name__ == "__main__":
    unittest.main()
