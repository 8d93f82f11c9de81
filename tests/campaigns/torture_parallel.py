"""Parallel runs of suites that are hard on their workers, and workers and runs that are killed.

    python -m tests.campaigns.torture_parallel [--full] [--seed N] [--temp-dir DIR] [-v]

Four campaigns. `hostile`: tests that fork, daemonise, start threads, close or take all
descriptors, replace the streams, raise what cannot be pickled, and end their process. `killed`:
workers are killed at random moments. `hanging`: tests that do not end, with `--timeout`. `stopped`:
the run itself is interrupted, terminated or killed. Each run must end within a hard bound, give
each test exactly one outcome, run no test twice, and leave no process and no file.
"""

from __future__ import annotations

import argparse
import contextlib
import os
import random
import re
import signal
import subprocess
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from xml.etree import ElementTree

from tests.support.hostile_tests import MODULE, Deeds, Suite, make_suite
from tests.support.whole_runs import BrokenPromiseError, Place, kill, place

BOUND = 60.0  # seconds for one run, which takes about one; also on a machine that is busy
PROMPT = 3.0  # seconds in which an interrupted run must be gone, with all of its processes
SLACK = 2.0  # seconds more for a machine that is busy
QUICK, FULL = (3, 3, 2, 3), (220, 160, 60, 60)
_START = re.compile(rf"\(({MODULE}\.\w+\.test_\w+)\) \.\.\. ")
_EMPTY = "import unittest\n"


class Ground:
    """A place with one suite at a time, and outside of it what the campaign itself writes.

    Args:
        place: where the runs are.
        notes: an existing directory for the log of the tests, and for the JUnit report.
    """

    def __init__(self, place: Place, notes: str) -> None:
        self.place = place
        self.log = Path(notes, "log")
        self.junit = Path(notes, "junit.xml")
        self.said = Path(notes, "said")

    def start(self, suite: Suite, options: list[str]) -> subprocess.Popen[bytes]:
        """Write a suite and start a run of it, in a process group of its own."""
        for path in (self.log, self.junit, self.said):
            path.write_bytes(b"")
        module = Path(self.place.project, f"{MODULE}.py")
        module.write_text(suite.text, encoding="utf-8")
        self.place.before = self.place.listing()
        environment = self.place.environment(LOG=str(self.log), PYTHONDONTWRITEBYTECODE="1")
        # If it hangs, SIGABRT prints its stacks.
        command = [sys.executable, "-X", "faulthandler", "-m", "runner"]
        words = ["-v", "--junit-xml", str(self.junit), *options, MODULE]
        with self.said.open("wb") as said:
            return subprocess.Popen(
                [*command, *words], cwd=self.place.project, env=environment,
                stdin=subprocess.DEVNULL, stdout=said, stderr=said, start_new_session=True,
            )

    def output(self) -> str:
        """Return what the run printed."""
        return self.said.read_text("utf-8", errors="backslashreplace")

    def check_left(self) -> None:
        """Check that no process and no file is left.

        Raises:
            BrokenPromiseError: something is left.
        """
        self.place.wait_for_processes()
        self.place.check()


@dataclass(frozen=True)
class Try:
    """One run that has ended: its suite, and its exit code."""

    suite: Suite
    code: int

    def check(self, ground: Ground, kills: int = 0) -> None:
        """Check the outcomes; as many tests as were killed may be errors instead of what they are.

        Raises:
            BrokenPromiseError: an outcome is missing, is there twice, or is another.
        """
        cases = [(f"{c.get('classname')}.{c.get('name')}", _status(c))
                 for c in _junit(ground.junit).iter("testcase")]
        tests = [(id, status) for id, status in cases if id in self.suite.ends]
        found = dict(tests)
        _hold(len(tests) == len(found), f"outcomes of one test: {_twice(id for id, _ in tests)}")
        missing = self.suite.ends.keys() - found.keys()
        # A worker that is killed in a fixture fails it, which keeps its tests from running.
        fixtures = [id for id, status in cases if id not in self.suite.ends and status == "error"]
        kept = {id for id in missing if any(_is_of(id, fixture) for fixture in fixtures)}
        _hold(len(fixtures) <= kills or not kept, f"fixtures that failed: {fixtures}")
        _hold(missing == kept, f"no outcome in the JUnit report: {sorted(missing - kept)}")
        wrong = {id: status for id, status in found.items() if self.suite.ends[id] != status}
        killed = {id for id, status in wrong.items() if status == "error"}
        _hold(len(wrong) == len(killed) <= kills, f"other outcomes: {wrong}")
        failed = {status for _, status in cases} & {"failure", "error"}
        output = ground.output()
        fails = bool(failed) or "died at its end" in output
        _hold(self.code == int(fails), f"exit code {self.code}")
        self._check_printed(output, found)
        self._check_log(ground.log, found)

    def _check_printed(self, output: str, found: Mapping[str, str]) -> None:
        printed = Counter(match[1] for match in _START.finditer(output))
        lines = {id: printed[id] for id in found if printed[id] != 1}
        _hold(not lines, f"lines of the tests, not one each: {lines}")
        number = len(found)
        _hold(f"\nRan {number} tests in " in output, f"does not say 'Ran {number} tests'")

    def _check_log(self, log: Path, found: dict[str, str]) -> None:
        runs = Counter(log.read_text("utf-8").split())
        again = _twice(runs.elements())
        _hold(not again, f"ran twice: {again}")
        unrun = [id for id, status in found.items() if status != "error" and not runs[id]]
        _hold(not unrun, f"reported and not run: {unrun}")


def hostile(ground: Ground, dice: random.Random, count: int) -> str:
    """Run tests that are hard on their process, or end it; return what was done, in words."""
    deaths = 0
    for _ in range(count):
        suite = make_suite(dice, Deeds())
        with run(ground, suite, _options(dice)) as process:
            pass
        Try(suite, process.returncode).check(ground)
        deaths += sum(end == "error" for end in suite.ends.values())
        ground.check_left()
    return f"{count} runs, {deaths} tests with an error, most of which ended their worker"


def killed(ground: Ground, dice: random.Random, count: int) -> str:
    """Kill workers at random moments."""
    kills = 0
    for _ in range(count):
        suite = make_suite(dice, Deeds(hostile=dice.random() < 0.5, deadly=False))
        mine = 0
        with run(ground, suite, _options(dice)) as process:
            for _ in range(dice.randrange(1, 5)):
                wait_for_workers(process)
                time.sleep(dice.choice([0.0, 0.005, 0.02, 0.1]))
                mine += kill_worker(process.pid, dice)
        Try(suite, process.returncode).check(ground, mine)
        kills += mine
        ground.check_left()
    return f"{count} runs, {kills} workers killed"


def hanging(ground: Ground, dice: random.Random, count: int) -> str:
    """Run tests that do not end, with a timeout for each."""
    hangs = 0
    for _ in range(count):
        suite = make_suite(dice, Deeds(hostile=False, hanging=True))
        workers = ["-j", str(dice.choice([1, 2, 3]))]
        with run(ground, suite, [*workers, "--timeout", "1.5"]) as process:
            pass
        Try(suite, process.returncode).check(ground)
        hangs += sum(end == "error" for end in suite.ends.values())
        ground.check_left()
    return f"{count} runs, {hangs} tests that hung or died"


def stopped(ground: Ground, dice: random.Random, count: int) -> str:
    """Interrupt, terminate or kill the run; all of its processes must be gone in time."""
    slowest = 0.0
    for _ in range(count):
        number = dice.choice([signal.SIGINT, signal.SIGTERM, signal.SIGKILL])
        # A child of a test that sleeps on outlives SIGKILL, as it does in a serial run.
        suite = make_suite(dice, Deeds(hanging=number != signal.SIGKILL))
        with run(ground, suite, _options(dice)) as process:
            if dice.random() < 0.9:  # else while it starts
                wait_for_workers(process)
            time.sleep(dice.uniform(0.0, 0.5))
            sent = time.monotonic()
            kill(process, number, group=number != signal.SIGKILL and dice.random() < 0.5)
            process.wait(BOUND)
            ground.place.wait_for_processes()
        took = time.monotonic() - sent
        _hold(took <= PROMPT + SLACK, f"gone after {took:.1f} s: {signal.Signals(number).name}")
        slowest = max(slowest, took)
        ground.place.run_next()
        ground.check_left()
    return f"{count} runs interrupted, terminated or killed, gone after {slowest:.1f} s at most"


Campaign = Callable[[Ground, random.Random, int], str]
CAMPAIGNS: tuple[Campaign, ...] = (hostile, killed, hanging, stopped)


@contextlib.contextmanager
def run(
    ground: Ground, suite: Suite, options: list[str]
) -> Iterator[subprocess.Popen[bytes]]:
    """Run a suite, with what the block does meanwhile; wait for the end of the run.

    Raises:
        BrokenPromiseError: it did not end within the bound, or the block raised it.
    """
    process = ground.start(suite, options)
    try:
        yield process
        process.wait(BOUND)
    except subprocess.TimeoutExpired:
        for pid in (process.pid, *children_of(process.pid)):
            os.kill(pid, signal.SIGABRT)
        time.sleep(1.0)
        raise BrokenPromiseError(f"a run did not end in {BOUND} s") from None
    finally:
        with contextlib.suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)
        process.wait()


def wait_for_workers(process: subprocess.Popen[bytes]) -> None:
    """Wait until a run has workers, or has ended."""
    while process.poll() is None and not children_of(process.pid):
        time.sleep(0.005)


def kill_worker(pid: int, dice: random.Random) -> int:
    """Kill one of the workers of a run; return how many were killed."""
    workers = children_of(pid)
    if not workers:
        return 0
    number = dice.choice([signal.SIGKILL, signal.SIGKILL, signal.SIGSEGV, signal.SIGABRT])
    try:
        os.kill(dice.choice(workers), number)
    except ProcessLookupError:
        return 0
    return 1


def children_of(pid: int) -> list[int]:
    """Return the processes whose parent is a process."""
    found = []
    for path in Path("/proc").glob("[0-9]*/stat"):
        with contextlib.suppress(OSError):
            words = path.read_text("utf-8", errors="replace").rpartition(")")[2].split()
            if int(words[1]) == pid and words[0] != "Z":
                found.append(int(path.parent.name))
    return found


@contextlib.contextmanager
def ground_in(temp_dir: str | None = None) -> Iterator[Ground]:
    """Make a ground, and remove it afterwards."""
    with place(_EMPTY, temp_dir) as found, tempfile.TemporaryDirectory(prefix="notes-") as notes:
        yield Ground(found, notes)


def main(argv: list[str] | None = None) -> int:
    """Run the campaigns and return the exit code."""
    prog = "python -m tests.campaigns.torture_parallel"
    parser = argparse.ArgumentParser(prog=prog, description=__doc__)
    parser.add_argument("--full", action="store_true", help=f"{sum(FULL)} runs")
    parser.add_argument("--only", choices=[one.__name__ for one in CAMPAIGNS])
    parser.add_argument("--count", type=int, help="of the runs of each campaign")
    parser.add_argument("--seed", type=int, default=random.randrange(2**32))
    parser.add_argument("--temp-dir", default=tempfile.gettempdir())
    options = parser.parse_args(argv)
    print(f"seed {options.seed}", flush=True)
    for campaign, count in zip(CAMPAIGNS, FULL if options.full else QUICK, strict=True):
        if options.only not in (None, campaign.__name__):
            continue
        with ground_in(options.temp_dir) as ground:
            try:
                said = campaign(ground, random.Random(options.seed), options.count or count)
            except BrokenPromiseError as error:
                print(f"{ground.output()}\n{campaign.__name__:8} FAILED: {error}", flush=True)
                return 1
        print(f"{campaign.__name__:8} ok: {said}", flush=True)
    return 0


def _options(dice: random.Random) -> list[str]:
    options = ["-j", str(dice.choice([2, 2, 3, 4]))]
    if dice.random() < 0.2:
        options += ["--workers-by", "spawn"]
    if dice.random() < 0.2:
        options += ["--split", "tests"]
    return options


def _junit(path: Path) -> ElementTree.Element:
    text = path.read_text("utf-8")
    _hold(bool(text), "no JUnit report was written")
    return ElementTree.fromstring(text)


def _status(case: ElementTree.Element) -> str:
    ends = [child.tag for child in case if child.tag in ("failure", "error", "skipped")]
    return ends[0] if ends else "success"


def _is_of(test: str, fixture: str) -> bool:
    """Return whether a test belongs to the class or module of a fixture, `setUpClass (a.B)`."""
    return test.startswith(fixture.partition("(")[2].removesuffix(")") + ".")


def _twice(names: Iterator[str]) -> list[str]:
    return [name for name, number in Counter(names).items() if number > 1]


def _hold(is_kept: bool, words: str) -> None:
    if not is_kept:
        raise BrokenPromiseError(words)


if __name__ == "__main__":
    sys.exit(main())
