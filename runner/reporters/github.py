"""The run for GitHub Actions: annotations at lines of code, and a table in the job's summary.

GitHub shows at most 10 warnings, 10 errors and 10 notices of a step, and 50 annotations of a job,
and refuses a summary of more than 1 MiB; so the worst comes first and the rest is counted.
"""

from __future__ import annotations

import contextlib
import os
from collections.abc import Iterator
from typing import TextIO

from tempfiles.records import Leak

from ..records import UNSUCCESSFUL, FixtureRecord, SubtestRecord, SuiteReport, TestRecord
from . import destination as _destination
from .github_summary import SUMMARY_LIMIT, summary
from .lines import failure_place, leak_line
from .text import clip, human_size, plural, shorten, visible, visible_block

MOST_ANNOTATIONS = 10
"""Warnings, and errors, that GitHub shows of one step."""

_MESSAGE = 4_000
_CELL = 400


def check(destination: str | TextIO) -> None:
    """Raise `ReportError` if the commands or the step's summary cannot be written.

    Raises:
        ReportError: in one line.
    """
    _destination.check(destination)
    path = os.environ.get("GITHUB_STEP_SUMMARY")
    try:
        if path and os.path.isfile(path):
            _append(b"", path)
        elif path:
            _destination.check(path)
    except _destination.ReportError as error:
        raise _destination.ReportError(
            f"GITHUB_STEP_SUMMARY: {error} (--no-github does without)"
        ) from None


def write(report: SuiteReport, destination: str | TextIO) -> None:
    """Write the commands to `destination`, and append to the file in GITHUB_STEP_SUMMARY.

    Raises:
        ReportError: one of them could not be written.
    """
    lines = commands(report)
    path = os.environ.get("GITHUB_STEP_SUMMARY")
    if path:
        size = os.path.getsize(path) if os.path.isfile(path) else 0
        text = summary(report, SUMMARY_LIMIT - size - 2)
        if text:
            # What others have written may not end with the end of a line.
            _append(("\n\n" * bool(size) + text).encode("utf-8"), path)
        else:
            lines.append(_notice("the step's summary is full: nothing of tidytest's is in it"))
    # A command counts at the start of a line only, and the tests may not have ended theirs.
    told = "".join(f"\n{line}" for line in lines)
    _destination.write_text(f"{told}\n" if told else "", destination)


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
    known = sum(leak.path in report.known for leak in report.run.leaks)
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
    failing = [leak for leak in report.run.leaks if leak.path in report.failing]
    by_path = {leak.path: leak for leak in failing}
    by_context: dict[str, list[Leak]] = {}
    for leak in failing:
        by_context.setdefault(leak.context, []).append(leak)
    for record in report.records:
        if record.status in UNSUCCESSFUL and not record.only_subtests_failed:
            if isinstance(record, FixtureRecord):
                leaks = by_context.get(record.owner, [])
            else:
                leaks = [by_path[path] for path in record.left if path in by_path]
            if leaks and failure_place(record.details, report.directory) is None:
                yield _leak_error(record, leaks, report.directory)
            else:
                yield _error(record, record.id, report.directory)
        if isinstance(record, TestRecord):
            for part in (*record.others, *record.subtests):
                if part.status in UNSUCCESSFUL:
                    name = f"{record.id} {part.description}".rstrip()
                    yield _error(part, name, report.directory)


def _error(record: TestRecord | FixtureRecord | SubtestRecord, id: str, directory: str) -> str:
    properties: dict[str, str] = {}
    place = failure_place(record.details, directory)
    if place is not None:
        properties = {"file": _in_repository(place[0], directory), "line": str(place[1])}
    properties["title"] = f"{_kind(record)}: {id}"
    return _command("error", properties, record.message or record.details or record.status)


def _leak_error(record: TestRecord | FixtureRecord, leaks: list[Leak], directory: str) -> str:
    """An error at the line of code whose leak is the failure."""
    properties = _place(leaks, directory)
    properties["title"] = f"{_kind(record)}: {record.id}"
    return _command("error", properties, "\n".join([_first_line(record.message), *_listed(leaks)]))


def _first_line(text: str) -> str:
    return text.partition("\n")[0]


def _kind(record: TestRecord | FixtureRecord | SubtestRecord) -> str:
    return {"failure": "FAIL", "error": "ERROR"}.get(record.status, record.status)


def _place(leaks: list[Leak], directory: str) -> dict[str, str]:
    origin = next((leak.origin for leak in leaks if leak.origin is not None), None)
    if origin is None:
        return {}
    return {"file": _in_repository(origin.file, directory), "line": str(origin.line)}


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
        if leak.path in report.known or leak.path in report.failing:
            continue
        key = (leak.origin.file, leak.origin.line) if leak.origin else leak.context
        groups.setdefault(key, []).append(leak)
    for group in sorted(groups.values(), key=_weight):
        yield _warning(group, report.directory)


def _weight(leaks: list[Leak]) -> tuple[int, int]:
    return -len(leaks), -sum(leak.bytes for leak in leaks)


def _warning(leaks: list[Leak], directory: str) -> str:
    properties = _place(leaks, directory)
    total = human_size(sum(leak.bytes for leak in leaks))
    contexts = list(dict.fromkeys(leak.context for leak in leaks))
    owner = contexts[0] if len(contexts) == 1 else f"{len(contexts):,} contexts"
    properties["title"] = f"{plural(len(leaks), 'temporary file')} left by {owner} ({total})"
    return _command("warning", properties, "\n".join(_listed(leaks)))


def _in_repository(file: str, directory: str) -> str:
    """GitHub wants paths from the top of the repository, with slashes."""
    top = os.environ.get("GITHUB_WORKSPACE")
    path = os.path.join(directory, file)
    with contextlib.suppress(ValueError):  # a name that no file can have
        for base in map(os.path.realpath, filter(None, (top, directory))):
            if os.path.realpath(path).startswith(os.path.join(base, "")):
                path = os.path.relpath(os.path.realpath(path), base)
                break
    return path.replace(os.sep, "/")


def _append(content: bytes, path: str) -> None:
    try:
        with open(path, "ab") as file:
            file.write(content)
    except OSError as error:
        raise _destination.ReportError(
            f"cannot write {visible(path)}: {error.strerror}"
        ) from error
