"""Markers and locks of run roots: whose a root is, and whether its run lives."""

from __future__ import annotations

import json
import os
import shutil
import stat
import subprocess
import sys
import tempfile
import threading
import unittest
from pathlib import Path
from typing import Any

from tempfiles.errors import OwnershipError
from tempfiles.roots import claim as claims
from tempfiles.roots import flock, marker, ownership
from tempfiles.roots.marker import Marker
from tempfiles.roots.ownership import Claim, Verdict
from tempfiles.system import procfs
from tests.support.programs import REPOSITORY
from tests.support.real_runs import dead_run, live_run

IS_ROOT = hasattr(os, "geteuid") and os.geteuid() == 0
NOBODY = 65534


class TempDirectoryCase(unittest.TestCase):
    def setUp(self) -> None:
        self.temp = os.path.realpath(self.enterContext(tempfile.TemporaryDirectory()))

    def establish(self) -> Claim:
        claim = ownership.establish(self.temp, project="/p", argv=["python", "-m", "x"])
        self.addCleanup(claim.release)
        return claim

    def orphan(self) -> str:
        """Return a root whose owner has let go of it."""
        claim = self.establish()
        claim.release()
        return claim.root

    def change_marker(self, root: str, **changes: Any) -> None:
        path = Path(root, marker.NAME)
        path.write_text(json.dumps({**json.loads(path.read_text()), **changes}))

    def assert_verdict(self, root: str, state: str, reason: str) -> Verdict:
        before = sorted(os.walk(self.temp))
        verdict = ownership.examine(root)
        self.assertEqual((verdict.state, verdict.root), (state, root), verdict.reason)
        self.assertRegex(verdict.reason, reason)
        self.assertEqual(sorted(os.walk(self.temp)), before, "judging changed something")
        return verdict


class ClaimTests(TempDirectoryCase):
    def test_marker_names_owner_and_command(self) -> None:
        found = ownership.examine(self.establish().root).marker
        assert found is not None
        self.assertEqual(
            (found.pid, found.host, found.uid, found.project, found.argv, found.kept),
            (os.getpid(), marker.host(), os.geteuid(), "/p", ("python", "-m", "x"), False),
        )
        self.assertEqual(found.boot, marker.boot_id())
        self.assertGreater(found.created, 1e9)

    def test_makes_a_private_directory_with_a_private_marker(self) -> None:
        root = self.establish().root
        self.assertEqual(stat.S_IMODE(os.lstat(root).st_mode), 0o700)
        self.assertEqual(stat.S_IMODE(os.lstat(os.path.join(root, marker.NAME)).st_mode), 0o600)
        self.assertEqual(os.listdir(root), [marker.NAME])

    def test_is_live_until_it_is_released(self) -> None:
        claim = self.establish()
        self.assert_verdict(claim.root, "live", f"pid {os.getpid()}")
        claim.release()
        claim.release()
        self.assert_verdict(claim.root, "orphaned", "no process holds its lock")

    def test_of_a_directory_that_another_holds_is_refused(self) -> None:
        with self.assertRaises(BlockingIOError):
            ownership.claim(self.establish().root, project="/p", argv=[])

    def test_of_a_missing_or_linked_directory_is_an_error(self) -> None:
        with self.assertRaises(FileNotFoundError):
            ownership.claim(os.path.join(self.temp, "none"), project="/p", argv=[])
        os.symlink(self.orphan(), os.path.join(self.temp, "link"))
        with self.assertRaises(OSError):
            ownership.claim(os.path.join(self.temp, "link"), project="/p", argv=[])

    def test_where_none_can_be_made_names_the_place(self) -> None:
        with self.assertRaisesRegex(OwnershipError, "/none"):
            ownership.establish(os.path.join(self.temp, "none"), project="/p", argv=[])

    def test_starts_again_when_a_reaper_was_faster(self) -> None:
        real, calls = claims.claim, []

        def claim(root: str, **given: Any) -> Claim:
            calls.append(root)
            if len(calls) == 1:
                os.rmdir(root)
            return real(root, **given)

        self.addCleanup(setattr, claims, "claim", real)
        claims.claim = claim
        self.assertEqual(self.establish().root, calls[1])

    def test_uses_high_descriptors_that_programs_do_not_inherit(self) -> None:
        probe = os.open(os.devnull, os.O_RDONLY)
        os.close(probe)
        claim = self.establish()
        again = os.open(os.devnull, os.O_RDONLY)
        os.close(again)
        self.assertEqual(again, probe)
        self.assertFalse(os.get_inheritable(claim.lock.fd))

    def test_does_not_follow_a_descriptor_that_a_test_closed(self) -> None:
        claim = self.establish()
        number = claim.lock.fd
        os.close(number)
        other = os.open(os.devnull, os.O_RDONLY)
        os.dup2(other, number)
        self.addCleanup(os.close, number)
        os.close(other)
        claim.release()
        self.assertTrue(os.path.samestat(os.fstat(number), os.stat(os.devnull)))

    def test_leaves_nothing_where_the_disk_is_full(self) -> None:
        real = marker.write

        def write(marker: Marker, root: str, dir_fd: int | None) -> None:
            raise OSError(28, "No space left on device")

        self.addCleanup(setattr, marker, "write", real)
        marker.write = write
        with self.assertRaisesRegex(OSError, "No space"):
            self.establish()
        self.assertEqual(os.listdir(self.temp), [])


class LockTests(TempDirectoryCase):
    def test_of_a_live_process_makes_its_root_live(self) -> None:
        with live_run(self.temp) as (root, process):
            self.assert_verdict(root, "live", f"pid {process.pid}")

    def test_of_a_killed_process_is_free(self) -> None:
        root = dead_run(self.temp)
        self.assert_verdict(root, "orphaned", "no process holds its lock")

    def test_is_held_by_a_forked_child_of_a_dead_owner(self) -> None:
        body = "child = os.fork()\nif child == 0: sys.stdin.read(); os._exit(0)\nprint(child)"
        with live_run(self.temp, body) as (child, process):
            assert process.stdout is not None and process.stdin is not None
            root = process.stdout.readline().strip()
            process.kill()
            process.wait()
            self.assert_verdict(root, "live", "forked child")
            os.kill(int(child), 9)
            process.stdin.close()
            self.wait_until_orphaned(root)

    def test_is_not_held_by_a_program_that_the_owner_started(self) -> None:
        body = "import subprocess; p = subprocess.Popen(['sleep', '60']); print(p.pid)"
        with live_run(self.temp, body) as (child, process):
            assert process.stdout is not None
            root = process.stdout.readline().strip()
            process.kill()
            process.wait()
            try:
                self.assert_verdict(root, "orphaned", "no process holds its lock")
            finally:
                os.kill(int(child), 9)

    def test_lock_decides_and_not_pid_or_age(self) -> None:
        claim = self.establish()
        self.change_marker(claim.root, pid=2**22 - 7, created=1.0)
        self.assert_verdict(claim.root, "live", "holds its lock")
        claim.release()
        self.change_marker(claim.root, pid=os.getpid())
        self.assert_verdict(claim.root, "orphaned", "no process holds its lock")

    def test_is_not_taken_for_the_owners_by_two_who_look_at_once(self) -> None:
        root = self.orphan()
        states: list[str] = []

        def look() -> None:
            states.extend(ownership.examine(root).state for _ in range(100))

        threads = [threading.Thread(target=look) for _ in range(4)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        self.assertEqual(states, ["orphaned"] * 400)

    def wait_until_orphaned(self, root: str) -> None:
        lock = None
        while lock is None:
            lock = flock.acquire(root, patience=0.1)
        lock.release()
        self.assert_verdict(root, "orphaned", "no process holds its lock")


class UnmarkedRootTests(TempDirectoryCase):
    def test_other_directory_is_never_ours(self) -> None:
        path = os.path.join(self.temp, "tidy-abcdefgh")
        os.mkdir(path, 0o700)
        self.assert_verdict(path, "foreign", "no marker")
        Path(path, "file").touch()
        self.assert_verdict(path, "foreign", "no marker")

    def test_root_of_an_owner_killed_early_is_an_orphan(self) -> None:
        for step in ("os.replace", "os.fchmod", "marker.describe", "flock.acquire"):
            with self.subTest(step):
                program = (
                    f"import os, sys; sys.path.insert(0, {REPOSITORY!r})\n"
                    "from tempfiles.roots import flock, marker, ownership\n"
                    f"{step} = lambda *a, **k: os.kill(os.getpid(), 9)\n"
                    "ownership.establish(sys.argv[1], project='/p', argv=[])\n"
                )
                subprocess.run([sys.executable, "-c", program, self.temp], check=False)
                (name,) = os.listdir(self.temp)
                root = os.path.join(self.temp, name)
                self.assert_verdict(root, "orphaned", "died while it was created|no process holds")
                shutil.rmtree(root)

    def test_directory_with_other_content_is_left_alone(self) -> None:
        path = os.path.join(self.temp, "tidy-abcdefgh")
        os.mkdir(path)
        os.chmod(path, ownership.BARE_MODE)
        Path(path, "precious").touch()
        self.assert_verdict(path, "foreign", "no marker")

    def test_is_live_while_it_is_locked(self) -> None:
        path = os.path.join(self.temp, "tidy-abcdefgh")
        os.mkdir(path)
        os.chmod(path, ownership.BARE_MODE)
        lock = flock.acquire(path)
        assert lock is not None
        self.addCleanup(lock.release)
        self.assert_verdict(path, "live", "being created")


class ForgedMarkerTests(TempDirectoryCase):
    def test_of_another_version_is_refused(self) -> None:
        root = self.orphan()
        for version in (0, 2, 999):
            self.change_marker(root, format=version)
            self.assert_verdict(root, "refused", f"format {version}")

    def test_that_is_malformed_is_refused(self) -> None:
        root = self.orphan()
        good = json.loads(Path(root, marker.NAME).read_text())
        bad: list[Any] = [[], 3, None, "x", {}, {**good, "format": True}, {**good, "format": "1"}]
        for name in good:
            bad.append({key: value for key, value in good.items() if key != name})
            bad.append({**good, name: None})
            bad.append({**good, name: [3]})
        for content in bad:
            with self.subTest(content):
                Path(root, marker.NAME).write_text(json.dumps(content))
                self.assert_verdict(root, "refused", "malformed")

    def test_that_is_no_json_is_refused(self) -> None:
        root = self.orphan()
        for content in (b"", b"{", b"\xff", b"\0" * 100, b"[" * 60_000):
            Path(root, marker.NAME).write_bytes(content)
            self.assert_verdict(root, "refused", "malformed")
        Path(root, marker.NAME).write_bytes(b" " * 100_000)
        self.assert_verdict(root, "refused", "too large")

    def test_that_was_copied_from_another_root_is_refused(self) -> None:
        victim = os.path.join(self.temp, "tidy-precious")
        shutil.copytree(self.orphan(), victim)
        self.assert_verdict(victim, "refused", "another directory")

    def test_marker_that_is_no_plain_file_is_refused(self) -> None:
        root = self.orphan()
        path, aside = Path(root, marker.NAME), Path(self.temp, "aside")
        os.link(path, aside)
        self.assert_verdict(root, "refused", "another name")
        path.unlink()
        os.symlink(aside, path)
        self.assert_verdict(root, "refused", "symbolic link")
        path.unlink()
        os.mkfifo(path)
        self.assert_verdict(root, "refused", "not a regular file")
        path.unlink()
        path.mkdir()
        self.assert_verdict(root, "refused", "not a regular file")

    def test_that_others_could_have_written_is_refused(self) -> None:
        root = self.orphan()
        os.chmod(os.path.join(root, marker.NAME), 0o622)
        self.assert_verdict(root, "refused", "written by other users")

    def test_that_names_another_user_is_refused(self) -> None:
        root = self.orphan()
        self.change_marker(root, uid=NOBODY)
        self.assert_verdict(root, "refused", f"user {NOBODY}")

    @unittest.skipUnless(IS_ROOT, "only root can give files away")
    def test_of_another_user_is_refused(self) -> None:
        root = self.orphan()
        os.chown(os.path.join(root, marker.NAME), NOBODY, NOBODY)
        self.assert_verdict(root, "refused", f"user {NOBODY}")


class UntrustedPlaceTests(TempDirectoryCase):
    @unittest.skipUnless(IS_ROOT, "only root can give files away")
    def test_a_root_of_another_user_is_refused(self) -> None:
        root = self.orphan()
        os.chown(root, NOBODY, NOBODY)
        self.assert_verdict(root, "refused", f"belongs to user {NOBODY}")

    def test_a_linked_root_is_refused(self) -> None:
        link = os.path.join(self.temp, "tidy-link0000")
        os.symlink(self.orphan(), link)
        self.assert_verdict(link, "refused", "symbolic link")

    def test_a_file_and_a_missing_path_are_refused(self) -> None:
        path = os.path.join(self.temp, "tidy-file0000")
        Path(path).touch()
        self.assert_verdict(path, "refused", "not a directory")
        self.assert_verdict(path + "x", "refused", "No such file")

    def test_a_root_that_others_can_write_to_is_refused(self) -> None:
        root = self.orphan()
        for mode in (0o770, 0o702):
            os.chmod(root, mode)
            self.assert_verdict(root, "refused", "other users can write")

    def test_a_parent_writable_by_everyone_needs_the_sticky_bit(self) -> None:
        root = self.orphan()
        os.chmod(self.temp, 0o777)
        self.assert_verdict(root, "refused", "sticky bit")
        os.chmod(self.temp, 0o1777)
        self.assert_verdict(root, "orphaned", "lock")

    def test_root_of_another_host_is_left_alone(self) -> None:
        root = self.orphan()
        self.change_marker(root, host="elsewhere")
        self.assert_verdict(root, "foreign", "host 'elsewhere'")

    @unittest.skipUnless(marker.boot_id(), "this system has no boot ids")
    def test_the_root_of_an_earlier_boot_of_this_host_is_an_orphan(self) -> None:
        root = self.orphan()
        self.change_marker(root, boot="earlier")
        self.assert_verdict(root, "orphaned", "restarted")

    def test_network_file_system_is_refused_with_its_type(self) -> None:
        root = self.orphan()
        for kind in ("nfs4", "cifs", "fuse.sshfs", "9p"):
            verdict = ownership.examine(root, {"/": "ext4", self.temp: kind})
            self.assertEqual(verdict.state, "refused")
            self.assertIn(kind, verdict.reason)
        self.assertEqual(ownership.examine(root, {"/": "nfs", self.temp: "ext4"}).state, "orphaned")

    def test_a_mount_point_is_refused(self) -> None:
        root = self.orphan()
        self.assertIn("mount", ownership.examine(root, {"/": "ext4", root: "ext4"}).reason)


class KeptDirectoryTests(TempDirectoryCase):
    def test_is_kept_when_its_run_is_over_and_live_before(self) -> None:
        path = os.path.join(self.temp, "tidy-kept-one")
        os.mkdir(path)
        claim = ownership.mark_kept(path, project="/p", argv=[])
        self.addCleanup(claim.release)
        self.assert_verdict(path, "live", "lock")
        claim.release()
        self.assert_verdict(path, "kept", "keep")


class MountTableTests(unittest.TestCase):
    TABLE = (
        "22 27 0:21 / / rw - ext4 /dev/vda rw\n"
        "23 27 0:22 / /mnt/a\\040b rw shared:1 master:2 - nfs4 host:/x rw\n"
        "24 27 0:23 / /mnt rw - tmpfs tmpfs rw\n"
        "garbage\n"
    )

    def test_gives_the_type_of_the_nearest_mount(self) -> None:
        with tempfile.NamedTemporaryFile("w") as table:
            table.write(self.TABLE)
            table.flush()
            found = procfs.mounts(table.name)
        self.assertEqual(found, {"/": "ext4", "/mnt/a b": "nfs4", "/mnt": "tmpfs"})
        self.assertEqual(procfs.file_system_type("/mnt/a b/c/d", found), "nfs4")
        self.assertEqual(procfs.file_system_type("/mnt/ab", found), "tmpfs")
        self.assertEqual(procfs.file_system_type("/nonexistent", found), "ext4")
        self.assertEqual(procfs.file_system_type("/", {}), "")

    def test_that_is_missing_is_empty(self) -> None:
        self.assertEqual(procfs.mounts("/nonexistent"), {})

    def test_locks_are_trusted_on_local_file_systems_only(self) -> None:
        for kind in ("ext4", "tmpfs", "overlay", "xfs", "btrfs", "zfs", "", "fuse.fuse-overlayfs"):
            self.assertTrue(procfs.lock_is_trusted(kind), kind)
        for kind in ("nfs", "nfs4", "cifs", "9p", "virtiofs", "fuse", "fuse.sshfs", "ceph"):
            self.assertFalse(procfs.lock_is_trusted(kind), kind)
