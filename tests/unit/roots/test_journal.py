"""The journal of a run: written, cut off, read after a death."""

from __future__ import annotations

import os
import random
import signal
import subprocess
import sys
import tempfile
import unittest
from dataclasses import replace
from pathlib import Path
from typing import Any
from unittest import mock

from tempfiles.records import Child, Leak, Origin
from tempfiles.reports import ContextReport
from tempfiles.roots.journal import Journal
from tempfiles.roots.journal_reader import Current, JournalView, read_journal
from tempfiles.system import platform
from tests.support.programs import REPOSITORY

LEAK = Leak(
    "/tmp/x/\udcff\n", "file", 12, 1, "a.B.test_c", "test",
    origin=Origin("a.py", 3, "test_c", "open", ("a.py:3 in test_c",)),
    open_by=("pid 1 (x)",), children=(Child("touch f", Origin("a.py", 4, "f", "run"), 1.5),),
)


class RootCase(unittest.TestCase):
    def setUp(self) -> None:
        self.root = self.enterContext(tempfile.TemporaryDirectory())

    def open(self) -> Journal:
        opened = Journal(self.root)
        self.addCleanup(opened.close)
        return opened

    def current(self) -> Current | None:
        return read_journal(self.root).current

    def file(self, name: str) -> Path:
        return Path(self.root, name)


class CurrentContextTests(RootCase):
    def test_none_before_the_first_context(self) -> None:
        self.assertIsNone(self.current())
        self.open()
        self.assertIsNone(self.current())

    def test_innermost_context_then_its_parent(self) -> None:
        writer = self.open()
        writer.enter("run", "run")
        writer.enter("a", "module")
        writer.enter("a.B.test_c", "test")
        self.assertEqual(self.current(), Current("a.B.test_c", "test"))
        writer.leave()
        self.assertEqual(self.current(), Current("a", "module"))
        writer.leave()
        writer.leave()
        self.assertIsNone(self.current())
        writer.leave()
        self.assertIsNone(self.current())

    def test_contexts_of_threads_may_end_in_any_order(self) -> None:
        writer = self.open()
        for id in ("run", "one", "two", "three"):
            writer.enter(id, "test")
        for ended, current in (("two", "three"), ("three", "one"), ("unknown", "run")):
            writer.leave(ended)
            self.assertEqual(self.current(), Current(current, "test"))
        writer.leave()
        self.assertIsNone(self.current())

    def test_two_ids_are_never_mixed(self) -> None:
        writer = self.open()
        for number in range(200):
            id = chr(97 + number % 26) * (number * 7)
            writer.enter(id, "test")
            found = self.current()
            assert found is not None
            self.assertEqual(found.id, id[:1000])

    def test_id_that_is_not_valid_unicode_is_kept(self) -> None:
        writer = self.open()
        writer.enter("t\udcff", "test")
        self.assertEqual(self.current(), Current("t\\udcff", "test"))

    def test_kill_at_any_moment_is_survived(self) -> None:
        program = (
            f"import sys; sys.path.insert(0, {REPOSITORY!r})\n"
            "from tempfiles.roots.journal import Journal\n"
            "j = Journal(sys.argv[1]); j.enter('run', 'run'); print(flush=True)\n"
            "while True:\n"
            "    j.enter('a' * 900, 'test'); j.leave(); j.enter('b' * 700, 'class'); j.leave()\n"
        )
        good = {Current("run", "run"), Current("a" * 900, "test"), Current("b" * 700, "class")}
        for number in range(5):
            root = os.path.join(self.root, str(number))
            os.mkdir(root)
            with subprocess.Popen(
                [sys.executable, "-c", program, root], stdout=subprocess.PIPE
            ) as process:
                assert process.stdout is not None
                process.stdout.readline()
                process.send_signal(signal.SIGKILL)
            self.assertIn(read_journal(root).current, good)

    def test_kill_between_the_writes_leaves_the_previous_one(self) -> None:
        class Killed(Exception):
            pass

        class Page(bytearray):
            def __setitem__(self, index: Any, value: Any) -> None:
                raise Killed

        writer = self.open()
        writer.enter("run", "run")
        for id in ("a" * 300, "b" * 20):
            page = Page(self.file("current").read_bytes())
            with mock.patch.object(writer, "_page", page), self.assertRaises(Killed):
                writer.enter(id, "test")
            self.assertIn(id.encode(), page)
            self.file("torn").mkdir(exist_ok=True)
            self.file("torn/current").write_bytes(page)
            self.assertEqual(read_journal(str(self.file("torn"))).current, Current("run", "run"))
            writer._turn = self.file("current").read_bytes()[0]

    def test_forked_child_does_not_change_it(self) -> None:
        writer = self.open()
        writer.enter("parent", "test")
        pid = os.fork()
        if pid == 0:
            writer.enter("child", "test")
            writer.record_leaks(ContextReport("child", "test", leaks=(LEAK,)))
            os._exit(0)
        os.waitpid(pid, 0)
        self.assertEqual(read_journal(self.root), JournalView(Current("parent", "test")))

    def test_closing_twice_keeps_it(self) -> None:
        writer = self.open()
        writer.enter("last", "test")
        writer.close()
        writer.close()
        writer.enter("unheard", "test")
        writer.record_leaks(ContextReport("unheard", "test", leaks=(LEAK,)))
        self.assertEqual(read_journal(self.root), JournalView(Current("last", "test")))

    def test_none_where_the_file_is_damaged(self) -> None:
        writer = self.open()
        writer.enter("a", "test")
        whole = self.file("current").read_bytes()
        writer.close()
        for length in (0, 1, 15, 70, len(whole) - 1):
            self.file("current").write_bytes(whole[:length])
            self.assertIsNone(self.current())
        self.file("current").write_bytes(bytes([7]) + whole[1:])
        self.assertIsNone(self.current())
        for seed in range(50):
            self.file("current").write_bytes(random.Random(seed).randbytes(4096))
            self.assertIsNone(self.current())

    @unittest.skipUnless(hasattr(os, "mkfifo"), "no FIFOs here")
    def test_fifo_and_link_are_not_read(self) -> None:
        os.mkfifo(self.file("current"))
        os.symlink("/etc/passwd", self.file("journal"))
        self.assertEqual(read_journal(self.root), JournalView())


class LeakTests(RootCase):
    def test_leaks_are_read_as_they_were_written(self) -> None:
        writer = self.open()
        other = Leak("/tmp/y", "directory", 0, 3, "a.B", "class")
        writer.record_leaks(ContextReport("a.B.test_c", "test", leaks=(LEAK,)))
        writer.record_leaks(ContextReport("a.B", "class", leaks=(other,)))
        view = read_journal(self.root)
        self.assertEqual(view.leaks, (LEAK, other))
        self.assertEqual(view.by_context(), {"a.B.test_c": (LEAK,), "a.B": (other,)})

    def test_context_without_leaks_writes_nothing(self) -> None:
        self.open().record_leaks(ContextReport("a", "test", made=3))
        self.assertEqual(os.listdir(self.root), [])

    def test_line_cut_off_anywhere_loses_no_other_line(self) -> None:
        writer = self.open()
        report = ContextReport("a", "test", leaks=(LEAK,))
        writer.record_leaks(report)
        line = self.file("journal").read_bytes()
        for length in range(0, len(line), 7):
            self.file("journal").write_bytes(line + line[:length])
            writer.record_leaks(report)
            self.assertEqual(read_journal(self.root).leaks[:1], (LEAK,))
            self.assertEqual(read_journal(self.root).leaks[-1], LEAK)
            self.assertGreaterEqual(len(read_journal(self.root).leaks), 2)

    def test_damaged_lines_are_counted_and_skipped(self) -> None:
        writer = self.open()
        writer.record_leaks(ContextReport("a", "test", leaks=(LEAK,)))
        bad: list[bytes] = [
            b"{", b"null", b"[]", b"3", b'{"leaks": 3}', b'{"leaks": [3]}', b"\xff\xfe\x00",
            b'{"leaks": [{"path": 3}]}', b"[" * 100_000,
            b'{"leaks": [{"path": "p", "type": "file", "bytes": "x", "entries": 1}]}',
            b'{"leaks": [{"path": "p", "type": "file", "bytes": 1, "entries": 1, "context": "c",'
            b' "scope": "test", "origin": 7}]}',
        ]
        with self.file("journal").open("ab") as file:
            file.write(b"\n".join(bad))
        view = read_journal(self.root)
        self.assertEqual((view.leaks, view.damaged), ((LEAK,), len(bad)))

    def test_full_disk_loses_the_line_and_not_the_run(self) -> None:
        writer = self.open()
        held: Any = writer
        writer.record_leaks(ContextReport("a", "test", leaks=(LEAK,)))
        os.dup2(self.full_device(), held._fd, inheritable=False)
        writer.record_leaks(ContextReport("b", "test", leaks=(LEAK,)))
        self.assertEqual(read_journal(self.root).leaks, (LEAK,))

    def test_run_continues_where_no_file_can_be_created(self) -> None:
        writer = self.open()
        os.rmdir(self.root)
        writer.enter("a", "test")
        writer.record_leaks(ContextReport("a", "test", leaks=(replace(LEAK, path="/lost"),)))
        self.assertFalse(os.path.lexists(self.root))
        os.mkdir(self.root)
        writer.leave()
        writer.record_leaks(ContextReport("b", "test", leaks=(LEAK,)))
        writer.close()
        view = read_journal(self.root)
        self.assertEqual((view.leaks, view.current), ((LEAK,), None))

    def full_device(self) -> int:
        if not os.path.exists("/dev/full"):
            self.skipTest("no /dev/full here")
        fd = os.open("/dev/full", os.O_WRONLY)
        self.addCleanup(os.close, fd)
        return fd


class DescriptorTests(RootCase):
    @unittest.skipUnless(platform.HAS_FCNTL, "no descriptors to move here")
    def test_numbers_that_tests_see_do_not_change(self) -> None:
        probe = os.open(os.devnull, os.O_RDONLY)
        os.close(probe)
        self.open()
        again = os.open(os.devnull, os.O_RDONLY)
        os.close(again)
        self.assertEqual(again, probe)

    @unittest.skipUnless(platform.HAS_FCNTL, "no limit on descriptors here")
    def test_low_limit_of_descriptors_is_respected(self) -> None:
        program = (
            f"import sys; sys.path.insert(0, {REPOSITORY!r})\n"
            "import resource; resource.setrlimit(resource.RLIMIT_NOFILE, (64, 64))\n"
            "from tempfiles.roots.journal import Journal\n"
            "from tempfiles.roots.journal_reader import read_journal\n"
            "j = Journal(sys.argv[1]); j.enter('a', 'test')\n"
            "print(read_journal(sys.argv[1]).current.id)\n"
        )
        done = subprocess.run(
            [sys.executable, "-W", "error", "-c", program, self.root],
            capture_output=True, text=True, check=False,
        )
        self.assertEqual((done.stdout, done.stderr), ("a\n", ""))
