"""The recorder: what becomes of the events of a test."""

from __future__ import annotations

import unittest
from types import SimpleNamespace
from typing import Any

from runner.reporting.recorder import Recorder
from runner.session.outcomes import CaseName, Outcome
from tempfiles import RunReport, Summary

TEST = CaseName("m.A.test", "m", "A", "test", "test (m.A)", False)


class RecorderTests(unittest.TestCase):
    def test_skipped_test_that_never_started_took_no_time(self) -> None:
        # As on Python 3.12.1; the replay of a parallel run says when something happened.
        run: Any = SimpleNamespace(now=5.0, worker=0, machine="")
        recorder = Recorder()
        recorder.run_started(run, None)
        recorder.outcome(Outcome(TEST.id, TEST.id, "skipped", "no network"))
        run.now, run.worker = 118.0, 1
        recorder.test_stopped(TEST, "", "")
        recorder.test_started(TEST)
        run.now = 120.0
        recorder.test_stopped(TEST, "", "")
        report = recorder.suite_report(RunReport(Summary()), [])
        self.assertEqual([test.seconds for test in report.tests], [0.0, 2.0])
        self.assertEqual(report.tests[0].started, report.tests[1].started)
