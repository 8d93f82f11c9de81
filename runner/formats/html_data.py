"""Turn a run into the rows that the HTML page shows, and into its timeline.

All text is escaped here, so that control characters are visible. Empty fields of rows are left out
where the script does not need them.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Iterator
from typing import Any

from tempfiles import (
    Finding,
    Lane,
    Leak,
    Modification,
    Origin,
    Sample,
    Timeline,
    Unattributed,
    draw_timeline,
    format_count,
    printable,
)

from ..output.escape import clip, printable_block, shorten
from ..output.leaks import leak_notes
from ..session.outcomes import FAILURES
from ..session.records import FixtureRecord, SubtestRecord, SuiteReport, TestRecord

_MOST_SAMPLES = 2_000
_WIDTHS = {"wide": 1_150, "narrow": 420}
"""Widths of the timeline in pixels; the style sheet shows one of them."""
_TEXT = 20_000
"""Characters of a traceback or of captured output in the page."""
_ALL_TEXT = 8_000_000
"""Characters of all of them together; the ones after that are shortened to `_SHORT_TEXT`."""
_SHORT_TEXT = 400
_Record = TestRecord | FixtureRecord
_SLOT = re.compile(r"^.*?[/\\]tidy-[^/\\]+[/\\]\d+(?=[/\\]|$)")


def document(report: SuiteReport) -> dict[str, Any]:
    """Return the data of the page in the types of JSON; times are seconds since the start."""
    owners = _owners(report)
    leaks = sorted(zip(report.run.leaks, owners, strict=True), key=lambda pair: -pair[0].bytes)
    return {
        "seconds": _round(report.seconds),
        "looked": report.looked,
        "counts": report.counts._asdict(),
        "leaks": [_leak(leak, leak_state(report, leak), owner) for leak, owner in leaks],
        "tests": _tests(report, Counter(owners)),
        "usage": _usage(report),
        "unattributed": [_unattributed(entry) for entry in report.run.unattributed],
        "modified": [_modification(entry) for entry in report.run.modifications],
        "findings": [_finding(entry) for entry in report.run.findings],
    }


def leak_state(report: SuiteReport, leak: Leak) -> str:
    """Return `known` for a leak in the baseline, `failing` if it failed a test, or `new`."""
    if leak.key in report.known:
        return "known"
    return "failing" if leak.key in report.failing else "new"


def result_of(record: _Record) -> str:
    """Return what a test or fixture counts as in the totals of the page."""
    if record.status in FAILURES:
        return "failed"
    if record.status == "leak":
        return "failed for leaks"
    if isinstance(record, TestRecord) and record.flaky is not None:
        return "flaky"
    return "skipped" if record.status == "skipped" else "passed"


def split_id(id: str) -> tuple[str, str]:
    """Return the last part of an id and the rest: `test_x` and `pkg.mod.Class`."""
    separator = "::" if "::" in id else "."
    before, _, last = ("", "", id) if " " in id and "::" not in id else id.rpartition(separator)
    return last, before


def timeline(report: SuiteReport) -> str:
    """Return the timeline as SVG, for a wide and a narrow window; empty if nothing has a time."""
    lanes = tuple(_lanes(report))
    if not lanes and not report.usage:
        return ""
    ends = [stop for lane in lanes for _, stop in lane.spans]
    ends += [sample.timestamp - report.started for sample in report.usage]
    seconds = max(report.seconds, 1e-3, *ends)
    words = [format_count(len(report.tests), "test")]
    words += [f"{len(lane.spans):,} {lane.kind}" for lane in lanes if lane.kind != "ran"]
    summary = f"Timeline of {seconds:.1f} s: {', '.join(words)}."
    drawn = Timeline(summary, report.started, seconds, report.usage, lanes)
    return "".join(
        f'<div class="{name}">{draw_timeline(drawn, width)}</div>'
        for name, width in _WIDTHS.items()
    )


def _lanes(report: SuiteReport) -> Iterator[Lane]:
    """Yield a lane for each kind of test, so that colours need not be distinguished."""
    leaking = set(_owners(report))
    timed = [(record, place) for place, record in enumerate(report.records) if record.started]
    timed.sort(key=lambda pair: pair[0].started)
    workers = sorted({_worker(record) for record, _ in timed})
    for number in workers:
        label = f"Worker {number}" if len(workers) > 1 else "Tests"
        ran = (record for record, _ in timed if _worker(record) == number)
        yield Lane(label, "ran", _spans(ran, report.started))
    failed = [record for record, _ in timed if result_of(record) == "failed"]
    if failed:
        yield Lane("Failed", "failed", _spans(failed, report.started), least=3)
    leaked = [record for record, place in timed if place in leaking]
    if leaked:
        yield Lane("Leaks", "leaked", _spans(leaked, report.started), least=2)


def _spans(records: Iterable[_Record], started: float) -> list[tuple[float, float]]:
    return [
        (at := record.started - started, at + getattr(record, "seconds", 0.0)) for record in records
    ]


def _worker(record: _Record) -> int:
    return record.worker if isinstance(record, TestRecord) else 0


def _owners(report: SuiteReport) -> list[int | None]:
    """Return the position of the record of each leak, None where several have its id."""
    by_path: dict[tuple[str, str], list[int]] = {}
    by_id: dict[str, list[int]] = {}
    for position, record in enumerate(report.records):
        if isinstance(record, FixtureRecord):
            by_id[record.owner] = [position]
            continue
        by_id.setdefault(record.id, []).append(position)
        for path in record.leaked_paths:
            by_path.setdefault((record.id, path), []).append(position)
    owners: list[int | None] = []
    for leak in report.run.leaks:
        of_path, of_id = by_path.get((leak.context, leak.path)), by_id.get(leak.context, [])
        owners.append(of_path.pop(0) if of_path else of_id[0] if len(of_id) == 1 else None)
    return owners


def _leak(leak: Leak, state: str, owner: int | None) -> dict[str, Any]:
    directory, name = _split(leak.path)
    entry: dict[str, Any] = {
        "name": name + ("/" if leak.type == "directory" else ""),
        "dir": directory,
        "type": leak.type,
        "state": state,
        "bytes": leak.bytes,
        "files": leak.files,
        "context": printable(leak.context),
        "scope": leak.scope,
        "notes": leak_notes(leak),
        **_origin(leak.origin, leak.call),
    }
    if leak.subtest is not None:
        entry["subtest"] = printable(clip(leak.subtest, _SHORT_TEXT))
    if owner is not None:
        entry["test"] = owner
    return entry


def _origin(origin: Origin | None, call: str = "") -> dict[str, Any]:
    if origin is None:
        return {"place": "", "function": "", "call": printable(call)}
    return {
        "place": printable(f"{origin.file}:{origin.line}"),
        "function": printable(origin.function),
        "call": printable(origin.call),
        **({"caller": printable(origin.called_from)} if origin.called_from else {}),
    }


def _split(path: str) -> tuple[str, str]:
    """Return the directory and the name of a path, without the random name of the run root."""
    directory, separator, name = path.rpartition("\\" if re.match(r"[A-Za-z]:\\", path) else "/")
    return printable(_SLOT.sub("temp directory", directory) or separator), printable(name)


def _tests(report: SuiteReport, left: Counter[int | None]) -> list[dict[str, Any]]:
    room = _ALL_TEXT
    runs = Counter(record.id for record in report.tests)
    seen: Counter[str] = Counter()
    entries = []
    for position, record in enumerate(report.records):
        entry = _test(record, report.started)
        entry["left"] = left[position]
        if runs[record.id] > 1 and isinstance(record, TestRecord):
            seen[record.id] += 1
            entry["run"] = str(seen[record.id])
        texts = _texts(record, _TEXT if room > 0 else _SHORT_TEXT)
        if texts:
            entry["texts"] = texts
            room -= sum(len(text) for _, text in texts)
        entries.append(entry)
    return entries


def _test(record: _Record, started: float) -> dict[str, Any]:
    entry: dict[str, Any] = {
        "id": printable(record.id),
        "status": record.status,
        "result": result_of(record),
        "started": _round(record.started - started) if record.started else 0,
        "seconds": 0,
        "bytes": 0,
        "entries": 0,
        "message": _first_line(record.message),
    }
    if isinstance(record, TestRecord):
        entry["seconds"] = _round(record.seconds)
        entry["bytes"] = record.bytes_created
        entry["entries"] = record.entries_created
        if record.worker:
            entry["worker"] = record.worker
        if record.flaky is not None:
            entry["message"] = _first_line(f"flaky: {record.flaky.note}")
    else:
        entry["owner"] = printable(record.owner)
    return entry


def _first_line(message: str) -> str:
    return printable(clip(message.strip("\n").partition("\n")[0], _SHORT_TEXT))


def _texts(record: _Record, limit: int) -> list[tuple[str, str]]:
    """Return the blocks of text of a test, each with its heading."""
    found = []
    if record.message not in record.details and _first_line(record.message) != record.message:
        found.append(("Message", record.message))
    found.append(("Traceback", record.details))
    if isinstance(record, TestRecord):
        found.append(("Machine", record.machine))
        if record.flaky is not None:
            found.append(("Traceback of its first failure", record.flaky.details))
        found += [(f"Also: {other.status}", _text_of(other)) for other in record.others]
        for subtest in record.subtests:
            if subtest.status != "success":
                name = printable(clip(subtest.description, _SHORT_TEXT))
                found.append((f"Subtest {name}: {subtest.status}", _text_of(subtest)))
    found += [("Output", record.stdout), ("Error output", record.stderr)]
    return [(heading, printable_block(shorten(text, limit))) for heading, text in found if text]


def _text_of(part: SubtestRecord) -> str:
    return part.details or part.message


def _usage(report: SuiteReport) -> list[tuple[float, int, int]]:
    samples = report.usage
    step = -(-len(samples) // _MOST_SAMPLES) or 1
    groups = (samples[start : start + step] for start in range(0, len(samples), step))
    return [_highest(group, report.started) for group in groups]


def _highest(samples: Iterable[Sample], started: float) -> tuple[float, int, int]:
    top = max(samples, key=lambda sample: sample.bytes)
    return _round(top.timestamp - started), top.files, top.bytes


def _unattributed(entry: Unattributed) -> dict[str, Any]:
    directory, name = _split(entry.path)
    children = [printable(child.command) for child in entry.children]
    return {
        "name": name,
        "dir": directory,
        "type": entry.type,
        "bytes": entry.bytes,
        "notes": children,
    }


def _modification(entry: Modification) -> dict[str, Any]:
    directory, name = _split(entry.path)
    return {
        "name": name,
        "dir": directory,
        "change": entry.change,
        "context": printable(entry.context),
        "scope": entry.scope,
        "what": ", ".join(printable(word) for word in entry.what),
    }


def _finding(entry: Finding) -> dict[str, Any]:
    return {
        "text": printable(entry.text),
        "detector": printable(entry.detector),
        "context": printable(entry.context),
        "scope": entry.scope,
        **_origin(entry.origin),
    }


def _round(seconds: float) -> float:
    return round(seconds, 4)
