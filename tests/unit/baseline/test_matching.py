"""Matching the leaks of a run with a baseline."""

from __future__ import annotations

import os
import secrets
import tempfile
import unittest

from runner.baseline.file import Entry, entry_of, read, write
from runner.baseline.matching import Ledger
from tempfiles.reports import ContextReport
from tests.unit.baseline.samples import leak, report


def everything(id: str) -> bool:
    """Say of every context that it came to its end."""
    return True


class LedgerTests(unittest.TestCase):
    def test_leaks_beyond_the_known_number_are_new(self) -> None:
        leaks = [leak(f"/tmp/x/out{number}") for number in range(3)]
        ledger = Ledger({Entry("t.T.test", "out*", "open"): 2}, "/p")
        matched = ledger.match(report(*leaks))
        self.assertEqual(matched.known, tuple(leaks[:2]))
        self.assertEqual(matched.new, tuple(leaks[2:]))

    def test_a_leak_of_another_call_or_a_later_test_is_new(self) -> None:
        baseline = {Entry("t.T.test", "a", "open"): 1}
        for other in (leak("/t/a", context="t.U.test"), leak("/t/a", "os.mkdir")):
            ledger = Ledger(baseline, "/p")
            ledger.ended.add("t.T.test")
            matched = ledger.match(report(other, context=other.context))
            self.assertEqual(matched.new, (other,))
            self.assertEqual(ledger.fixed(everything), baseline)
        self.assertEqual(len(Ledger(baseline, "/p").match(report(leak("/t/a"))).known), 1)

    def test_a_renamed_leak_of_the_same_call_is_known(self) -> None:
        entry = Entry("t.T.test", "a", "open")
        ledger = Ledger({entry: 1}, "/p")
        self.assertEqual(ledger.match(report(leak("/t/b"))).new, ())
        self.assertEqual(ledger.fixed(everything), {})
        self.assertEqual(ledger.updated(everything), {entry: 1})
        more, known = leak("/t/b"), leak("/t/a")
        self.assertEqual(Ledger({entry: 1}, "/p").match(report(more, known)).new, (more,))

    def test_an_outside_leak_is_written_with_its_new_name(self) -> None:
        entry = Entry("t.T.test", "./a.log", "open")
        ledger = Ledger({entry: 1}, "/p")
        for name in "bc":  # a repeated test
            self.assertEqual(ledger.match(report(leak(f"/p/{name}.log", where="outside"))).new, ())
        self.assertEqual(ledger.updated(everything), {entry._replace(name="./b.log"): 1})

    def test_a_fixed_name_is_known_whichever_test_runs_first(self) -> None:
        for name in ("out.log", f"out-{os.getpid()}.log"):
            with self.subTest(name):
                entry = entry_of(leak(f"/t/{name}", context="t.T.test_a"), "/p")
                ledger = Ledger({entry: 1}, "/p")
                first = leak(f"/t/{name}", context="u.U.test_b")
                again = leak(f"/t/{name}", context="t.T.test_c")
                self.assertEqual(ledger.match(report(first, context="u.U.test_b")).new, ())
                self.assertEqual(ledger.match(report(first, context="u.U.test_b")).new, ())
                self.assertEqual(ledger.match(report(again, context="t.T.test_c")).new, (again,))
                self.assertEqual(ledger.fixed(everything), {})

    def test_late_leaks_count_with_those_of_the_close(self) -> None:
        entry = Entry("t.T.test", "tmp*", "tempfile.mkdtemp")
        first, late = (leak(f"/t/tmpa1b2c3d{n}", "tempfile.mkdtemp") for n in range(2))
        for number in (1, 2):
            ledger = Ledger({entry: number}, "/p")
            self.assertEqual(ledger.match(report(first)).new, ())
            new = ledger.match(report(late), late=True).new
            self.assertEqual(new, (late,) if number == 1 else ())
            self.assertEqual(ledger.updated(everything), {entry: 2})

    def test_the_call_of_a_scanned_leak_is_ignored(self) -> None:
        known = entry_of(leak("/t/tmp.aBcDeF", "subprocess sh", evidence="scanned"), "/p")
        other = leak("/t/tmp.gHiJkL", "", evidence="scanned")
        self.assertEqual(Ledger({known: 1}, "/p").match(report(other)).new, ())

    def test_an_interrupted_context_is_not_written(self) -> None:
        entry = Entry("t.T.test", "a", "open")
        ledger = Ledger({entry: 1}, "/p")
        ledger.match(report(leak("/t/a"), leak("/t/b", "os.mkdir")))
        updated = ledger.updated(lambda id: False, {"t.T.test"})
        self.assertEqual(updated, {entry: 1})

    def test_a_random_name_is_known_only_of_its_test(self) -> None:
        ledger = Ledger({Entry("t.T.test_a", "tmp*", "tempfile.mkdtemp"): 1}, "/p")
        other = leak("/t/tmpa1b2c3d4", "tempfile.mkdtemp", "t.T.test_b")
        self.assertEqual(ledger.match(report(other, context="t.T.test_b")).new, (other,))

    def test_missing_leaks_are_fixed(self) -> None:
        often, gone = Entry("t.T.test", "a", "open"), Entry("t.T.gone", "b", "open")
        ledger = Ledger({often: 3, gone: 1}, "/p")
        ledger.match(report(leak("/t/a")))
        self.assertEqual(ledger.fixed(everything), {often: 2, gone: 1})
        self.assertEqual(ledger.updated(everything), {often: 1})

    def test_a_context_that_did_not_run_keeps_its_entries(self) -> None:
        elsewhere = Entry("t.T.elsewhere", "b", "open")
        ledger = Ledger({elsewhere: 1}, "/p")
        ledger.match(report(leak("/t/a")))
        self.assertEqual(ledger.fixed({"t.T.test"}.__contains__), {})
        updated = ledger.updated({"t.T.test"}.__contains__)
        self.assertEqual(updated, {elsewhere: 1, Entry("t.T.test", "a", "open"): 1})

    def test_a_test_that_failed_early_keeps_its_entries(self) -> None:
        entry = Entry("t.T.test", "a", "open")
        ledger = Ledger({entry: 3}, "/p")
        ledger.match(report(leak("/t/a")))
        self.assertEqual(ledger.updated(lambda id: False), {entry: 3})

    def test_a_repeated_test_is_matched_each_time(self) -> None:
        entry = Entry("t.T.test", "a", "open")
        ledger = Ledger({entry: 1}, "/p")
        for _ in range(3):
            self.assertEqual(ledger.match(report(leak("/t/a"))).new, ())
        found = ledger.fixed(everything), ledger.updated(everything)
        self.assertEqual(found, ({}, {entry: 1}))

    def test_300_written_leaks_are_known_in_another_order(self) -> None:
        def leaks(line: int) -> list[ContextReport]:
            made = []
            for number in range(100):
                context = f"t.T.test_{number}"
                names = (
                    f"tmp{secrets.token_hex(4)}",
                    f"report-{secrets.token_hex(4)}.csv",
                    "x.log",
                )
                calls = ("tempfile.mkdtemp", "tempfile.mkstemp", "open")
                found = [leak(f"/t/{n}", c, context) for n, c in zip(names, calls, strict=True)]
                made.append(report(*found, context=context))
            return made

        first = Ledger({}, "/p")
        self.assertEqual(sum(len(first.match(one).new) for one in leaks(1)), 300)
        with tempfile.TemporaryDirectory() as place:
            path = f"{place}/leaks.json"
            write(path, first.updated(everything))
            second = Ledger(read(path), "/p")
        self.assertEqual(sum(len(second.match(one).new) for one in reversed(leaks(50))), 0)
        self.assertEqual(second.fixed(everything), {})
