"""Formats that tools for code quality read: GitLab's, SARIF, and plain lines."""

from __future__ import annotations

import io
import json
import os
import re
import tempfile
import unittest
from dataclasses import replace
from importlib import import_module
from pathlib import Path
from types import ModuleType
from typing import Any

try:
    jsonschema: Any = import_module("jsonschema")
except ImportError:  # a test-only dependency
    jsonschema = None

from runner.formats import gitlab_quality, leak_lines, sarif
from runner.formats.leak_places import leak_places
from runner.session.records import SuiteReport
from tempfiles import printable
from tempfiles.records import Leak, Origin
from tempfiles.reports import RunReport, Summary
from tests.support.projects import ProjectTestCase
from tests.support.report_samples import HOSTILE, judged, sample

SCHEMAS = Path(__file__).parent / "schemas"
SOURCE = "import tempfile\n\ndef export():\n    tempfile.mkdtemp()\n    tempfile.mkdtemp()\n"
ORIGIN = Origin("a b.py", 4, "export", "tempfile.mkdtemp")
LEAK = Leak("/tmp/tidy-1/0/tmpabc", "directory", 0, 1, "m.C.test_x", "test", ORIGIN)


def report_of(*leaks: Leak, **more: Any) -> SuiteReport:
    return SuiteReport(run=RunReport(Summary(), leaks), **more)


def text(module: ModuleType, report: SuiteReport) -> str:
    stream = io.StringIO()
    module.write(report, stream)
    return stream.getvalue()


class PlaceTests(unittest.TestCase):
    def setUp(self) -> None:
        self.project = os.path.realpath(self.enterContext(tempfile.TemporaryDirectory()))
        self.source = Path(self.project, "a b.py")
        self.source.write_text(SOURCE, encoding="utf-8")

    def report(self, *leaks: Leak, **more: Any) -> SuiteReport:
        return report_of(*leaks, directory=self.project, **more)

    def test_one_line_is_one_entry_with_its_numbers(self) -> None:
        others = [replace(LEAK, path=f"/tmp/{n}", context=f"m.C.test_{n % 2}") for n in range(4)]
        other_line = replace(LEAK, origin=replace(ORIGIN, line=5))
        other_call = replace(LEAK, origin=replace(ORIGIN, call="open"))
        places = leak_places(self.report(*others, other_line, other_call))
        self.assertEqual([(p.file, p.line, len(p.leaks)) for p in places],
                         [("a b.py", 4, 1), ("a b.py", 4, 4), ("a b.py", 5, 1)])
        self.assertEqual(places[1].message, "4 temporary files left by 2 tests (0 B): "
                                            "tempfile.mkdtemp in export")

    def test_fingerprints_survive_names_and_other_lines(self) -> None:
        second = replace(LEAK, origin=replace(ORIGIN, line=5))
        first = [place.fingerprint for place in leak_places(self.report(LEAK, second))]
        self.assertEqual(len(set(first)), 2)  # of equal lines
        moved = Path(self.project, "sub")
        moved.mkdir()
        Path(moved, "a b.py").write_text(f"# new\n{SOURCE}", encoding="utf-8")
        later = report_of(
            replace(LEAK, path="/tmp/other", context="m.C.y", origin=replace(ORIGIN, line=5)),
            replace(second, path="/tmp/more", origin=replace(ORIGIN, line=6)),
            directory=str(moved),
        )
        self.assertEqual([place.fingerprint for place in leak_places(later)], first)
        changed = replace(LEAK, origin=replace(ORIGIN, line=1))
        self.assertNotIn(leak_places(self.report(changed))[0].fingerprint, first)

    def test_a_leak_without_origin_is_at_its_test(self) -> None:
        node = replace(LEAK, origin=None, context="a b.py::export[x.y-1]")
        dotted = replace(LEAK, origin=None, context=f"{__name__}.{type(self).__name__}.report")
        compiled = replace(LEAK, origin=replace(ORIGIN, file="<string>"), context="a b.py")
        nothing = replace(LEAK, origin=None, context="run", scope="run")
        places = leak_places(self.report(node, dotted, compiled, nothing))
        found = {(os.path.basename(place.file), place.line) for place in places}
        line = type(self).report.__code__.co_firstlineno
        own = os.path.basename(__file__)
        self.assertEqual(found, {(".", 1), ("a b.py", 1), ("a b.py", 3), (own, line)})

    def test_paths_are_those_of_the_project(self) -> None:
        outside = replace(LEAK, origin=replace(ORIGIN, file="/else/x y.py"))
        inside = replace(LEAK, origin=replace(ORIGIN, file=f"{self.project}/sub/z.py"))
        places = leak_places(self.report(outside, inside))
        self.assertEqual([place.file for place in places], ["/else/x y.py", "sub/z.py"])
        above = os.path.dirname(self.project)
        (place,) = leak_places(self.report(LEAK, repository=above))
        self.assertEqual(place.file, f"{os.path.basename(self.project)}/a b.py")

    def test_known_leaks_are_marked(self) -> None:
        known = replace(LEAK, path="/tmp/known", origin=replace(ORIGIN, line=5))
        failing = replace(LEAK, path="/tmp/failing", origin=replace(ORIGIN, line=1))
        report = self.report(
            LEAK, known, failing, known=frozenset({known.key}), failing=frozenset({failing.key})
        )
        severities = [entry["severity"] for entry in json.loads(text(gitlab_quality, report))]
        self.assertEqual(severities, ["major", "minor", "info"])
        results = json.loads(text(sarif, report))["runs"][0]["results"]
        self.assertEqual(
            [(result["level"], result["baselineState"]) for result in results],
            [("error", "new"), ("warning", "new"), ("note", "unchanged")],
        )
        self.assertTrue(text(leak_lines, report).endswith("export [known]\n"))


class FormatTests(unittest.TestCase):
    def reports(self) -> list[SuiteReport]:
        hostile = replace(LEAK, path=HOSTILE, context=HOSTILE, subtest=HOSTILE,
                          origin=Origin(HOSTILE, 0, HOSTILE, HOSTILE))
        bytes_name = replace(LEAK, origin=replace(ORIGIN, file="/x/\udcff%.py"))
        nowhere = replace(LEAK, origin=None, context="run", scope="run", call="open")
        return [
            SuiteReport(directory="/p"), sample(600, 300), replace(judged(), interrupted=True),
            report_of(hostile, replace(hostile, origin=None), bytes_name, nowhere,
                      directory="/p"),
        ]  # fmt: skip

    @unittest.skipIf(jsonschema is None, "jsonschema is not installed")
    def test_sarif_is_valid_against_the_schema_of_oasis(self) -> None:
        schema = json.loads((SCHEMAS / "sarif-2.1.0.json").read_text(encoding="utf-8"))
        validator = jsonschema.Draft4Validator(schema, format_checker=jsonschema.FormatChecker())
        for report in self.reports():
            document = json.loads(text(sarif, report))
            self.assertEqual(list(validator.iter_errors(document)), [])
            (run,) = document["runs"]
            prints = [each["partialFingerprints"]["tidytestLeak/v1"] for each in run["results"]]
            self.assertEqual(len(prints), len(set(prints)))
            self.assertEqual(sum(each["occurrenceCount"] for each in run["results"]),
                             len(report.run.leaks))
            self.assertEqual(run["invocations"][0]["executionSuccessful"], not report.interrupted)

    def test_uris_of_sarif_are_relative_or_of_a_file(self) -> None:
        reports = self.reports()
        report = report_of(*reports[-1].run.leaks, LEAK, directory="/p p")
        (run,) = json.loads(text(sarif, report))["runs"]
        self.assertEqual(run["originalUriBaseIds"]["PROJECTROOT"]["uri"], "file:///p%20p/")
        places = [each["locations"][0]["physicalLocation"] for each in run["results"]]
        uris = {place["artifactLocation"]["uri"] for place in places}
        self.assertLessEqual({"a%20b.py", "file:///x/%FF%25.py", ""}, uris)
        for place in places:
            location = place["artifactLocation"]
            self.assertRegex(location["uri"], r"\A(file:///)?[\w%./~-]*\Z")
            self.assertEqual("uriBaseId" in location, not location["uri"].startswith("file:"))
            self.assertGreaterEqual(place.get("region", {"startLine": 1})["startLine"], 1)

    @unittest.skipIf(jsonschema is None, "jsonschema is not installed")
    def test_gitlab_report_has_what_gitlab_reads(self) -> None:
        schema = json.loads((SCHEMAS / "gitlab-code-quality.json").read_text(encoding="utf-8"))
        validator = jsonschema.Draft7Validator(schema)
        for report in self.reports():
            entries = json.loads(text(gitlab_quality, report))
            for entry in entries:
                self.assertEqual(list(validator.iter_errors(entry)), [])
                self.assertEqual(entry["check_name"], "temp-file-leak")
                self.assertIn(entry["severity"], ("info", "minor", "major"))
                self.assertGreaterEqual(entry["location"]["lines"]["begin"], 1)
                self.assertTrue(entry["location"]["path"].isprintable())
            prints = {entry["fingerprint"] for entry in entries}
            self.assertEqual(len(prints), len(entries))

    def test_each_line_is_read_by_the_problem_matchers(self) -> None:
        guides = Path(__file__).parents[2] / "docs/howto"
        pages = [(guides / name).read_text("utf-8") for name in ("ci.md", "tools.md")]
        found = re.findall(r'"regexp": "(.+)"', "".join(pages))
        self.assertEqual(len(found), 2)
        patterns = {json.loads(f'"{pattern}"') for pattern in found}
        self.assertEqual(len(patterns), 1)
        (pattern,) = patterns
        for report in self.reports():
            places = leak_places(report)
            shown = {(printable(place.file), place.line) for place in places}
            lines = text(leak_lines, report).split("\n")
            self.assertEqual(lines.pop(), "")
            self.assertEqual(len(lines), len(places))
            for line in lines:
                match = re.match(pattern, line)
                assert match is not None, line
                self.assertIn((match[1], int(match[2])), shown)
                self.assertTrue(line.isprintable())


class RunTests(ProjectTestCase):
    def setUp(self) -> None:
        super().setUp()
        self.write("test_a.py", """
            import tempfile, unittest
            class T(unittest.TestCase):
                def test_known(self):
                    tempfile.mkdtemp()
                def test_new(self):
                    for _ in range(2): tempfile.mkstemp()
        """)

    def test_a_run_writes_all_three_formats(self) -> None:
        self.tidytest("--update-baseline", "test_a.T.test_known")
        files = ("--gitlab-quality", "quality.json", "--sarif", "out.sarif")
        outcome = self.tidytest("-q", "--leaks", "fail", "--leak-lines", *files, "test_a")
        known = "test_a.py:5: 1 temporary file left by test_a.T.test_known (0 B): " \
                "tempfile.mkdtemp in test_known [known]"
        new = "test_a.py:7: 2 temporary files left by test_a.T.test_new (0 B): " \
              "tempfile.mkstemp in test_new"
        self.assertEqual(outcome.out.splitlines(), [known, new])
        quality = json.loads((self.project / "quality.json").read_text("utf-8"))
        self.assertEqual([entry["severity"] for entry in quality], ["info", "major"])
        (run,) = json.loads((self.project / "out.sarif").read_text("utf-8"))["runs"]
        states = [result["baselineState"] for result in run["results"]]
        self.assertEqual(states, ["unchanged", "new"])

    def test_lines_go_to_standard_error_beside_a_document(self) -> None:
        outcome = self.tidytest("--leak-lines", "--sarif", "-", "test_a")
        self.assertEqual(len(json.loads(outcome.out)["runs"][0]["results"]), 2)
        self.assertRegex(outcome.err, r"(?m)^test_a\.py:5: 1 temporary file")

    def test_without_a_search_for_leaks_they_are_refused(self) -> None:
        for option in ("--leak-lines", "--sarif=x", "--gitlab-quality=x"):
            outcome = self.tidytest("--leaks", "off", option, "test_a")
            self.assertRefused(outcome, option.partition("=")[0], "needs --leaks report or fail")


if __name__ == "__main__":
    unittest.main()
