"""`--record`: what is in the file, also of a run that is killed, and which files are refused."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
import time
import unittest
from importlib import import_module
from pathlib import Path
from typing import Any

from tests.support.projects import ProjectTestCase
from tests.support.records import SUITE, lines_of

try:
    jsonschema: Any = import_module("jsonschema")
except ImportError:  # a test-only dependency
    jsonschema = None

SCHEMA = Path(__file__).parents[2] / "docs" / "record.schema.json"


class RecordTests(ProjectTestCase):
    def test_record_is_complete_and_the_run_as_without_it(self) -> None:
        for name, text in SUITE.items():
            self.write(name, text)
        plain = self.tidytest("-b", "--leaks=fail")
        outcome = self.tidytest("-b", "--leaks=fail", "--record=run.jsonl")
        self.assertEqual((outcome.code, outcome.out), (plain.code, plain.out))
        self.assertEqual(outcome.err.count("\n"), plain.err.count("\n"), outcome.err)
        header, *lines = lines_of(self.project / "run.jsonl")
        self.assertEqual(header["shard"], None)
        self.assertEqual(header["settings"]["leaks"], "fail")
        units = [line for line in lines if "tests" in line]
        self.assertEqual([unit["key"] for unit in units], [
            "test_a.Leaks", "test_a.Outcomes", "test_b", "test_c.Own",
            "unittest.loader._FailedTest.test_d",
        ])  # fmt: skip
        codes = {event[0] for line in lines for event in line.get("events", ())}
        self.assertLessEqual({*"usSpxaObfcnd"}, codes)
        self.assertEqual(lines[-1]["end"]["code"], 1)
        self.assertSchema([header, *lines])

    @unittest.skipIf(jsonschema is None, "jsonschema is not installed")
    def assertSchema(self, lines: list[Any]) -> None:
        validator = jsonschema.Draft202012Validator(json.loads(SCHEMA.read_text("utf-8")))
        for number, line in enumerate(lines, 1):
            self.assertTrue(validator.is_valid(line), f"line {number}: {line}")

    def test_killed_run_has_a_record_up_to_the_last_line(self) -> None:
        self.write("test_a.py", """
            import time, unittest
            class A(unittest.TestCase):
                def test_1(self): print("\\udcff printed", flush=True)
                def test_2(self): time.sleep(60)
        """)
        record = self.project / "run.jsonl"
        with subprocess.Popen(
            [sys.executable, "-X", "utf8", "-m", "runner", "--record", record], cwd=self.project,
            env=self.environment(), stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
        ) as run:
            while not (record.exists() and b'["s",1,' in record.read_bytes()):
                time.sleep(0.01)
            run.send_signal(signal.SIGKILL)
        lines = lines_of(record)
        self.assertNotIn("end", lines[-1])
        events = [event for line in lines for event in line.get("events", ())]
        self.assertIn(["O", [1, "\udcff printed\n"]], events)
        self.assertSchema(lines)
        self.tidytest("-f", "--record=run.jsonl", "no_such_name")  # replaces it, and reaps
        lines = lines_of(record)
        self.assertEqual(lines[-1]["end"]["code"], 1)
        self.assertIn(["q"], [event for line in lines for event in line.get("events", ())])
        self.assertSchema(lines)

    def test_files_that_cannot_be_a_record_are_refused(self) -> None:
        self.write("test_a.py", "import unittest\n")
        self.write("notes.txt", "mine\n")
        for words, part in (
            (["--record=notes.txt"], "notes.txt is there and is no record: remove it"),
            (["--record=no/where.jsonl"], "No such file or directory"),
            (["--record=a.json", "--leak-json=a.json"], "name the same file"),
            (["--record=a.jsonl", "--pdb"], "--record and --pdb contradict each other"),
        ):
            with self.subTest(words=words):
                self.assertRefused(self.tidytest(*words), part)
        self.assertEqual((self.project / "notes.txt").read_text("utf-8"), "mine\n")
        self.assertEqual({path.name for path in self.project.iterdir()}, {"test_a.py", "notes.txt"})
