"""JUnit XML: what CI servers accept, whatever the tests print."""

from __future__ import annotations

import io
import os
import subprocess
import sys
import tempfile
import unittest
import xml.etree.ElementTree as ET
from dataclasses import replace
from importlib import import_module
from pathlib import Path
from typing import Any, ClassVar

try:
    from junitparser import JUnitXml

    from runner.formats import junit
except ImportError as error:
    raise unittest.SkipTest("junitparser is not installed") from error
try:
    etree: Any = import_module("lxml.etree")
except ImportError:  # a test-only dependency
    etree = None

from runner.session.outcomes import Status
from runner.session.records import FixtureRecord, SubtestRecord, SuiteReport, TestRecord
from tempfiles.records import Leak, Origin, Scope
from tempfiles.reports import RemovalFailure, RunReport, Summary
from tests.support.report_samples import HOSTILE, STARTED, TRACEBACK, sample

PASSED = TestRecord("m.C.test_a", "m", "C", "test_a", seconds=0.25, started=STARTED)
LEAK = Leak("/tmp/x.csv", "file", 1200, 1, "m.C.test_a", "test", Origin("t.py", 4, "f", "open"))


def written(report: SuiteReport) -> bytes:
    with tempfile.TemporaryDirectory() as directory:
        path = os.path.join(directory, "junit.xml")
        junit.write(report, path)
        return Path(path).read_bytes()


def root_of(*tests: TestRecord, **more: object) -> ET.Element:
    return ET.fromstring(written(SuiteReport(tests=tests, **more)))  # type: ignore[arg-type]


def left(*leaks: Leak) -> RunReport:
    return RunReport(Summary(leaked=len(leaks)), leaks)


class ContentTests(unittest.TestCase):
    def test_a_test_has_its_name_class_and_time(self) -> None:
        root = root_of(PASSED, seconds=1.5)
        case = root.find("testsuite/testcase")
        assert case is not None
        self.assertEqual(case.attrib, {"name": "test_a", "classname": "m.C", "time": "0.25"})
        self.assertEqual(len(case), 0)
        suite = root.find("testsuite")
        assert suite is not None
        self.assertEqual((suite.get("name"), suite.get("timestamp")), ("m", "2023-11-14T22:13:20"))
        self.assertEqual((root.get("tests"), root.get("time")), ("1", "1.5"))

    def test_each_status_has_its_element(self) -> None:
        elements: dict[Status, str] = {
            "failure": "failure", "error": "error", "skipped": "skipped",
            "expected failure": "skipped", "unexpected success": "failure",
        }
        for status, tag in elements.items():
            test = replace(PASSED, status=status, message="KeyError: 'x'", details=TRACEBACK)
            root = root_of(test)
            found = root.find(f"testsuite/testcase/{tag}")
            assert found is not None, status
            self.assertEqual((found.get("message"), found.text), ("KeyError: 'x'", TRACEBACK))
            self.assertEqual(root.get("failures"), str(int(tag == "failure")))
            self.assertEqual(root.get("errors"), str(int(tag == "error")))
        self.assertEqual(root_of(replace(test, status="error"))[0][0][0].get("type"), "KeyError")

    def test_failures_are_as_many_as_those_of_unittest(self) -> None:
        inner = tuple(SubtestRecord(f"(n={n})", "failure", "AssertionError: x", TRACEBACK)
                      for n in range(2))
        root = root_of(replace(PASSED, status="failure", subtests=inner))
        self.assertEqual(root.get("failures"), "2")
        names = [case.get("name") for case in root.iter("testcase")]
        self.assertEqual(names, ["test_a", "test_a (n=0)", "test_a (n=1)"])

    def test_a_test_that_fails_with_its_subtest_is_two_failures(self) -> None:
        inner = (SubtestRecord("(n=1)", "failure", "AssertionError: x", TRACEBACK),)
        test = replace(PASSED, status="failure", subtests=inner, message="AssertionError: y")
        self.assertEqual(root_of(test).get("failures"), "2")

    def test_an_error_of_a_class_fixture_is_a_case_of_its_class(self) -> None:
        fixture = FixtureRecord("setUpClass (m.C)", "setUpClass", "m.C", "m",
                                message="OSError: full", details=TRACEBACK)
        root = root_of(PASSED, fixtures=(fixture,))
        case = root.find("testsuite/testcase[@name='setUpClass']")
        assert case is not None
        self.assertEqual((case.get("classname"), case[0].tag, case[0].get("message")),
                         ("m.C", "error", "OSError: full"))
        self.assertEqual(root.get("errors"), "1")

    def test_captured_output_is_kept(self) -> None:
        case = root_of(replace(PASSED, stdout="out\n", stderr="err\n"))[0][0]
        self.assertEqual([(e.tag, e.text) for e in case],
                         [("system-out", "out\n"), ("system-err", "err\n")])

    def test_leak_is_in_the_suite_properties_and_its_tests_output(self) -> None:
        root = root_of(replace(PASSED, stdout="out", leaked_paths=(LEAK.path,)), run=left(LEAK))
        line = "file /tmp/x.csv 1.2 KiB, created at t.py:4 in f  open, left"
        found = root.find("testsuite/properties/property")
        assert found is not None
        self.assertEqual(found.attrib, {"name": "leak:m.C.test_a", "value": line})
        self.assertEqual(root.findtext("testsuite/testcase/system-out"), f"left: {line}\nout")

    def test_leaks_of_classes_modules_and_the_run_are_included(self) -> None:
        owners: tuple[tuple[str, Scope, str], ...] = (
            ("m.C", "class", "m"), ("m", "module", "m"), ("run", "run", "run"),
            ("other.X.test", "test", "run"),
        )
        for context, scope, suite in owners:
            root = root_of(PASSED, run=left(replace(LEAK, context=context, scope=scope)))
            told = root.findtext(f"testsuite[@name='{suite}']/system-out") or ""
            self.assertIn("/tmp/x.csv", told, context)
            self.assertEqual(root.get("tests"), "1")

    def test_removal_failures_are_in_the_suite_of_the_run(self) -> None:
        stuck = RemovalFailure("/tmp/x/", "is a mount point")
        root = root_of(PASSED, run=RunReport(Summary(), failures=(stuck,)))
        suite = root.find("testsuite[@name='run']")
        assert suite is not None
        told = suite.find("properties/property")
        assert told is not None
        self.assertEqual(told.attrib, {"name": "not-removed", "value": "/tmp/x/: is a mount point"})
        self.assertIn("could not be removed: /tmp/x/", suite.findtext("system-out") or "")

    def test_leak_of_a_repeated_test_is_included_once(self) -> None:
        root = root_of(PASSED, PASSED, run=left(LEAK))
        self.assertEqual(len(root.findall(".//system-out")), 1)

    def test_one_suite_a_module(self) -> None:
        other = replace(PASSED, id="n.C.test_b", module="n", method="test_b")
        root = root_of(PASSED, other, PASSED)
        self.assertEqual([(s.get("name"), s.get("tests")) for s in root], [("m", "2"), ("n", "1")])

    def test_a_stream_gets_the_same_as_a_file(self) -> None:
        stream = io.StringIO()
        junit.write(SuiteReport(tests=(PASSED,)), stream)
        self.assertEqual(stream.getvalue(), written(SuiteReport(tests=(PASSED,))).decode())

    def test_it_is_the_same_without_lxml(self) -> None:
        script = (
            "import io, sys; sys.modules['lxml'] = None\n"
            "from tests.reports.test_junit import *\n"
            "test = replace(PASSED, stdout=HOSTILE, message=HOSTILE, status='error')\n"
            "sys.stdout.buffer.write(written(SuiteReport(tests=(test,))))"
        )
        done = subprocess.run([sys.executable, "-c", script], capture_output=True)
        self.assertEqual(done.stderr, b"")
        test = replace(PASSED, stdout=HOSTILE, message=HOSTILE, status="error")
        here, there = root_of(test), ET.fromstring(done.stdout)
        self.assertEqual(here[0][0][0].attrib, there[0][0][0].attrib)
        self.assertEqual(here.findtext(".//system-out"), there.findtext(".//system-out"))

    def test_its_own_library_reads_it_back(self) -> None:
        report = sample(200, 50)
        parsed = JUnitXml.fromstring(written(report))
        cases = [case for suite in parsed for case in suite]
        subtests = sum(len(test.subtests) for test in report.tests)
        self.assertEqual(len(cases), 200 + subtests + len(report.fixtures))


@unittest.skipIf(etree is None, "lxml is not installed")
class SchemaTests(unittest.TestCase):
    schema: ClassVar[Any]

    @classmethod
    def setUpClass(cls) -> None:
        cls.schema = etree.XMLSchema(etree.parse(Path(__file__).parent / "junit.xsd"))

    def check(self, report: SuiteReport) -> Any:
        root = etree.fromstring(written(report))  # with the limits that parsers have by default
        self.schema.assertValid(root)
        return root

    def test_ordinary_runs_are_valid(self) -> None:
        self.check(SuiteReport())
        self.check(sample(500, 200))

    def test_the_schema_refuses_what_ci_servers_refuse(self) -> None:
        for wrong in (
            b"<testsuites/>",
            b"<testsuites tests='0' failures='0' errors='0' time='1e-05'/>",
            b"<testsuites tests='0' failures='0' errors='0' time='1' skipped='0'/>",
        ):
            self.assertFalse(self.schema.validate(etree.fromstring(wrong)), wrong)

    def test_hostile_text_in_every_place_is_valid_and_visible(self) -> None:
        inner = SubtestRecord(HOSTILE, "error", HOSTILE, HOSTILE)
        test = TestRecord(HOSTILE, HOSTILE, HOSTILE, HOSTILE, "failure", 1e-7, STARTED, HOSTILE,
                          HOSTILE, (inner,), HOSTILE, HOSTILE)
        fixture = FixtureRecord(HOSTILE, HOSTILE, HOSTILE, HOSTILE, "error", 0, HOSTILE, HOSTILE)
        leak = Leak("/tmp/\udcff\x1b" + "x" * 255, "other", 1, 1, HOSTILE, "test",
                    Origin(HOSTILE, 1, HOSTILE, HOSTILE), subtest=HOSTILE, open_by=(HOSTILE,))
        run = left(leak, replace(leak, context="run"))
        run = run._replace(failures=(RemovalFailure(HOSTILE, HOSTILE),))
        root = self.check(SuiteReport(tests=(test,), fixtures=(fixture,), run=run))
        self.assertIn("\\x1b[31mred", root.findtext(".//failure"))
        self.assertIn("\\udcff", root.find(".//property").get("value"))

    def test_every_character_there_is_can_be_printed(self) -> None:
        for start in range(0, 0x11_0000, 0x2_0000):
            block = "".join(map(chr, range(start, min(start + 0x2_0000, 0x11_0000))))
            test = replace(PASSED, stdout=block)
            self.check(SuiteReport(tests=(test,)))

    def test_ten_megabytes_of_output_parse_with_default_limits(self) -> None:
        line = "0123456789abcde\n"
        for letter in ("", "\u00fc", "\U0001f600"):
            output = (letter + line) * (10 * 1024 * 1024 // len(line))
            with self.subTest(letter=letter):
                test = replace(PASSED, stdout=output, status="failure", details=output)
                root = self.check(SuiteReport(tests=(test,)))
                self.assertEqual("".join(e.text for e in root.iter("system-out")), output)

    def test_long_message_with_escapes_parses_with_default_limits(self) -> None:
        for character, times in (("\udcff", 1_700_000), ("\x1b", 20_000)):  # 10,200,000 escaped
            text = f"AssertionError: {character * times}"
            with self.subTest(character=ascii(character)):
                inner = SubtestRecord("(n=1)", "failure", text[:10_000], text[:10_000])
                test = replace(PASSED, status="failure", message=text[:10_000], details=text)
                root = self.check(SuiteReport(tests=(replace(test, subtests=(inner,)),)))
                for failure in root.iter("failure"):
                    self.assertIn(ascii(character)[1:-1], failure.text)
                    self.assertLess(len(failure.get("message")), 5_000)


if __name__ == "__main__":
    unittest.main()
