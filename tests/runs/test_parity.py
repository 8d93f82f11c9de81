"""The quick form of the parity campaign, and proof that its comparison sees what differs.

The whole of it is `python -m tests.campaigns.parity`.
"""

from __future__ import annotations

import sys
import unittest
from collections.abc import Callable
from dataclasses import replace
from typing import Any

from tests.campaigns.parity import campaign, comparison, modules, normalising, suites
from tests.campaigns.parity.comparison import Difference
from tests.campaigns.parity.sides import Entry, Job, Run, Side, run

STOCK = Side(sys.executable, "unittest")
OURS = Side(sys.executable, "runner", wants_report=True)
EVENTS = (("startTest", "m.C.test", ""), ("addSuccess", "m.C.test", ""))


def finished(**changes: Any) -> Run:
    """Return a run that passed one test and left nothing, with changes."""
    report: dict[str, Any] = {"leaks": []}
    passed = Run("/tmp/par-x", 0, "", "OK\n", EVENTS, report, (), 0.1)
    return replace(passed, **changes)


def leak(path: str, **changes: Any) -> dict[str, Any]:
    found = {
        "path": f"/tmp/par-x/{path}", "type": "file", "context": "m.C.test",
        "origin": None, "evidence": "observed",
    }
    return found | changes


class ParityTests(unittest.TestCase):
    """A run under our runner is the run under stock unittest."""

    def hold(self, job: Job, stock: Side, ours: Side, compare: campaign.Compare) -> None:
        verdict = campaign.check(stock, ours, job, compare)
        self.assertEqual([str(difference) for difference in verdict.differences], [])

    def test_modules_of_the_standard_library(self) -> None:
        for name in modules.QUICK:
            with self.subTest(name):
                self.hold(modules.job(name), STOCK, OURS, campaign.outcomes)

    def test_output_and_exit_code_of_generated_suites(self) -> None:
        ours = Side(sys.executable, "runner")
        for job in suites.jobs(sys.version_info[:2], quick=True):
            with self.subTest(job.name):
                self.hold(job, STOCK, ours, comparison.outputs)


class RecordingTests(unittest.TestCase):
    """What is recorded of a run is what happened in it."""

    def test_records_each_outcome_with_its_last_line(self) -> None:
        job = next(job for job in suites.jobs((3, 11)) if job.name == "-v test_ends")
        done = run(STOCK, job)
        reported = {test.rpartition(".")[2]: (event, text) for event, test, text in done.events
                if event not in ("startTest", "stopTest")}
        self.assertEqual(done.exit_code, 1)
        self.assertEqual(reported["test_pass"], ("addSuccess", ""))
        self.assertEqual(reported["test_skip"], ("addSkip", "no reason"))
        self.assertEqual(reported["test_error"], ("addError", "KeyError: 'missing'"))
        self.assertEqual(reported["test_unexpected_success"], ("addUnexpectedSuccess", ""))
        self.assertEqual(reported["test_expected_failure"][0], "addExpectedFailure")

    def test_lists_what_is_left_in_the_temp_directory(self) -> None:
        job = next(job for job in suites.jobs((3, 11)) if job.name == "test_leaks")
        left = [entry.type for entry in run(STOCK, job).below("t")]
        self.assertEqual(sorted(left), ["directory", "directory", "directory", "file"])


class ComparisonTests(unittest.TestCase):
    """The comparison sees each way in which two runs can differ."""

    def assert_differs(
        self, compare: Callable[[Run, Run], list[Difference]], stock: Run, ours: Run, words: str
    ) -> None:
        self.assertEqual(compare(stock, stock), [])
        self.assertIn(words, " ".join(str(difference) for difference in compare(stock, ours)))

    def test_outcome(self) -> None:
        failed = finished(events=(EVENTS[0], ("addFailure", "m.C.test", "no")))
        self.assert_differs(comparison.outcomes, finished(), failed, "addSuccess -> addFailure no")

    def test_missing_test(self) -> None:
        self.assert_differs(comparison.outcomes, finished(), finished(events=()), "-> not run")

    def test_added_test(self) -> None:
        self.assert_differs(comparison.outcomes, finished(events=()), finished(), "not run ->")

    def test_order(self) -> None:
        more = (("startTest", "m.D.test", ""), ("addSuccess", "m.D.test", ""))
        one, two = finished(events=EVENTS + more), finished(events=more + EVENTS)
        self.assert_differs(comparison.outcomes, one, two, "order")

    def test_exit_code(self) -> None:
        for compare in (comparison.outcomes, comparison.outputs):
            self.assert_differs(compare, finished(), finished(exit_code=5), "exit code 0 -> 5")

    def test_output(self) -> None:
        self.assert_differs(comparison.outputs, finished(), finished(stderr="ok\n"), "+ok")

    def test_temp_directory_not_empty(self) -> None:
        ours = finished(left=(Entry("t/tidy-abcdefgh", "directory", 60),))
        self.assert_differs(comparison.leftovers, finished(), ours, "t/tidy-abcdefgh")

    def test_more_left_in_the_working_directory(self) -> None:
        ours = finished(left=(Entry("c/new", "file", 1),))
        self.assert_differs(comparison.leftovers, finished(), ours, "working directory: c/new")

    def test_leak_that_is_not_on_disk_is_false(self) -> None:
        ours = finished(report={"leaks": [leak("t/tidy-abcdefgh/0/tmp1234abcd")]})
        verdict = comparison.leaks(finished(), ours)
        self.assertEqual((len(verdict.false), verdict.true), (1, 0))

    def test_leak_that_is_on_disk_is_true(self) -> None:
        stock = finished(left=(Entry("t/tmpabcd1234", "file", 0),))
        ours = finished(report={"leaks": [leak("t/tidy-abcdefgh/0/tmp1234abcd")]})
        verdict = comparison.leaks(stock, ours)
        self.assertEqual((verdict.true, verdict.false, verdict.missed), (1, (), ()))

    def test_file_on_disk_that_is_not_reported_is_missed(self) -> None:
        stock = finished(left=(Entry("t/tmpabcd1234", "file", 0),))
        self.assertEqual(len(comparison.leaks(stock, finished()).missed), 1)

    def test_unattributed_file_counts_as_reported(self) -> None:
        stock = finished(left=(Entry("h/.history", "file", 0),))
        listed = [{"path": "/tmp/par-x/h/.history", "type": "file"}]
        reported = {"leaks": [], "unattributed": listed}
        self.assertEqual(comparison.leaks(stock, finished(report=reported)).missed, ())

    def test_object_that_was_never_closed_is_no_false_leak(self) -> None:
        reported = leak("t/tidy-abcdefgh/0/tmp1234abcd", type="directory", never_closed=True)
        verdict = comparison.leaks(finished(), finished(report={"leaks": [reported]}))
        self.assertEqual((verdict.never_closed, verdict.false), (1, ()))


class NormalisingTests(unittest.TestCase):
    """Only what may differ between any two runs is taken out of an output."""

    def test_takes_out_the_lines_on_leaks(self) -> None:
        text = (
            "test_a (m.C.test_a) ... ok\n"
            "  left 2 in the temp directory (49.2 KiB):\n"
            "    file  report.csv            1.2 KiB\n"
            "    dir   tmpe0vyjb9s/  3 files 48.0 KiB\n"
            "test_b (m.C.test_b) ... ok\n"
            "Temporary files: 4 created, 2 removed by their tests\n"
        )
        kept = "test_a (m.C.test_a) ... ok\ntest_b (m.C.test_b) ... ok\n"
        self.assertEqual(normalising.without_leaks(text), kept)

    def test_takes_out_the_section_on_leaks_of_a_run_without_v(self) -> None:
        leaks = "m.C.test_a\n  left 1 in the temp directory (0 B):\n    file  x  0 B\n"
        text = ".F\n" + leaks + leaks + "\n======\nFAIL: test_b\n"
        self.assertEqual(normalising.without_leaks(text), ".F\n======\nFAIL: test_b\n")

    def test_keeps_frames_of_the_users_code(self) -> None:
        text = (
            '  File "/usr/lib/python3.11/unittest/case.py", line 57, in run\n'
            "    yield\n"
            '  File "/home/me/test_x.py", line 3, in test\n'
            "    self.fail()\n"
        )
        self.assertEqual(normalising.output(text, "/tmp/par-x"), "".join(text.splitlines(True)[2:]))

    def test_the_run_root_is_no_difference(self) -> None:
        ours = normalising.message("/tmp/par-x/t/tidy-abcdefgh/0/name", "/tmp/par-x")
        self.assertEqual(ours, normalising.message("/tmp/par-y/t/name", "/tmp/par-y"))


if __name__ == "__main__":
    unittest.main()
