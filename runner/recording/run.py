"""Record one run: its header, its events on their way to the result, its end."""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator, Mapping, Sequence
from itertools import chain
from time import perf_counter, time
from typing import Any

from tempfiles import ContextReport, RunReport, Sample, __version__

from ..execution.failure_texts import name_of
from ..pool.source import EndedWorker, EventHandler
from ..reporting.recorder import python_and_system
from ..scheduling.plan import Unit, hash_of
from ..scheduling.shards import Shard
from ..session.session import Session
from ..settings.config import Config
from ..source_code import file_of_context
from ..unittest_api import is_interrupted_under_catch
from ..workers.emit import short_description
from ..workers.worker import ResultSettings
from .form import (
    VERSION,
    Header,
    RecordedModule,
    RecordedUnit,
    RunEnding,
    coverage_line,
    usage_line,
)
from .writer import RecordedEvents, RecordFile

DECISIVE = ("leaks", "retries", "flaky", "shuffle", "reverse", "repeat", "split", "functions")
"""The settings that decide what the events of a run are, and whether it fails."""


class RunRecording:
    """Writes the record of a run.

    Args:
        settings: of the run.
        is_filtered: whether tests of the loaded modules are left out, besides other shards.

    Attributes:
        shard: the shard that is run; None for the whole suite.
        places: the places of its tests in the whole suite, by their `id()`.

    Raises:
        UsageError: the file cannot be written, or is there and no record.
    """

    def __init__(self, settings: Config, *, is_filtered: bool) -> None:
        assert settings.record is not None
        self._file = RecordFile(settings.record)
        self._settings = {name: getattr(settings, name) for name in DECISIVE}
        self._settings["filtered"] = is_filtered
        self.shard: Shard | None = None
        self.places: Mapping[int, int] = {}
        self._started, self._clock = time(), perf_counter()
        self._directory = os.getcwd()

    @property
    def path(self) -> str:
        """The file, absolute."""
        return self._file.path

    def begin(
        self, tests: Sequence[Any], units: Iterable[Unit], result: ResultSettings,
        handler: EventHandler,
    ) -> EventHandler:
        """Write what is known before the tests run; return who takes the events.

        Args:
            tests: all tests of the run.
            units: its units.
            result: the settings of its result.
            handler: takes the events when they are written.
        """
        settings = {**self._settings, "failfast": result.failfast, "buffer": result.buffer}
        shard = self.shard or Shard(None, (), hash_of(tests), "")
        header = Header(
            VERSION, __version__, python_and_system(), self._started, self._clock,
            self._directory, shard.number, shard.suite, shard.deal, settings,
        )  # fmt: skip
        self._file.begin(header, chain(self._modules(tests), self._units(tests, units)))
        return RecordedEvents(self._file, handler)

    def _modules(self, tests: Sequence[Any]) -> Iterator[RecordedModule]:
        classes: dict[str, dict[str, list[str]]] = {}
        for kind in dict.fromkeys(map(type, tests)):
            above = [each.__name__ for each in kind.__mro__]
            classes.setdefault(kind.__module__, {})[kind.__qualname__] = above
        for module, its_classes in classes.items():
            file = file_of_context(module).removeprefix(os.path.join(self._directory, ""))
            yield RecordedModule(module, file, its_classes)

    def _units(self, tests: Sequence[Any], units: Iterable[Unit]) -> Iterator[RecordedUnit]:
        for unit in units:
            of_unit = tests[unit.tests.start : unit.tests.stop]
            named = [[*name_of(test), short_description(test)] for test in of_unit]
            place = self.places.get(id(of_unit[0]), unit.tests.start)
            yield RecordedUnit(unit.number, place, unit.key, named)

    def add_workers(
        self, workers: Iterable[EndedWorker],
        reports: Iterable[tuple[RunReport, Sequence[ContextReport]]],
    ) -> None:
        """Write what the workers have created and left.

        Args:
            workers: those that have ended.
            reports: of their runs, in the same order.
        """
        for worker, (report, _) in zip(workers, reports, strict=True):
            self._file.add_worker(worker.number, report)

    def end(
        self, session: Session, code: int, kept: tuple[str, Sequence[tuple[str, str]]],
        coverage: bytes, samples: Sequence[Sample],
    ) -> None:
        """Write the end of the run.

        Args:
            session: of the run; it has ended.
            code: the exit code.
            kept: the directory with kept files, and scope and id of their contexts.
            coverage: the content of coverage's data file; empty if nothing was measured.
            samples: of the disk usage.

        Raises:
            OSError: the record could not be written.
        """
        own, late = session.own_report, tuple(session.found_late)
        seconds = perf_counter() - self._clock
        measured = [coverage_line(coverage)] if coverage else []
        measured += [usage_line(samples)] if samples else []
        number, caught = session.registered_kept, is_interrupted_under_catch()
        ending = RunEnding(code, seconds, own, late, number, *kept, caught)
        self._file.end(ending, measured)
