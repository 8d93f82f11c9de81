"""The form of a record (`--record`): one JSON document a line, each with a key that names its kind.

The header comes first, then the modules and units of the tests, then events as they come: the lines
of `workers.events`, each as a list of its letter and its content. What each worker has left and the
end of the run come last. `docs/record.schema.json` describes every line.
"""

from __future__ import annotations

import json
import zlib
from base64 import b64encode
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

from tempfiles import ContextReport, RunReport, Sample

from ..workers import events

VERSION = 1
_NUMBERS = frozenset((events.STARTED, events.PASSED, events.STOPPED))
"""The events that hold numbers with blanks between them; the others hold JSON or nothing."""


@dataclass(frozen=True, slots=True)
class Header:
    """The first line of a record.

    Attributes:
        record: the version of the form.
        tidytest: the version that has written it.
        python: the version of Python and the system.
        started: when the run started, in seconds since the epoch.
        clock: the reading of `time.perf_counter` then; the events have such readings.
        directory: the working directory of the run.
        shard: the number of the shard and of all shards; None for a whole run.
        suite: a hash of the ids of all loaded tests in their order, also of those of other shards.
        deal: a hash of which unit is in which shard; empty for a whole run.
        settings: those of the run that decide what its events are and its exit code.
    """

    record: int
    tidytest: str
    python: str
    started: float
    clock: float
    directory: str
    shard: tuple[int, int] | None
    suite: str
    deal: str
    settings: Mapping[str, Any]

    def line(self) -> str:
        """Return the line of the header."""
        return json.dumps(asdict(self))


@dataclass(frozen=True, slots=True)
class RecordedModule:
    """A module that has tests.

    Attributes:
        module: its name.
        file: relative to the working directory, if it is below it; empty if unknown.
        classes: the names of the class and of its base classes, for each class of tests.
    """

    module: str
    file: str
    classes: Mapping[str, Sequence[str]]

    def line(self) -> str:
        """Return the line of the module."""
        return json.dumps(asdict(self))


@dataclass(frozen=True, slots=True)
class RecordedUnit:
    """A unit and its tests.

    Attributes:
        unit: its number in the run.
        place: that of its first test in the whole suite, in which the shards are merged.
        key: its name (see `scheduling.plan.Unit`).
        tests: the names of each test (see `CaseName`), and its short description.
    """

    unit: int
    place: int
    key: str
    tests: Sequence[Sequence[Any]]

    def line(self) -> str:
        """Return the line of the unit."""
        return json.dumps(asdict(self))


@dataclass(frozen=True, slots=True)
class RunEnding:
    """The last line of a record: a run without it was killed or interrupted.

    Attributes:
        code: its exit code.
        seconds: how long it took.
        report: what the process itself created and left, without its workers.
        late: what contexts left after they had closed.
        kept: how many registered files were kept.
        kept_in: the directory of the kept files; empty if there is none.
        kept_of: scope and id of the contexts whose files were kept.
        interrupted: whether ^C came under unittest's `--catch`, which ends the run after a test.
    """

    code: int
    seconds: float
    report: RunReport
    late: tuple[ContextReport, ...] = ()
    kept: int = 0
    kept_in: str = ""
    kept_of: Sequence[tuple[str, str]] = ()
    interrupted: bool = False

    def line(self) -> str:
        """Return the line of the end."""
        late = [report.to_dict() for report in self.late]
        return json.dumps({"end": {
            "code": int(self.code), "seconds": round(self.seconds, 6), "kept": self.kept,
            "report": self.report.to_dict(), "late": late,
            "kept_in": self.kept_in, "kept_of": self.kept_of, "interrupted": self.interrupted,
        }})  # fmt: skip


def events_line(unit: int | None, worker: int, lines: Iterable[bytes]) -> str:
    """Return the line of some events.

    Args:
        unit: the number of their unit; None for the start and the end of a worker.
        worker: the number of the worker.
        lines: the events, as `workers.events` has them.
    """
    listed = ",".join(map(_as_json, lines))
    return f'{{"events":[{listed}],"unit":{json.dumps(unit)},"worker":{worker}}}'


def worker_line(worker: int, report: RunReport) -> str:
    """Return the line of what a worker has created and left in all.

    Args:
        worker: its number.
        report: of its run.
    """
    return json.dumps({"worker": worker, "report": report.to_dict()})


def coverage_line(data: bytes) -> str:
    """Return the line of the coverage data of the run.

    Args:
        data: the content of coverage's data file.
    """
    return json.dumps({"coverage": b64encode(zlib.compress(data)).decode()})


def usage_line(samples: Iterable[Sample]) -> str:
    """Return the line of the samples of the disk usage of the temp directory."""
    return json.dumps({"usage": [[one.timestamp, one.files, one.bytes] for one in samples]})


def _as_json(line: bytes) -> str:
    code, content = line[:1].decode(), line[1:].decode()
    if code in _NUMBERS:
        content = content.replace(" ", ",")
    return f'["{code}",{content}]' if content else f'["{code}"]'


def event_of(content: Sequence[Any], offset: int = 0, shift: float = 0.0) -> bytes:
    """Return the line of an event from what a record has of it.

    Args:
        content: its letter and its content.
        offset: is added to the index of each test.
        shift: seconds to add to each time.

    Raises:
        ValueError: it is no event.
    """
    code, *rest = content
    try:
        if code == events.STARTED:
            index, moment = rest
            return f"{code}{index + offset} {moment + shift:.6f}".encode()
        if code in _NUMBERS:
            moment, seconds = rest
            return f"{code}{moment + shift:.6f} {seconds:.6f}".encode()
        if code == events.FOREIGN:
            moment, *names = rest[0]
            return events.line(code, [moment + shift, *names]).encode()
        if code in (events.OUTCOME, events.ANNOTATED, events.FLAKY) and rest[0][0] is not None:
            index, *others = rest[0]
            return events.line(code, [index + offset, *others]).encode()
        return (events.line(code, rest[0]) if rest else str(code)).encode()
    except (TypeError, IndexError, KeyError) as error:
        raise ValueError(f"not an event: {content!r}") from error
