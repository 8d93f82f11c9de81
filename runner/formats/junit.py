"""Write a run as JUnit XML for Jenkins, GitLab and other CI servers, one suite for each module.

A recorded subtest is a test case of its own, `test_x (n='a')`, so that the number of failures is
that of unittest. The skip of a test that also failed is one as well, `test_x (skipped)`, because
servers count a case that contains a skip as skipped. A test that failed for its leaks only has a
failure of the type `leak`. The schema allows properties of suites only: a leak is a property of the
suite of its test, and a line in the output of that test. This is the only import of junitparser.
"""

from __future__ import annotations

import io
import re
import time
from collections import Counter
from collections.abc import Iterator
from typing import NamedTuple, TextIO

from junitparser import (
    Error,
    Failure,
    JUnitXml,
    Skipped,
    SystemErr,
    SystemOut,
    TestCase,
    TestSuite,
)

from tempfiles import Leak

from ..output.escape import clip, shorten
from ..output.leaks import leak_line
from ..session.outcomes import UNSUCCESSFUL
from ..session.records import FixtureRecord, SubtestRecord, SuiteReport, TestRecord
from .destination import check, write_document

__all__ = ["check", "write"]

_ILLEGAL = re.compile("[^\t\n\r\x20-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")
_LIMIT = 9_600_000
"""Bytes in one element: libxml2, which many CI servers use, refuses a text of 10,000,000."""
_MESSAGE = 4_000
"""Characters of an attribute; the parameters of a subtest may have millions."""
_EXCEPTION = re.compile(r"[A-Za-z_][\w.]*")
_RUN = "run"
_Outcome = TestRecord | FixtureRecord | SubtestRecord


def write(report: SuiteReport, destination: str | TextIO) -> None:
    """Write the run as JUnit XML.

    Raises:
        ReportError: it could not be written.
    """
    buffer = io.BytesIO()
    _document(report).write(buffer)
    write_document(buffer.getvalue().decode("utf-8"), destination)


def _document(report: SuiteReport) -> JUnitXml:
    document = JUnitXml("tidytest")
    leaks = _Leaks(report)
    modules: dict[str, list[TestRecord | FixtureRecord]] = {}
    for record in report.records:
        modules.setdefault(record.module, []).append(record)
    suites = [_suite(module, records, leaks) for module, records in modules.items()]
    rest = leaks.take_all()  # of the run itself, and of tests without a record
    flaky = any(test.fixture for test in report.flaky)
    if rest or report.run.failures or report.interrupted or flaky:
        suites.append(_run_suite(report, rest))
    for suite in suites:
        document.add_testsuite(suite)
    _total(document, suites, report.seconds)
    return document


def _total(document: JUnitXml, suites: list[TestSuite], seconds: float) -> None:
    # Not update_statistics: it sets an attribute that the schema does not allow here.
    document.tests = sum(suite.tests or 0 for suite in suites)
    document.failures = sum(suite.failures or 0 for suite in suites)
    document.errors = sum(suite.errors or 0 for suite in suites)
    document.time = _seconds(seconds)


class _LeakLine(NamedTuple):
    """A leak as one line, and the name of its property."""

    name: str
    line: str


class _Leaks:
    """The leaks of a run, each of which is written once: with its test, or else its context."""

    def __init__(self, report: SuiteReport) -> None:
        # By context and path: another test with the same id has other paths.
        self._lines: dict[str, dict[str, list[_LeakLine]]] = {}
        self._runs = Counter(test.id for test in report.tests)
        for leak in report.run.leaks:
            paths = self._lines.setdefault(leak.context, {})
            paths.setdefault(leak.path, []).append(_leak_line(leak, report))

    def take_of_test(self, record: TestRecord) -> list[_LeakLine]:
        """Return those of a test: all with its id, unless it ran several times."""
        if self._runs[record.id] == 1:
            return self.take_of_context(record.id)
        paths = self._lines.get(record.id, {})
        return [paths[path].pop(0) for path in record.leaked_paths if paths.get(path)]

    def take_of_context(self, id: str) -> list[_LeakLine]:
        """Return those of a context that have not been taken."""
        return [line for group in self._lines.pop(id, {}).values() for line in group]

    def take_all(self) -> list[_LeakLine]:
        """Return all that have not been taken."""
        return [line for id in list(self._lines) for line in self.take_of_context(id)]


def _leak_line(leak: Leak, report: SuiteReport) -> _LeakLine:
    known = leak.key in report.known
    line = leak_line(leak) + (", known (baseline)" if known else "")
    return _LeakLine(_line(f"{'known-leak' if known else 'leak'}:{leak.context}"), _line(line))


def _suite(
    module: str, records: list[TestRecord | FixtureRecord], leaks: _Leaks
) -> TestSuite:
    cases: list[TestCase] = []
    of_tests: list[_LeakLine] = []
    for record in records:
        own = leaks.take_of_test(record) if isinstance(record, TestRecord) else []
        of_tests.extend(own)
        cases.extend(_cases(record, own))
    owners = dict.fromkeys([module, *(owner for record in records for owner in _owners(record))])
    of_fixtures = [leak for owner in owners for leak in leaks.take_of_context(owner)]
    started = min((record.started for record in records if record.started), default=0.0)
    suite = _new_suite(module, started, [*of_fixtures, *of_tests])
    for test in (record.flaky for record in records if isinstance(record, TestRecord)):
        if test is not None:
            suite.add_property(_line(f"flaky:{test.id}"), _line(test.note))
    suite.add_testcases(cases)
    _append_text(suite, SystemOut, _lines(of_fixtures))
    return suite


def _run_suite(report: SuiteReport, rest: list[_LeakLine]) -> TestSuite:
    suite = _new_suite(_RUN, report.started, rest)
    suite.add_testcases([])  # counts them
    not_removed = [f"{failure.path}: {failure.cause}" for failure in report.run.failures]
    for line in not_removed:
        suite.add_property("not-removed", _line(line))
    for test in report.flaky:
        if test.fixture:
            suite.add_property(_line(f"flaky:{test.id}"), _line(test.note))
    if report.interrupted:
        suite.add_property("interrupted", "the run was interrupted before its end")
    output = "".join(f"could not be removed: {line}\n" for line in not_removed)
    _append_text(suite, SystemOut, _lines(rest) + output)
    return suite


def _new_suite(name: str, started: float, leaks: list[_LeakLine]) -> TestSuite:
    suite = TestSuite(_line(name))
    if started:
        suite.timestamp = time.strftime("%Y-%m-%dT%H:%M:%S", time.gmtime(started))
    for leak in leaks:
        suite.add_property(leak.name, leak.line)
    return suite


def _owners(record: TestRecord | FixtureRecord) -> tuple[str, ...]:
    if isinstance(record, FixtureRecord):
        return (record.owner,)
    return record.class_id, record.id  # a late leak of a repeated test belongs to none of its runs


def _cases(record: TestRecord | FixtureRecord, leaks: list[_LeakLine]) -> Iterator[TestCase]:
    own = record.own_outcomes if isinstance(record, TestRecord) else record.outcomes
    ended = [outcome for outcome in own if outcome.status != "success"]
    failed = [outcome for outcome in ended if outcome.status in UNSUCCESSFUL]
    case = _case(record)
    case.result = [_result(outcome) for outcome in failed or ended]
    notes = _lines(leaks) + _flaky_text(record) + _machine_text(record)
    _append_text(case, SystemOut, notes + record.stdout)
    _append_text(case, SystemErr, record.stderr)
    yield case
    if isinstance(record, TestRecord):
        skipped = [outcome for outcome in ended if failed and outcome not in failed]
        yield from (_part_case(record, f"({outcome.status})", outcome) for outcome in skipped)
        yield from (_part_case(record, part.description, part) for part in record.subtests)


def _case(record: TestRecord | FixtureRecord) -> TestCase:
    if isinstance(record, FixtureRecord):
        return TestCase(_line(record.fixture), _line(record.owner), 0.0)
    name = record.method or record.id
    return TestCase(_line(name), _line(record.class_id), _seconds(record.seconds))


def _part_case(test: TestRecord, name: str, outcome: _Outcome) -> TestCase:
    case = TestCase(_line(f"{test.method or test.id} {name}"), _line(test.class_id), 0.0)
    if outcome.status != "success":
        case.result = [_result(outcome)]
    return case


def _result(record: _Outcome) -> Failure | Error | Skipped:
    status = record.status
    message = shorten(_legal(record.message), _MESSAGE) or status
    result: Failure | Error | Skipped
    if status in ("skipped", "expected failure"):
        result = Skipped(message, status)
    elif status == "leak":
        result = Failure(message, status)
    elif status == "error":
        result = Error(message, _exception(message, "Error"))
    else:
        result = Failure(message, _exception(message, status))
    result.text = shorten(_legal(record.details), _LIMIT // 4 - 1_000)  # escapes are longer
    return result


def _exception(message: str, default: str) -> str:
    """Return the `AssertionError` of `AssertionError: 1 != 2`, or the default."""
    name = message.partition(":")[0].partition("\n")[0].strip()
    return name if _EXCEPTION.fullmatch(name) else default


def _lines(leaks: list[_LeakLine]) -> str:
    return "".join(f"left: {leak.line}\n" for leak in leaks)


def _flaky_text(record: TestRecord | FixtureRecord) -> str:
    if isinstance(record, FixtureRecord) or record.flaky is None:
        return ""
    return f"flaky: {record.flaky.note}\n{shorten(record.flaky.details, _LIMIT // 4 - 1_000)}"


def _machine_text(record: TestRecord | FixtureRecord) -> str:
    machine = record.machine if isinstance(record, TestRecord) else ""
    return f"machine: {machine}\n" if machine else ""


def _append_text(
    element: TestCase | TestSuite, kind: type[SystemOut] | type[SystemErr], text: str
) -> None:
    text = _legal(text)
    most = _LIMIT if text.isascii() else _LIMIT // 4
    for start in range(0, len(text), most):
        element.append(kind(text[start : start + most]))  # type: ignore[no-untyped-call]


def _line(text: str) -> str:
    return _legal(clip(text, _MESSAGE))


def _legal(text: str) -> str:
    """Replace characters that XML 1.0 forbids with a visible escape, and end lines with `\\n`.

    Parsers would read a carriage return as the end of a line, too.
    """
    return _ILLEGAL.sub(_escape, text.replace("\r\n", "\n").replace("\r", "\n"))


def _escape(match: re.Match[str]) -> str:
    code = ord(match.group())
    return f"\\x{code:02x}" if code < 256 else f"\\u{code:04x}"


def _seconds(seconds: float) -> float:
    return round(max(seconds, 0.0), 3)  # the schema of Jenkins allows three digits
