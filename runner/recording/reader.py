"""Read the records of one run."""

from __future__ import annotations

import json
import os
import zlib
from base64 import b64decode
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any

from tempfiles import ContextReport, RunReport, Sample

from ..errors import UsageError
from ..session.outcomes import CaseName
from ..workers import events
from .form import VERSION, Header, RecordedModule, RecordedUnit, RunEnding, event_of
from .together import refuse_others

_SETTINGS = frozenset({"leaks", "retries", "flaky", "shuffle", "filtered", "failfast", "buffer"})
"""The settings that a merge needs."""
Batch = tuple[int, list[bytes]]
"""The number of a worker, and events of it."""


@dataclass(frozen=True, slots=True)
class Record:
    """What a record holds.

    The indices of tests count the tests of all records; times are seconds since the epoch.

    Attributes:
        path: the file.
        header: its first line.
        modules: the modules of its tests.
        units: its units; their tests follow each other.
        batches: the events of each unit, by its number.
        before: the events before all units that are of none.
        after: the later ones of none.
        reports: what each worker has created and left.
        coverage: the content of coverage's data file, if any; empty where it was not measured.
        samples: of the disk usage.
        ending: its last line; empty where the run was killed or interrupted.
    """

    path: str
    header: Header
    modules: list[RecordedModule] = field(default_factory=list)
    units: list[RecordedUnit] = field(default_factory=list)
    batches: dict[int, list[Batch]] = field(default_factory=dict)
    before: list[Batch] = field(default_factory=list)
    after: list[Batch] = field(default_factory=list)
    reports: list[RunReport] = field(default_factory=list)
    coverage: list[bytes] = field(default_factory=list)
    samples: list[Sample] = field(default_factory=list)
    ending: list[RunEnding] = field(default_factory=list)

    @property
    def shard(self) -> str:
        """The shard in words; empty for a whole run."""
        return "shard {} of {}".format(*self.header.shard) if self.header.shard else ""

    @property
    def name(self) -> str:
        """What messages call it: its shard and its file."""
        return f"{self.shard} ({self.path})" if self.shard else self.path

    @property
    def seconds(self) -> float:
        """How long the run took; of one that was killed, until its last test started or ended."""
        if self.ending:
            return self.ending[0].seconds
        moments = (events.moment_of(line) or 0.0 for line in self.events())
        return max(self.header.started, *moments, 0.0) - self.header.started

    def events(self) -> Iterator[bytes]:
        """Yield the events of all units, unit by unit."""
        for of_unit in self.batches.values():
            for _, lines in of_unit:
                yield from lines


def read_all(paths: Sequence[str]) -> list[Record]:
    """Read the records of all shards of a run, or of one whole run; return them in order.

    Raises:
        UsageError: a file is no record, or they do not belong together; the message is one line.
    """
    headers = [(path, _header(path)) for path in map(os.path.relpath, paths)]
    refuse_others(headers)
    records: list[Record] = []
    first = 0
    for path, header in sorted(headers, key=lambda entry: entry[1].shard or (0, 0)):
        records.append(_read(Record(path, header), first))
        first += sum(len(unit.tests) for unit in records[-1].units)
    return records


def _header(path: str) -> Header:
    content = next(_documents(path), None)
    if content is None:
        raise UsageError(f"--merge: {path} is empty: its run ended before the tests were loaded")
    if not isinstance(content, dict) or type(content.get("record")) is not int:
        raise UsageError(f"--merge: {path} is no record, as --record writes it")
    if content["record"] != VERSION:
        raise UsageError(
            f"--merge: {path} is a record of version {content['record']};"
            f" this tidytest knows version {VERSION}"
        )
    try:
        header = Header(**content)
        shard = None if header.shard is None else (int(header.shard[0]), int(header.shard[1]))
        if not header.settings.keys() >= _SETTINGS:
            raise ValueError
        sum((header.started, header.clock))  # numbers
        return Header(**{**content, "shard": shard})
    except (TypeError, ValueError, IndexError, AttributeError):
        raise _damaged(path, 1) from None


def _documents(path: str) -> Iterator[Any]:
    """Yield what the lines of a file hold; the last one may be cut off."""
    try:
        with open(path, encoding="utf-8", errors="surrogateescape") as file:
            for number, line in enumerate(file, 1):
                try:
                    yield json.loads(line)
                except (ValueError, RecursionError):
                    if number > 1 and not line.endswith("\n"):
                        return
                    raise _damaged(path, number) from None
    except OSError as error:
        raise UsageError(f"--merge: cannot read {path}: {error.strerror}") from None


def _damaged(path: str, number: int) -> UsageError:
    if number == 1:
        return UsageError(f"--merge: {path} is no record, as --record writes it")
    return UsageError(f"--merge: {path}:{number}: the record is damaged here")


def _read(record: Record, first: int) -> Record:
    """Read the lines after the header.

    Args:
        record: has the header only.
        first: how many tests other records have.
    """
    lines = _documents(record.path)
    next(lines)
    tests = first
    shift = record.header.started - record.header.clock
    for number, line in enumerate(lines, 2):
        try:
            if record.ending:
                raise ValueError
            if "module" in line:
                record.modules.append(RecordedModule(**line))
            elif "tests" in line:
                record.units.append(_unit(**line))
                record.batches[line["unit"]] = []
                tests += len(line["tests"])
            elif "events" in line:
                batch = [event_of(event, first, shift) for event in line["events"]]
                _check(batch, range(first, tests))
                _batches(record, line["unit"]).append((int(line["worker"]), batch))
            elif "coverage" in line:
                record.coverage.append(zlib.decompress(b64decode(line["coverage"])))
            elif "usage" in line:
                record.samples.extend(_sample(*values) for values in line["usage"])
            elif "report" in line:
                record.reports.append(RunReport.from_dict(line["report"]))
            else:
                record.ending.append(_ending(**line["end"]))
        except (TypeError, ValueError, KeyError, IndexError, zlib.error):
            raise _damaged(record.path, number) from None
    _check_number(record)
    return record


def _check_number(record: Record) -> None:
    """Refuse a record of a run that came to its end, if events of tests are missing."""
    codes = Counter(line[:1].decode() for line in record.events())
    started = codes[events.STARTED] + codes[events.FOREIGN]
    whole = min(started, codes[events.PASSED] + codes[events.STOPPED])
    for ending in record.ending:
        ran = ending.report.summary.tests
        if whole < ran:
            raise UsageError(
                f"--merge: {record.path}: the record is damaged: it has {whole} of {ran} tests"
            )


def _batches(record: Record, unit: int | None) -> list[Batch]:
    if unit is not None:
        return record.batches[unit]
    return record.after if any(record.batches.values()) else record.before


def _check(lines: Sequence[bytes], tests: range) -> None:
    """Raise ValueError where an event is not one that can be replayed."""
    for line in lines:
        code = line[:1].decode()
        index = events.index_of(line)
        if index is not None and index not in tests:
            raise ValueError(line)
        if code == events.OUTCOME:
            events.outcome_of(line)
        elif code in (events.CONTEXT, events.CLEAN_CONTEXT):
            events.context_of(line)


def _unit(**content: Any) -> RecordedUnit:
    unit = RecordedUnit(**content)
    sum((unit.unit, unit.place))  # numbers
    for *names, _ in unit.tests:
        CaseName(*names)
    return unit


def _sample(moment: float, files: int, size: int) -> Sample:
    return Sample(moment + 0.0, files + 0, bytes=size + 0)


def _ending(**content: Any) -> RunEnding:
    late = tuple(map(ContextReport.from_dict, content.pop("late")))
    kept_of = [(str(scope), str(id)) for scope, id in content.pop("kept_of")]
    report = RunReport.from_dict(content.pop("report"))
    ending = RunEnding(**content, report=report, late=late, kept_of=kept_of)
    sum((ending.code, ending.seconds, ending.kept))  # numbers
    return ending
