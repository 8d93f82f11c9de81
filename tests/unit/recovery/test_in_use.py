"""What still uses the root of a dead run."""

from __future__ import annotations

import os
import sys
import tempfile
import time
import unittest
from pathlib import Path

from tempfiles.recovery import in_use
from tempfiles.roots import claim


class UserOfTests(unittest.TestCase):
    def setUp(self) -> None:
        self.root = os.path.realpath(self.enterContext(tempfile.TemporaryDirectory()))

    def test_root_without_users_has_none(self) -> None:
        Path(self.root, "0/deep").mkdir(parents=True)
        Path(self.root, "0/tidy-01234567").mkdir()
        self.assertEqual(in_use.user_of(self.root), "")

    def test_live_run_at_any_depth_is_a_user(self) -> None:
        inner = Path(self.root, "0/a/b/tidy-01234567")
        inner.mkdir(parents=True, mode=0o700)
        held = claim.claim(str(inner), project=self.root, argv=["x"])
        self.assertEqual(in_use.user_of(self.root), f"the run in {inner} is live")
        held.release()
        self.assertEqual(in_use.user_of(self.root), "")

    @unittest.skipUnless(sys.platform == "linux", "reads /proc")
    def test_open_file_is_a_use_and_an_open_directory_is_none(self) -> None:
        fd = os.open(self.root, os.O_RDONLY)
        self.addCleanup(os.close, fd)
        self.assertEqual(in_use.user_of(self.root), "")
        with open(os.path.join(self.root, "file"), "w"):
            words = rf"^in use by pid {os.getpid()} \(.*\)$"
            self.assertRegex(str(in_use.user_of(self.root)), words)

    def test_deadline_ends_the_search(self) -> None:
        Path(self.root, "0").mkdir()
        self.assertIsNone(in_use.user_of(self.root, time.monotonic() - 1))


if __name__ == "__main__":
    unittest.main()
