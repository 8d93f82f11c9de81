"""The quick form of the parity campaign, and proof that its comparison sees what differs.

The whole of it is `python -m tests.campaigns.parity`.
"""

from __future__ import annotations

import sys
import unittest
from collections.abc import Callable
from dataclasses import replace
from typing import Any

from tests.campaigns.parity import (
    campaign,
    comparison,
    modules,
    normalising,
    parallel,
    suites,
)
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


class ParallelParityTests(unittest.TestCase):
    """Parallel runs and merged shards are the serial run, but for times, random names and the
    listed exceptions."""

    def hold(self, job: Job, *, shards: bool = False) -> None:
        sides = [parallel.parallel(sys.executable, 2)]
        sides += [parallel.sharded(sys.executable, 2)] if shards else []
        for verdict in campaign.check_each(
            parallel.serial(sys.executable), sides, job, parallel.differences
        ):
            found = parallel.excused(verdict).differences
            self.assertEqual([str(difference) for difference in found], [])

    def test_module_of_the_standard_library(self) -> None:
        self.hold(modules.job("test_fileinput"), shards=True)

    def test_generated_suites(self) -> None:
        quick = ("-v test_ends", "-v test_classes", "-b test_output", "-v test_leaks")
        for job in suites.jobs(sys.version_info[:2]):
            if job.name in quick:
                with self.subTest(job.name):
                    self.hold(job, shards="leaks" in job.name)

    def test_each_kind_of_difference_is_seen(self) -> None:
        report = {"summary": {"tests": 1}, "leaks": [leak("t/tmp1234abcd")]}
        junit = "<testsuites><testcase name='test' time='0.1'/></testsuites>"
        one = finished(stderr="a\nRan 1 test in 0.100s\n", report=report, junit=junit)
        self.assertEqual(parallel.differences(one, one), [])
        others = {
            "stderr +b": replace(one, stderr="a\nb\nRan 1 test in 0.300s\n"),
            "stdout +b": replace(one, stdout="b\n"),
            "leak report -leaks": replace(one, report={**report, "leaks": []}),
            'leak report +summary {"tests": 2}': replace(
                one, report={**report, "summary": {"tests": 2}}
            ),
            "JUnit -<testcase": replace(one, junit=junit.replace("<testcase name='test' ", "<x ")),
            "exit code 0 -> 1": replace(one, exit_code=1),
        }
        for words, other in others.items():
            with self.subTest(words):
                found = " ".join(map(str, parallel.differences(one, other)))
                self.assertIn(words, found)

    def test_exceptions_cover_what_they_name_and_nothing_else(self) -> None:
        inspects, good = Job("-v test_inspects", ()), Job("-v test_good", ())
        found = (Difference("stdout -19 False"), Difference("stderr -ok"))
        for job, kept in ((inspects, ["stderr -ok"]), (good, ["stdout -19 False", "stderr -ok"])):
            verdict = parallel.excused(campaign.Verdict(job, finished(), finished(), found))
            self.assertEqual([str(difference) for difference in verdict.differences], kept)


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
            "    file    1.2 KiB  report.csv\n"
            "    dir    48.0 KiB  tmpe0vyjb9s/  3 files\n"
            "test_b (m.C.test_b) ... ok\n"
            "Temporary files: 4 created, 2 removed by their tests\n"
        )
        kept = "test_a (m.C.test_a) ... ok\ntest_b (m.C.test_b) ... ok\n"
        self.assertEqual(normalising.without_leaks(text), kept)

    def test_takes_out_the_section_on_leaks_of_a_run_without_v(self) -> None:
        leak = "m.C.test_a\n    file        0 B  x\n          m.py:3  open\n"
        leaks = "=====\nLEAKS: 2 left by 2 tests, 0 B\n-----\n" + leak + leak + "\n"
        text = ".F\n=====\nFAIL: test_b\n\n" + leaks + "-----\nRan 2 tests\n"
        self.assertEqual(
            normalising.without_leaks(text), ".F\n=====\nFAIL: test_b\n\n-----\nRan 2 tests\n"
        )

    def test_keeps_frames_of_the_users_code(self) -> None:
        text = (
            '  File "/usr/lib/python3.11/unittest/case.py", line 57, in run\n'
            "    yield\n"
            '  File "/home/me/test_x.py", line 3, in test\n'
            "    self.fail()\n"
        )
        self.assertEqual(normalising.output(text, "/tmp/par-x"), "".join(text.splitlines(True)[2:]))

    def test_takes_out_of_a_second_run_what_differs_in_each(self) -> None:
        text = (
            "  left 1 in the temp directory (0 B):\n"
            "    dir         0 B  {name}/  empty  m.py:4 in test  tempfile.mkdtemp\n"
            "Ran 1 test in {time}s\n"
            "New in shared directories, not attributed to any test (1):\n"
            "    dir  /tmp/{name}\n"
            "Temporary files: 1 created, 1 leaked by 1 test (removed)\n"
        )
        one = text.format(name="shared-e8fd5pxu", time="0.001")
        other = text.format(name="shared-x80d016r", time="1.234")
        self.assertEqual(normalising.rerun(one, "/b"), normalising.rerun(other, "/b"))
        gone = one.replace("tempfile.mkdtemp", "os.mkdir")
        self.assertNotEqual(normalising.rerun(one, "/b"), normalising.rerun(gone, "/b"))

    def test_the_root_of_a_worker_is_no_difference(self) -> None:
        serial, worker = "/b/t/tidy-abcdefgh/0/x", "/b/t/tidy-abcdefgh/tidy-1234abcd/0/x"
        self.assertEqual(normalising.rerun(serial, "/b"), normalising.rerun(worker, "/b"))

    def test_the_run_root_is_no_difference(self) -> None:
        ours = normalising.message("/tmp/par-x/t/tidy-abcdefgh/0/name", "/tmp/par-x")
        self.assertEqual(ours, normalising.message("/tmp/par-y/t/name", "/tmp/par-y"))


if __name__ == "__main__":
    unittest.main()
