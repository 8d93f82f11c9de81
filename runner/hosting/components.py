"""Create the components of a judged run that its settings ask for, for any test tool."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Iterator, Sequence
from typing import TYPE_CHECKING, Any

from tempfiles import Run, RunSettings, system_directory

from .. import cache
from ..reporting import Reports
from ..session.policy import Policy
from ..session.retention import RunRetention
from ..session.session import Session
from ..settings.config import DEFAULT_BASELINE, Config
from ..unittest_api import HARNESS
from .dead_runs import Reaper

if TYPE_CHECKING:
    from tempfiles import Detector

    from ..baseline.update import KnownLeaks
    from ..session.listener import Listener
    from ..session.memory import LeakMemory


class Components:
    """The components of a run. The modules of those that no setting asks for are not imported.

    Args:
        settings: the settings of the run.
        harness: the packages that run the tests: their lines are never the origin of a leak.

    Attributes:
        settings: the settings of the run.
        directory: the working directory.
        reports: the report files to write.
        reaper: removes what dead runs left.
        retention: keeps files of failed tests, and artifacts.
        known_leaks: the baseline of known leaks.
        memory: the leaks of earlier runs outside the temp directory, if there are any.

    Raises:
        UsageError: something that a setting needs is missing or cannot be written to.
    """

    def __init__(self, settings: Config, harness: Sequence[str] = HARNESS) -> None:
        self.settings = settings
        self.directory = os.getcwd()
        self.reports = Reports(settings)
        self.retention = RunRetention(settings, self.directory, system_directory())
        self.known_leaks: KnownLeaks | None = None
        self.reaper: Reaper | None = None
        self.memory: LeakMemory | None = None
        self._harness = tuple(harness)
        self._base: str | None = None
        self._create()

    def _create(self) -> None:
        settings = self.settings
        self.reports.check()
        if settings.temp_root != "disk":
            self._base = _temp_directory(settings)
        self.reaper = Reaper(self._base) if settings.reap else None
        if settings.keep != "never" or settings.keep_dir is not None:
            self.retention.create()
        if settings.leaks != "off" and self._has_baseline():
            from ..baseline.update import KnownLeaks

            self.known_leaks = KnownLeaks(settings)
        if self.remembers_leaks and os.path.lexists(cache.LEAKS):
            self.read_memory()

    @property
    def remembers_leaks(self) -> bool:
        """Whether leaks outside the temp directory are remembered for the next run."""
        return self.settings.leaks != "off" and not self.settings.merge

    def _has_baseline(self) -> bool:
        chosen = self.settings.leak_baseline
        if chosen is None:
            return self.settings.update_baseline or os.path.isfile(DEFAULT_BASELINE)
        return chosen != ""  # "" is --no-leak-baseline

    def read_memory(self) -> LeakMemory:
        """Return the leaks of earlier runs, read once from the cache."""
        if self.memory is None:
            from ..session.memory import LeakMemory

            self.memory = LeakMemory(self.directory)
        return self.memory

    def session(
        self, run: Run, listeners: Sequence[Listener] = (), kind: Callable[..., Session] = Session
    ) -> Session:
        """Create the session of an open run, of a class of the host's."""
        memory: Callable[[], LeakMemory] | None = self.read_memory
        return kind(
            run, self.policy(), retention=self.retention.of_failed_tests, listeners=listeners,
            memory=memory if self.remembers_leaks else None,
        )

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
            ignore=(*settings.leak_ignore, *self.own_files()),
            measure_made=settings.slowest_temp is not None or settings.html is not None,
            watch_modified=settings.watch_modified,
            clean_outside=settings.clean_outside,
            late_grace=settings.late_grace,
            guarded=settings.guard,
            harness=self._harness,
            trace_children=settings.trace_children,
            leftovers=self.memory.leftovers if self.memory is not None else (),
        )

    def new_run(self, **changes: Any) -> Run:
        """Create the run and its root directory.

        Args:
            changes: fields of `RunSettings` that differ from `run_settings`.

        Raises:
            OwnershipError: the root cannot be created, even after dead runs were removed.
        """
        settings = self.run_settings()._replace(**changes)
        try:
            return Run(settings, self.detectors())
        except OSError as error:
            if self.reaper is None or not self.reaper.make_room(error, sys.stderr):
                raise
        return Run(settings, self.detectors())

    def detectors(self) -> list[Detector]:
        """Create the detectors of a run: what looks for things other than files."""
        if "processes" not in self.settings.detect:
            return []
        from tempfiles import ProcessDetector

        return [ProcessDetector()]

    def own_files(self) -> Iterator[str]:
        """Yield globs of the files that the runner writes while the tests run."""
        if self.settings.keep_dir is not None:
            from glob import escape

            from tempfiles import KEPT_PREFIX

            kept = os.path.normpath(os.path.join(self.settings.keep_dir, KEPT_PREFIX))
            yield f"{escape(kept)}*"


def _temp_directory(settings: Config) -> str | None:
    """Return the directory for the run's root; None for the system's temp directory."""
    from tempfiles import choose_location

    place = choose_location(settings.temp_root, settings.temp_root_min_free)
    if place.remark:
        sys.stderr.write(f"tidytest: {place.remark}\n")
    return place.directory
