"""A session as other test tools use it: each script is a host without unittest."""

from __future__ import annotations

import json
from typing import Any

from tests.support.projects import ProjectTestCase

HOST = """\
import dataclasses, json, os, pickle, sys, tempfile
from tempfiles import Retention, RetentionSettings, Run, RunSettings
from runner.baseline.matching import Ledger
from runner.baseline.file import Entry
from runner.session.listener import Listener
from runner.session.outcomes import Outcome, CaseName
from runner.session.policy import Policy
from runner.session.session import Session

def leave(name):
    open(os.path.join(tempfile.gettempdir(), name), "w").close()

def names(leaks):
    return sorted(os.path.basename(leak.path) for leak in leaks)

def copied(record):
    copy = pickle.loads(pickle.dumps(record))
    assert copy == record, record
    return copy

class Log(Listener):
    def __init__(self):
        self.lines = []
    def run_started(self, run, stream):
        self.run = run
    def test_started(self, test):
        self.lines.append(f"started {copied(test).id}")
    def outcome(self, outcome):
        self.lines.append(f"{copied(outcome).status} {outcome.owner}")
    def context_closed(self, report, new):
        counts = len(copied(report).leaks), len(copied(new).leaks)
        self.lines.append(f"closed {report.id} {counts[0]} {counts[1]}")

def started(policy, **more):
    run = Run(RunSettings(late_grace=0))
    run.open()
    return Session(run, policy, **more)

def end(session):
    report, late = session.finish()
    summary = copied(session.summary(report, late))
    json.dumps(report.to_dict())
    assert "unittest" not in sys.modules
    return report, late, summary
"""


class HostTests(ProjectTestCase):
    def host(self, source: str) -> Any:
        """Run a host; return what it prints as JSON."""
        self.write("host.py", HOST + source)
        outcome = self.run_python("-B", "host.py")
        self.assertEqual((outcome.code, outcome.err), (0, ""))
        return json.loads(outcome.out)

    def test_a_leak_fails_its_context_if_the_policy_says_so(self) -> None:
        found = self.host(
            "session = started(Policy(fails=True))\n"
            "module = session.enter('test_a.py', 'module', source='test_a.py')\n"
            "test = session.enter('test_a.py::test_b[1]', 'function')\n"
            "leave('x')\n"
            "closed = copied(session.close(test))\n"
            "session.note_failure(closed)\n"
            "clean = session.close(module)\n"
            "session.outcomes.tests_run = 1\n"
            "report, late, summary = end(session)\n"
            "print(json.dumps([names(closed.new.leaks), 'x' in closed.failure, clean.is_empty,\n"
            "    clean.failure, sorted(session.ran), sorted(session.leaked),\n"
            "    report.summary.tests, summary.counts.leaks, summary.counts.known_leaks, late]))\n"
        )
        test = "test_a.py::test_b[1]"
        self.assertEqual(
            found,
            [["x"], True, True, None, ["run", "test_a.py", test], [test], 1, 1, 0, []],
        )

    def test_a_known_leak_fails_nothing(self) -> None:
        found = self.host(
            "ledger = Ledger({Entry('a', 'x', 'open'): 1}, os.getcwd())\n"
            "session = started(Policy(True, ledger))\n"
            "test = session.enter('a', 'test')\n"
            "leave('x'), leave('new-one')\n"
            "closed = copied(session.close(test))\n"
            "session.succeeded('a')\n"
            "report, late, summary = end(session)\n"
            "print(json.dumps([names(closed.report.leaks), names(closed.new.leaks),\n"
            "    summary.counts.known_leaks, summary.counts.leaks, len(summary.known_keys),\n"
            "    sorted(ledger.ended)]))\n"
        )
        self.assertEqual(found, [["new-one", "x"], ["new-one"], 1, 1, 1, ["a"]])

    def test_outcomes_are_counted_and_told_to_listeners(self) -> None:
        found = self.host(
            "log = Log()\n"
            "session = started(Policy(False), listeners=[log])\n"
            "for status in ('failure', 'skipped', 'unexpected success'):\n"
            "    session.outcome(Outcome(status, status, status, 'why'))\n"
            "session.outcome(Outcome('m', 'm', 'error', load_failure=True))\n"
            "test = session.enter('a', 'test')\n"
            "leave('x')\n"
            "session.close(test, interrupted=True)\n"
            "for call in session.events.test_started: call(CaseName('b', 'm', '', 'b'))\n"
            "end(session)\n"
            "ended = session.outcomes\n"
            "print(json.dumps([log.lines, sorted(ended.failed), sorted(ended.incomplete),\n"
            "    sorted(session.interrupted), ended.load_failed,\n"
            "    len(session.events.test_stopped)]))\n"
        )
        lines = [
            "failure failure", "skipped skipped", "unexpected success unexpected success",
            "error m", "closed a 1 1", "started b",
        ]  # fmt: skip
        failed = ["failure", "m", "unexpected success"]
        self.assertEqual(found, [lines, failed, ["failure", "m", "skipped"], ["a"], True, 0])

    def test_files_of_a_failed_context_are_kept(self) -> None:
        found = self.host(
            "kept = Retention(RetentionSettings('on-failure', os.path.abspath('kept')))\n"
            "session = started(Policy(True), retention=kept)\n"
            "texts = []\n"
            "for id in ('good', 'bad'):\n"
            "    test = session.enter(id, 'test')\n"
            "    leave(id)\n"
            "    closed = session.close(test, failed=id == 'bad')\n"
            "    annotate = lambda text: bool(texts.append(text)) or True\n"
            "    session.keep_leaks(test, closed, id == 'bad', annotate)\n"
            "report, late, summary = end(session)\n"
            "kept.finish()\n"
            "print(json.dumps([len(texts), [leak.outcome for leak in report.leaks]]))\n"
        )
        self.assertEqual(found, [1, ["removed", "kept"]])

    def test_a_leak_found_late_is_reported_by_finish(self) -> None:
        found = self.host(
            "import threading, time\n"
            "session = started(Policy(True))\n"
            "test = session.enter('a', 'test')\n"
            "thread = threading.Thread(target=lambda: (time.sleep(0.3), leave('x')))\n"
            "thread.start()\n"
            "early = session.close(test)\n"
            "thread.join()\n"
            "has = session.has_leaked_late()\n"
            "report, late, summary = end(session)\n"
            "print(json.dumps([early.is_empty, has, [names(one.leaks) for one in late],\n"
            "    summary.late_failures]))\n"
        )
        self.assertEqual(found, [True, True, [["x"]], 1])
