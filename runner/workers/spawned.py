"""The main module of a worker that is a new process: import the tests again, then be a worker."""

from __future__ import annotations

import json
import os
import sys
import unittest
import warnings
from collections import defaultdict
from collections.abc import Sequence
from typing import Any, NamedTuple, NoReturn

from tempfiles import Run, untracked

from ..execution.runner import has_custom_run
from ..hosting.components import Components
from ..selection.order import flatten, fresh
from ..settings.config import Config
from ..unittest_api import test_id
from .channel import Paths, park
from .worker import DIFFERS, Job, Place, ResultSettings, Worker, prepare


class SpawnPlan(NamedTuple):
    """What a spawned worker gets from the parent, as JSON.

    Attributes:
        settings: the settings of the run.
        words: those for unittest.
        ids: of all tests in serial order.
        result: the settings of the result.
        root: the run root of the parent.
        run_word: one word for the run.
        kept: the name of the directory of kept files.
        argv: `sys.argv` of the parent.
    """

    settings: dict[str, Any]
    words: list[str]
    ids: list[str]
    result: dict[str, Any]
    root: str
    run_word: str
    kept: str
    argv: list[str]


def main() -> NoReturn:
    """Be a worker, and exit without the exit handlers."""
    code = _work()
    sys.stdout.flush()
    os._exit(code)


def _work() -> int:
    path, number, paths, bell, life = sys.argv[1:]
    with open(path, encoding="ascii") as file:
        plan = SpawnPlan(**json.load(file))
    place = Place(
        int(number), plan.run_word, Paths(*json.loads(paths)), park(os.dup(0)), int(bell), int(life)
    )
    prepare(place)
    sys.argv[:] = plan.argv
    # The parent writes the reports, and removes what dead runs left.
    asked = Config(**{name: as_tuples(value) for name, value in plan.settings.items()})
    settings = asked._replace(
        leak_json=None, junit_xml=None, gitlab_quality=None, sarif=None, leak_lines=False,
        github=False, reap=False,
    )
    components = Components(settings._replace(html=None))
    components.retention.name = plan.kept
    components.retention.begin()
    measured = asked.slowest_temp is not None or asked.html is not None
    run_settings = components.run_settings()._replace(
        base=plan.root, measure_made=measured, siblings=os.path.join(plan.root, "siblings")
    )
    listeners = _listeners(asked, place)
    run = Run(run_settings._replace(guarded=False), components.detectors())
    run.open()
    with untracked():
        suite = load_suite(asked, plan.words)
    tests = choose(flatten(suite), plan.ids)
    if tests is None:
        run.abandon()
        return DIFFERS
    if not sys.warnoptions:
        warnings.simplefilter("default")  # as unittest's runner does in the parent
    job = Job(
        tests, ResultSettings(**plan.result), components, listeners, run, has_custom_run(suite),
        plan.run_word, plan.words,
    )  # fmt: skip
    return Worker(job, place, run).work()


def _listeners(settings: Config, place: Place) -> list[Any]:
    if not settings.coverage:
        return []
    from ..listeners.coverage import Measurement

    measurement = Measurement(settings)
    measurement.begin_in_worker(place.paths.collected)
    return [measurement]


def load_suite(settings: Config, words: Sequence[str]) -> Any:
    """Return the suite that unittest loads for the same words as in the parent."""
    loader = unittest.defaultTestLoader
    if settings.functions:
        from ..execution.functions import FunctionLoader

        loader = FunctionLoader()

    class Loading(unittest.TestProgram):
        test: Any

        def runTests(self) -> None:
            """Run nothing."""

    return Loading(module=None, argv=["tidytest", *words], testLoader=loader).test


def choose(tests: Sequence[Any], ids: Sequence[str]) -> list[Any] | None:
    """Return the tests with some ids, in their order; None if one is missing."""
    waiting: dict[str, list[Any]] = defaultdict(list)
    for test in reversed(tests):
        waiting[test_id(test)].append(test)
    chosen: dict[str, Any] = {}
    found: list[Any] = []
    for id in ids:
        if waiting[id]:
            chosen[id] = waiting[id].pop()
            found.append(chosen[id])
        elif id in chosen:
            found.append(fresh(chosen[id]))  # `--repeat`
        else:
            return None
    return found


def as_tuples(value: Any) -> Any:
    """Return a value of JSON with tuples in place of lists."""
    return tuple(map(as_tuples, value)) if isinstance(value, list) else value


if __name__ == "__main__":
    main()
