"""The suite of a run on a cluster: the parallel suite, with machines in place of local workers."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import zlib
from collections.abc import Mapping, Sequence
from typing import Any

from tempfiles import format_count, format_size, system_directory, untracked

from ..engines.engine import Engine, engine_of
from ..errors import UsageError
from ..hosting.components import Components
from ..parallel.replayed_result import ReplayedResult
from ..parallel.suite import AnyPool, ParallelSuite
from ..pool.source import EventHandler
from ..pool.wires import same_file
from ..remote import project
from ..remote.messages import MachinePlan
from ..remote.versions import imported_libraries, versions_of
from ..scheduling.plan import hash_of
from ..scheduling.schedule import CLUSTER, Schedule
from ..selection.recorded_order import WorkerOrder
from ..session.listener import WorkerListener
from ..session.session import Session
from ..settings.config import DEFAULT_BASELINE, Config
from ..settings.conflicts import OUTPUTS
from ..unittest_api import test_id
from ..workers.worker import Job
from .cluster import Cluster
from .results import Offer


class ClusterSuite(ParallelSuite):
    """Runs the tests of a suite on the machines of a cluster.

    Args:
        suite: the suite.
        components: of the run.
        session: of the run.
        words: those for unittest.
        listeners: those that follow the tests in the workers.

    Attributes:
        sends_ids: whether tests were left out, or put in another order after unittest loaded them.

    Raises:
        UsageError: the engine cannot be reached, or the settings do not allow to run these tests.
    """

    def __init__(
        self, suite: Any, components: Components, session: Session, words: Sequence[str],
        listeners: Sequence[WorkerListener] = (),
    ) -> None:
        self._libraries = imported_libraries(components.directory)  # before those of the engine
        super().__init__(suite, components, session, words, listeners)
        self.sends_ids = True
        workers = components.settings.workers
        assert workers is not None
        with untracked():
            self._engine: Engine = engine_of(workers)

    def _run(self, result: ReplayedResult) -> None:
        try:
            super()._run(result)
        except UsageError:  # the cluster is gone
            if result.testsRun:
                result.printErrors()
            raise

    def _tell_start(self, result: ReplayedResult) -> None:
        """Say nothing: whether machines fork their workers is their own affair."""

    def _new_schedule(self, known: Mapping[int, float], *, in_order: bool) -> Schedule:
        limits = dict(self._components.settings.resources)
        chunks = CLUSTER._replace(in_order=in_order)
        return Schedule(self._units, known, 2, limits, chunks)  # more where machines come

    def _new_pool(self, job: Job, handler: EventHandler, result: ReplayedResult) -> AnyPool:
        assert self._replay is not None
        settings = self._components.settings

        def say(text: str) -> None:
            line_ends = "\n" * bool(result.dots and result.testsRun)
            result.stream.write(f"{line_ends}tidytest: {text}\n")
            result.stream.flush()

        is_told = self.recording is not None or self._components.reports.has_any
        names = not self._replay.batches or bool(settings.retries) or is_told
        plan = self._plan(job, say)
        offer = Offer(job, self._units, plan, self._known(), settings.workers_wait, names, say)
        return Cluster(offer, self._schedule, self._engine, handler)

    def _plan(self, job: Job, say: Any) -> MachinePlan:
        components, directory = self._components, self._components.directory
        ship = files = ids = b""
        with untracked():
            names = project.list_files(directory, _outputs(components.settings))
            if components.settings.ship:
                ship = project.pack(directory, names)
                say(f"ships {format_count(len(names), 'file')}, {format_size(len(ship))}")
            else:
                files = project.digests_of(directory, names)
        if self.sends_ids:
            ids = zlib.compress(json.dumps([test_id(test) for test in job.tests]).encode())
        flags: list[str] = subprocess._args_from_interpreter_flags()  # type: ignore[attr-defined]
        return MachinePlan(
            job.run_word, components.settings._asdict(), [*job.words], [*sys.argv], flags,
            job.settings._asdict(), hash_of(job.tests), ids, directory, _paths_in(directory),
            files, ship, system_directory(), components.retention.name, _baseline(components),
            same_file(1, 2), versions_of(self._libraries),
        )  # fmt: skip

    @property
    def orders(self) -> list[WorkerOrder]:
        """Nothing: a worker of another machine ran parts of many chunks."""
        return []


def _outputs(settings: Config) -> set[str]:
    """Return the files that the run itself writes, which may lie in the project."""
    return {getattr(settings, name.replace("-", "_")) for name in OUTPUTS} - {
        settings.leak_baseline
    }


def _paths_in(directory: str) -> list[str]:
    """Return what `sys.path` has of a project, relative to it."""
    inside = (path for path in sys.path if path and path.startswith(directory + os.sep))
    return [os.path.relpath(path, directory) for path in inside if "site-packages" not in path]


def _baseline(components: Components) -> bytes | None:
    if components.known_leaks is None:
        return None
    path = components.settings.leak_baseline or DEFAULT_BASELINE
    try:
        with open(path, "rb") as file:
            return file.read()
    except OSError:
        return None  # `--update-baseline` creates it
