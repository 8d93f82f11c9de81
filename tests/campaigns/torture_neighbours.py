"""Ten runs at once in one temp directory, and a `clean` beside them in a loop: each is as if alone.

    python -m tests.campaigns.torture_neighbours [--full] [--seconds N] [--temp-dir DIR]

Each suite is run alone first. What it then gives - the exit code, what it prints, the report of
its leaks, the files of its project - it must give each time among the others, some of which die.
"""

from __future__ import annotations

import argparse
import json
import os
import re
import sys
import tempfile
import threading
import time
from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from tests.support.whole_runs import BrokenPromiseError, Place, place

PASSING = '''
import os, subprocess, sys, tempfile, time, unittest
import tempfiles
class Passing(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.shared = tempfile.TemporaryDirectory()
        cls.addClassCleanup(cls.shared.cleanup)
    def test_registered(self):
        self.path = tempfiles.create_with_content("text")
        time.sleep(0.02)
        with open(self.path) as file:
            self.assertEqual(file.read(), "text")
    def test_shared(self):
        for number in range(50):
            with open(os.path.join(self.shared.name, str(number)), "w") as file:
                file.write("x")
        time.sleep(0.02)
        self.assertEqual(len(os.listdir(self.shared.name)), 50)
    def test_child(self):
        script = "import os, tempfile; os.close(tempfile.mkstemp(prefix='child-')[0])"
        subprocess.run([sys.executable, "-S", "-c", script], check=True)
        found = [name for name in os.listdir(tempfile.gettempdir()) if name.startswith("child-")]
        self.assertEqual(len(found), 1)
        os.unlink(os.path.join(tempfile.gettempdir(), found[0]))
'''
LEAKING = '''
import os, tempfile, time, unittest
def leave(name):
    with open(os.path.join(tempfile.gettempdir(), name), "w") as file:
        file.write("x" * 100)
class Leaking(unittest.TestCase):
    @classmethod
    def setUpClass(cls): leave("from-class")
    def test_a(self):
        leave("a")
        time.sleep(0.02)
    def test_b(self):
        os.makedirs(os.path.join(tempfile.gettempdir(), "b", "c", "d"))
    def test_still_there(self):
        time.sleep(0.02)
        self.assertEqual(sorted(os.listdir(tempfile.gettempdir())), ["a", "b", "from-class"])
    def test_tree(self):
        with open("in-the-project", "w"):
            pass
    def tearDown(self):
        if os.path.exists("in-the-project"):
            self.addCleanup(os.unlink, "in-the-project")
'''
FAILING = '''
import os, tempfile, unittest
class Failing(unittest.TestCase):
    def test_error(self): raise KeyError("x")
    def test_fail(self): self.assertEqual(os.listdir(tempfile.gettempdir()), ["x"])
    def test_pass(self): pass
'''
SLOW = '''
import os, tempfile, time, unittest
class Slow(unittest.TestCase):
    def test_watches_its_own(self):
        top = tempfile.mkdtemp(prefix="slow-")
        for number in range(60):
            open(os.path.join(top, str(number)), "w").close()
            time.sleep(0.01)
            self.assertEqual(len(os.listdir(top)), number + 1)
            os.utime(top, (0, 0))  # old as it seems, it is not dead
            os.utime(os.path.dirname(tempfile.gettempdir()), (0, 0))
        __import__("shutil").rmtree(top)
'''
DYING = '''
import os, tempfile, unittest
class Dying(unittest.TestCase):
    def test_dies(self):
        for number in range(100):
            open(os.path.join(tempfile.gettempdir(), str(number)), "w").close()
        os._exit(9)
'''
SUITES = {"passing": PASSING, "leaking": LEAKING, "failing": FAILING, "slow": SLOW, "dying": DYING}
OPTIONS = {"leaking": ("-v", "--leaks", "fail"), "failing": ("-v",), "passing": ("--guard",)}
CODES = {"passing": 0, "leaking": 1, "failing": 1, "slow": 0, "dying": 9}
AT_ONCE = 10
REPORT = "leaks.json"
# The first run to start reports what dead runs have left, and new in /tmp is what any program of
# this machine makes there; the rest differs from run to run.
_NOT_ITS_OWN = re.compile(
    r"^tidytest: .*\n(?:    .*\n)*|^New in shared directories.*\n(?:    (?!.*/place-).*\n)*",
    re.MULTILINE,
)
_VARYING = ((re.compile(r"tidy-[0-9a-f]{8}"), "tidy-X"), (re.compile(r"in \d+\.\d+s"), "in T"),
            (re.compile(r"/project-\d+-"), "/project-N-"))


@dataclass(frozen=True, slots=True)
class Outcome:
    """What a run gives, without what varies from run to run."""

    code: int
    output: str
    leaks: str
    files: tuple[str, ...]


@dataclass(slots=True)
class Tally:
    """What the neighbours have done so far; `broken` says what went wrong."""

    runs: Counter[str] = field(default_factory=Counter)
    cleans: int = 0
    freed: int = 0
    broken: list[str] = field(default_factory=list)


def main(argv: list[str] | None = None) -> int:
    """Run the campaign and return the exit code."""
    prog = "python -m tests.campaigns.torture_neighbours"
    parser = argparse.ArgumentParser(prog=prog, description=__doc__)
    parser.add_argument("--full", action="store_true", help="a minute, not three seconds")
    parser.add_argument("--seconds", type=float)
    parser.add_argument("--temp-dir", default=tempfile.gettempdir())
    options = parser.parse_args(argv)
    seconds = options.seconds or (60.0 if options.full else 3.0)
    try:
        with place(PASSING, options.temp_dir) as ground:
            tally = neighbours(ground, seconds)
    except BrokenPromiseError as error:
        print(f"FAILED: {error}", file=sys.stderr)
        return 1
    print(f"{sum(tally.runs.values())} runs, {AT_ONCE} at once, were as if alone: "
          f"{dict(sorted(tally.runs.items()))}; {tally.cleans} times `clean`, "
          f"which removed {tally.freed} entries")
    return 0


def neighbours(ground: Place, seconds: float) -> Tally:
    """Let the runs and the cleaner work beside each other for some seconds.

    Raises:
        BrokenPromiseError: a run was not as if alone, or something is left, gone or changed.
    """
    alone = {name: run_alone(ground, name) for name in SUITES}
    projects = [ground.make_project(f"project-{number}-{name}", SUITES[name])
                for number, name in zip(range(AT_ONCE), [*SUITES] * AT_ONCE, strict=False)]
    ground.before = ground.listing()
    tally = Tally()
    end = time.monotonic() + seconds
    workers = [threading.Thread(target=_guarded, args=(tally, work_in, ground, project, alone, end))
               for project in projects]
    workers.append(threading.Thread(target=_guarded, args=(tally, clean, ground, end)))
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join()
    if tally.broken:
        raise BrokenPromiseError("\n".join(tally.broken))
    ground.wait_for_processes()
    ground.run_next()
    ground.check()
    return tally


def run_alone(ground: Place, name: str) -> Outcome:
    """Return what a suite gives that has the place to itself.

    Raises:
        BrokenPromiseError: it does not end as it should.
    """
    outcome = outcome_of(ground, ground.make_project(f"project-0-alone-{name}", SUITES[name]))
    ground.run_next()
    if outcome.code != CODES[name]:
        raise BrokenPromiseError(f"{name} alone ended with {outcome.code}: {outcome.output}")
    return outcome


def work_in(
    tally: Tally, ground: Place, project: str, alone: dict[str, Outcome], end: float
) -> None:
    """Run the suite of one project again and again, and compare."""
    name = project.rpartition("-")[2]
    while time.monotonic() < end and not tally.broken:
        found = outcome_of(ground, project)
        tally.runs[name] += 1
        if found != alone[name]:
            tally.broken.append(f"{name} alone: {alone[name]}\nbeside others: {found}")


def clean(tally: Tally, ground: Place, end: float) -> None:
    """Clean again and again."""
    while time.monotonic() < end and not tally.broken:
        code, output = ground.command("clean", "--yes", "--json")
        if code:
            tally.broken.append(f"clean ended with {code}: {output}")
            return
        tally.cleans += 1
        tally.freed += json.loads(output)["entries"]


def outcome_of(ground: Place, project: str) -> Outcome:
    """Run the suite of a project and return what it gave."""
    name = project.rpartition("-")[2]
    report = Path(project, REPORT)
    report.unlink(missing_ok=True)
    options = ("--leak-json", str(report), *OPTIONS.get(name, ()))
    code, output = ground.run(*options, project=project)
    leaks = normalised(leaks_in(json.loads(report.read_text()))) if report.exists() else ""
    report.unlink(missing_ok=True)
    normal = normalised(_NOT_ITS_OWN.sub("", output)).replace("-alone-", "-")
    return Outcome(code, normal, leaks, tuple(sorted(os.listdir(project))))


def leaks_in(report: dict[str, Any]) -> str:
    """Return what a report says of the leaks and the totals."""
    keys = ("path", "type", "bytes", "context", "evidence")
    leaks = [[leak.get(key) for key in keys] for leak in report["leaks"]]
    strange = [path for path in report.get("unattributed", ()) if "/place-" in path["path"]]
    return json.dumps([report["summary"], sorted(leaks), strange])


def normalised(text: str) -> str:
    """Return a text without what differs between two runs of one suite."""
    for pattern, word in _VARYING:
        text = pattern.sub(word, text)
    return text


def _guarded(tally: Tally, work: Any, *args: Any) -> None:
    try:
        work(tally, *args)
    except BaseException as error:
        tally.broken.append(f"{work.__name__}: {error!r}")


if __name__ == "__main__":
    sys.exit(main())
