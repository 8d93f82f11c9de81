"""Create the components of a run that its settings ask for, and check them before any test runs."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Any

from tempfiles import Run, RunSettings, system_directory

from .. import cache
from ..reporting import Reports
from ..session.policy import Policy
from ..session.retention import RunRetention
from ..settings.config import DEFAULT_BASELINE, Config
from ..unittest_api import HARNESS
from .dead_runs import Reaper

if TYPE_CHECKING:
    from tempfiles import Detector

    from ..baseline.update import KnownLeaks
    from ..listeners.coverage import Measurement
    from ..listeners.usage_watch import Watcher
    from ..selection.select import Selection
    from ..session.listener import Listener
    from ..session.memory import LeakMemory


class Components:
    """The components of a run. The modules of those that no setting asks for are not imported.

    Attributes:
        settings: the settings of the run.
        directory: the working directory.
        reports: the report files to write.
        reaper: removes what dead runs left.
        measurement: measures coverage.
        retention: keeps files of failed tests, and artifacts.
        watcher: samples the disk usage of the temp directory.
        known_leaks: the baseline of known leaks.
        memory: the leaks of earlier runs outside the temp directory, if there are any.
        selection: chooses and orders the tests.
        loaded: the ids of the loaded tests, if the baseline or the selection needs them at the end.
        words: the part of the command line for unittest.
        umask: the umask of the process before the tests.

    Raises:
        UsageError: something that a setting needs is missing or cannot be written to.
    """

    def __init__(self, settings: Config, words: Sequence[str]) -> None:
        self.settings = settings
        self.directory = os.getcwd()
        self.reports = Reports(settings)
        self.measurement: Measurement | None = None
        self.retention = RunRetention(settings, self.directory, system_directory())
        self.watcher: Watcher | None = None
        self.known_leaks: KnownLeaks | None = None
        self.selection: Selection | None = None
        self.reaper: Reaper | None = None
        self.memory: LeakMemory | None = None
        self.loaded: frozenset[str] = frozenset()
        self.words = words
        self.umask = os.umask(0o077)
        os.umask(self.umask)  # it can only be read by setting it
        self._base: str | None = None
        self._create()

    def _create(self) -> None:
        settings = self.settings
        self.reports.check()
        if settings.temp_root != "disk":
            self._base = _temp_directory(settings)
        self.reaper = Reaper(self._base) if settings.reap else None
        if settings.coverage:
            from ..listeners.coverage import Measurement

            self.measurement = Measurement(settings)
        if settings.keep != "never" or settings.keep_dir is not None:
            self.retention.create()
        if settings.leaks != "off" and self._has_baseline():
            from ..baseline.update import KnownLeaks

            self.known_leaks = KnownLeaks(settings)
        if _selects(settings) or any(map(os.path.lexists, (cache.TESTS, cache.OLD_STATE))):
            self.selection = self.new_selection()
        if settings.leaks != "off" and os.path.lexists(cache.LEAKS):
            self.read_memory()
        if settings.monitor is not None or settings.html is not None:
            from ..listeners.usage_watch import Watcher

            self.watcher = Watcher(settings.monitor)

    def _has_baseline(self) -> bool:
        chosen = self.settings.leak_baseline
        if chosen is None:
            return self.settings.update_baseline or os.path.isfile(DEFAULT_BASELINE)
        return chosen != ""  # "" is --no-leak-baseline

    def note_loaded(self, test: Any) -> None:
        """Record the ids of the loaded tests, to find at the end which tests no longer exist."""
        if self.known_leaks or self.selection or self.memory is not None:
            from ..selection.completeness import ids_of

            self.loaded = frozenset(ids_of(test))

    def new_selection(self) -> Selection:
        """Create the selection of tests, with the state of the last run."""
        from ..selection.select import Selection

        return Selection(self.settings, self.directory, sys.stderr, self.words)

    def read_memory(self) -> LeakMemory:
        """Return the leaks of earlier runs, read once from the cache."""
        if self.memory is None:
            from ..session.memory import LeakMemory

            self.memory = LeakMemory(self.directory)
        return self.memory

    def policy(self) -> Policy:
        """Create the policy: what a leak does."""
        ledger = self.known_leaks.ledger if self.known_leaks is not None else None
        fails = self.settings.leaks == "fail" and not self.settings.update_baseline
        return Policy(fails, ledger)

    def run_settings(self) -> RunSettings:
        """Return how the run tracks files."""
        settings = self.settings
        return RunSettings(
            base=self._base,
            project=self.directory,
            tracks=settings.leaks != "off",
            trace=settings.leak_trace,
            ignore=(*settings.leak_ignore, *self._own_files()),
            measure_made=settings.slowest_temp is not None or settings.html is not None,
            watch_modified=settings.watch_modified,
            clean_outside=settings.clean_outside,
            late_grace=settings.late_grace,
            guarded=settings.guard,
            harness=HARNESS,
            leftovers=self.memory.leftovers if self.memory is not None else (),
        )

    def new_run(self) -> Run:
        """Create the run and its root directory.

        Raises:
            OwnershipError: the root cannot be created, even after dead runs were removed.
        """
        settings = self.run_settings()
        try:
            return Run(settings, self._detectors())
        except OSError as error:
            if self.reaper is None or not self.reaper.make_room(error, sys.stderr):
                raise
        return Run(settings, self._detectors())

    def _detectors(self) -> list[Detector]:
        if "processes" not in self.settings.detect:
            return []
        from tempfiles import ProcessDetector

        return [ProcessDetector()]

    def _own_files(self) -> Iterator[str]:
        """Yield globs of the files that the runner writes while the tests run."""
        if self.measurement is not None:
            yield from self.measurement.files
        if self.settings.monitor is not None:
            from glob import escape

            yield escape(self.settings.monitor)
        if self.settings.keep_dir is not None:
            from glob import escape

            from tempfiles import KEPT_PREFIX

            kept = os.path.normpath(os.path.join(self.settings.keep_dir, KEPT_PREFIX))
            yield f"{escape(kept)}*"

    def listeners(self) -> list[Listener]:
        """Return the listeners that the settings ask for; others are not imported."""
        settings = self.settings
        found: list[Listener] = []
        if settings.progress and _is_live(sys.stderr):
            from ..listeners.progress import Progress

            found.append(Progress())
        found += [one for one in (self.reports.recorder, self.measurement) if one is not None]
        if settings.durations is not None and sys.version_info < (3, 12):  # else unittest does it
            from ..listeners.slowest import Durations

            found.append(Durations(settings.durations))
        if settings.slowest_temp is not None:
            from ..listeners.slowest import SlowestTemp

            found.append(SlowestTemp(settings.slowest_temp))
        if settings.until_leak:
            from ..listeners.until_leak import UntilLeak

            found.append(UntilLeak())
        if settings.pdb:
            from ..listeners.pdb import Debugging

            found.append(Debugging())
        return found


def _temp_directory(settings: Config) -> str | None:
    """Return the directory for the run's root; None for the system's temp directory."""
    from tempfiles import choose_location

    place = choose_location(settings.temp_root, settings.temp_root_min_free)
    if place.remark:
        sys.stderr.write(f"tidytest: {place.remark}\n")
    return place.directory


def _selects(settings: Config) -> bool:
    return bool(
        settings.last_failed
        or settings.leaked_last
        or settings.shuffle is not None
        or settings.reverse
        or settings.repeat is not None
        or settings.until_leak
    )


def _is_live(stream: Any) -> bool:
    """Return whether a stream is a terminal that can overwrite a line, not a log or CI."""
    if os.environ.get("TERM") == "dumb" or os.environ.get("CI", "").lower() not in ("", "false"):
        return False
    isatty = getattr(stream, "isatty", None)
    return isatty is not None and bool(isatty())
