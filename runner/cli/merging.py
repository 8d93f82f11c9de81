"""Prepare a run that replays records in place of running tests (`--merge`)."""

from __future__ import annotations

import contextlib
import unittest.runner
from collections.abc import Iterator, Sequence
from operator import attrgetter
from types import SimpleNamespace
from typing import Any

from tempfiles import Sample

from ..errors import UsageError
from ..recording.reader import read_all
from ..reporting.recorder import Recorder
from ..session.retention import kept_line
from ..settings.config import Config

_OF_RUN = ("leaks", "retries", "flaky")
"""The settings that are taken from the records."""
_NO_TESTS = 5
"""The exit code of a shard in which no test ran, from Python 3.12 on."""


class Merging:
    """The records of a run, and what the program needs to replay them.

    Args:
        settings: of this process.

    Attributes:
        records: those of all shards, in their order.
        is_filtered: whether tests of the loaded modules were left out.
        is_whole: whether all runs came to their end.
        is_caught: whether ^C came in one under unittest's `--catch`.
        seed: that of `--shuffle`; None where the tests were not shuffled.

    Raises:
        UsageError: a file is no record, they do not belong together, or one has no coverage data
            and a coverage report is asked for.
    """

    def __init__(self, settings: Config) -> None:
        self.records = read_all(settings.merge)
        self._settings = self.records[0].header.settings
        self.is_filtered = bool(self._settings["filtered"])
        self.seed: int | None = self._settings["shuffle"]
        self.is_whole = all(record.ending for record in self.records)
        endings = (ending for record in self.records for ending in record.ending)
        self.is_caught = any(ending.interrupted for ending in endings)
        for record in self.records:
            if settings.coverage and record.ending and not record.coverage:
                raise UsageError(f"--merge: {record.name} was run without --coverage")

    def settings(self, config: Config) -> Config:
        """Return settings with those that the run had."""
        return config._replace(**{name: self._settings[name] for name in _OF_RUN})

    @property
    def seconds(self) -> float:
        """How long the run took: as long as its longest shard."""
        return max(record.seconds for record in self.records)

    def give_times(self, recorder: Recorder) -> None:
        """Have the reports tell the times and the Python of the run."""
        headers = [record.header for record in self.records]
        recorder.take_over(min(each.started for each in headers), self.seconds, headers[0].python)

    def samples(self) -> list[Sample]:
        """Return samples of the disk usage: at each time, the last ones of all shards in sum."""
        last: dict[str, Sample] = {}
        found = []
        sampled = ((one, record.path) for record in self.records for one in record.samples)
        for sample, path in sorted(sampled, key=lambda entry: entry[0].timestamp):
            last[path] = sample
            files, size = (sum(map(attrgetter(name), last.values())) for name in ("files", "bytes"))
            found.append(Sample(sample.timestamp, files, bytes=size))
        return found

    def kept_lines(self) -> list[str]:
        """Return a line for each run that has kept files."""
        return [
            kept_line(ending.kept_of, ending.kept_in, record.shard)
            for record in self.records for ending in record.ending if ending.kept_of
        ]  # fmt: skip

    @contextlib.contextmanager
    def clock(self) -> Iterator[None]:
        """Have unittest print how long the run took, not its merging."""
        module: Any = unittest.runner
        original, readings = module.time, iter((0.0,))
        module.time = SimpleNamespace(perf_counter=lambda: next(readings, self.seconds))
        try:
            yield
        finally:
            module.time = original

    def failure(self) -> str:
        """Return a line on a shard that failed for a reason that its events do not tell."""
        for record in self.records:
            if not record.ending:
                return f"tidytest: {record.name} did not come to its end"
            code = record.ending[0].code
            if code not in (0, _NO_TESTS):
                return f"tidytest: {record.name} ended with exit code {code}"
        return ""


class MergeLoader(unittest.TestLoader):
    """Loads no tests; refuses names and patterns, which would leave tests out."""

    def discover(self, *words: Any, **more: Any) -> unittest.TestSuite:
        """Return an empty suite."""
        if self.testNamePatterns:
            raise UsageError("--merge and -k contradict each other: a record is merged as a whole")
        return unittest.TestSuite()

    def loadTestsFromNames(self, names: Sequence[str], module: Any = None) -> unittest.TestSuite:
        """Refuse names."""
        raise UsageError(f"--merge runs no tests: leave out {' '.join(names)}")
