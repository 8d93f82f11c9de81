"""Where a run root goes, and what is said when it may not go there."""

from __future__ import annotations

import os
import subprocess
import tempfile
import unittest
from unittest import mock

from tempfiles import places
from tempfiles.errors import SettingError
from tempfiles.mounts import type_of

IN_MEMORY = type_of("/dev/shm") == "tmpfs"


class Choosing(unittest.TestCase):
    def setUp(self) -> None:
        self.directory = self.enterContext(tempfile.TemporaryDirectory())
        self.enterContext(mock.patch.dict(os.environ))
        os.environ.pop("XDG_RUNTIME_DIR", None)

    def test_disk_is_the_systems_temp_directory(self) -> None:
        self.assertEqual(places.choose("disk", 0), (None, ""))

    def test_a_directory_is_taken_as_it_is(self) -> None:
        self.assertEqual(places.choose(self.directory, 0).directory, self.directory)

    def test_a_missing_directory_is_refused_by_name(self) -> None:
        with self.assertRaisesRegex(SettingError, "--temp-root: no such directory: .*/none"):
            places.choose(os.path.join(self.directory, "none"), 0)

    @unittest.skipUnless(IN_MEMORY, "/dev/shm is no tmpfs here")
    def test_memory_is_a_tmpfs(self) -> None:
        self.assertEqual(places.choose("ram", 1).directory, "/dev/shm")

    @unittest.skipUnless(IN_MEMORY, "/dev/shm is no tmpfs here")
    def test_memory_without_the_room_asked_for_gives_way_to_disk(self) -> None:
        chosen = places.choose("ram", 1 << 60)
        self.assertIsNone(chosen.directory)
        self.assertRegex(chosen.refusal, r"using disk: /dev/shm has .* free, not .*")

    @unittest.skipIf(type_of(tempfile.gettempdir()) == "tmpfs", "the temp directory is in memory")
    def test_what_is_not_in_memory_is_not_taken_for_it(self) -> None:
        os.environ["XDG_RUNTIME_DIR"] = self.directory
        chosen = places.choose("ram", 1 << 60)
        self.assertIn(f"{self.directory} is not in memory", chosen.refusal)

    def test_a_noexec_mount_is_not_taken(self) -> None:
        mounted = subprocess.run(
            ["mount", "-t", "tmpfs", "-o", "noexec,size=1m", "tidytest", self.directory],
            capture_output=True, check=False,
        )  # fmt: skip
        if mounted.returncode:
            self.skipTest(f"cannot mount here: {mounted.stderr.decode().strip()}")
        self.addCleanup(subprocess.run, ["umount", self.directory], check=True)
        os.environ["XDG_RUNTIME_DIR"] = self.directory
        self.assertIn("noexec", places.choose("ram", 1 << 60).refusal)

    def test_all_places_has_the_temp_directory_first(self) -> None:
        self.assertEqual(places.all_places()[0], os.path.realpath(tempfile.gettempdir()))


if __name__ == "__main__":
    unittest.main()
