"""Create what only the command line offers: coverage, selection, samples, progress, debugger."""

from __future__ import annotations

import os
import sys
import unittest
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Any

from .. import cache
from ..errors import UsageError
from ..hosting.components import Components
from ..output.colour import is_live
from ..settings.config import Config

if TYPE_CHECKING:
    from ..listeners.coverage import Measurement
    from ..listeners.flaky import FlakyTests
    from ..listeners.usage_watch import Watcher
    from ..parallel.merged import MergedSuite
    from ..parallel.suite import ParallelSuite
    from ..recording.run import RunRecording
    from ..selection.select import Selection
    from ..session.listener import Listener
    from ..session.session import Session
    from .merging import Merging


_PACKAGE = __name__.partition(".")[0]


class CommandLineComponents(Components):
    """The components of a run that unittest runs. Modules that no setting needs are not imported.

    Attributes:
        measurement: measures coverage.
        watcher: samples the disk usage of the temp directory.
        selection: chooses and orders the tests.
        parallel: runs the tests in workers.
        recording: writes the record of the run.
        merging: the records that are replayed in place of running tests.
        merged: replays them.
        is_empty: whether the shard has no test.
        loaded: the ids of the loaded tests, if the baseline or the selection needs them at the end.
        words: the part of the command line for unittest.
        umask: the umask of the process before the tests.

    Raises:
        UsageError: something that a setting needs is missing or cannot be written to.
    """

    def __init__(self, settings: Config, words: Sequence[str]) -> None:
        self.measurement: Measurement | None = None
        self.watcher: Watcher | None = None
        self.selection: Selection | None = None
        self.parallel: ParallelSuite | None = None
        self.recording: RunRecording | None = None
        self.merging: Merging | None = None
        self.merged: MergedSuite | None = None
        self.flaky: FlakyTests | None = None
        self.is_empty = False
        self.loaded: frozenset[str] = frozenset()
        if settings.workers is not None and _PACKAGE != "runner":
            raise UsageError("--workers: machines would import the project's `runner`: rename it")
        self.words = words
        self.umask = os.umask(0o077)
        os.umask(self.umask)  # it can only be read by setting it
        if settings.merge:
            from .merging import Merging

            self.merging = Merging(settings)
            settings = self.merging.settings(settings)
        super().__init__(settings)

    def _create(self) -> None:
        super()._create()
        settings = self.settings
        if settings.coverage:
            from ..listeners.coverage import Measurement

            self.measurement = Measurement(settings)
        if settings.record is not None:
            from ..recording.run import RunRecording

            self.recording = RunRecording(settings, is_filtered=self.leaves_out_tests)
        if _selects(settings) or any(map(os.path.lexists, (cache.TESTS, cache.OLD_STATE))):
            self.selection = self.new_selection()
        watches = settings.monitor is not None or settings.html is not None
        if watches and not (settings.merge or settings.list):
            from ..listeners.usage_watch import Watcher

            self.watcher = Watcher(settings.monitor)

    def arrange(self, test: Any) -> Any:
        """Return the suite to run in place of the one that unittest has loaded."""
        self.note_loaded(test)
        if self.settings.shard is not None:
            test = self._shard_of(test, self.settings.shard)
        return test if self.selection is None else self.selection.arrange(test)

    def _shard_of(self, test: Any, number: tuple[int, int]) -> Any:
        from ..scheduling.durations import UnitDurations
        from ..scheduling.shards import shard_of
        from ..selection.order import arranged, flatten

        settings, tests = self.settings, flatten(test)
        file = settings.durations_file
        durations = UnitDurations(self.directory, file) if file is not None else None
        shard = shard_of(tests, number, settings.split, durations)
        self.is_empty = not shard.tests
        if self.is_empty:
            print(f"tidytest: shard {number[0]} of {number[1]} has no test", file=sys.stderr)
        if self.recording is not None:
            order = {id(each): place for place, each in enumerate(
                arranged(tests, settings.shuffle, settings.reverse))}
            self.recording.shard = shard
            self.recording.places = {id(each): order[id(each)] for each in shard.tests}
        return unittest.TestSuite(shard.tests)

    def note_loaded(self, test: Any) -> None:
        """Record the ids of the loaded tests, to find at the end which tests no longer exist."""
        if self.known_leaks or self.selection or self.memory is not None:
            from ..selection.completeness import ids_of

            self.loaded = frozenset(ids_of(test))

    def in_workers(self, test: Any, session: Session) -> Any:
        """Return what runs a suite in workers, if the settings ask for that; else the suite.

        With `--merge` that is what replays the records.
        """
        if self.merging is not None:
            return self._merged(self.merging, session)
        if not self._needs_workers():
            return test
        from ..parallel.suite import ParallelSuite, is_empty

        if is_empty(test) and self.recording is None:
            return test
        followers = [] if self.measurement is None else [self.measurement]
        if self.settings.workers is None:
            self.parallel = ParallelSuite(test, self, session, self.words, followers)
        else:
            from ..cluster.suite import ClusterSuite

            self.parallel = suite = ClusterSuite(test, self, session, self.words, followers)
            suite.sends_ids = self.selection is not None or self.settings.shard is not None
        self.parallel.recording = self.recording
        return self.parallel

    def _merged(self, merging: Merging, session: Session) -> MergedSuite:
        from ..parallel.merged import MergedSuite
        from ..scheduling.durations import UnitDurations

        if self.reports.recorder is not None:
            merging.give_times(self.reports.recorder)
        if merging.seed is not None:
            print(f"tidytest: shuffled with --shuffle {merging.seed}", file=sys.stderr)
        durations = UnitDurations(self.directory, self.settings.durations_file)
        self.reports.samples = merging.samples()
        self.retention.recorded = merging.kept_lines()
        self.merged = MergedSuite(merging.records, session, durations, self.measurement)
        self.note_loaded(self.merged)
        return self.merged

    @property
    def elsewhere(self) -> ParallelSuite | MergedSuite | None:
        """What runs or has run the tests in other processes."""
        return self.parallel or self.merged

    @property
    def leaves_out_tests(self) -> bool:
        """Whether the run leaves out tests of the modules that it loads."""
        from ..selection.completeness import is_filtered

        if self.merging is not None:
            return self.merging.is_filtered
        return is_filtered(self.settings, self.words)

    def _needs_workers(self) -> bool:
        """Return whether workers are asked for, or anything that only they can do."""
        settings = self.settings
        if settings.jobs > 1 or settings.workers is not None or settings.retries:
            return True
        if settings.timeout is not None:
            return True
        if settings.record is not None:  # only workers send what it consists of
            return True
        marks: Any = sys.modules.get(f"{_PACKAGE}.marks")
        return marks is not None and bool(marks.has_timeouts())

    def new_selection(self) -> Selection:
        """Create the selection of tests, with the state of the last run."""
        from ..selection.select import Selection

        return Selection(self.settings, self.directory, sys.stderr, self.words)

    def own_files(self) -> Iterator[str]:
        """Yield globs of the files that the runner writes while the tests run."""
        if self.measurement is not None:
            yield from self.measurement.files
        if self.settings.monitor is not None:
            from glob import escape

            yield escape(self.settings.monitor)
        if self.recording is not None:
            from glob import escape

            yield escape(self.recording.path)
        yield from super().own_files()

    def listeners(self) -> list[Listener]:
        """Return the listeners that the settings ask for; others are not imported."""
        settings = self.settings
        found: list[Listener] = []
        if settings.progress and is_live(sys.stderr):
            from ..listeners.progress import Progress

            found.append(Progress())
        followers = [self.reports.recorder, self.measurement if self.merging is None else None]
        found += [one for one in followers if one is not None]
        if settings.durations is not None and sys.version_info < (3, 12):  # else unittest does it
            from ..listeners.slowest import Durations

            found.append(Durations(settings.durations))
        if settings.slowest_temp is not None:
            from ..listeners.slowest import SlowestTemp

            found.append(SlowestTemp(settings.slowest_temp))
        if settings.until_leak:
            from ..listeners.until_leak import UntilLeak

            found.append(UntilLeak())
        if settings.retries:
            from ..listeners.flaky import FlakyTests

            self.flaky = FlakyTests(settings.flaky == "fail")
            found.append(self.flaky)
        if settings.pdb:
            from ..listeners.pdb import Debugging

            found.append(Debugging())
        return found


def _selects(settings: Config) -> bool:
    return bool(
        settings.last_failed
        or settings.leaked_last
        or settings.shuffle is not None
        or settings.reverse
        or settings.repeat is not None
        or settings.until_leak
        or settings.replay is not None
    )
