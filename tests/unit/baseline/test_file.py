"""Entries of the baseline and its file."""

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
from runner.errors import UsageError
from tests.unit.baseline.samples import leak

ROUNDS = 20


class EntryTests(unittest.TestCase):
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

    def test_names_of_tempfile_are_equal_with_any_prefix_and_suffix(self) -> None:
        for prefix in (None, "report-", "session_", "Data", "tmp", "x.tmp", "a1", ""):
            for suffix in (None, ".csv", "_old", "x", "-1.tar.gz"):
                with self.subTest(prefix=prefix, suffix=suffix):
                    self.one_name(
                        lambda p=prefix, s=suffix: tempfile.mkdtemp(s, p, self.place),
                        "tempfile.mkdtemp",
                    )

    def test_names_drawn_by_child_processes_are_equal(self) -> None:
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

    def test_an_outside_path_is_relative_to_project_or_home(self) -> None:
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

    def test_a_path_in_the_temp_directory_is_its_name(self) -> None:
        entry = entry_of(leak("/tmp/tidy-abc/3/x.csv"), "/project")
        self.assertEqual(entry, Entry("t.T.test", "x.csv", "open"))


class FileTests(unittest.TestCase):
    def setUp(self) -> None:
        self.place = Path(self.enterContext(tempfile.TemporaryDirectory()))
        self.path = str(self.place / ".tidytest-leaks.json")

    def test_write_sorts_and_puts_one_entry_on_a_line(self) -> None:
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

    def test_a_merge_with_the_lines_of_both_can_be_read(self) -> None:
        if shutil.which("git") is None:
            self.skipTest("git is not installed")
        entries = [Entry(f"t.test_{letter}", "x", "open") for letter in "abc"]
        names = []
        for name, content in (("ours", {0, 1}), ("base", {0}), ("theirs", {0, 2})):
            names.append(str(self.place / name))
            write(names[-1], {entries[number]: 1 for number in content})
        subprocess.run(["git", "merge-file", "--union", *names], check=True)
        self.assertEqual(read(names[0]), dict.fromkeys(entries, 1))

    def test_a_link_to_a_baseline_stays_a_link(self) -> None:
        link = str(self.place / "link")
        os.symlink(self.path, link)
        write(link, {Entry("a", "b", ""): 1})
        self.assertTrue(os.path.islink(link))
        self.assertEqual(read(self.path), {Entry("a", "b", ""): 1})

    def test_an_entry_that_a_merge_doubled_counts_once(self) -> None:
        line = '{"context": "a", "name": "b", "call": "", "count": 2}'
        Path(self.path).write_text(f'{{"version": 1, "leaks": [{line},\n{line}]}}')
        self.assertEqual(read(self.path), {Entry("a", "b", ""): 2})

    def test_another_file_is_refused_in_one_line(self) -> None:
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

    def test_a_missing_file_is_refused_with_advice(self) -> None:
        with self.assertRaisesRegex(UsageError, "no such baseline; --update-baseline writes it"):
            read(self.path)
        with self.assertRaises(UsageError):
            write(f"{self.path}/x/y", {})

    def test_the_default_file_is_used_only_if_it_exists(self) -> None:
        place = str(self.place)
        self.assertIsNone(locate(None, place))
        self.assertEqual(locate("/x", place), "/x")
        write(self.path, {})
        self.assertEqual(locate(None, place), self.path)


if __name__ == "__main__":
    unittest.main()
