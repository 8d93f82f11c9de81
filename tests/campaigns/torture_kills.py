"""Runs of a file-heavy suite, killed at any moment; the next run of any suite sets all right.

    python -m tests.campaigns.torture_kills [--full] [--seed N] [--temp-dir DIR]

Four campaigns. `moments`: SIGKILL after a random time, so also while the run before is reaped and
while this one removes its own files. `deeds`: SIGKILL just before the process makes, renames,
locks or removes something for the n-th time. `guarded`: with `--guard`, by several signals, and
no next run. `rescues`: signals while the end of a run moves files of the user out. Each must leave
a place full of canaries as it was.
"""

from __future__ import annotations

import argparse
import random
import signal
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

from tests.support import whole_runs
from tests.support.whole_runs import BrokenPromiseError, Place, kill, place, wait_until

SUITE = '''
import os, subprocess, sys, tempfile, unittest
import tempfiles

CANARY = os.environ["CANARY"]

def fill(top, count):
    for number in range(count):
        directory = os.path.join(top, *["d"] * (number % 4))
        os.makedirs(directory, exist_ok=True)
        with open(os.path.join(directory, str(number)), "w") as file:
            file.write("x" * 100)

class Heavy(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.shared = tempfile.mkdtemp(prefix="shared-")
        fill(cls.shared, 20)

    def test_1_leaves_many(self):
        fill(tempfile.mkdtemp(prefix="many-"), 200)

    def test_2_cleans_up(self):
        with tempfile.TemporaryDirectory() as top:
            fill(top, 100)

    def test_3_registers(self):
        fill(tempfiles.create_temp_directory(), 100)
        for number in range(20):
            tempfiles.create_with_content("text")

    def test_4_links_to_what_is_not_its_own(self):
        top = tempfile.mkdtemp(prefix="links-")
        os.symlink(CANARY, os.path.join(top, "directory"))
        os.symlink(os.path.join(CANARY, "one"), os.path.join(top, "file"))
        os.link(os.path.join(CANARY, "one"), os.path.join(top, "hard"))

    def test_5_has_children(self):
        script = "import sys, tempfile; tempfile.mkstemp(); tempfile.mkdtemp()"
        subprocess.run([sys.executable, "-S", "-c", script], check=True)
        child = os.fork()
        if child == 0:
            fill(tempfile.mkdtemp(), 20)
            os._exit(0)
        os.waitpid(child, 0)

    def test_6_leaves_deep_and_closed(self):
        top = tempfile.mkdtemp(prefix="deep-")
        os.makedirs(os.path.join(top, *["d"] * 60))
        closed = os.path.join(top, "closed")
        os.mkdir(closed)
        open(os.path.join(closed, "file"), "w").close()
        os.chmod(closed, 0)
        os.mkfifo(os.path.join(top, "fifo"))

    def test_7_leaves_many_more(self):
        fill(tempfile.gettempdir(), 300)

    @classmethod
    def tearDownClass(cls):
        for number in range(20):
            with tempfile.NamedTemporaryFile():
                pass
'''

# The hook comes before the call: a kill at one call is a kill just after the call before it.
KILLED_AT_DEED = """
import os, runpy, signal, sys
left = int(sys.argv.pop(1))
deeds = {'os.mkdir', 'os.rename', 'os.remove', 'os.rmdir', 'os.chmod', 'fcntl.flock', 'os.symlink'}
def hook(event, args):
    global left
    if event in deeds or event == 'open' and args[2] & (os.O_CREAT | os.O_WRONLY):
        left -= 1
        if left == 0:
            os.kill(os.getpid(), signal.SIGKILL)
sys.addaudithook(hook)
runpy.run_module('runner', run_name='__main__', alter_sys=True)
"""
# Moves the files of `mine` into the temp directory: half of them itself, half by a child.
MOVES = """
import os, subprocess, tempfile, unittest
class Moves(unittest.TestCase):
    def test_moves(self):
        temp = tempfile.gettempdir()
        for name in sorted(os.listdir("mine"))[::2]:
            os.rename(f"mine/{name}", f"{temp}/{name}")
        subprocess.check_call("find mine -type f -exec mv -t $TMPDIR {} +", shell=True)
"""
SIGNALLED_AT_RENAME = """
import os, runpy, signal, sys
numbers = dict(map(int, pair.split(":")) for pair in sys.argv.pop(1).split(","))
count = 0
def hook(event, args):
    global count
    if event == 'os.rename':
        count += 1
        if count in numbers:
            os.kill(os.getpid(), numbers[count])
sys.addaudithook(hook)
runpy.run_module('runner', run_name='__main__', alter_sys=True)
"""
QUICK, FULL = (4, 4, 3, 3), (300, 150, 60, 100)
USERS_FILES = 3000  # that a full campaign moves; a quick one moves 60
MOST_DEEDS = 1500  # of a whole run of the suite


def main(argv: list[str] | None = None) -> int:
    """Run the campaigns and return the exit code."""
    prog = "python -m tests.campaigns.torture_kills"
    parser = argparse.ArgumentParser(prog=prog, description=__doc__)
    parser.add_argument("--full", action="store_true", help="{} + {} + {} + {} kills".format(*FULL))
    parser.add_argument("--seed", type=int, default=random.randrange(2**32))
    parser.add_argument("--temp-dir", default=tempfile.gettempdir())
    options = parser.parse_args(argv)
    print(f"seed {options.seed}", flush=True)
    counts = FULL if options.full else QUICK
    campaigns: tuple[Campaign, ...] = (moments, deeds, guarded, rescues)
    for campaign, count in zip(campaigns, counts, strict=True):
        try:
            with place(SUITE, options.temp_dir) as ground:
                said = campaign(ground, random.Random(options.seed), count)
        except BrokenPromiseError as error:
            print(f"{campaign.__name__:8} FAILED: {error}", flush=True)
            return 1
        print(f"{campaign.__name__:8} ok: {said}", flush=True)
    return 0


Campaign = Callable[[Place, random.Random, int], str]


def moments(ground: Place, dice: random.Random, count: int) -> str:
    """Kill after a random time; return what was done, in words.

    Raises:
        BrokenPromiseError: after the next run something is left, gone or changed.
    """
    usual = duration(ground)
    killed = runs = 0
    while killed < count:
        for _ in range(dice.choice([1, 1, 2, 3])):
            process = ground.start()
            time.sleep(dice.uniform(0.0, usual))
            kill(process, signal.SIGKILL, group=dice.random() < 0.5)
            killed += whole_runs.finish(process)[0] == -signal.SIGKILL
            runs += 1
        set_right(ground)
    return f"{killed} of {runs} runs killed within {usual:.2f} s, the others had ended"


def deeds(ground: Place, dice: random.Random, count: int) -> str:
    """Kill just before the n-th call, for many n; the first calls reap an earlier run."""
    killed = runs = 0
    while killed < count:
        for number in range(dice.choice([1, 1, 2, 3])):
            at = dice.randrange(1, 800 if number else MOST_DEEDS)
            process = ground.start(str(at), prefix=("-c", KILLED_AT_DEED))
            killed += whole_runs.finish(process)[0] == -signal.SIGKILL
            runs += 1
        set_right(ground)
    return f"{killed} of {runs} runs killed at one of their first {MOST_DEEDS} deeds"


def guarded(ground: Place, dice: random.Random, count: int) -> str:
    """Kill runs that have a guard, by several signals; no other run follows."""
    usual = duration(ground)
    times = []
    for _ in range(count):
        process = ground.start("--guard")
        time.sleep(dice.uniform(0.2, 1.1) * usual)
        number = dice.choice([signal.SIGKILL, signal.SIGKILL, signal.SIGHUP, signal.SIGINT])
        kill(process, number, group=dice.random() < 0.5)
        if number == signal.SIGINT:
            time.sleep(dice.uniform(0.0, 0.1))  # into what it does because of that
        kill(process, signal.SIGKILL, group=True)
        times.append(wait_until(lambda: not ground.roots(), "the guard to remove the root"))
        whole_runs.finish(process)
        ground.wait_for_processes()
        ground.check()
    late = sum(time > 2.0 for time in times)
    slowest = max(times)
    if late:
        raise BrokenPromiseError(f"{late} of {count} roots were there after 2 s; {slowest:.1f} s")
    return f"{count} runs killed, each root gone after {slowest:.2f} s at most"


def rescues(ground: Place, dice: random.Random, count: int) -> str:
    """Interrupt or kill the move of the user's files, once or twice; none may be lost."""
    files = USERS_FILES if count >= FULL[3] else 60
    mine = Path(ground.project, "mine")
    suite = Path(ground.project, "test_moves.py")
    for _ in range(count):
        mine.mkdir()
        suite.write_text(MOVES, encoding="utf-8")
        for number in range(files):
            (mine / f"mine-{number}").write_text(str(number), encoding="utf-8")
        first = files // 2 + dice.randrange(1, files)
        at = {first: dice.choice(ENDS), first + dice.randrange(1, files): dice.choice(ENDS)}
        words = ",".join(f"{number}:{int(end)}" for number, end in at.items())
        process = ground.start(words, "-q", "test_moves", prefix=("-c", SIGNALLED_AT_RENAME))
        output = whole_runs.finish(process)[1]
        ground.wait_for_processes()
        # A guard, which SIGTERM starts, is not found by its environment, and may still move files.
        wait_until(lambda: bool(ground.run_next()) and not any(
            name.startswith("tidy-") for name in ground.roots()
        ), "the roots to go")
        found = {path.name: path.read_text() for path in Path(ground.top).rglob("mine-*")}
        lost = {f"mine-{number}": str(number) for number in range(files)}.items() - found.items()
        if lost:
            raise BrokenPromiseError(f"{len(lost)} of {files} lost at {words}: {output}")
        for path in list(Path(ground.top).rglob("mine-*")):
            path.unlink()
        suite.unlink()
        mine.rmdir()
        ground.check()
    return f"{count} runs interrupted or killed while they moved {files} files out, none lost"


ENDS = (signal.SIGKILL, signal.SIGINT, signal.SIGTERM)


def duration(ground: Place) -> float:
    """Return how long a run takes that is not killed, in seconds."""
    start = time.monotonic()
    code, output = ground.run()
    if code:
        raise BrokenPromiseError(f"the suite fails by itself: {output}")
    return time.monotonic() - start


def set_right(ground: Place) -> None:
    """Let the next run of another suite come to its end, and see that all is as it was."""
    ground.wait_for_processes()
    ground.run_next()
    ground.check()


if __name__ == "__main__":
    sys.exit(main())
