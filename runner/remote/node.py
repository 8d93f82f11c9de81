"""The node process of a run on a machine: import the tests, then run chunks in local workers.

`python -m runner.remote.node IN OUT LOCK`: the first two descriptors are pipes to the process that
started it, the third one locks its scratch directory. It ends where that process is gone, or where
no chunk comes for a while.
"""

from __future__ import annotations

import contextlib
import io
import json
import os
import pickle
import shutil
import sys
import warnings
import zlib
from collections.abc import Sequence
from time import perf_counter
from typing import Any

from tempfiles import KEPT_PREFIX, Terminated, untracked

from ..execution.runner import has_custom_run
from ..hosting.components import Components
from ..pool.pool import Pool
from ..pool.process import WorkerProcess
from ..scheduling.plan import Unit, hash_of
from ..scheduling.schedule import Schedule
from ..selection.order import flatten
from ..settings.config import Config
from ..unittest_api import is_import_failure, test_id
from ..workers.channel import park
from ..workers.spawned import choose, load_suite
from ..workers.worker import Job, ResultSettings
from .collector import Collector
from .messages import Chunk, ChunkResult, Facts, Frames, MachinePlan, PlannedUnit, WorkerOutput
from .versions import versions_of

_IDLE = 90.0
"""Seconds without a chunk after which the process ends: its parent may be gone."""


class _DiffersError(Exception):
    """This machine cannot run the tests; the message says why."""


class NodeProcess:
    """What the process has of the run.

    Args:
        plan: of the run; its paths are those of the parent.
        host: the name of this machine.
        cores: the number of local workers.
        frames: the pipes to the process that started this one.
        scratch: a directory for what the run has here.
    """

    def __init__(
        self, plan: MachinePlan, host: str, cores: int, frames: Frames, scratch: str
    ) -> None:
        self._plan = plan
        self._host = host
        self._cores = cores
        self._frames = frames
        self._remarks = io.StringIO()
        self._scratch = scratch
        self._kept = os.path.join(scratch, "kept")
        settings = self._settings()
        self._moved = {
            self._kept: settings.keep_dir or plan.temp, os.getcwd(): plan.directory,
        }  # fmt: skip
        self._components = Components(settings._replace(keep_dir=self._kept))
        self._components.retention.name = plan.kept
        self._components.retention.begin()
        if self._components.reaper is not None:
            self._components.reaper.begin(self._remarks)
        self._run = self._components.new_run()
        self._listeners = _listeners(settings)

    def _settings(self) -> Config:
        """Return the settings: the parent writes the reports, and has the durations."""
        settings = Config(**self._plan.settings)._replace(
            leak_json=None, junit_xml=None, gitlab_quality=None, sarif=None, leak_lines=False,
            github=False, monitor=None, jobs=self._cores, workers=None, guard=False,
        )  # fmt: skip
        if self._plan.baseline is None:
            return settings._replace(leak_baseline="")
        path = os.path.join(self._scratch, "baseline.json")
        with open(path, "wb") as file:
            file.write(self._plan.baseline)
        return settings._replace(leak_baseline=path)

    def load(self) -> Facts:
        """Import the tests and compare them with those of the parent.

        Raises:
            _DiffersError: they differ.
        """
        self._run.open()
        with untracked():
            suite = load_suite(Config(**self._plan.settings), self._plan.words)
        tests = self._chosen(flatten(suite))
        if not sys.warnoptions:
            warnings.simplefilter("default")  # as unittest's runner does in the parent
        self._job = Job(
            tests, ResultSettings(**self._plan.result), self._components, self._listeners,
            self._run, has_custom_run(suite), self._plan.run, self._plan.words,
        )  # fmt: skip
        names = [name for name in self._plan.versions if name not in ("Python", "tidytest")]
        return Facts(self._host, self._cores, versions_of(names), self._remarks.getvalue())

    def _chosen(self, tests: list[Any]) -> list[Any]:
        ids = json.loads(zlib.decompress(self._plan.ids)) if self._plan.ids else None
        chosen = tests if ids is None else choose(tests, ids)
        if chosen is not None and hash_of(chosen) == self._plan.suite:
            return chosen
        failed = [test for test in tests if is_import_failure(test)]
        if failed:
            words = str(getattr(failed[0], "_exception", "")).strip().rpartition("\n")[2]
            raise _DiffersError(f"it cannot import {failed[0]._testMethodName}: {words}")
        if ids is not None:
            missing = next(iter({*ids} - {test_id(test) for test in tests}), "none")
            raise _DiffersError(f"it has other tests: {missing} is missing")
        raise _DiffersError(f"it has other tests: {len(tests)}, from {test_id(tests[0])}"
                            if tests else "it has no tests")  # fmt: skip

    def run(self, chunk: Chunk, token: str) -> ChunkResult:
        """Run a chunk; return its result."""
        units = [_unit(planned) for planned in chunk.units]
        known = {unit.number: unit.seconds for unit in chunk.units if unit.seconds is not None}
        schedule = Schedule(units, known, self._cores)
        offset = chunk.moment - perf_counter()
        collector = Collector(self._frames, token, offset)
        job = self._job._replace(first_worker=chunk.first_worker)
        pool = Pool(job, units, schedule, self._cores, collector)
        signal = 0
        try:
            pool.run()
            pool.finish()
        except KeyboardInterrupt as error:
            if collector.is_deserted:
                raise
            signal = 15 if isinstance(error, Terminated) else 2  # a test has sent it
            pool.finish()
        places = {worker.source: place for place, worker in enumerate(pool.ended)}
        result = ChunkResult(
            [*map(_result_of, pool.ended)], collector.feeds(places),
            [(unit.number, seconds) for unit, seconds in schedule.finished], pool.failures,
            self._packed_kept(), self._moved, pool.is_stopped, signal,
        )  # fmt: skip
        pool.remove_files()
        return result

    def _packed_kept(self) -> bytes:
        """Return what was kept as a tar, and remove it here."""
        place = os.path.join(self._kept, f"{KEPT_PREFIX}{self._plan.kept}")
        if not os.path.isdir(place):
            return b""
        import tarfile

        buffer = io.BytesIO()
        with untracked(), tarfile.open(fileobj=buffer, mode="w:gz") as archive:
            for name in os.listdir(place):
                archive.add(os.path.join(place, name), name)
        shutil.rmtree(place, ignore_errors=True)
        return buffer.getvalue()

    def end(self) -> None:
        """Remove all files of the run from this machine."""
        with contextlib.suppress(Exception):
            self._run.finish()
        if self._components.reaper is not None:
            self._components.reaper.end(io.StringIO())
        os.chdir(os.sep)
        shutil.rmtree(self._scratch, ignore_errors=True)


def _listeners(settings: Config) -> list[Any]:
    if not settings.coverage:
        return []
    from ..listeners.coverage import Measurement

    return [Measurement(settings)]


def _unit(planned: PlannedUnit) -> Unit:
    return Unit(planned.number, planned.key, range(planned.first, planned.stop))


def _result_of(worker: WorkerProcess) -> WorkerOutput:
    paths = worker.paths
    err = None if paths.out == paths.err else _content(paths.err)
    contexts = [] if worker.report else worker.contexts
    return WorkerOutput(
        worker.number, _content(paths.out), err, _content(paths.collected), worker.report,
        contexts, worker.rescued, [*worker.ran],
    )  # fmt: skip


def _content(path: str) -> bytes:
    with contextlib.suppress(OSError), open(path, "rb") as file:
        return file.read()
    return b""


def main(words: Sequence[str]) -> None:
    """Be the node process of a run."""
    source, sink, _ = (park(int(word)) for word in words)
    frames = Frames(source, sink)
    plan, host, cores, scratch = frames.receive()
    sys.argv[:] = plan.argv
    node = NodeProcess(plan, host, cores, frames, scratch)
    try:
        frames.send(node.load())
        while (message := frames.receive(_IDLE)) is not None:
            frames.send(zlib.compress(pickle.dumps(node.run(*message)), 1))
    except _DiffersError as error:
        frames.send(str(error))
    except (EOFError, KeyboardInterrupt):
        pass  # the other process is gone, or does not wait any more
    finally:
        node.end()


if __name__ == "__main__":
    main(sys.argv[1:])
