"""Write a record while the run goes on, so that a killed run has all of it up to the last line."""

from __future__ import annotations

import json
import os
from collections.abc import Iterable
from itertools import chain

from tempfiles import RunReport, untracked

from ..errors import UsageError
from ..pool.source import EventHandler, Source
from ..workers import events
from ..workers.channel import park
from .form import Header, RecordedModule, RecordedUnit, RunEnding, events_line, worker_line

_LONGEST_HEADER = 1 << 16  # bytes
_UNIT, _POSITIONS = events.UNIT.encode(), events.POSITIONS.encode()
_ENDING, _FINISHED = events.ENDING.encode(), events.FINISHED.encode()


class RecordFile:
    """The file of a record. An error of it never ends the run; `end` raises the first one.

    Args:
        path: the file; a record that is there is replaced.

    Raises:
        UsageError: the file cannot be written, or is there and no record.
    """

    def __init__(self, path: str) -> None:
        self.path = path
        self._shown = os.path.relpath(path)
        self._error: OSError | None = None
        flags = os.O_WRONLY | os.O_CREAT | os.O_TRUNC | getattr(os, "O_CLOEXEC", 0)
        try:
            if os.path.isfile(path):
                self._check_old()
            with untracked():
                self._fd = park(os.open(path, flags, 0o666))
        except OSError as error:
            raise UsageError(f"--record: cannot write {self._shown}: {error.strerror}") from None

    def _check_old(self) -> None:
        with open(self.path, "rb") as file:
            first = file.readline(_LONGEST_HEADER)
        if first and not _is_header(first):
            raise UsageError(f"--record: {self._shown} is there and is no record: remove it")

    def begin(self, header: Header, lines: Iterable[RecordedModule | RecordedUnit]) -> None:
        """Write what is known before the tests run: the header, then modules and units."""
        for line in chain([header], lines):
            self._write(line.line())

    def add_events(self, unit: int | None, source: Source, lines: Iterable[bytes]) -> None:
        """Write events of a unit, or of none; see `form.events_line`."""
        self._write(events_line(unit, source.number, lines))

    def add_worker(self, number: int, report: RunReport) -> None:
        """Write what a worker has created and left in all."""
        self._write(worker_line(number, report))

    def end(self, ending: RunEnding, measured: Iterable[str]) -> None:
        """Write the end of the run.

        Args:
            ending: the end.
            measured: lines of what was measured.

        Raises:
            OSError: the record could not be written.
        """
        for line in (*measured, ending.line()):
            self._write(line)
        os.close(self._fd)
        if self._error is not None:
            cause = f"cannot write {self._shown}: {self._error.strerror}"
            raise OSError(self._error.errno, f"--record: {cause}")

    def _write(self, line: str) -> None:
        # Unbuffered, since a process that a test forks would write the buffer once more.
        data = f"{line}\n".encode()
        try:
            while data and self._error is None:
                data = data[os.write(self._fd, data) :]
        except OSError as error:
            self._error = error


def _is_header(line: bytes) -> bool:
    try:
        return isinstance(json.loads(line).get("record"), int)
    except (ValueError, AttributeError, RecursionError):
        return False


class RecordedEvents:
    """Writes events to a record, and passes them on.

    Args:
        file: the record.
        handler: takes the events.
    """

    def __init__(self, file: RecordFile, handler: EventHandler) -> None:
        self._file = file
        self._handler = handler
        self._readers: dict[Source, Source] = {}

    def feed(self, unit: int, source: Source, lines: list[bytes]) -> None:
        """Take more events of a unit."""
        self._record(unit, source, lines)
        self._handler.feed(unit, source, lines)

    def feed_outside(self, source: Source, lines: list[bytes]) -> None:
        """Take the events of a worker that are of no unit."""
        self._record(None, source, lines)
        self._handler.feed_outside(source, lines)

    def finish_unit(self, unit: int) -> None:
        """Note that a unit is over."""
        self._handler.finish_unit(unit)

    def advance(self) -> None:
        """Do what is due."""
        self._handler.advance()

    @property
    def stops(self) -> bool:
        """Whether the run is to stop."""
        return self._handler.stops

    def _record(self, unit: int | None, source: Source, lines: list[bytes]) -> None:
        reader = self._readers.setdefault(source, Source(source.number, source.paths))
        found: list[bytes] = []
        for line in lines:
            code = line[:1]
            if code == _POSITIONS:
                printed = reader.new_output([int(word) for word in line[1:].split()])
                found += (events.printed(*each) for each in printed)
            elif code in (_UNIT, _ENDING):
                reader.skip_to([int(word) for word in line.split()[1:]])
                found += [_UNIT] if code == _UNIT else []
            elif code != _FINISHED:
                found.append(line)
        if found:
            self._file.add_events(unit, source, found)
