"""Where a run root goes, and what is said when it may not go there."""

from __future__ import annotations

import glob
import os
import subprocess
import sys
import tempfile
import unittest
from pathlib import Path
from unittest import mock

from tempfiles.errors import SettingError
from tempfiles.roots import location
from tempfiles.system.procfs import file_system_type

REPOSITORY = Path(__file__).resolve().parents[3]
IN_MEMORY = file_system_type("/dev/shm") == "tmpfs"


class ChooseLocationTests(unittest.TestCase):
    def setUp(self) -> None:
        self.directory = self.enterContext(tempfile.TemporaryDirectory())
        self.enterContext(mock.patch.dict(os.environ))
        os.environ.pop("XDG_RUNTIME_DIR", None)

    def test_disk_is_the_temp_directory_of_the_system(self) -> None:
        self.assertEqual(location.choose_location("disk", 0), location.Location(None))

    def test_directory_is_chosen_as_it_is(self) -> None:
        self.assertEqual(location.choose_location(self.directory, 0).directory, self.directory)

    def test_missing_directory_is_refused_by_name(self) -> None:
        with self.assertRaisesRegex(SettingError, "--temp-root: no such directory: .*/none"):
            location.choose_location(os.path.join(self.directory, "none"), 0)

    @unittest.skipUnless(IN_MEMORY, "/dev/shm is no tmpfs here")
    def test_memory_is_a_tmpfs(self) -> None:
        self.assertEqual(location.choose_location("ram", 1).directory, "/dev/shm")

    @unittest.skipUnless(IN_MEMORY, "/dev/shm is no tmpfs here")
    def test_too_little_memory_falls_back_to_disk(self) -> None:
        chosen = location.choose_location("ram", 1 << 60)
        self.assertIsNone(chosen.directory)
        self.assertRegex(chosen.remark, r"using disk: /dev/shm has .* free, not .*")

    @unittest.skipIf(file_system_type(tempfile.gettempdir()) == "tmpfs", "it is in memory")
    def test_directory_on_disk_is_not_taken_for_memory(self) -> None:
        os.environ["XDG_RUNTIME_DIR"] = self.directory
        chosen = location.choose_location("ram", 1 << 60)
        self.assertIn(f"{self.directory} is no tmpfs", chosen.remark)

    def refused(self, options: str) -> str:
        """Return what is said of a tmpfs that is mounted so, where least room was asked for."""
        mounted = subprocess.run(
            ["mount", "-t", "tmpfs", "-o", options, "tidytest", self.directory],
            capture_output=True, check=False,
        )  # fmt: skip
        if mounted.returncode:
            self.skipTest(f"cannot mount here: {mounted.stderr.decode().strip()}")
        self.addCleanup(subprocess.run, ["umount", self.directory], check=True)
        os.environ["XDG_RUNTIME_DIR"] = self.directory
        with mock.patch.object(location, "_SHARED_MEMORY", "/nowhere"):
            return location.choose_location("ram", 0).remark

    def test_noexec_mount_is_not_chosen(self) -> None:
        self.assertIn("is mounted noexec", self.refused("noexec,size=1m"))

    def test_read_only_mount_is_not_chosen(self) -> None:
        self.assertIn("cannot be written to", self.refused("ro,size=1m"))

    def test_memory_too_small_for_a_root_is_not_chosen(self) -> None:
        self.assertIn("has 32.0 KiB free, not 64.0 KiB", self.refused("size=32k"))

    def test_too_few_inodes_are_too_little_memory(self) -> None:
        self.assertIn("has 4 inodes free, not 16", self.refused("size=1m,nr_inodes=5"))

    def test_tmpfs_without_a_limit_is_chosen(self) -> None:
        self.assertEqual(self.refused("size=0,nr_inodes=0,mode=700"), "")

    def test_directory_where_others_could_replace_it_is_refused(self) -> None:
        self.assertIn("no sticky bit", self.refused("size=1m,mode=777"))

    def test_directory_of_another_user_is_not_chosen(self) -> None:
        self.assertIn("belongs to user 1234", self.refused("size=1m,mode=700,uid=1234"))

    def test_reason_is_one_line_and_names_the_directory(self) -> None:
        for name, reason in (
            (f"{self.directory}/a\nb", "/a\\nb does not exist; /nowhere does not exist"),
            (__file__, "is not a directory"),
            ("run", "run is no absolute path"),
        ):
            os.environ["XDG_RUNTIME_DIR"] = name
            with self.subTest(name), mock.patch.object(location, "_SHARED_MEMORY", "/nowhere"):
                refusal = location.choose_location("ram", 0).remark
                self.assertIn(reason, refusal)
                self.assertNotIn("\n", refusal)

    def test_file_is_refused(self) -> None:
        with self.assertRaisesRegex(SettingError, "--temp-root: not a directory: .*py"):
            location.choose_location(__file__, 0)

    def test_memory_is_known_where_no_disk_is_writable(self) -> None:
        none = mock.patch.object(location, "system_directory", side_effect=FileNotFoundError)
        os.environ["XDG_RUNTIME_DIR"] = self.directory
        with none:
            self.assertIn(os.path.realpath(self.directory), location.root_directories())

    def test_root_directories_start_with_the_temp_directory(self) -> None:
        self.assertEqual(location.root_directories()[0], os.path.realpath(tempfile.gettempdir()))


@unittest.skipUnless(IN_MEMORY, "/dev/shm is no tmpfs here")
class TwoLocationTests(unittest.TestCase):
    """What was left in memory is found from disk, and the other way round."""

    def setUp(self) -> None:
        self.disk = self.enterContext(tempfile.TemporaryDirectory())
        self.memory = self.enterContext(tempfile.TemporaryDirectory(dir="/dev/shm"))
        self.environ = {**os.environ, "TMPDIR": self.disk, "XDG_RUNTIME_DIR": self.memory}

    def run_module(self, *argv: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [sys.executable, "-m", *argv], cwd=self.disk, check=False, capture_output=True,
            text=True, env={**self.environ, "PYTHONPATH": str(REPOSITORY)},
        )

    def killed(self, *options: str) -> None:
        source = "import os, tempfile\ntempfile.mkstemp()\nos.kill(os.getpid(), 9)\n"
        (Path(self.disk) / "test_killed.py").write_text(source, encoding="utf-8")
        self.assertEqual(self.run_module("runner", *options, "test_killed").returncode, -9)
        os.unlink(os.path.join(self.disk, "test_killed.py"))

    def test_next_run_reaps_both(self) -> None:
        for dead, next_run in ((("--temp-root", "ram"), ()), ((), ("--temp-root", "ram"))):
            with self.subTest(dead=dead):
                self.killed(*dead)
                place = self.memory if dead else self.disk
                self.assertEqual(len(glob.glob(os.path.join(place, "tidy-*"))), 1)
                self.run_module("runner", "discover", *next_run)
                self.assertEqual(glob.glob(os.path.join(place, "tidy-*")), [])

    def test_status_and_monitor_see_memory(self) -> None:
        self.killed("--temp-root", "ram")
        root = glob.glob(os.path.join(self.memory, "tidy-*"))[0]
        self.assertIn(root, self.run_module("tempfiles", "status").stdout)
        seen = self.run_module("tempfiles", "monitor", "--temp-dir", "ram", "--max-runtime", "0.1",
                               "--max-files", "0")  # fmt: skip
        self.assertEqual(seen.returncode, 3, seen.stderr)
        self.assertIn(os.path.basename(root), seen.stderr)
        self.run_module("tempfiles", "clean")
        self.assertEqual(os.listdir(self.memory), [])


if __name__ == "__main__":
    unittest.main()
