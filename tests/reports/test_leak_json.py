"""The leak report as JSON: exactly version 1, valid against the schema in the documentation."""

from __future__ import annotations

import io
import json
import os
import tempfile
import unittest
from dataclasses import replace
from importlib import import_module
from pathlib import Path
from typing import Any

try:
    jsonschema: Any = import_module("jsonschema")
except ImportError:  # a test-only dependency
    jsonschema = None

from runner.formats import leak_json
from runner.session.outcomes import Counts
from runner.session.records import SuiteReport
from tempfiles.records import Child, Finding, Leak, Modification, Origin, Rescued, Unattributed
from tempfiles.reports import RemovalFailure, RunReport, Summary
from tests.support.report_samples import HOSTILE, sample

SCHEMA = Path(__file__).parents[2] / "docs" / "leak-report.schema.json"
ORIGIN = Origin("tests/test_a.py", 41, "test_export", "tempfile.mkdtemp")
CHILD = Child("touch x", ORIGIN, 12.5)
PLAIN = Leak("/tmp/x", "file", 12, 1, "pkg.test_mod.Class.test_method", "test", outcome="removed")
FULL = replace(
    PLAIN, origin=replace(ORIGIN, trace=("a.py:1 in f",), called_from="b.py:2"),
    evidence="observed", where="outside", outcome="left", subtest="(n='a')", never_closed=True,
    open_by=("pid 1 (init)",),
    children=(CHILD, replace(CHILD, origin=None)), rescued=("/tmp/y",), reason="it holds z",
    since=1.5, written_by=("t.T.test_b",),
)


def parsed(run: RunReport, *, interrupted: bool = False) -> Any:
    stream = io.StringIO()
    leak_json.write(SuiteReport(run=run, interrupted=interrupted), stream)
    return json.loads(stream.getvalue())


def full_run() -> RunReport:
    return RunReport(
        Summary(12, 40, 33, 4, 3, 5021, 2), (PLAIN, FULL),
        (Unattributed("/dev/shm/x", "socket", 0), Unattributed("/y", "fifo", 1, (CHILD,))),
        (Modification("/p/a", "changed", "m.C.t", "test", ("size", "mtime")),
         Modification("/p/b", "deleted", "m", "module")),
        failures=(RemovalFailure("/tmp/stuck", "Operation not permitted", 1),),
        findings=(Finding("processes", "m.C.t", "test", "process 9 is still running: x"),),
        rescued=(Rescued("/tmp/tidy-a/0/y", "/tmp/y"), Rescued("/tmp/tidy-a/0/z", "/tmp/z", "/z")),
    )


class ContentTests(unittest.TestCase):
    def test_a_plain_leak_has_exactly_the_keys_of_the_format(self) -> None:
        summary = Summary(12, 40, 33, 4, 3, 5021, 2)
        self.assertEqual(parsed(RunReport(summary, (PLAIN,))), {
            "version": 1,
            "summary": {"tests": 12, "made": 40, "removed_by_tests": 33, "registered": 4,
                        "leaked": 3, "leaked_bytes": 5021, "leaking_contexts": 2},
            "leaks": [{"path": "/tmp/x", "type": "file", "bytes": 12, "entries": 1,
                       "context": "pkg.test_mod.Class.test_method", "scope": "test",
                       "origin": None, "evidence": "scanned", "where": "temp",
                       "outcome": "removed"}],
            "counts": Counts()._asdict(),
        })

    def test_optional_facts_are_in_further_keys(self) -> None:
        leak = parsed(full_run())["leaks"][1]
        self.assertEqual(leak["origin"], {
            "file": "tests/test_a.py", "line": 41, "function": "test_export",
            "call": "tempfile.mkdtemp", "trace": ["a.py:1 in f"], "called_from": "b.py:2",
        })
        self.assertEqual((leak["subtest"], leak["never_closed"], leak["open_by"]),
                         ("(n='a')", True, ["pid 1 (init)"]))
        self.assertEqual(leak["children"][1],
                         {"command": "touch x", "origin": None, "started": 12.5})

    def test_unattributed_and_modified_are_listed_apart(self) -> None:
        document = parsed(full_run())
        self.assertEqual(document["unattributed"][0],
                         {"path": "/dev/shm/x", "type": "socket", "bytes": 0})
        self.assertEqual(document["modified"][0], {
            "path": "/p/a", "change": "changed", "context": "m.C.t", "scope": "test",
            "what": ["size", "mtime"],
        })

    def test_findings_are_listed_without_being_leaks(self) -> None:
        self.assertEqual(parsed(full_run())["findings"], [{
            "detector": "processes", "context": "m.C.t", "scope": "test",
            "text": "process 9 is still running: x", "origin": None,
        }])
        self.assertNotIn("findings", parsed(RunReport(Summary())))

    def test_only_an_interrupted_run_is_marked(self) -> None:
        self.assertIs(parsed(full_run(), interrupted=True)["interrupted"], True)
        self.assertNotIn("interrupted", parsed(full_run()))

    def test_removal_failures_are_listed_with_their_cause(self) -> None:
        stuck = {"path": "/tmp/stuck", "cause": "Operation not permitted"}
        self.assertEqual(parsed(full_run())["not_removed"], [stuck])
        self.assertNotIn("not_removed", parsed(RunReport(Summary())))

    def test_a_name_that_is_not_unicode_comes_back_byte_for_byte(self) -> None:
        name = b"/tmp/\xff\xfe\x1b[31m\n" + b"\xe9" * 200
        leak = replace(PLAIN, path=name.decode("utf-8", "surrogateescape"))
        document = parsed(RunReport(Summary(), (leak,)))
        self.assertEqual(document["leaks"][0]["path"].encode("utf-8", "surrogateescape"), name)

    def test_the_file_is_ascii_and_replaced_as_a_whole(self) -> None:
        directory = self.enterContext(tempfile.TemporaryDirectory())
        path = os.path.join(directory, "leaks.json")
        for context in ("a" * 5_000, HOSTILE):
            run = RunReport(Summary(), (replace(PLAIN, context=context),))
            leak_json.write(SuiteReport(run=run), path)
        content = Path(path).read_bytes()
        self.assertTrue(content.isascii())
        self.assertEqual(json.loads(content)["leaks"][0]["context"], HOSTILE)
        self.assertEqual(os.listdir(directory), ["leaks.json"])


@unittest.skipIf(jsonschema is None, "jsonschema is not installed")
class SchemaTests(unittest.TestCase):
    def setUp(self) -> None:
        schema = json.loads(SCHEMA.read_text())
        jsonschema.Draft202012Validator.check_schema(schema)
        self.validator = jsonschema.Draft202012Validator(schema)

    def test_every_report_is_valid(self) -> None:
        hostile = replace(FULL, path=HOSTILE, context=HOSTILE, subtest=HOSTILE, open_by=(HOSTILE,))
        nameless = replace(PLAIN, context="")  # its test's id() returns that
        for run in (RunReport(Summary()), full_run(), RunReport(Summary(), (hostile, nameless)),
                    sample(50, 200).run):
            self.validator.validate(parsed(run))
            self.validator.validate(parsed(run, interrupted=True))

    def test_invalid_document_is_refused(self) -> None:
        good = parsed(full_run())
        changes: tuple[dict[str, Any], ...] = (
            {"version": 2}, {"leaks": None}, {"more": 1}, {"modified": []},
            {"interrupted": False},
            {"leaks": [{**good["leaks"][0], "scope": "suite"}]},
            {"leaks": [{**good["leaks"][0], "never_closed": False}]},
            {"leaks": [{**good["leaks"][0], "origin": {"file": "x"}}]},
            {"summary": {**good["summary"], "leaked": -1}},
        )
        for change in changes:
            with self.subTest(change=change):
                self.assertFalse(self.validator.is_valid({**good, **change}))

    def test_every_key_is_described_by_the_schema(self) -> None:
        defined = json.loads(SCHEMA.read_text())["$defs"]
        document = parsed(full_run())
        call_only = RunReport(Summary(), (replace(FULL, origin=None, call="tempfile.mkdtemp"),))
        (leak,) = parsed(call_only)["leaks"]
        self.validator.validate(parsed(call_only))
        with_cluster = {*leak, "machine"}
        self.assertEqual(with_cluster, set(defined["leak"]["properties"]))
        origin = parsed(RunReport(Summary(), (FULL,)))["leaks"][0]["origin"]
        self.assertEqual(set(origin), set(defined["origin"]["properties"]))
        self.assertEqual(list(document["leaks"][0]), defined["leak"]["required"])
        self.assertEqual(list(document["summary"]), defined["summary"]["required"])


if __name__ == "__main__":
    unittest.main()
