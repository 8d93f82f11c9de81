"""The run for GitHub Actions: annotations at lines of code, and a table in the job's summary.

GitHub shows at most 10 warnings, 10 errors and 10 notices of a step, and 50 annotations of a job,
and refuses a summary of more than 1 MiB; so the worst comes first and the rest is counted.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from typing import NamedTuple, TextIO

from tempfiles.records import Leak

from ..output.escape import clip, human_size, plural, shorten, visible, visible_block
from ..output.wording import failure_place, leak_line, path_below
from . import writer as _destination
from .github_summary import SUMMARY_LIMIT, summary
from .records import UNSUCCESSFUL, FixtureRecord, SubtestRecord, SuiteReport, TestRecord

MOST_ANNOTATIONS = 10
"""Warnings, and errors, that GitHub shows of one step."""

_MESSAGE = 4_000
_CELL = 400


class Step(NamedTuple):
    """Where a step of a job is told: a stream for the commands, a file for its summary, if any."""

    stream: TextIO
    summary: str = ""


def check(destination: Step) -> None:
    """Raise `ReportError` if there is no stream, or the step's summary cannot be written.

    Raises:
        ReportError: in one line.
    """
    _destination.check(destination.stream)
    path = destination.summary
    try:
        if path and os.path.isfile(path):
            _append(b"", path)
        elif path:
            _destination.check(path)
    except _destination.ReportError as error:
        raise _destination.ReportError(
            f"GITHUB_STEP_SUMMARY: {error} (--no-github does without)"
        ) from None


def write(report: SuiteReport, destination: Step) -> None:
    """Write the commands, and append to the summary.

    Raises:
        ReportError: one of them could not be written; the other has been.
    """
    lines = commands(report)
    try:
        if destination.summary and not _append_summary(report, destination.summary):
            lines.append(_notice("the step's summary is full: nothing of tidytest's is in it"))
    finally:
        # A command counts at the start of a line only, and the tests may not have ended theirs.
        told = "".join(f"\n{line}" for line in lines)
        _destination.write_text(f"{told}\n" if told else "", destination.stream)


def _append_summary(report: SuiteReport, path: str) -> bool:
    """Append to the summary, unless it has no room; return whether it had."""
    size = os.path.getsize(path) if os.path.isfile(path) else 0
    text = summary(report, SUMMARY_LIMIT - size - 2)
    if text:
        # What others have written may not end with the end of a line.
        _append(("\n\n" * bool(size) + text).encode("utf-8"), path)
    return bool(text)


def commands(report: SuiteReport) -> list[str]:
    """Return the workflow commands, one a line: errors, warnings, and what there is more."""
    errors = list(_errors(report))
    warnings = list(_warnings(report))
    lines = [*errors[:MOST_ANNOTATIONS], *warnings[:MOST_ANNOTATIONS]]
    more = []
    if len(errors) > MOST_ANNOTATIONS:
        more.append(plural(len(errors) - MOST_ANNOTATIONS, "more failure"))
    if len(warnings) > MOST_ANNOTATIONS:
        more.append(plural(len(warnings) - MOST_ANNOTATIONS, "more leaking line") + " of code")
    if more:
        lines.append(_notice(" and ".join(more)))
    if report.interrupted:
        lines.append(_notice("the run was interrupted: not all tests have run"))
    known = sum(leak.key in report.known for leak in report.run.leaks)
    if known:
        lines.append(_notice(f"{plural(known, 'known leak')} in the baseline"))
    return lines


def _notice(message: str) -> str:
    return _command("notice", {"title": "tidytest"}, message)


def _command(name: str, properties: dict[str, str], message: str) -> str:
    listed = ",".join(f"{key}={_property(value)}" for key, value in properties.items())
    return f"::{name} {listed}::{_message(message)}"


def _message(text: str) -> str:
    text = visible_block(shorten(text, _MESSAGE))
    return text.replace("%", "%25").replace("\r", "%0D").replace("\n", "%0A")


def _property(text: str) -> str:
    text = visible(clip(text, _CELL))
    return text.replace("%", "%25").replace(":", "%3A").replace(",", "%2C")


def _errors(report: SuiteReport) -> Iterator[str]:
    failing = [leak for leak in report.run.leaks if leak.key in report.failing]
    by_key = {leak.key: leak for leak in failing}
    by_context: dict[str, list[Leak]] = {}
    for leak in failing:
        by_context.setdefault(leak.context, []).append(leak)
    for record in report.records:
        if isinstance(record, FixtureRecord):
            leaks = by_context.get(record.owner, [])
        else:
            leaks = [by_key[record.id, path] for path in record.left if (record.id, path) in by_key]
        for outcome in record.outcomes:
            if outcome.status not in UNSUCCESSFUL:
                continue
            if isinstance(outcome, SubtestRecord):
                yield _error(outcome, f"{record.id} {outcome.description}".rstrip(), report)
            elif leaks and _failure_place(outcome, report) is None:
                yield _leak_error(outcome, leaks, report)
            else:
                yield _error(outcome, outcome.id, report)


def _failure_place(
    record: TestRecord | FixtureRecord | SubtestRecord, report: SuiteReport
) -> tuple[str, int] | None:
    return failure_place(record.details, report.directory, _workspace(report))


def _workspace(report: SuiteReport) -> str:
    return report.repository or report.directory


def _error(
    record: TestRecord | FixtureRecord | SubtestRecord, id: str, report: SuiteReport
) -> str:
    place = _failure_place(record, report)
    properties = _properties(*place, report) if place is not None else {}
    properties["title"] = f"{_kind(record)}: {id}"
    return _command("error", properties, record.message or record.details or record.status)


def _leak_error(
    record: TestRecord | FixtureRecord, leaks: list[Leak], report: SuiteReport
) -> str:
    """An error at the line of code whose leak is the failure."""
    properties = _place(leaks, report)
    properties["title"] = f"{_kind(record)}: {record.id}"
    return _command("error", properties, "\n".join([_first_line(record.message), *_listed(leaks)]))


def _first_line(text: str) -> str:
    return text.partition("\n")[0]


def _kind(record: TestRecord | FixtureRecord | SubtestRecord) -> str:
    return {"failure": "FAIL", "error": "ERROR"}.get(record.status, record.status)


def _place(leaks: list[Leak], report: SuiteReport) -> dict[str, str]:
    origin = next((leak.origin for leak in leaks if leak.origin is not None), None)
    return _properties(origin.file, origin.line, report) if origin is not None else {}


def _properties(file: str, line: int, report: SuiteReport) -> dict[str, str]:
    """The place of a command: nothing for a file that is not in the repository."""
    below = path_below(os.path.join(report.directory, file), _workspace(report))
    return {"file": below.replace(os.sep, "/"), "line": str(line)} if below is not None else {}


def _listed(leaks: list[Leak]) -> Iterator[str]:
    yield from (f"{visible(leak.context)}: {leak_line(leak)}" for leak in leaks[:5])
    if len(leaks) > 5:
        yield f"and {len(leaks) - 5:,} more"


def _warnings(report: SuiteReport) -> Iterator[str]:
    """One warning for each line of code that leaks, the one that leaves most things first.

    Neither for leaks that are known, nor for those that an error tells.
    """
    groups: dict[tuple[str, int] | str, list[Leak]] = {}
    for leak in report.run.leaks:
        if leak.key in report.known or leak.key in report.failing:
            continue
        key = (leak.origin.file, leak.origin.line) if leak.origin else leak.context
        groups.setdefault(key, []).append(leak)
    for group in sorted(groups.values(), key=_weight):
        yield _warning(group, report)


def _weight(leaks: list[Leak]) -> tuple[int, int]:
    return -len(leaks), -sum(leak.bytes for leak in leaks)


def _warning(leaks: list[Leak], report: SuiteReport) -> str:
    properties = _place(leaks, report)
    total = human_size(sum(leak.bytes for leak in leaks))
    contexts = list(dict.fromkeys(leak.context for leak in leaks))
    owner = contexts[0] if len(contexts) == 1 else f"{len(contexts):,} contexts"
    properties["title"] = f"{plural(len(leaks), 'temporary file')} left by {owner} ({total})"
    return _command("warning", properties, "\n".join(_listed(leaks)))


def _append(content: bytes, path: str) -> None:
    try:
        with open(path, "ab") as file:
            file.write(content)
    except OSError as error:
        raise _destination.ReportError(
            f"cannot write {visible(path)}: {error.strerror}"
        ) from error
