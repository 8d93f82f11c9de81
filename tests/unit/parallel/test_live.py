"""The live line: what it counts, how it is drawn and erased."""

from __future__ import annotations

import io
import unittest
from typing import Any
from unittest import mock

from runner.parallel.live import LiveLine
from runner.pool.source import Source
from runner.session.outcomes import Outcome
from runner.workers import events
from tempfiles import ContextReport, Leak


class Handler:
    """Prints a dot when it may."""

    stops = False

    def __init__(self, stream: io.StringIO) -> None:
        self.stream = stream

    def feed(self, *_: Any) -> None:
        """Do nothing."""

    feed_outside = finish_unit = feed

    def advance(self) -> None:
        self.stream.write(".")


class LiveLineTests(unittest.TestCase):
    def setUp(self) -> None:
        self.stream = io.StringIO()
        self.tests = [type(self)("test_it_counts_and_names") for _ in range(3)]
        for number, test in enumerate(self.tests):
            name = f"m.T.test_{number}"
            test.id = lambda name=name: name  # type: ignore[method-assign, misc]
        self.line = LiveLine(Handler(self.stream), self.tests, 3, self.stream)
        self.first, self.second = Source(0, ()), Source(1, ())

    def feed(self, source: Source, *lines: str) -> None:
        self.line.feed(0, source, [line.encode() for line in lines])

    def test_it_counts_and_names(self) -> None:
        failure = Outcome("m.T.test_0", "m.T.test_0", "failure")
        leak = Leak("/tmp/a", "file", 0, 1, "m.T.test_0", "test")
        report = ContextReport("m.T.test_0", "test", leaks=(leak,))
        self.assertEqual(self.line.text(0), "[0 of 3 tests] ")
        self.feed(self.first, f"{events.STARTED}0 1.0", events.of_context(report),
                  events.line(events.OUTCOME, [0, None, *failure]))  # fmt: skip
        self.assertEqual(self.line.text(1.2), "[0 of 3 tests, 1 failed, 1 leaked] m.T.test_0")
        self.feed(self.first, f"{events.STOPPED}2.0 1.0", f"{events.STARTED}1 2.0")
        self.feed(self.second, f"{events.STARTED}2 3.0")
        whole = "[1 of 3 tests, 1 failed, 1 leaked] m.T.test_1 3 s  m.T.test_2 2 s"
        self.assertEqual(self.line.text(5.0), whole)
        with mock.patch.object(self.stream, "fileno", return_value=2), mock.patch(
            "os.get_terminal_size", return_value=mock.Mock(columns=60)
        ):  # fmt: skip
            self.assertEqual(self.line.text(5.0), whole[:59])

    def test_test_that_is_run_again_has_not_failed_yet(self) -> None:
        failure = Outcome("m.T.test_0", "m.T.test_0", "failure")
        self.feed(self.first, f"{events.STARTED}0 1.0",
                  events.line(events.OUTCOME, [0, None, *failure]), f"{events.STOPPED}2.0 1.0",
                  f"{events.STARTED}0 1.0", f"{events.PASSED}2.0 1.0")  # fmt: skip
        self.assertEqual(self.line.text(5.0), "[1 of 3 tests] ")

    def test_it_is_erased_before_anything_is_printed(self) -> None:
        self.line.advance()
        self.feed(self.first, f"{events.STARTED}0 1.0")
        self.line.advance()
        self.line.erase()
        self.line.erase()
        drawn = self.stream.getvalue().replace("\x1b7\r\x1b[B", "<").replace("\x1b[K\x1b8", ">")
        before, dot, after = drawn.partition("\x1b[J.")
        self.assertTrue(dot)
        self.assertIn("<[0 of 3 tests] >", before)
        self.assertIn("<[0 of 3 tests] m.T.test_0", after)
        self.assertEqual(after.count("\x1b[J"), 1)

    def test_it_is_drawn_again_only_from_time_to_time(self) -> None:
        with mock.patch("runner.parallel.live.perf_counter") as clock:
            for now in (1.0, 1.1, 1.15, 1.21):
                clock.return_value = now
                self.line.advance()
        self.assertEqual(self.stream.getvalue().count("tests]"), 2)


if __name__ == "__main__":
    unittest.main()
