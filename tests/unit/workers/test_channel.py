"""The channel: events survive what tests do to descriptors."""

from __future__ import annotations

import os
import resource
import tempfile
import unittest
from pathlib import Path

from runner.workers.channel import EventReader, EventWriter, StopFlag, WorkPipe, paths_in


class EventFileTests(unittest.TestCase):
    def setUp(self) -> None:
        self.path = os.path.join(self.enterContext(tempfile.TemporaryDirectory()), "events")
        self.writer = EventWriter(self.path)
        self.addCleanup(lambda: os.close(self.writer._fd))
        self.reader = EventReader(self.path)
        self.addCleanup(self.reader.close)

    def test_lines_come_once_and_whole(self) -> None:
        self.writer.add("one")
        self.assertEqual(self.reader.lines(), [])
        self.writer.add("two")
        self.writer.flush()
        self.assertEqual(self.reader.lines(), [b"one", b"two"])
        with open(self.path, "a", encoding="ascii") as file:
            file.write("cut ")
        self.assertEqual(self.reader.lines(), [])
        with open(self.path, "a", encoding="ascii") as file:
            file.write("off\n")
        self.assertEqual(self.reader.lines(), [b"cut off"])

    def test_a_line_longer_than_one_read_comes_whole(self) -> None:
        text = "x" * 3_000_000
        self.writer.add(text)
        self.writer.flush()
        self.assertEqual(self.reader.lines(), [text.encode()])

    def test_a_closed_descriptor_is_opened_again(self) -> None:
        os.close(self.writer._fd)
        self.writer.add("after")
        self.writer.flush()
        self.assertEqual(self.reader.lines(), [b"after"])

    def test_another_file_under_the_number_is_left_alone(self) -> None:
        with tempfile.TemporaryFile() as users:
            number = self.writer._fd
            os.dup2(users.fileno(), number)
            self.writer.add("ours")
            self.writer.flush()
            self.assertEqual(os.fstat(users.fileno()).st_size, 0)
            os.close(number)
        self.assertEqual(self.reader.lines(), [b"ours"])

    def test_what_cannot_be_written_waits(self) -> None:
        Path(self.path).rename(f"{self.path}-away")
        os.close(self.writer._fd)
        self.writer.add("late")
        self.writer.flush()
        self.assertTrue(self.writer.is_behind)
        Path(f"{self.path}-away").rename(self.path)
        self.writer.flush()
        self.assertFalse(self.writer.is_behind)
        self.assertEqual(self.reader.lines(), [b"late"])

    def test_a_forked_child_writes_nothing(self) -> None:
        self.writer.add("the parent's")
        pid = os.fork()
        if pid == 0:
            self.writer.flush()
            os._exit(0)
        os.waitpid(pid, 0)
        self.assertEqual(self.reader.lines(), [])
        self.writer.flush()
        self.assertEqual(self.reader.lines(), [b"the parent's"])

    def test_descriptor_is_out_of_the_way_of_tests(self) -> None:
        soft, _ = resource.getrlimit(resource.RLIMIT_NOFILE)
        self.assertGreaterEqual(self.writer._fd, 200 if soft > 200 else 3)


class WorkPipeTests(unittest.TestCase):
    def setUp(self) -> None:
        work, self.work_in = os.pipe()
        self.bell, bell_in = os.pipe()
        self.pipe = WorkPipe(work, bell_in)

    def test_commands_come_line_by_line_until_the_end(self) -> None:
        os.write(self.work_in, b"1 0 2\n2 2")
        commands = self.pipe.commands()
        self.assertEqual(next(commands), "1 0 2")
        os.write(self.work_in, b" 5\n")
        self.assertEqual(next(commands), "2 2 5")
        os.close(self.work_in)
        self.assertEqual(list(commands), [])
        self.assertFalse(self.pipe.is_lost)

    def test_a_lost_pipe_ends_the_commands(self) -> None:
        os.write(self.work_in, b"1 0 2\n")
        commands = self.pipe.commands()
        next(commands)
        os.close(self.pipe._work)
        self.assertEqual(list(commands), [])
        self.assertTrue(self.pipe.is_lost)
        os.close(self.work_in)

    def test_bell_rings_unless_it_is_lost(self) -> None:
        self.pipe.ring()
        self.assertEqual(os.read(self.bell, 9), b".")
        os.close(self.pipe._bell)
        self.pipe.ring()
        self.assertEqual(os.read(self.bell, 9), b"")
        os.close(self.work_in)


class StopFlagTests(unittest.TestCase):
    def test_both_ends_see_the_place(self) -> None:
        path = os.path.join(self.enterContext(tempfile.TemporaryDirectory()), "flag")
        ours, theirs = StopFlag(path), StopFlag(path)
        self.assertFalse(theirs.stops(7))
        ours.stop_from(7)
        self.assertEqual([theirs.stops(place) for place in (6, 7, 8)], [False, True, True])
        ours.stop_from(0)
        self.assertTrue(theirs.stops(0))
        ours.close()
        theirs.close()


class PathTests(unittest.TestCase):
    def test_joined_streams_are_one_file(self) -> None:
        joined, apart = paths_in("/r", 1, True), paths_in("/r", 1, False)
        self.assertEqual(joined.out, joined.err)
        self.assertEqual(len({*apart}), len(apart))
