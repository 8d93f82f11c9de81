"""How much lies below a directory: what is counted, what is passed by, what never blocks."""

from __future__ import annotations

import json
import os
import signal
import socket
import struct
import subprocess
import sys
import tempfile
import threading
import unittest
from pathlib import Path

from tempfiles.errors import SettingError
from tempfiles.fileops.measure import CancelledError, mount_points
from tempfiles.monitor.usage import LARGEST, name_matcher, take_sample
from tempfiles.roots import marker

POSIX = os.name == "posix"
OPEN_TO_ALL = "/var/tmp"
ROOT = hasattr(os, "geteuid") and os.geteuid() == 0


class TakeSampleTests(unittest.TestCase):
    def setUp(self) -> None:
        self.top = Path(self.enterContext(tempfile.TemporaryDirectory()))

    def _write(self, name: str, size: int = 0) -> Path:
        path = self.top / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(b"x" * size)
        return path

    def _counts(self, pattern: str | None = None) -> tuple[int, int, int]:
        sample = take_sample(str(self.top), name_matcher([pattern] if pattern else []))
        return sample.files, sample.directories, sample.bytes

    def test_directory_itself_is_not_counted(self) -> None:
        self.assertEqual((0, 0, 0), self._counts())
        self._write("a", 10)
        self._write("b/c/d", 5)
        (self.top / "empty").mkdir()
        self.assertEqual((2, 3, 15), self._counts())

    def test_missing_directory_holds_nothing(self) -> None:
        sample = take_sample(str(self.top / "gone"))
        self.assertEqual((0, 0, 0), (sample.files, sample.directories, sample.unreadable))

    @unittest.skipUnless(POSIX, "links need no privilege there")
    def test_file_with_two_names_counts_its_bytes_once(self) -> None:
        os.link(self._write("a", 10), self.top / "b")
        self.assertEqual((2, 0, 10), self._counts())

    @unittest.skipUnless(POSIX, "links need no privilege there")
    def test_links_are_counted_and_never_followed(self) -> None:
        elsewhere = Path(self.enterContext(tempfile.TemporaryDirectory()))
        (elsewhere / "large").write_bytes(b"x" * 100)
        (self.top / "to_directory").symlink_to(elsewhere)
        (self.top / "to_file").symlink_to(elsewhere / "large")
        (self.top / "circle").symlink_to(self.top)
        (self.top / "dangling").symlink_to("nowhere")
        self.assertEqual((4, 0, 0), self._counts())

    @unittest.skipUnless(hasattr(os, "mkfifo"), "FIFOs exist there")
    def test_fifo_and_socket_are_counted_and_never_opened(self) -> None:
        os.mkfifo(self.top / "fifo")
        with socket.socket(socket.AF_UNIX) as listener:
            listener.bind(str(self.top / "s"))
            self.assertEqual((2, 0, 0), self._counts())

    @unittest.skipUnless(hasattr(os, "mkfifo"), "FIFOs exist there")
    def test_fifo_named_like_a_marker_does_not_block(self) -> None:
        for root, name in (("tidy-00000001", "marker.json"), ("tidy-00000002", "current")):
            (self.top / root).mkdir()
            os.mkfifo(self.top / root / name)
        (self.top / "tidy-00000002" / "marker.json").write_text('{"pid": 5}')
        self.assertEqual((3, 2, 10), self._counts())

    @unittest.skipUnless(POSIX, "names are bytes there")
    def test_any_name_is_counted_and_printed_on_one_line(self) -> None:
        path = os.path.join(os.fsencode(self.top), b"a\nb\xff\x1b")
        os.mkdir(path)
        Path(os.fsdecode(path), "x").touch()
        self.assertEqual((1, 1, 0), self._counts())
        self.assertEqual(["a\\nb\\udcff\\x1b"], [s.name for s in take_sample(str(self.top)).shares])

    @unittest.skipUnless(POSIX, "paths may be that deep there")
    def test_deep_tree_needs_few_descriptors(self) -> None:
        script = (
            "import os, sys\n"
            "top = sys.argv[1]\n"
            "import resource\n"
            "resource.setrlimit(resource.RLIMIT_NOFILE, (32, 32))\n"
            "os.chdir(top)\n"
            "for n in range(1200):\n"
            "    open('file', 'w').close(); os.mkdir('n' * 60); os.chdir('n' * 60)\n"
            "os.chdir('/')\n"
            "from tempfiles.monitor.usage import take_sample\n"
            "sample = take_sample(top)\n"
            "print(sample.files, sample.directories, sample.unreadable)\n"
            "from tempfiles.fileops.remove import remove_path\n"
            "remove_path(os.path.join(top, 'n' * 60))\n"
        )
        done = subprocess.run(
            [sys.executable, "-c", script, str(self.top)], capture_output=True, text=True,
            env={**os.environ, "PYTHONPATH": str(Path(__file__).parents[3])}, check=False,
        )
        self.assertEqual(("1200 1200 0\n", ""), (done.stdout, done.stderr))

    @unittest.skipUnless(POSIX, "directories can be closed to their owner there")
    def test_unreadable_directory_is_counted_as_unreadable(self) -> None:
        # Not in the run's temp directory, which is closed to everybody else.
        self.top = Path(self.enterContext(tempfile.TemporaryDirectory(dir=OPEN_TO_ALL)))
        self._write("open/a", 3)
        self._write("closed/b", 3)
        os.chmod(self.top / "closed", 0)
        os.chmod(self.top, 0o755)
        self.addCleanup(os.chmod, self.top / "closed", 0o700)
        sample = json.loads(_as_nobody(str(self.top)))
        self.assertEqual({"files": 1, "directories": 2, "bytes": 3, "unreadable": 1}, sample)

    @unittest.skipUnless(ROOT and sys.platform == "linux", "mounting needs root")
    def test_mount_point_is_not_entered(self) -> None:
        self._write("source/a", 3)
        for name in ("bound", "with space", "deep/er/tmpfs"):
            (self.top / name).mkdir(parents=True)
        script = (
            'mount --bind "$0/source" "$0/bound" && mount --bind "$0/source" "$0/with space" &&'
            ' mount -t tmpfs none "$0/deep/er/tmpfs" && touch "$0/deep/er/tmpfs/b" &&'
            ' exec "$1" -c "$2" "$0"'
        )
        code = (
            "import sys; from tempfiles.monitor.usage import take_sample\n"
            "s = take_sample(sys.argv[1]); print(s.files, s.directories, s.mounts)"
        )
        done = subprocess.run(
            ["unshare", "--mount", "sh", "-c", script, str(self.top), sys.executable, code],
            capture_output=True, text=True, check=False, cwd=Path(__file__).parents[3],
        )
        if done.returncode and "unshare" in done.stderr:
            self.skipTest("no mount namespaces here")
        self.assertEqual(("1 3 3\n", ""), (done.stdout, done.stderr))

    @unittest.skipUnless(sys.platform == "linux", "mounts are listed there")
    def test_mount_points_are_relative_to_the_directory(self) -> None:
        self.assertIn("proc", mount_points("/"))
        self.assertNotIn("", mount_points("/proc"))

    def test_tree_that_changes_meanwhile_is_survived(self) -> None:
        stop = threading.Event()

        def churn() -> None:
            n = 0
            while not stop.is_set():
                n += 1
                path = self._write(f"d{n % 7}/e{n % 3}/f{n % 11}")
                path.unlink()
                for directory in (path.parent, path.parent.parent):
                    try:
                        directory.rmdir()
                    except OSError:
                        break

        thread = threading.Thread(target=churn)
        thread.start()
        try:
            unreadable = {take_sample(str(self.top)).unreadable for _ in range(200)}
        finally:
            stop.set()
            thread.join()
        self.assertEqual({0}, unreadable)

    def test_pattern_counts_matches_and_all_below_them(self) -> None:
        self._write("a.tmp", 1)
        self._write("b.log", 2)
        self._write("deep/c.tmp", 4)
        self._write("whole.tmp/d.log", 8)
        self.assertEqual((3, 1, 13), self._counts("*.tmp"))
        self.assertEqual((0, 0, 0), self._counts("*.none"))

    def test_several_patterns_count_the_matches_of_any(self) -> None:
        matches = name_matcher(["a*", "[b]?"])
        assert matches is not None
        self.assertEqual([True, True, False], [bool(matches(n)) for n in ("ax", "bx", "cb")])

    def test_bad_pattern_is_refused(self) -> None:
        for pattern in ("", "a/b", "a\0b", "[a", "x[!]"):
            with self.subTest(pattern=pattern), self.assertRaises(SettingError):
                name_matcher([pattern])
        self.assertIsNotNone(name_matcher(["[]]", "[!a]", "[a]b", "a]"]))

    def test_cancelled_sample_raises(self) -> None:
        with self.assertRaises(CancelledError):
            take_sample(str(self.top), None, lambda: True)

    @unittest.skipUnless(Path("/proc/self/fd").is_dir(), "descriptors are listed there")
    def test_no_descriptor_stays_open(self) -> None:
        self._write("a/b/c")
        before = os.listdir("/proc/self/fd")
        take_sample(str(self.top))
        with self.assertRaises(CancelledError):
            take_sample(str(self.top), None, lambda: True)
        self.assertEqual(before, os.listdir("/proc/self/fd"))


class ShareTests(unittest.TestCase):
    def setUp(self) -> None:
        self.top = Path(self.enterContext(tempfile.TemporaryDirectory()))

    def _root(self, name: str, pid: int, context: str) -> None:
        root = self.top / name
        root.mkdir(0o700)
        (root / "0").mkdir()
        (root / "0" / "made").write_bytes(b"x" * 100)
        owner = marker.describe(str(root), os.stat(root).st_ino, "/home/me/shop", [], False)
        marker.write(owner._replace(pid=pid), str(root), None)
        page = bytearray(4096)
        page[1:16] = b"tidy-current-1\n"
        struct.pack_into("<HB", page, 64, len(context), 4)
        page[67 : 67 + len(context)] = context.encode()
        (root / "current").write_bytes(page)

    def test_root_is_shown_with_its_owner_and_context(self) -> None:
        self._root("tidy-0000000a", 41, "tests.test_a.A.test_one")
        self._root("tidy-0000000b", 42, "tests.test_b.B.test_two")
        (self.top / "other").mkdir()
        shares = {share.name: share for share in take_sample(str(self.top)).shares}
        self.assertEqual({"tidy-0000000a", "tidy-0000000b", "other"}, set(shares))
        share = shares["tidy-0000000b"]
        self.assertEqual(("shop (pid 42)", "tests.test_b.B.test_two"), (share.owner, share.context))
        self.assertEqual((3, 2), (share.files, share.directories))
        self.assertGreater(share.bytes, 4196)
        self.assertNotIn("other", [name for name in shares if shares[name].owner])

    def test_directory_that_is_a_root_is_one_share(self) -> None:
        self._root("tidy-0000000a", 41, "tests.test_a.A.test_one")
        sample = take_sample(str(self.top / "tidy-0000000a"))
        self.assertEqual([(".", "shop (pid 41)")], [(s.name, s.owner) for s in sample.shares])
        self.assertEqual(sample.bytes, sample.shares[0].bytes)

    def test_damaged_root_is_counted_like_any_directory(self) -> None:
        for name, content in (("tidy-1", None), ("tidy-2", "{"), ("tidy-3", "[]"), ("x", "{}")):
            (self.top / name).mkdir()
            if content is not None:
                (self.top / name / "marker.json").write_text(content)
            else:
                (self.top / name / "file").touch()
        self.assertEqual([""] * 4, [share.owner for share in take_sample(str(self.top)).shares])

    def test_largest_other_entries_are_named(self) -> None:
        for n in range(20):
            (self.top / f"size{n:02}").write_bytes(b"x" * (1000 + n))
        (self.top / "full").mkdir()
        for n in range(30):
            (self.top / "full" / str(n)).touch()
        names = [share.name for share in take_sample(str(self.top)).shares]
        self.assertEqual([f"size{n}" for n in range(19, 19 - LARGEST, -1)], names[:LARGEST])
        self.assertIn("full", names)


def _as_nobody(directory: str) -> str:
    """Measure in a child without root's privilege to read everything."""
    read, write = os.pipe()
    pid = os.fork()
    if pid == 0:
        try:
            if ROOT:
                os.setgroups([])
                os.setgid(65534)
                os.setuid(65534)
            sample = take_sample(directory)
            names = ("files", "directories", "bytes", "unreadable")
            os.write(write, json.dumps({name: getattr(sample, name) for name in names}).encode())
        finally:
            os.kill(os.getpid(), signal.SIGKILL)  # no clean-up of the parent's things
    os.close(write)
    os.waitpid(pid, 0)
    with open(read) as pipe:
        return pipe.read()


if __name__ == "__main__":
    unittest.main()
