"""Replay the records of a run, or of all its shards, in place of running its tests (`--merge`)."""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Any

from tempfiles import RunReport, untracked

from ..errors import UsageError
from ..pool.source import Source
from ..recording.form import RecordedUnit
from ..recording.reader import Batch, Record
from ..recording.restore import broken_off, own_reports, restore_modules
from ..scheduling.durations import UnitDurations
from ..scheduling.plan import Unit
from ..session.outcomes import CaseName
from ..session.session import Session
from ..session.worker_reports import report_of_dead
from ..workers import events
from .replay import Replay
from .replayed_result import RemoteTests, ReplayedResult
from .reports import Late, add_to_session

if TYPE_CHECKING:
    from ..listeners.coverage import Measurement


class MergedSuite:
    """Replays records; takes the place of the suite that unittest would load.

    Args:
        records: of all shards, in their order.
        session: of the merged run.
        durations: takes how long the units took.
        measurement: takes the coverage data; None where no coverage report is asked for.
    """

    runs_elsewhere = True
    resultclass = ReplayedResult

    def __init__(
        self, records: Sequence[Record], session: Session, durations: UnitDurations,
        measurement: Measurement | None,
    ) -> None:
        self._records = records
        self._session = session
        self._durations = durations
        self._measurement = measurement
        self._replay: Replay | None = None
        remote = RemoteTests()
        self._tests = [
            remote.test(CaseName(*names), short)
            for record in records for unit in record.units for *names, short in unit.tests
        ]  # fmt: skip
        self._number = sum(len(record.units) for record in records)
        for record in records:
            restore_modules(record)

    def countTestCases(self) -> int:
        """Return how many tests there are."""
        return len(self._tests)

    def __iter__(self) -> Iterator[Any]:
        return iter(self._tests)

    def __call__(self, result: ReplayedResult) -> ReplayedResult:
        """Replay all events in the order of the whole suite; return the result."""
        settings = self._records[0].header.settings
        result.failfast, result.buffer = settings["failfast"], settings["buffer"]
        self._replay = replay = Replay(self._tests, self._number, result, self._session)
        for record in self._records:
            self._feed_outside(record.before)
        for place, (record, unit, first) in enumerate(self._in_order()):
            for worker, lines in record.batches.get(unit.unit, ()):
                replay.feed(place, Source(worker, ()), lines)
            if not record.ending:
                replay.feed(place, Source(0, ()), broken_off(record, unit, first))
            replay.finish_unit(place)
            try:
                replay.advance()
            except (AttributeError, LookupError, TypeError, ValueError) as error:
                raise UsageError(
                    f"--merge: {record.path}: the record is damaged in {unit.key}"
                ) from error
        for record in self._records:
            self._feed_outside(record.after)
        self._session.moment = None
        replay.note_ran()
        return result

    def _in_order(self) -> list[tuple[Record, RecordedUnit, int]]:
        """Return the units in the order of the whole suite, each with its first test."""
        found, first = [], 0
        for record in self._records:
            for unit in record.units:
                found.append((record, unit, first))
                first += len(unit.tests)
        return sorted(found, key=lambda entry: entry[1].place)

    def _feed_outside(self, batches: Sequence[Batch]) -> None:
        assert self._replay is not None
        for worker, lines in batches:
            self._replay.feed_outside(Source(worker, ()), lines)

    def finish(self) -> None:
        """Add what the runs have created and left to the session."""
        if self._replay is None:
            return
        reports = (report for record in self._records for report in _of_workers(record))
        late_of_none: Late = ()
        in_all = [*((report, late_of_none) for report in reports), *own_reports(self._records)]
        add_to_session(in_all, self._replay, self._session)
        if self._measurement is not None:
            for record in self._records:
                self._absorb(record, self._measurement)
        endings = (ending for record in self._records for ending in record.ending)
        self._session.kept_elsewhere = sum(ending.kept for ending in endings)

    def _absorb(self, record: Record, measurement: Measurement) -> None:
        """Add the coverage data of a run, with the paths of this machine."""
        path = os.path.join(self._session.run.root.path, "coverage")
        for data in record.coverage:
            with untracked():
                with open(path, "wb") as file:
                    file.write(data)
                measurement.absorb(path, {record.header.directory: os.getcwd()})
                os.unlink(path)

    def bound_lines(self) -> list[str]:
        """Return a line about each run that did not come to its end."""
        return [
            f"{record.name} did not come to its end: {_started(record):,} of"
            f" {sum(len(unit.tests) for unit in record.units):,} tests ran"
            for record in self._records if not record.ending
        ]  # fmt: skip

    def remember_durations(self) -> None:
        """Write how long the units took, for the next run.

        Raises:
            OSError: the file cannot be written.
        """
        for record in self._records:
            for unit in record.units:
                lines = [line for _, batch in record.batches.get(unit.unit, ()) for line in batch]
                codes = [line[:1].decode() for line in lines]
                if codes.count(events.UNIT) == codes.count(events.UNIT_DONE) == 1:
                    seconds = events.seconds_of(lines[codes.index(events.UNIT_DONE)])
                    self._durations.note(Unit(0, unit.key, range(len(unit.tests))), seconds)
        self._durations.write()


def _of_workers(record: Record) -> Iterator[RunReport]:
    if record.ending:
        yield from record.reports
        return
    closed = (events.CONTEXT.encode(), events.CLEAN_CONTEXT.encode())
    lines = [line for line in record.events() if line[:1] in closed]
    yield report_of_dead(list(map(events.context_of, lines)))


def _started(record: Record) -> int:
    started = events.STARTED.encode()
    return len({events.index_of(line) for line in record.events() if line[:1] == started})
