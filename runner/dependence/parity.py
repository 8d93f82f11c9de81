"""Find tests that depend on other tests (`--parity`).

The suite runs serially, then shuffled in several workers. A test that ends differently, or leaves
something else, runs again alone and after some of the tests before it, until the shortest list of
predecessors is found that makes the difference. Each run is a process of its own.
"""

from __future__ import annotations

import contextlib
import functools
import json
import os
import random
import shlex
import signal
import subprocess
import tempfile
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any, NamedTuple, TextIO

from tempfiles import Terminated, printable

from ..errors import UsageError
from ..selection import recorded_order
from ..selection.recorded_order import RecordedOrder
from ..settings.config import Config
from ..settings.load import Loaded
from ..settings.options import BY_NAME, COMMAND_LINE
from . import run_record
from .predecessors import Depends, shortest
from .run_record import HowEnded, RunRecord

_FEWEST = 2  # workers
_TAIL = 5  # lines that are shown of a run without a record
_GRACE = 3.0  # seconds that an interrupted run has to end
_REFUSED = 2  # the exit code of a run that its settings do not allow
_REPORTING = (
    "leak_json", "junit_xml", "html", "gitlab_quality", "sarif", "leak_lines", "github", "monitor",
    "durations", "slowest_temp", "progress", "coverage", "coverage_report", "coverage_fail_under",
    "keep", "strict_baseline",
)  # fmt: skip
_NOT_REPLAYED = frozenset({*_REPORTING, "parity", "shuffle", "jobs", "retries"})
_OTHER_REASONS = "what ran at the same time, what an earlier run left, or chance"


class Dependence(NamedTuple):
    """How a test ended in one of the two runs, `run`, and what it needs before it to end so again.

    `predecessors` is empty if it ends so alone, and None if it does not after all tests that ran
    before it.
    """

    run: str
    end: HowEnded
    predecessors: list[str] | None


class Runs:
    """Runs the suite, or a part of it, in processes of their own.

    Args:
        settings: those of the program.
        words: the words for unittest.
        command: starts the program with a record, given the file of a plan.
        directory: an existing directory for plans, orders and records.
    """

    def __init__(
        self, settings: Config, words: Sequence[str], command: Sequence[str], directory: str
    ) -> None:
        self._settings = settings
        self._words = words
        self._command = command
        self._directory = directory

    def serially(self) -> _Ended:
        """Run all tests in one process, with all reports; return the record and the exit code."""
        settings = self._settings._replace(parity=False, shuffle=None, jobs=1)
        return self._start(settings, self._words)

    def shuffled(self, seed: int, workers: int) -> RunRecord:
        """Run all tests in random order in several workers, and print nothing."""
        settings = _quiet(self._settings)._replace(shuffle=seed, jobs=workers)
        return self._start(settings, self._words, shown=False).record

    def in_order(self, tests: Sequence[str]) -> RunRecord:
        """Run some tests in their order in one process, and print nothing."""
        path = os.path.join(self._directory, "order.json")
        _write(path, RecordedOrder(tuple(self._words), tuple(tests)).document())
        settings = _quiet(self._settings)._replace(shuffle=None, replay=path)
        return self._start(settings, [], shown=False).record

    def below(self, ids: Iterable[str]) -> RunRecord:
        """Run the tests with these ids or in the classes and modules with them; print nothing."""
        words = [*self._words, *(word for id in sorted(ids) for word in ("-k", id))]
        settings = _quiet(self._settings)._replace(leaks="report", shuffle=None)
        return self._start(settings, words, shown=False).record

    def _start(
        self, settings: Config, words: Sequence[str], *, shown: bool = True
    ) -> _Ended:
        plan, record = (os.path.join(self._directory, name) for name in ("plan", "record"))
        _write(plan, {"config": settings._asdict(), "words": [*words], "record": record})
        with contextlib.suppress(FileNotFoundError):
            os.unlink(record)
        streams: dict[str, Any] = {} if shown else {
            "stdout": subprocess.PIPE, "stderr": subprocess.STDOUT, "stdin": subprocess.DEVNULL,
            "text": True, "errors": "replace",
        }
        process = subprocess.Popen([*self._command, plan], **streams)
        output = _output_of(process)
        try:
            return _Ended(run_record.read(record), process.returncode)
        except (OSError, ValueError):
            tail = " / ".join(output.splitlines()[-_TAIL:])
            raise UsageError(
                f"a run of the tests ended with exit code {process.returncode}: {tail}"
            ) from None


class _Ended(NamedTuple):
    record: RunRecord
    code: int


def _output_of(process: subprocess.Popen[str]) -> str:
    """Wait for a run, and end it where this process is interrupted or terminated."""
    before = signal.signal(signal.SIGTERM, _raise_terminated)
    try:
        return process.communicate()[0] or ""
    except BaseException as error:
        # An interrupt of the terminal has reached the run as well.
        if not isinstance(error, KeyboardInterrupt):
            process.terminate()
        with contextlib.suppress(subprocess.TimeoutExpired):
            process.wait(_GRACE)
        process.kill()
        raise
    finally:
        signal.signal(signal.SIGTERM, before)


def _raise_terminated(number: int, frame: object) -> None:
    raise Terminated


class Parity:
    """Runs a suite twice, and explains each test that ended differently.

    Args:
        name: the program's name, for the commands that are printed.
        loaded: the settings of the program, and the words for unittest.
        command: starts the program with a record, given the file of a plan.
    """

    def __init__(self, name: str, loaded: Loaded, command: Sequence[str]) -> None:
        self._name = name
        self._loaded = loaded
        self._command = command

    def run(self, stream: TextIO) -> int:
        """Run the tests and print what depends on others; return the exit code.

        It is 1 if a test depends on others, else that of the serial run.

        Args:
            stream: where to print.

        Raises:
            UsageError: a run did not come to its end.
        """
        settings, words = self._loaded.config, self._loaded.remaining
        seed = random.randrange(10**6) if settings.shuffle is None else settings.shuffle
        workers = max(settings.jobs, _FEWEST)
        with tempfile.TemporaryDirectory(prefix="tidytest-parity-") as directory:
            runs = Runs(settings, words, self._command, directory)
            serial, code = runs.serially()
            if code == _REFUSED or not serial.ran:
                return code
            shuffled = runs.shuffled(seed, workers)
            stream.write(f"Parity: {len(serial.ran)} tests ran serially, then in {workers} workers"
                         f" with --shuffle {seed}.\n")
            number = self._explain(Search(runs, serial, shuffled), stream)
        noun = "test depends" if number < 2 else "tests depend"
        stream.write(f"Parity: {number or 'no'} {noun} on others.\n")
        return 1 if number else code

    def _explain(self, search: Search, stream: TextIO) -> int:
        """Print what depends on what, as it is found; return the number of tests that depend."""
        for number, id in enumerate(search.differing, 1):
            for line in self._lines(search, id, number):
                stream.write(f"{line}\n")
                stream.flush()
        return len(search.differing)

    def _lines(self, search: Search, id: str, number: int) -> Iterator[str]:
        yield printable(id)
        for run, end, predecessors in search.dependences(id):
            if predecessors is None:
                yield f"  {run}: {end}, for no reason that was found: {_OTHER_REASONS}"
            elif not predecessors:
                yield f"  {run}: {end}, as alone"
            else:
                yield f"  {run}: {end}, after:"
                yield from (f"    {printable(test)}" for test in predecessors)
                order = [*predecessors, *search.tests_of(id)]
                yield f"    again: {self._replay(order, f'parity-{number}')}"

    def _replay(self, tests: Sequence[str], name: str) -> str:
        """Write an order to the cache; return the command that runs it again."""
        order = RecordedOrder(tuple(self._loaded.remaining), tuple(tests))
        file = recorded_order.write(os.getcwd(), name, order)
        return shlex.join([*self._name.split(), *_options(self._loaded), "--replay", file])


class Search:
    """Finds what tests depend on.

    Args:
        runs: runs tests again.
        serial: the record of the serial run.
        shuffled: the record of the other run.

    Attributes:
        differing: the ids of the tests, classes and modules that ended differently.
    """

    def __init__(self, runs: Runs, serial: RunRecord, shuffled: RunRecord) -> None:
        self._runs = runs
        self._records = {"serially": serial, "shuffled": shuffled}
        self._tests = [test for order in serial.orders for test in order]
        self._found: list[list[str]] = []  # predecessors of other tests
        self.differing = run_record.differing(serial, shuffled)

    def tests_of(self, id: str) -> list[str]:
        """Return the test with an id, or the tests of the class or module with it."""
        below = [test for test in self._tests if test.startswith(f"{id}.")]
        return below or [id]

    def dependences(self, id: str) -> Iterator[Dependence]:
        """Yield for each of the runs how a test ended, and after which tests it ends so."""
        own = self.tests_of(id)
        is_test = own == [id]

        @functools.cache
        def end_after(*chosen: str) -> HowEnded:
            return self._runs.in_order([*chosen, *own]).end_of(id, is_test=is_test)

        for run, record in self._records.items():
            end = record.end_of(id, is_test=is_test)

            def depends(chosen: Sequence[str], end: HowEnded = end) -> bool:
                return end_after(*chosen) == end

            yield Dependence(run, end, self._shortest(_before(record, own), depends))

    def _shortest(self, before: Sequence[str], depends: Depends[str]) -> list[str] | None:
        """Search among the predecessors of other tests first: one test often breaks several."""
        if not depends([]):
            for known in self._found:
                if set(known) <= set(before) and depends(known):
                    return shortest(known, depends)
        found = shortest(before, depends)
        if found:
            self._found.append(found)
        return found


def _before(record: RunRecord, own: Sequence[str]) -> list[str]:
    """Return the tests that a process ran before the first of some tests."""
    for order in record.orders:
        places = [place for place, id in enumerate(order) if id in own]
        if places:
            return [id for id in order[: places[0]] if id not in own]
    return []


def _quiet(settings: Config) -> Config:
    """Return the settings for a run that writes no report and judges as the first one."""
    default = Config()._asdict()
    without = {name: default[name] for name in _REPORTING}
    return settings._replace(**without, parity=False)


def _options(loaded: Loaded) -> Iterator[str]:
    """Yield the options of the command line that change how tests end."""
    for name, setting in loaded.settings.items():
        option = BY_NAME[name]
        if str(setting.source) != COMMAND_LINE or option.field in _NOT_REPLAYED:
            continue
        if option.is_switch:
            yield f"--{name}" if setting.value else f"--no-{name}"
        else:
            values = setting.value if isinstance(setting.value, tuple) else (setting.value,)
            yield from (f"--{name}={option.type.show(value)}" for value in values)


def _write(path: str, document: Mapping[str, Any]) -> None:
    with open(path, "w", encoding="utf-8") as file:
        json.dump(document, file)
