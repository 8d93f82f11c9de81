"""Workflow commands that nothing can break out of, and a summary that shows text as text."""

from __future__ import annotations

import io
import re
import tempfile
import unittest
from dataclasses import replace
from pathlib import Path

from runner.formats import github
from runner.formats.destination import ReportError
from runner.session.outcomes import Counts
from runner.session.records import FixtureRecord, SubtestRecord, SuiteReport, TestRecord
from tempfiles.records import Leak, Origin
from tempfiles.reports import RunReport, Summary
from tests.support.report_samples import HOSTILE, TRACEBACK, sample

ORIGIN = Origin("tests/test_a.py", 41, "test_x", "open")
LEAK = Leak("/tmp/x.csv", "file", 1200, 1, "m.C.test_x", "test", ORIGIN, outcome="removed")
FAILED = TestRecord("m.C.test_x", "m", "C", "test_x", "failure", message="AssertionError: 1 != 2",
                    details=TRACEBACK)
COMMAND = re.compile(r"::(error|warning|notice) ([^:\n]*)::([^\r\n]*)")


def left(*leaks: Leak) -> RunReport:
    return RunReport(Summary(tests=3, made=9, leaked=len(leaks)), leaks)


def parsed(line: str) -> tuple[str, dict[str, str], str]:
    """What GitHub makes of a command."""
    match = COMMAND.fullmatch(line)
    assert match, line
    properties = dict(item.split("=", 1) for item in match[2].split(","))
    return match[1], {k: decoded(v) for k, v in properties.items()}, decoded(match[3])


def decoded(text: str) -> str:
    for code, character in (("%0D", "\r"), ("%0A", "\n"), ("%3A", ":"), ("%2C", ","), ("%25", "%")):
        text = text.replace(code, character)
    return text


class CommandTests(unittest.TestCase):
    def setUp(self) -> None:
        """Make a repository in which the file of the samples is."""
        self.repository = Path(self.enterContext(tempfile.TemporaryDirectory()))
        self.project = str(self.repository / "project")
        (self.repository / "project/tests").mkdir(parents=True)
        (self.repository / "project/tests/test_a.py").touch()
        details = TRACEBACK.replace("/home/me/project", self.project)
        self.failed = replace(FAILED, details=details)

    def test_a_leak_is_a_warning_at_its_origin(self) -> None:
        (line,) = github.commands(SuiteReport(run=left(LEAK), directory=self.project))
        self.assertEqual(line, (
            "::warning file=tests/test_a.py,line=41,title=1 temporary file left by m.C.test_x "
            "(1.2 KiB)::m.C.test_x: file /tmp/x.csv 1.2 KiB, created at tests/test_a.py:41 in "
            "test_x  open"
        ))

    def test_a_failure_is_an_error_at_its_line(self) -> None:
        report = SuiteReport(tests=(self.failed,), directory=self.project)
        self.assertEqual(github.commands(report), [
            "::error file=tests/test_a.py,line=12,title=FAIL%3A m.C.test_x::AssertionError: 1 != 2"
        ])

    def test_all_that_makes_a_run_fail_is_an_error(self) -> None:
        inner = (SubtestRecord("(n=1)", "error", "KeyError: 1"), SubtestRecord("(n=2)", "success"))
        records = (
            replace(FAILED, status="error", message="", details="", subtests=inner),
            replace(FAILED, status="unexpected success"), replace(FAILED, status="skipped"),
            replace(FAILED, status="expected failure"), replace(FAILED, status="success"),
        )
        fixture = FixtureRecord("setUpModule (m)", "setUpModule", "m", "m", message="OSError: x")
        lines = github.commands(SuiteReport(tests=records, fixtures=(fixture,)))
        self.assertEqual([parsed(line)[1]["title"] for line in lines], [
            "ERROR: m.C.test_x (n=1)", "unexpected success: m.C.test_x",
            "ERROR: setUpModule (m)",
        ])

    def test_a_leak_without_origin_is_a_warning_without_a_place(self) -> None:
        (line,) = github.commands(SuiteReport(run=left(replace(LEAK, origin=None))))
        self.assertEqual(set(parsed(line)[1]), {"title"})

    def test_paths_are_those_of_the_repository(self) -> None:
        report = SuiteReport(
            tests=(self.failed,), run=left(LEAK), directory=self.project,
            repository=str(self.repository),
        )
        files = [parsed(line)[1]["file"] for line in github.commands(report)]
        self.assertEqual(files, ["project/tests/test_a.py"] * 2)

    def test_what_is_not_in_the_repository_is_at_no_line(self) -> None:
        (self.repository / "other").mkdir()
        elsewhere = replace(LEAK, origin=replace(ORIGIN, file="page.html"))
        for leak, repository in ((LEAK, "other"), (elsewhere, "project")):
            report = SuiteReport(run=left(leak), directory=self.project,
                                 repository=str(self.repository / repository))
            (line,) = github.commands(report)
            self.assertEqual(set(parsed(line)[1]), {"title"})
        report = SuiteReport(tests=(self.failed,), directory=self.project,
                             repository=str(self.repository / "other"))
        self.assertEqual(set(parsed(*github.commands(report))[1]), {"title"})

    def test_one_line_of_code_is_one_warning(self) -> None:
        many = [replace(LEAK, path=f"/tmp/{n}", context=f"m.C.test_{n}") for n in range(30)]
        other = replace(LEAK, origin=replace(ORIGIN, line=50), bytes=10**9)
        lines = github.commands(SuiteReport(run=left(other, *many), directory=self.project))
        self.assertEqual(len(lines), 2)
        name, properties, message = parsed(lines[0])
        self.assertEqual((name, properties["line"]), ("warning", "41"))
        self.assertTrue(properties["title"].startswith("30 temporary files left by 30 tests"))
        self.assertTrue(message.endswith("\nand 25 more"))

    def test_failures_come_first_then_lines_of_code_then_nothing(self) -> None:
        known, new = replace(LEAK, path="/tmp/known"), replace(LEAK, path="/tmp/new")
        failing = replace(LEAK, path="/tmp/fails", origin=replace(ORIGIN, line=50))
        leaking = TestRecord("m.C.test_y", "m", "C", "test_y", "leak", message="left 1")
        report = SuiteReport(
            tests=(leaking, self.failed), run=left(failing, known, new), directory=self.project,
            known=frozenset({known.key}), failing=frozenset({failing.key}),
        )
        found = [(name, of["line"]) for name, of, _ in map(parsed, github.commands(report))]
        self.assertEqual(found, [("error", "12"), ("error", "50"), ("warning", "41")])

    def test_no_more_is_written_than_github_shows(self) -> None:
        report = sample(3_000, 500)
        kinds = [parsed(line)[0] for line in github.commands(report)]
        self.assertEqual(kinds, ["error"] * 10 + ["warning"] * 10)

    def test_no_text_can_end_a_command_or_begin_one(self) -> None:
        leak = replace(LEAK, path=HOSTILE, context=HOSTILE, subtest=HOSTILE,
                       origin=Origin(HOSTILE, 1, HOSTILE, HOSTILE))
        name = "a:,b%0A\x1b/::error::"
        (self.repository / name).parent.mkdir()
        (self.repository / name).touch()
        details = TRACEBACK.replace("/home/me/project/tests/test_a.py", f"{self.repository}/{name}")
        test = replace(FAILED, id=HOSTILE, message=HOSTILE, details=details)
        stream = io.StringIO()
        report = SuiteReport(tests=(test,), run=left(leak), directory=str(self.repository))
        github.write(report, github.Step(stream))
        lines = stream.getvalue().split("\n")
        self.assertEqual((lines.pop(0), lines.pop()), ("", ""))
        self.assertEqual([parsed(line)[0] for line in lines], ["error", "warning"])
        self.assertNotRegex(stream.getvalue(), "[\x00-\x08\x0b-\x1f\x7f-\x9f\ud800-\udfff]")
        _, properties, message = parsed(lines[0])
        self.assertEqual(properties["file"], "a:,b%0A\\x1b/::error::")
        self.assertIn("%0A ::error::x", message)

    def test_run_without_leaks_or_failures_writes_nothing(self) -> None:
        self.assertEqual(github.commands(SuiteReport()), [])


class SummaryTests(unittest.TestCase):
    def setUp(self) -> None:
        directory = self.enterContext(tempfile.TemporaryDirectory())
        self.path = Path(directory, "summary.md")
        self.stream = io.StringIO()
        self.step = github.Step(self.stream, str(self.path))

    def test_it_is_appended_to_what_other_steps_wrote(self) -> None:
        self.path.write_text("before")
        github.check(self.step)
        github.write(SuiteReport(run=left(LEAK)), self.step)
        lines = self.path.read_text().splitlines()
        self.assertEqual(lines[:3], ["before", "", "### Tests"])
        self.assertIn(
            "| <code>m.C.test_x</code> | file <code>/tmp/x.csv</code> | 1.2 KiB | "
            "<code>tests/test_a.py:41 in test_x open</code> |  |", lines,
        )

    def test_it_names_failures_and_new_leaks_and_folds_known_ones(self) -> None:
        known = [replace(LEAK, path=f"/tmp/known{n}") for n in range(57)]
        text = github.summary(SuiteReport(
            tests=(FAILED, replace(FAILED, id="m.C.test_y", status="leak")),
            run=left(LEAK, *known), known=frozenset(leak.key for leak in known),
            counts=Counts(tests=2, failures=1, leaks=1, known_leaks=57), interrupted=True,
        ))
        self.assertRegex(text, "^### Tests: interrupted.*\n\n3 tests, failures=1, leaks=1, known")
        failed = "- <code>m.C.test_x</code> AssertionError: 1 != 2\n"
        self.assertIn(f"#### Failed tests\n\n{failed}\n", text)
        shown, folded = text.split("<details><summary>57 known leaks in the baseline</summary>")
        self.assertEqual((shown.count("/tmp/"), folded.count("/tmp/known")), (1, 57))
        self.assertIn("#### New leaks (1)\n", shown)

    def test_more_than_20_new_leaks_are_folded(self) -> None:
        leaks = [replace(LEAK, path=f"/tmp/new{n}") for n in range(57)]
        text = github.summary(SuiteReport(run=left(*leaks)))
        shown, folded = text.split("<details><summary>37 more</summary>\n\n| Left by |")
        self.assertIn("#### New leaks (57)\n", shown)
        self.assertEqual((shown.count("/tmp/new"), folded.count("/tmp/new")), (20, 37))

    def test_a_run_without_leaks_has_no_table(self) -> None:
        self.assertNotIn("|", github.summary(SuiteReport()))

    def test_text_cannot_become_markup_or_break_the_table(self) -> None:
        leak = replace(LEAK, path=HOSTILE, context="__init__ a_b [x](http://y) @me #1 $x$ \\|",
                       open_by=(HOSTILE,))
        (row,) = [line for line in github.summary(SuiteReport(run=left(leak))).split("\n")
                  if "31mred" in line]
        self.assertEqual(row.count("|"), 6)
        bare = row.replace("<code>", "").replace("</code>", "")
        self.assertNotRegex(bare, r"[<>`*\[\]~@$\\]|://|__|&(?!#\d+;)")
        self.assertIn("a_b", bare)
        bare.encode("utf-8")

    def test_summary_never_exceeds_the_limit_of_github(self) -> None:
        report = sample(500, 300)
        many = replace(report, run=report.run._replace(leaks=report.run.leaks * 40))
        self.path.write_bytes(b"x" * 500_000 + b"\n")
        github.write(many, self.step)
        content = self.path.read_bytes()
        self.assertLessEqual(len(content), 1024 * 1024)
        self.assertGreater(len(content), 1000 * 1024)
        self.assertRegex(content.decode(), r"\nand [\d,]+ more, which the summary has no room for")

    def test_full_summary_is_unchanged(self) -> None:
        self.path.write_bytes(b"x" * 1024 * 1024)
        github.write(SuiteReport(run=left(LEAK)), self.step)
        self.assertEqual(self.path.stat().st_size, 1024 * 1024)
        self.assertIn("summary is full", self.stream.getvalue())

    def test_unwritable_summary_is_an_error_before_and_after(self) -> None:
        step = self.step._replace(summary=str(self.path / "missing" / "x"))
        with self.assertRaisesRegex(ReportError, "^GITHUB_STEP_SUMMARY: .*missing.*--no-github"):
            github.check(step)
        with self.assertRaisesRegex(ReportError, "^cannot write .*missing"):
            github.write(SuiteReport(run=left(LEAK)), step)
        self.assertIn("::warning ", self.stream.getvalue())


if __name__ == "__main__":
    unittest.main()
