"""The lines on the slowest tests and on those that wrote the most."""

from __future__ import annotations

import unittest

from runner.listeners.slowest import Durations, SlowestTemp
from runner.session.outcomes import CaseName
from tempfiles import ContextReport


class DurationsTests(unittest.TestCase):
    def test_a_test_that_does_not_run_is_not_listed(self) -> None:
        durations = Durations(0)
        for id, runs in (("t.a", True), ("t.b", False)):
            name = CaseName(id, "t", "", id, f"description of {id}", runs)
            durations.test_started(name)
            durations.test_stopped(name, "", "")
        lines = "\n".join(durations.summary_lines(verbose=True))
        self.assertIn("s     description of t.a\n", lines)
        self.assertNotIn("t.b", lines)

    def test_nothing_is_printed_without_tests(self) -> None:
        self.assertEqual(list(Durations(0).summary_lines(verbose=True)), [])


class SlowestTempTests(unittest.TestCase):
    def lines(self, number: int) -> list[str]:
        slowest = SlowestTemp(number)
        for id, scope, size in (("a", "test", 1), ("b", "test", 5), ("C", "class", 9)):
            report = ContextReport(id, scope, made=1, bytes_made=size)
            slowest.context_closed(report, report)
        lines = list(slowest.summary_lines(verbose=False))
        return [line.split()[-1] for line in lines[2:-1]]

    def test_the_largest_tests_come_first(self) -> None:
        self.assertEqual(self.lines(0), ["b", "a"])

    def test_the_number_limits_the_list(self) -> None:
        self.assertEqual(self.lines(1), ["b"])
