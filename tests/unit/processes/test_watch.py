"""Processes that hold files open, from /proc and without it."""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
import unittest
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from unittest import mock

from tempfiles.processes import watch as processes
from tempfiles.processes.watch import ProcessWatch
from tempfiles.system.platform import HAS_PROC

WAIT = "import sys; print(flush=True); sys.stdin.read()"


@contextmanager
def waiting(program: str = WAIT, **options: object) -> Iterator[subprocess.Popen[str]]:
    """Give a process that has printed its first line and waits for the end of its input."""
    start: Callable[..., subprocess.Popen[str]] = subprocess.Popen
    pipe = subprocess.PIPE
    command = [sys.executable, "-S", "-c", program]
    with start(command, stdin=pipe, stdout=pipe, text=True, **options) as process:
        try:
            assert process.stdout is not None
            process.stdout.readline()
            yield process
        finally:
            process.kill()


@unittest.skipUnless(HAS_PROC, "there is no /proc here")
class WithProc(unittest.TestCase):
    def setUp(self) -> None:
        self.temp = os.path.realpath(self.enterContext(tempfile.TemporaryDirectory()))
        self.slot = os.path.join(self.temp, "0")
        os.mkdir(self.slot)
        self.environment = {**os.environ, "TMPDIR": self.slot}


class WatchTests(WithProc):
    def test_tells_of_a_new_process_below_the_root_once(self) -> None:
        watch = ProcessWatch(self.temp)
        self.assertEqual(watch.new_since_last(), [])
        with waiting(env=self.environment) as process:
            (found,) = watch.new_since_last()
            self.assertEqual((found.pid, found.ppid), (process.pid, os.getpid()))
            self.assertEqual(found.tmpdir, self.slot)
            self.assertEqual(str(found), f"pid {process.pid} ({found.command})")
            self.assertTrue(os.path.basename(sys.executable).startswith("python"))
            self.assertTrue(found.command.startswith("python"))
            self.assertEqual(watch.new_since_last(), [])
            self.assertTrue(processes.alive(found))
        self.assertFalse(processes.alive(found))
        self.assertEqual(watch.new_since_last(), [])

    def test_does_not_tell_of_what_was_there_before(self) -> None:
        with waiting(env=self.environment):
            self.assertEqual(ProcessWatch(self.temp).new_since_last(), [])

    def test_tells_of_a_daemon_that_has_lost_its_parent(self) -> None:
        watch = ProcessWatch(self.temp)
        start = (
            "import subprocess, sys\n"
            "p = subprocess.Popen([sys.executable, '-S', '-c', 'import time; time.sleep(60)'],\n"
            "                     start_new_session=True, stdout=subprocess.DEVNULL)\n"
            "print(p.pid)\n"
        )
        done = subprocess.run([sys.executable, "-c", start], env=self.environment,
                              stdout=subprocess.PIPE, text=True, check=True)
        try:
            (found,) = watch.new_since_last()
            self.assertEqual((found.pid, found.tmpdir), (int(done.stdout), self.slot))
        finally:
            os.kill(int(done.stdout), 9)

    def test_tells_of_a_child_with_another_environment_and_of_a_fork(self) -> None:
        watch = ProcessWatch(self.temp)
        with waiting(env={}) as process:
            self.assertEqual([found.pid for found in watch.new_since_last()], [process.pid])
        reading, writing = os.pipe()
        child = os.fork()
        if child == 0:
            os.close(writing)
            os.read(reading, 1)
            os._exit(0)
        self.assertEqual([(found.pid, found.tmpdir) for found in watch.new_since_last()],
                         [(child, None)])
        os.close(writing)
        os.close(reading)
        os.waitpid(child, 0)

    def test_does_not_tell_of_strangers_nor_of_a_similar_name(self) -> None:
        watch = ProcessWatch(self.slot)
        start = (
            "import os, subprocess, sys\n"
            "os.environ['TMPDIR'] = sys.argv[1]\n"
            "p = subprocess.Popen(['sleep', '60'], start_new_session=True,"
            " stdout=subprocess.DEVNULL)\n"
            "print(p.pid)\n"
        )
        done = subprocess.run([sys.executable, "-c", start, self.slot + "0"],
                              stdout=subprocess.PIPE, text=True, check=True)
        try:
            self.assertNotIn(int(done.stdout), [found.pid for found in watch.new_since_last()])
        finally:
            os.kill(int(done.stdout), 9)

    def test_does_not_tell_of_a_zombie(self) -> None:
        watch = ProcessWatch(self.temp)
        process = subprocess.Popen(["true"], env=self.environment)
        os.waitid(os.P_PID, process.pid, os.WEXITED | os.WNOWAIT)
        self.assertEqual(watch.new_since_last(), [])
        process.wait()


class OpenFileTests(WithProc):
    def test_are_told_with_the_process_that_holds_them(self) -> None:
        path = os.path.join(self.slot, "held")
        program = f"f = open({path!r}, 'w'); " + WAIT
        with waiting(program) as process:
            for asked in (path, self.slot, self.temp):
                found = processes.holders_of([asked, "/nonexistent"])
                self.assertEqual(list(found), [asked])
                self.assertRegex(found[asked][0], rf"^pid {process.pid} \(python.*\)$")
        self.assertEqual(processes.holders_of([self.temp]), {})

    def test_count_also_as_a_working_directory_or_mapped(self) -> None:
        with waiting(cwd=self.slot) as process:
            self.assertRegex(processes.holders_of([self.slot])[self.slot][0], str(process.pid))
        path = os.path.join(self.slot, "mapped")
        program = (
            f"import mmap, os; f = os.open({path!r}, os.O_RDWR | os.O_CREAT); os.write(f, b'x')\n"
            "m = mmap.mmap(f, 1, prot=mmap.PROT_READ); os.close(f); " + WAIT
        )
        with waiting(program.replace("mmap.mmap(f, 1,", "mmap.mmap(f, 1, trackfd=False,")
                     if sys.version_info >= (3, 13) else program):
            self.assertEqual(list(processes.holders_of([path])), [path])

    def test_of_similar_names_are_not_mixed_up(self) -> None:
        path = os.path.join(self.temp, "00")
        with waiting(f"f = open({path!r}, 'w'); " + WAIT):
            self.assertEqual(list(processes.holders_of([self.slot, path])), [path])


class WithoutProcTests(unittest.TestCase):
    def test_there_is_nothing_to_tell(self) -> None:
        self.enterContext(mock.patch.object(processes, "HAS_PROC", False))
        self.assertEqual(ProcessWatch("/").new_since_last(), [])
        self.assertEqual(processes.holders_of(["/"]), {})
