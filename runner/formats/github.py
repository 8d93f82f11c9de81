"""Report a run to GitHub Actions: annotations at lines of code, and a table in the job's summary.

GitHub shows at most 10 warnings, 10 errors and 10 notices of a step and 50 annotations of a job,
and drops a summary of more than 1 MiB. So the worst comes first and the rest is counted.
"""

from __future__ import annotations

import os
import re
from collections import Counter
from collections.abc import Iterator
from typing import NamedTuple, TextIO

from tempfiles import Leak, format_count, format_size, printable

from ..output.escape import clip, printable_block, shorten
from ..output.leaks import leak_line, leak_notes
from ..output.lines import owners_of
from ..output.tracebacks import failure_place, path_below
from ..session.outcomes import FAILURES
from ..session.records import FixtureRecord, SubtestRecord, SuiteReport, TestRecord
from .destination import ReportError, write_text
from .destination import check as check_writable

MOST_ANNOTATIONS = 10
"""Warnings, and errors, that GitHub shows of one step."""

SUMMARY_LIMIT = 1024 * 1024
"""Bytes of a step's summary; GitHub drops a longer one."""

_MESSAGE = 4_000
_CELL = 400
_MOST_LISTED = 5
_MOST_OPEN = 20
"""New leaks of the summary that are not folded."""
# An underscore within a word and a colon without slashes mean nothing in Markdown.
_MARKDOWN = re.compile(r"[&<>\\`*\[\]|~$#@]|(?<![^\W_])_|_(?![^\W_])|:(?=//)")
_Record = TestRecord | FixtureRecord | SubtestRecord


class Step(NamedTuple):
    """The destination: a stream for the workflow commands, and the file of the step's summary."""

    stream: TextIO
    summary: str = ""


def check(destination: Step) -> None:
    """Find out whether the commands and the summary can be written.

    Raises:
        ReportError: there is no stream, or the summary cannot be written.
    """
    check_writable(destination.stream)
    path = destination.summary
    try:
        if path and os.path.isfile(path):
            _append(b"", path)
        elif path:
            check_writable(path)
    except ReportError as error:
        raise ReportError(f"GITHUB_STEP_SUMMARY: {error} (see --no-github)") from None


def write(report: SuiteReport, destination: Step) -> None:
    """Write the commands, and append to the summary; one is written even if the other fails.

    Raises:
        ReportError: one of them could not be written.
    """
    lines = commands(report)
    try:
        if destination.summary and not _append_summary(report, destination.summary):
            lines.append(_notice("the step's summary is full: nothing is added"))
    finally:
        # A command must begin a line, and the tests may not have ended the last one.
        text = "".join(f"\n{line}" for line in lines)
        write_text(f"{text}\n" if text else "", destination.stream)


def _append_summary(report: SuiteReport, path: str) -> bool:
    """Append to the summary if there is room, and return whether there was."""
    size = os.path.getsize(path) if os.path.isfile(path) else 0
    text = summary(report, SUMMARY_LIMIT - size - 2)
    if text:
        # Other steps may not have ended their last line.
        _append(("\n\n" * bool(size) + text).encode("utf-8"), path)
    return bool(text)


def summary(report: SuiteReport, limit: int = SUMMARY_LIMIT) -> str:
    """Return the Markdown of the step's summary: the counts, failed tests, new leaks, known leaks.

    Args:
        report: of the run.
        limit: bytes of UTF-8 that the text may take; it is empty if that is too few.
    """
    text = _head(report)
    for section in _sections(report):
        text += section.fitting(limit - len(text.encode()))
    return text if len(text.encode()) <= limit else ""


def _head(report: SuiteReport) -> str:
    totals = report.run.summary
    state = "interrupted: not all tests have run" if report.interrupted else ""
    counts = ", ".join(filter(None, [format_count(totals.tests, "test"), str(report.counts)]))
    head = f"### Tests{': ' * bool(state)}{state}\n\n{counts}.\n\n"
    return head + (
        f"Temporary files: {totals.made:,} created, {totals.removed_by_tests:,} removed by their "
        f"tests, {totals.registered:,} registered and removed, **{totals.leaked:,} leaked** "
        f"({format_size(totals.leaked_bytes)}).\n\n"
    )


class _Section(NamedTuple):
    """A part of the summary, of which only so many rows are shown as there is room for."""

    title: str
    rows: list[str]
    end: str = "\n"

    def fitting(self, room: int) -> str:
        """Return the text in at most so many bytes; it is empty if no row fits."""
        note = "\nand {:,} more, which the summary has no room for.\n"
        room -= len(f"{self.title}{note}{self.end}".encode()) + 20
        shown: list[str] = []
        for row in self.rows:
            room -= len(row.encode())
            if room < 0:
                break
            shown.append(row)
        if not shown:
            return ""
        left_out = len(self.rows) - len(shown)
        more = note.format(left_out) if left_out else ""
        return "".join([self.title, *shown, more, self.end])


def _sections(report: SuiteReport) -> Iterator[_Section]:
    failed = [
        f"- {_code(record.id)} {markdown(_first_line(record.message))}\n"
        for record in report.records
        if any(outcome.status in FAILURES for outcome in record.outcomes)
    ]
    yield _Section("#### Failed tests\n\n", failed)
    flaky = [f"- {_code(test.id)} {markdown(test.note)}\n" for test in report.flaky]
    yield _Section("#### Flaky tests\n\n", flaky)
    leaks = sorted(report.run.leaks, key=lambda leak: -leak.bytes)
    table = "| Left by | What | Size | Created at | Notes |\n| --- | --- | ---: | --- | --- |\n"
    new = [_summary_row(leak) for leak in leaks if leak.key not in report.known]
    yield _Section(f"#### New leaks ({len(new):,})\n\n{table}", new[:_MOST_OPEN])
    yield _folded(f"{len(new[_MOST_OPEN:]):,} more", table, new[_MOST_OPEN:])
    known = [_summary_row(leak) for leak in leaks if leak.key in report.known]
    yield _folded(f"{format_count(len(known), 'known leak')} in the baseline", table, known)


def _folded(title: str, table: str, rows: list[str]) -> _Section:
    head = f"<details><summary>{title}</summary>\n\n{table}"
    return _Section(head, rows, "\n</details>\n")


def _summary_row(leak: Leak) -> str:
    created_at = leak.made_by.replace("  ", " ")
    owner = leak.context if leak.subtest is None else f"{leak.context} {leak.subtest}"
    name = leak.path + ("/" if leak.type == "directory" else "")
    cells = [_code(owner), f"{leak.type} {_code(name)}", format_size(leak.bytes), _code(created_at)]
    return f"| {' | '.join([*cells, markdown('; '.join(leak_notes(leak)))])} |\n"


def _code(text: str) -> str:
    return f"<code>{markdown(text)}</code>" if text else ""


def markdown(text: str) -> str:
    """Return text as Markdown that shows it literally, on one line, also in a table."""
    text = printable(clip(text, _CELL))
    return _MARKDOWN.sub(lambda match: f"&#{ord(match.group())};", text)


def commands(report: SuiteReport) -> list[str]:
    """Return the workflow commands, one a line: failures, flaky tests, then leaking lines of code.

    The summary has what GitHub would not show of them.
    """
    written: Counter[str] = Counter()
    lines = []
    for name, line in [*_errors(report), *_flaky_warnings(report), *_leak_commands(report)]:
        written[name] += 1
        if written[name] <= MOST_ANNOTATIONS:
            lines.append(line)
    if report.interrupted:
        lines.append(_notice("the run was interrupted: not all tests have run"))
    return lines


def _notice(message: str) -> str:
    return _command("notice", {"title": "tidytest"}, message)[1]


def _command(name: str, properties: dict[str, str], message: str) -> tuple[str, str]:
    """Return the name of a command and its line."""
    listed = ",".join(f"{key}={_property(value)}" for key, value in properties.items())
    return name, f"::{name} {listed}::{_message(message)}"


def _message(text: str) -> str:
    text = printable_block(shorten(text, _MESSAGE))
    return text.replace("%", "%25").replace("\r", "%0D").replace("\n", "%0A")


def _property(text: str) -> str:
    text = printable(clip(text, _CELL))
    return text.replace("%", "%25").replace(":", "%3A").replace(",", "%2C")


def _errors(report: SuiteReport) -> Iterator[tuple[str, str]]:
    for record in report.records:
        for outcome in record.outcomes:
            if outcome.status not in FAILURES:
                continue
            id = f"{record.id} {getattr(outcome, 'description', '')}".rstrip()
            yield _error(outcome, id, report)


def _failure_place(record: _Record, report: SuiteReport) -> tuple[str, int] | None:
    return failure_place(record.details, report.directory, _workspace(report))


def _workspace(report: SuiteReport) -> str:
    return report.repository or report.directory


def _error(record: _Record, id: str, report: SuiteReport) -> tuple[str, str]:
    place = _failure_place(record, report)
    properties = _properties(*place, report) if place is not None else {}
    properties["title"] = f"{_kind(record)}: {id}{_machine(record)}"
    return _command("error", properties, record.message or record.details or record.status)


def _first_line(text: str) -> str:
    return text.partition("\n")[0]


def _kind(record: _Record) -> str:
    return {"failure": "FAIL", "error": "ERROR"}.get(record.status, record.status)


def _machine(record: _Record) -> str:
    machine = record.machine if isinstance(record, TestRecord) else ""
    return f" [{machine}]" if machine else ""


def _place(leaks: list[Leak], report: SuiteReport) -> dict[str, str]:
    origin = next((leak.origin for leak in leaks if leak.origin is not None), None)
    return _properties(origin.file, origin.line, report) if origin is not None else {}


def _properties(file: str, line: int, report: SuiteReport) -> dict[str, str]:
    """Return the properties that place a command; none for a file outside the repository."""
    below = path_below(os.path.join(report.directory, file), _workspace(report))
    return {"file": below.replace(os.sep, "/"), "line": str(line)} if below is not None else {}


def _listed(leaks: list[Leak]) -> Iterator[str]:
    yield from (f"{printable(leak.context)}: {leak_line(leak)}" for leak in leaks[:_MOST_LISTED])
    if len(leaks) > _MOST_LISTED:
        yield f"and {len(leaks) - _MOST_LISTED:,} more"


def _leak_commands(report: SuiteReport) -> Iterator[tuple[str, str]]:
    """Yield an annotation for each line of code with new leaks, the one with most leaks first.

    It is an error if some of them fail their tests, else a warning.
    """
    groups: dict[tuple[str, int] | str, list[Leak]] = {}
    for leak in report.run.leaks:
        if leak.key not in report.known:
            key = (leak.origin.file, leak.origin.line) if leak.origin else leak.context
            groups.setdefault(key, []).append(leak)
    for group in sorted(groups.values(), key=_weight):
        yield _leak_command(group, report)


def _flaky_warnings(report: SuiteReport) -> Iterator[tuple[str, str]]:
    """Yield a warning for each flaky test, at the line where it failed first."""
    for test in report.flaky:
        place = failure_place(test.details, report.directory, _workspace(report))
        properties = _properties(*place, report) if place is not None else {}
        properties["title"] = f"flaky: {test.id}"
        yield _command("warning", properties, test.note)


def _weight(leaks: list[Leak]) -> tuple[int, int]:
    return -len(leaks), -sum(leak.bytes for leak in leaks)


def _leak_command(leaks: list[Leak], report: SuiteReport) -> tuple[str, str]:
    name = "error" if any(leak.key in report.failing for leak in leaks) else "warning"
    properties = _place(leaks, report)
    total = format_size(sum(leak.bytes for leak in leaks))
    number = format_count(len(leaks), "temporary file")
    properties["title"] = f"{number} left by {owners_of(leaks)} ({total})"
    return _command(name, properties, "\n".join(_listed(leaks)))


def _append(content: bytes, path: str) -> None:
    try:
        with open(path, "ab") as file:
            file.write(content)
    except OSError as error:
        raise ReportError(f"cannot write {printable(path)}: {error.strerror}") from error
