"""Records of two runs, and what ended differently in them."""

from __future__ import annotations

import tempfile
import unittest
from pathlib import Path

from runner.dependence import run_record
from runner.dependence.run_record import NOT_RUN, SUCCESS, HowEnded, RunRecord, differing
from runner.session.outcomes import CaseName, Outcome
from tempfiles import ContextReport, Leak

FAILED = HowEnded(("failure",))


def record(*tests: str, **ends: HowEnded) -> RunRecord:
    """Return the record of one process; the names of ends are ids with `_` for the dot."""
    return RunRecord([[*tests]], {id.replace("_", "."): end for id, end in ends.items()})


class RunRecordTests(unittest.TestCase):
    def test_collects_outcomes_and_leaks_of_a_test(self) -> None:
        found = RunRecord()
        found.test_started(CaseName("m.A.t", "m", "A", "t"))
        found.outcome(Outcome("m.A.t", "m.A.t", "skipped", subtest="(n=1)"))
        found.outcome(Outcome("m.A.t", "m.A.t", "failure"))
        leaks = tuple(Leak(f"/t/0/tmp{n}abcdefg", "file", 0, 1, "m.A.t", "test") for n in (1, 2))
        report = ContextReport("m.A.t", "test", leaks=leaks)
        found.context_closed(report, report)
        end = found.end_of("m.A.t", is_test=True)
        self.assertEqual(end.statuses, ("failure", "skipped"))
        self.assertEqual(len({*end.leaks}), 1)  # random names do not count
        self.assertEqual(str(end), "failure, skipped, 2 leaks")

    def test_a_test_that_did_not_run_has_not_succeeded(self) -> None:
        found = record("m.A.t")
        self.assertEqual(found.end_of("m.A.t", is_test=True), SUCCESS)
        self.assertEqual(found.end_of("m.A.u", is_test=True), NOT_RUN)
        self.assertEqual(found.end_of("m.A", is_test=False), SUCCESS)

    def test_is_the_same_after_writing_and_reading(self) -> None:
        path = Path(self.enterContext(tempfile.TemporaryDirectory()), "record")
        written = RunRecord([["a"], ["b", "c"]], {"b": HowEnded(("error",), ("file x (temp)",))})
        written.write(str(path))
        again = run_record.read(str(path))
        self.assertEqual((again.orders, again.ends, again.ran),
                         (written.orders, written.ends, written.ran))


class DifferingTests(unittest.TestCase):
    def test_names_tests_in_the_order_of_the_first_run(self) -> None:
        one = record("m.b", "m.a", "m.c", m_c=FAILED)
        other = record("m.a", "m.b", "m.c", m_a=FAILED, m_b=FAILED, m_c=FAILED)
        self.assertEqual(differing(one, other), ["m.b", "m.a"])
        self.assertEqual(differing(one, one), [])

    def test_leaks_count_like_outcomes(self) -> None:
        leaking = record("m.a", m_a=HowEnded((), ("file x (temp)",)))
        self.assertEqual(differing(record("m.a"), leaking), ["m.a"])

    def test_a_fixture_stands_for_tests_that_did_not_run(self) -> None:
        one = record("m.A.t", "m.A.u", "m.B.v")
        other = record("m.B.v", m_A=HowEnded(("error",)))
        self.assertEqual(differing(one, other), ["m.A"])
        self.assertEqual(differing(one, record("m.B.v")), ["m.A.t", "m.A.u"])


if __name__ == "__main__":
    unittest.main()
