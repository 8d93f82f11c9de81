"""The baseline: what a known leak is known by, how many are allowed, and its file."""

from __future__ import annotations

import json
import os
import secrets
import shutil
import subprocess
import tempfile
import unittest
import uuid
from pathlib import Path
from typing import Any

from runner.baseline.file import Entry, entry_of, locate, normalised, read, write
from runner.baseline.matching import Ledger
from runner.errors import UsageError
from tempfiles.records import Leak, Origin
from tempfiles.reports import ContextReport

ROUNDS = 20


def leak(path: str, call: str = "open", context: str = "t.T.test", **more: Any) -> Leak:
    more = {"evidence": "observed", "where": "temp"} | more
    origin = Origin("t.py", secrets.randbelow(999), "test", call) if call else None
    return Leak(path, "file", 1, 1, context, "test", origin, **more)


def report(*leaks: Leak, context: str = "t.T.test") -> ContextReport:
    return ContextReport(context, "test", leaks=leaks)


class Names(unittest.TestCase):
    def setUp(self) -> None:
        self.place = self.enterContext(tempfile.TemporaryDirectory())

    def one_name(self, make: Any, call: str, **more: Any) -> str:
        """Make many; return the one entry name that all have."""
        names = set()
        for _ in range(ROUNDS):
            path = make()
            names.add(entry_of(leak(path, call, **more), "/project").name)
            shutil.rmtree(path) if os.path.isdir(path) else os.unlink(path)
        self.assertEqual(len(names), 1, names)
        return names.pop()

    def test_names_that_tempfile_draws_are_one_whatever_prefix_and_suffix(self) -> None:
        for prefix in (None, "report-", "session_", "Data", "tmp", "x.tmp", "a1", ""):
            for suffix in (None, ".csv", "_old", "x", "-1.tar.gz"):
                with self.subTest(prefix=prefix, suffix=suffix):
                    self.one_name(
                        lambda p=prefix, s=suffix: tempfile.mkdtemp(s, p, self.place),
                        "tempfile.mkdtemp",
                    )

    def test_names_that_children_draw_are_one(self) -> None:
        def made_by_mktemp(template: str) -> Any:
            def make() -> str:
                return made.pop()

            command = f"for i in $(seq {ROUNDS}); do mktemp {self.place}/{template}; done"
            done = subprocess.run(["sh", "-c", command], capture_output=True, text=True, check=True)
            made = done.stdout.split()
            return make

        for template in ("tmp.XXXXXXXXXX", "foo.XXXXXX", "my_session_XXXXXX", "fooXXXXXX.log"):
            with self.subTest(template=template):
                make = made_by_mktemp(template)
                self.one_name(make, "subprocess sh", evidence="scanned")
        for prefix in (None, "report-", "session_"):
            with self.subTest(prefix=prefix):
                self.one_name(
                    lambda p=prefix: tempfile.mkdtemp(".d", p, self.place), "", evidence="scanned"
                )

    def test_numbers_and_hexadecimal_parts_are_replaced(self) -> None:
        cases = {
            "log-20260101-4711.txt": "log-*-*.txt",
            f"x-{uuid.uuid4()}.json": "x-*.json",
            f"x_{secrets.token_hex(8)}": "x_*",
            f"x.{secrets.token_hex(3)}": "x.*",
            "out7": "out*",
            "out12345678": "out*",
            "tmpab12_d3e": "tmp*",
            "report.csv": "report.csv",
            "deadline.txt": "deadline.txt",
            "tmpdirectory": "tmpdirectory",
            f"run{'ab1' * 8}": "run*",
            "facade-of-decades": "*-of-decades",
            "db-a1b2c3_x": "db-*",
            "db-document": "db-document",
        }
        for name, expected in cases.items():
            with self.subTest(name=name):
                self.assertEqual(normalised(name), expected)

    def test_different_names_stay_different(self) -> None:
        names = ["report.csv", "report.txt", "summary.csv", "a/report.csv"]
        self.assertEqual(len({normalised(name) for name in names}), len(names))

    def test_a_path_outside_is_told_from_the_project_or_the_home_directory(self) -> None:
        home = os.path.expanduser("~")
        cases = {
            "/project/out/x.txt": "./out/x.txt",
            f"{home}/x.txt": "~/x.txt",
            "/var/tmp/x.txt": "/var/tmp/x.txt",
            "/projects/x.txt": "/projects/x.txt",
        }
        for path, name in cases.items():
            with self.subTest(path=path):
                self.assertEqual(entry_of(leak(path, where="outside"), "/project").name, name)

    def test_in_the_temp_directory_only_the_name_counts(self) -> None:
        entry = entry_of(leak("/tmp/tidy-abc/3/x.csv"), "/project")
        self.assertEqual(entry, Entry("t.T.test", "x.csv", "open"))


def everything(id: str) -> bool:
    """Say of every context that it came to its end."""
    return True


class Judging(unittest.TestCase):
    def test_as_many_as_are_known_are_known_and_the_rest_is_new(self) -> None:
        leaks = [leak(f"/tmp/x/out{number}") for number in range(3)]
        ledger = Ledger({Entry("t.T.test", "out*", "open"): 2}, "/p")
        matched = ledger.match(report(*leaks))
        self.assertEqual(matched.known, tuple(leaks[:2]))
        self.assertEqual(matched.new, tuple(leaks[2:]))

    def test_another_call_or_a_test_that_comes_after_the_known_one_is_new(self) -> None:
        baseline = {Entry("t.T.test", "a", "open"): 1}
        for other in (leak("/t/a", context="t.U.test"), leak("/t/a", "os.mkdir")):
            ledger = Ledger(baseline, "/p")
            ledger.ended.add("t.T.test")
            matched = ledger.match(report(other, context=other.context))
            self.assertEqual(matched.new, (other,))
            self.assertEqual(ledger.fixed(everything), baseline)
        self.assertEqual(len(Ledger(baseline, "/p").match(report(leak("/t/a"))).known), 1)

    def test_a_renamed_one_of_the_same_call_is_known_but_one_more_is_new_by_its_name(self) -> None:
        entry = Entry("t.T.test", "a", "open")
        ledger = Ledger({entry: 1}, "/p")
        self.assertEqual(ledger.match(report(leak("/t/b"))).new, ())
        self.assertEqual(ledger.fixed(everything), {})
        self.assertEqual(ledger.updated(everything), {entry: 1})
        more, known = leak("/t/b"), leak("/t/a")
        self.assertEqual(Ledger({entry: 1}, "/p").match(report(more, known)).new, (more,))

    def test_outside_the_temp_directory_a_new_name_is_written_down(self) -> None:
        entry = Entry("t.T.test", "./a.log", "open")
        ledger = Ledger({entry: 1}, "/p")
        for name in "bc":  # a repeated test
            self.assertEqual(ledger.match(report(leak(f"/p/{name}.log", where="outside"))).new, ())
        self.assertEqual(ledger.updated(everything), {entry._replace(name="./b.log"): 1})

    def test_a_name_that_is_always_the_same_is_known_whichever_test_comes_first(self) -> None:
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

    def test_what_a_context_leaves_late_counts_with_what_it_left_before(self) -> None:
        entry = Entry("t.T.test", "tmp*", "tempfile.mkdtemp")
        first, late = (leak(f"/t/tmpa1b2c3d{n}", "tempfile.mkdtemp") for n in range(2))
        for number in (1, 2):
            ledger = Ledger({entry: number}, "/p")
            self.assertEqual(ledger.match(report(first)).new, ())
            new = ledger.match(report(late), late=True).new
            self.assertEqual(new, (late,) if number == 1 else ())
            self.assertEqual(ledger.updated(everything), {entry: 2})

    def test_of_what_no_event_named_the_call_does_not_count(self) -> None:
        known = entry_of(leak("/t/tmp.aBcDeF", "subprocess sh", evidence="scanned"), "/p")
        other = leak("/t/tmp.gHiJkL", "", evidence="scanned")
        self.assertEqual(Ledger({known: 1}, "/p").match(report(other)).new, ())

    def test_what_was_interrupted_is_not_written_down(self) -> None:
        entry = Entry("t.T.test", "a", "open")
        ledger = Ledger({entry: 1}, "/p")
        ledger.match(report(leak("/t/a"), leak("/t/b", "os.mkdir")))
        updated = ledger.updated(lambda id: False, {"t.T.test"})
        self.assertEqual(updated, {entry: 1})

    def test_a_random_name_is_known_of_its_own_test_only(self) -> None:
        ledger = Ledger({Entry("t.T.test_a", "tmp*", "tempfile.mkdtemp"): 1}, "/p")
        other = leak("/t/tmpa1b2c3d4", "tempfile.mkdtemp", "t.T.test_b")
        self.assertEqual(ledger.match(report(other, context="t.T.test_b")).new, (other,))

    def test_what_leaks_no_more_or_less_often_is_fixed(self) -> None:
        often, gone = Entry("t.T.test", "a", "open"), Entry("t.T.gone", "b", "open")
        ledger = Ledger({often: 3, gone: 1}, "/p")
        ledger.match(report(leak("/t/a")))
        self.assertEqual(ledger.fixed(everything), {often: 2, gone: 1})
        self.assertEqual(ledger.updated(everything), {often: 1})

    def test_of_a_context_that_did_not_run_nothing_is_known(self) -> None:
        elsewhere = Entry("t.T.elsewhere", "b", "open")
        ledger = Ledger({elsewhere: 1}, "/p")
        ledger.match(report(leak("/t/a")))
        self.assertEqual(ledger.fixed({"t.T.test"}.__contains__), {})
        updated = ledger.updated({"t.T.test"}.__contains__)
        self.assertEqual(updated, {elsewhere: 1, Entry("t.T.test", "a", "open"): 1})

    def test_of_a_test_that_failed_early_no_entry_is_lost(self) -> None:
        entry = Entry("t.T.test", "a", "open")
        ledger = Ledger({entry: 3}, "/p")
        ledger.match(report(leak("/t/a")))
        self.assertEqual(ledger.updated(lambda id: False), {entry: 3})

    def test_a_repeated_test_is_judged_each_time_by_itself(self) -> None:
        entry = Entry("t.T.test", "a", "open")
        ledger = Ledger({entry: 1}, "/p")
        for _ in range(3):
            self.assertEqual(ledger.match(report(leak("/t/a"))).new, ())
        found = ledger.fixed(everything), ledger.updated(everything)
        self.assertEqual(found, ({}, {entry: 1}))

    def test_300_leaks_written_are_known_in_another_run_in_another_order(self) -> None:
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


class File(unittest.TestCase):
    def setUp(self) -> None:
        self.place = Path(self.enterContext(tempfile.TemporaryDirectory()))
        self.path = str(self.place / ".tidytest-leaks.json")

    def test_what_is_written_is_read_again_sorted_and_one_entry_a_line(self) -> None:
        entries = {Entry("t.b", "é\n\udcff", ""): 2, Entry("t.a", "x", "open"): 1}
        write(self.path, entries)
        self.assertEqual(read(self.path), entries)
        text = Path(self.path).read_text(encoding="utf-8")
        json.loads(text)
        lines = [line for line in text.splitlines() if "context" in line]
        self.assertEqual(len(lines), 2)
        self.assertIn('"t.a"', lines[0])
        self.assertEqual(os.listdir(self.place), [".tidytest-leaks.json"])

    def test_an_empty_baseline_can_be_written_and_read(self) -> None:
        write(self.path, {})
        self.assertEqual(read(self.path), {})

    def test_changes_of_two_branches_merge(self) -> None:
        base = {Entry(f"t.test_{letter}", "x", "open"): 1 for letter in "aeimqu"}
        ours, theirs = base | {Entry("t.test_b", "x", "open"): 1}, dict(base)
        del theirs[Entry("t.test_m", "x", "open")]
        names = []
        for name, content in (("ours", ours), ("base", base), ("theirs", theirs)):
            names.append(str(self.place / name))
            write(names[-1], content)
        if shutil.which("git") is None:
            self.skipTest("git is not installed")
        subprocess.run(["git", "merge-file", *names], check=True)
        merged = dict(ours)
        del merged[Entry("t.test_m", "x", "open")]
        self.assertEqual(read(names[0]), merged)

    def test_a_merge_that_takes_the_lines_of_both_is_a_baseline(self) -> None:
        if shutil.which("git") is None:
            self.skipTest("git is not installed")
        entries = [Entry(f"t.test_{letter}", "x", "open") for letter in "abc"]
        names = []
        for name, content in (("ours", {0, 1}), ("base", {0}), ("theirs", {0, 2})):
            names.append(str(self.place / name))
            write(names[-1], {entries[number]: 1 for number in content})
        subprocess.run(["git", "merge-file", "--union", *names], check=True)
        self.assertEqual(read(names[0]), dict.fromkeys(entries, 1))

    def test_a_link_to_a_baseline_stays_one(self) -> None:
        link = str(self.place / "link")
        os.symlink(self.path, link)
        write(link, {Entry("a", "b", ""): 1})
        self.assertTrue(os.path.islink(link))
        self.assertEqual(read(self.path), {Entry("a", "b", ""): 1})

    def test_an_entry_that_a_merge_doubled_counts_once(self) -> None:
        line = '{"context": "a", "name": "b", "call": "", "count": 2}'
        Path(self.path).write_text(f'{{"version": 1, "leaks": [{line},\n{line}]}}')
        self.assertEqual(read(self.path), {Entry("a", "b", ""): 2})

    def test_a_file_that_is_no_baseline_is_refused_in_one_line(self) -> None:
        cases = {
            '{"version": 1, "leaks": [\n<<<<<<< ours\n': ":2: a merge has left a conflict here",
            '{"version": 1, "leaks": [\n{]}': ":2: not valid JSON",
            '{"version": 2, "leaks": []}':
                "a baseline of version 2; this tidytest knows version 1",
            '{"version": true, "leaks": []}': "not a baseline of version 1",
            '{"version": 1, "leaks": [{"context": "a", "name": "b", "call": "", "count": -1}]}':
                "not a baseline of version 1",
            "[]": "not a baseline of version 1",
            '{"version": 1, "leaks": [{"context": "a"}]}': "not a baseline of version 1",
            '{"version": 1, "leaks": [3]}': "not a baseline of version 1",
        }
        for text, words in cases.items():
            Path(self.path).write_text(text)
            with self.subTest(text=text), self.assertRaises(UsageError) as caught:
                read(self.path)
            self.assertIn(words, str(caught.exception))
            self.assertEqual(len(str(caught.exception).splitlines()), 1)
        Path(self.path).write_bytes(b"\xff")
        with self.assertRaises(UsageError):
            read(self.path)

    def test_a_missing_file_is_told_with_how_to_make_it(self) -> None:
        with self.assertRaisesRegex(UsageError, "no such baseline; --update-baseline writes it"):
            read(self.path)
        with self.assertRaises(UsageError):
            write(f"{self.path}/x/y", {})

    def test_the_default_file_counts_only_where_it_exists(self) -> None:
        place = str(self.place)
        self.assertIsNone(locate(None, place))
        self.assertEqual(locate("/x", place), "/x")
        write(self.path, {})
        self.assertEqual(locate(None, place), self.path)


if __name__ == "__main__":
    unittest.main()
