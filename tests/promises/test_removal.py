"""Removal under faults and attacks. Each path is removed or reported."""

from __future__ import annotations

import errno
import json
import os
import resource
import subprocess
import sys
import tempfile
import unittest
import warnings
from pathlib import Path

from tempfiles.fileops.remove import remove_entry, remove_path
from tempfiles.fileops.remove_by_path import PathRemoval
from tempfiles.fileops.tally import Tally
from tempfiles.reports import RemovalReport
from tests.support.faults import FaultyOs, injected
from tests.support.hostile import (
    fill,
    left_in,
    make_canary,
    make_deep,
    make_mixed,
    running,
    spawn_event,
    state_of,
    swapped_removals,
)

ERRORS = (
    errno.ENOSPC, errno.EMFILE, errno.EACCES, errno.EIO, errno.EBUSY, errno.EPERM, errno.EROFS,
)
IN_MEMORY = "/dev/shm" if os.access("/dev/shm", os.W_OK) else None  # for thousands of trees
REPOSITORY = Path(__file__).resolve().parents[2]
NOBODY = 65534
REMOVE_AT = """
import json, os, sys
from tempfiles.fileops.remove import remove_entry
report = remove_entry(int(sys.argv[1]), "top")
print(json.dumps([[f.path, f.cause, str(f.errno)] for f in report.failed]))
"""


def make_mutable(path: Path) -> None:
    subprocess.run(["chattr", "-i", path], check=True)


class RemovalCase(unittest.TestCase):
    directory: str | None = None

    def setUp(self) -> None:
        made = self.enterContext(tempfile.TemporaryDirectory(dir=self.directory))
        self.base = Path(os.path.realpath(made))
        self.top = self.base / "top"

    def assertDoneOrReported(self, report: RemovalReport) -> None:
        failed = {failure.path for failure in report.failed}
        for failure in report.failed:
            self.assertTrue(failure.cause, failure)
            self.assertTrue(failure.path.startswith(str(self.top)), failure)
        for path in left_in(self.top):
            related = any(
                path == other or path.startswith(other + "/") or other.startswith(path + "/")
                for other in failed
            )
            self.assertTrue(related, f"{path} is left and not reported in {failed}")

    def remove_by(self, *command: str) -> list[list[str]]:
        """Remove `top` in another process that is given its parent as a descriptor."""
        fd = os.open(self.base, os.O_RDONLY)
        self.addCleanup(os.close, fd)
        done = subprocess.run(
            [*command, sys.executable, "-c", REMOVE_AT, str(fd)],
            pass_fds=[fd], cwd="/", env={"PYTHONPATH": str(REPOSITORY), "PATH": os.defpath},
            capture_output=True, text=True,
        )
        self.assertEqual(done.returncode, 0, done.stderr)
        failed: list[list[str]] = json.loads(done.stdout)
        return failed


class FaultTests(RemovalCase):
    """An error at any system call is handled, or reported with path and cause."""

    directory = IN_MEMORY

    def calls(self) -> int:
        make_mixed(self.top)
        faults = FaultyOs()
        with injected(faults):
            self.assertTrue(remove_path(self.top).ok)
        return faults.calls

    def remove_with(self, number: int, at: int, *, lasting: bool) -> None:
        remove_path(self.top)
        make_mixed(self.top)
        faults = FaultyOs(number, at, lasting)
        with injected(faults):
            report = remove_path(self.top)
        with self.subTest(errno.errorcode[number], call=at, name=faults.names[at]):
            self.assertDoneOrReported(report)

    def test_one_failing_call(self) -> None:
        for at in range(self.calls()):
            for number in ERRORS:
                self.remove_with(number, at, lasting=False)

    def test_all_calls_fail_from_one_on(self) -> None:
        for at in range(self.calls()):
            for number in ERRORS:
                self.remove_with(number, at, lasting=True)

    def test_an_error_that_passes_is_no_failure(self) -> None:
        self.calls()
        make_mixed(self.top)
        faults = FaultyOs(errno.EIO, 5)
        with injected(faults):
            remove_path(self.top)
        self.assertTrue(remove_path(self.top).ok)
        self.assertFalse(self.top.exists())


class AttackTests(RemovalCase):
    """Others change the tree while it is removed."""

    directory = IN_MEMORY

    def test_directories_that_become_links_lead_nowhere(self) -> None:
        self.assertGreater(swapped_removals(self.base, 1000, remove_path), 1)

    def test_a_moved_directory_does_not_redirect_the_removal(self) -> None:
        canary = self.base / "canary"
        before = make_canary(canary)
        make_deep(self.top, 60)
        mover = _Mover(self.top, canary)
        with injected(mover):
            report = remove_path(self.top)
        self.assertTrue(mover.moved)
        self.assertDoneOrReported(report)
        after = state_of(canary)
        self.assertEqual({name: after.get(name) for name in before}, before)

    def test_a_process_that_keeps_adding_does_not_keep_us(self) -> None:
        self.top.mkdir()
        ready = spawn_event()
        with running(fill, str(self.top), ready):
            self.assertTrue(ready.wait(60))
            for _ in range(2):
                report = remove_path(self.top)
                self.assertTrue(all(failure.cause for failure in report.failed))
        self.assertTrue(remove_path(self.top).ok)
        self.assertFalse(self.top.exists())


class _Mover(FaultyOs):
    """Moves the directory at work elsewhere, once, before its parent is opened through `..`."""

    def __init__(self, top: Path, canary: Path) -> None:
        super().__init__()
        self.moved = False
        self._top, self._canary = top, canary

    def open(self, path: str, flags: int, *, dir_fd: int | None = None) -> int:
        if path == ".." and not self.moved:
            self.moved = True
            source = self._top.joinpath(*["d"] * 20)
            # What was below 20 levels lies in the canary now: `..` of level 20 is the canary.
            os.rename(source, self._canary / "moved")
        return os.open(path, flags, dir_fd=dir_fd)


class DepthTests(RemovalCase):
    """Depth costs neither descriptors nor stack."""

    directory = IN_MEMORY

    def test_many_levels_with_few_descriptors(self) -> None:
        make_deep(self.top, 2500)
        soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
        self.addCleanup(resource.setrlimit, resource.RLIMIT_NOFILE, (soft, hard))
        in_use = max(map(int, os.listdir("/dev/fd")))
        resource.setrlimit(resource.RLIMIT_NOFILE, (max(64, in_use + 8), hard))
        self.assertEqual(remove_path(self.top), RemovalReport(files=1, directories=2500))

    def test_three_descriptors_suffice(self) -> None:
        make_deep(self.top, 40)
        soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
        self.addCleanup(resource.setrlimit, resource.RLIMIT_NOFILE, (soft, hard))
        free = os.open("/", os.O_RDONLY)
        os.close(free)
        # Its parent, the directory at work, and the one that is opened or read next.
        held = [os.open("/", os.O_RDONLY) for _ in range(20)]
        for fd in held:
            os.close(fd)
        resource.setrlimit(resource.RLIMIT_NOFILE, (held[2] + 1, hard))
        report = remove_path(self.top)
        resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))
        self.assertEqual(report, RemovalReport(files=1, directories=40))


class ResistanceTests(RemovalCase):
    """Trees that cannot be removed in the ordinary way, or not at all."""

    def test_hard_links_to_others_files(self) -> None:
        canary = self.base / "canary"
        before = make_canary(canary)
        self.top.mkdir(0o700)
        os.link(canary / "precious", self.top / "link")
        self.top.chmod(0)
        self.assertEqual(remove_path(self.top), RemovalReport(files=1, directories=1))
        self.assertEqual(state_of(canary), before)

    def remove_as_nobody(self) -> list[list[str]]:
        """Remove `top` in a forked child that is not root, which no mode would stop."""
        parent, result = os.open(self.base, os.O_RDONLY), os.pipe()
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", DeprecationWarning)  # of fork, where threads run
            pid = os.fork()
        if pid == 0:
            try:
                os.setgroups([])
                os.setgid(NOBODY)
                os.setuid(NOBODY)
                report = remove_entry(parent, "top")
                failed = [[f.path, f.cause, str(f.errno)] for f in report.failed]
                os.write(result[1], json.dumps(failed).encode())
            finally:
                os._exit(0)
        os.close(result[1])
        os.close(parent)
        os.waitpid(pid, 0)
        with open(result[0], "rb") as answer:
            said: list[list[str]] = json.loads(answer.read())
        return said

    @unittest.skipUnless(hasattr(os, "geteuid") and os.geteuid() == 0, "needs another user")
    def test_closed_directories_are_opened_by_their_owner(self) -> None:
        canary = self.base / "canary"
        before = make_canary(canary)
        make_mixed(self.top)
        (self.top / "a/to-canary").symlink_to(canary)
        for at, directories, files in os.walk(self.base, topdown=False):
            for name in files + directories:
                os.lchown(os.path.join(at, name), NOBODY, NOBODY)
        for name in ("a/b/c", "a/b", "a", "e", ""):
            (self.top / name).chmod(0o300 if name == "e" else 0)
        self.base.chmod(0o777)
        before = state_of(canary)
        failed = self.remove_as_nobody()
        self.assertEqual(failed, [])
        self.assertFalse(os.path.lexists(self.top))
        self.assertEqual(state_of(canary), before)

    @unittest.skipUnless(hasattr(os, "geteuid") and os.geteuid() == 0, "needs another user")
    def test_what_belongs_to_another_user_is_reported(self) -> None:
        for name in ("mine", "theirs"):
            (self.top / name).mkdir(parents=True)
            (self.top / name / "file").touch()
        os.chown(self.top, NOBODY, NOBODY)
        os.chown(self.top / "mine", NOBODY, NOBODY)
        self.base.chmod(0o777)
        failed = self.remove_as_nobody()
        self.assertEqual([path for path, *_ in failed], ["top/theirs/file"])
        self.assertEqual(failed[0][2], str(errno.EACCES))
        self.assertFalse((self.top / "mine").exists())

    def test_immutable_entries_are_reported_and_the_rest_goes(self) -> None:
        make_mixed(self.top)
        for path in (self.top / "one", self.top / "a/b"):
            if subprocess.run(["chattr", "+i", path], capture_output=True).returncode:
                self.skipTest("no immutable files here")
            self.addCleanup(make_mutable, path)
        report = remove_path(self.top)
        expected = {str(self.top / name)
                    for name in ("one", "e/linked", "a/b", "a/b/three", "a/b/c")}
        self.assertEqual({failure.path for failure in report.failed}, expected)
        self.assertEqual({failure.errno for failure in report.failed}, {errno.EPERM})
        self.assertFalse((self.top / "a/two").exists())
        self.assertFalse((self.top / "a/b/c/four").exists())


class MountTests(RemovalCase):
    """No mount is crossed. Each is made in a mount namespace that ends with its process."""

    def setUp(self) -> None:
        super().setUp()
        probe = ["unshare", "-m", "mount", "-t", "tmpfs", "none", str(self.base)]
        try:
            probed = subprocess.run(probe, capture_output=True).returncode
        except OSError:
            probed = 1
        if probed:
            self.skipTest("mounts are not permitted")
        self.canary = self.base / "canary"
        self.before = make_canary(self.canary)
        make_mixed(self.top)
        (self.top / "mounted").mkdir()

    def remove_after(self, *commands: str) -> list[list[str]]:
        script = " && ".join([*commands, 'exec "$@"'])
        return self.remove_by("unshare", "-m", "sh", "-ec", script, str(self.base))

    def assertOnlyFailure(self, failed: list[list[str]], path: str, number: int) -> None:
        self.assertEqual([(each[0], each[2]) for each in failed], [(path, str(number))])
        self.assertEqual(state_of(self.canary), self.before)

    def test_bind_mount_of_the_same_device(self) -> None:
        failed = self.remove_after('mount --bind "$0/canary" "$0/top/mounted"')
        self.assertOnlyFailure(failed, "top/mounted", errno.EBUSY)
        self.assertEqual(left_in(self.top), {str(self.top), str(self.top / "mounted")})

    def test_read_only_bind_mount(self) -> None:
        failed = self.remove_after(
            'mount --bind "$0/canary" "$0/top/mounted"',
            'mount -o remount,ro,bind "$0/top/mounted"',
        )
        self.assertOnlyFailure(failed, "top/mounted", errno.EBUSY)

    def test_other_file_system(self) -> None:
        failed = self.remove_after(
            'mount -t tmpfs none "$0/top/mounted"', 'touch "$0/top/mounted/file"'
        )
        self.assertOnlyFailure(failed, "top/mounted", errno.EBUSY)

    def test_file_that_is_mounted_on(self) -> None:
        failed = self.remove_after('mount --bind "$0/canary/precious" "$0/top/one"')
        self.assertOnlyFailure(failed, "top/one", errno.EBUSY)

    def test_top_that_is_a_mount_point(self) -> None:
        failed = self.remove_after('mount --bind "$0/canary" "$0/top"')
        self.assertOnlyFailure(failed, "top", errno.EBUSY)

    def test_bind_mount_in_an_immutable_directory(self) -> None:
        if subprocess.run(["chattr", "+i", self.top], capture_output=True).returncode:
            self.skipTest("no immutable files here")
        self.addCleanup(make_mutable, self.top)
        failed = self.remove_after('mount --bind "$0/canary" "$0/top/mounted"')
        self.assertIn("top/mounted", [path for path, *_ in failed])
        self.assertEqual(state_of(self.canary), self.before)
        self.assertFalse((self.top / "a/two").exists())

    def test_read_only_file_system(self) -> None:
        self.assertOnlyFailure(self.remove_read_only(), "top", errno.EROFS)

    def remove_read_only(self) -> list[list[str]]:
        # The descriptor must be of the new mount: opened by the shell, as number 9.
        script = (
            'mount --bind "$0" "$0" && mount -o remount,ro,bind "$0" && exec 9<"$0" && '
            'exec "$1" -c "$2" 9'
        )
        done = subprocess.run(
            ["unshare", "-m", "sh", "-ec", script, str(self.base), sys.executable, REMOVE_AT],
            cwd="/", env={"PYTHONPATH": str(REPOSITORY), "PATH": os.defpath},
            capture_output=True, text=True,
        )
        self.assertEqual(done.returncode, 0, done.stderr)
        failed: list[list[str]] = json.loads(done.stdout)
        return failed


class ByPathTests(RemovalCase):
    """The removal by path is never an exception or an endless loop either."""

    directory = IN_MEMORY

    def test_all_calls_fail_from_one_on(self) -> None:
        make_mixed(self.top)
        for at in range(60):
            for number in (errno.EIO, errno.EACCES):
                tally = Tally()
                with injected(FaultyOs(number, at, lasting=True)):
                    PathRemoval(tally).remove(str(self.top), os.lstat(self.base))
                self.assertDoneOrReported(tally.report())
                remove_path(self.top)
                make_mixed(self.top)


if __name__ == "__main__":
    unittest.main()
