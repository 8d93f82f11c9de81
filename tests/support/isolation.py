"""A test case with its own temp directory, settings and registrations."""

from __future__ import annotations

import logging
import os
import tempfile
import unittest
from pathlib import Path

import tempfiles
from tempfiles.registry import settings


class IsolatedTestCase(unittest.TestCase):
    """Has `base`, where new temporary files go, and `outside`, where none should appear."""

    def setUp(self) -> None:
        directory = self.enterContext(tempfile.TemporaryDirectory())
        self.base = Path(directory, "base")
        self.outside = Path(directory, "outside")
        self.base.mkdir()
        self.outside.mkdir()
        before = settings.current()
        self.addCleanup(setattr, settings, "_settings", before)
        tempfiles.set_temp_dir(self.base)
        self.addCleanup(tempfiles.cleanup_all, 1)

    def left(self) -> list[str]:
        """Return what is in `base`, as sorted relative paths."""
        return sorted(
            os.path.relpath(path, self.base) for path in self.base.rglob("*")
        )

    def assertQuiet(self) -> None:
        """Fail if the rest of the test logs anything as `tempfiles`."""
        self.enterContext(self.assertNoLogs("tempfiles", logging.WARNING))
