"""Reapers that race each other and are killed, beside runs that are born, live and are killed.

    python -m tests.campaigns.torture_reaping [--full] [--seed N] [--temp-dir DIR]

After each round one ordinary reap must leave exactly what is not ours to remove: the root of a run
that lived all through it, and canaries that look much like roots.
"""

from __future__ import annotations

import argparse
import os
import random
import shutil
import signal
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import NoReturn

from tempfiles.recovery import reap
from tempfiles.roots import dispose, ownership

QUICK, FULL = 5, 100
WORKERS = 6
SURVIVORS = 2
LONGEST = 0.15  # seconds until a worker is killed


class BrokenPromiseError(Exception):
    """What must never happen has happened; the message says what."""


def main(argv: list[str] | None = None) -> int:
    """Torture for some rounds and return the exit code."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--full", action="store_true", help=f"{FULL} rounds, not {QUICK}")
    parser.add_argument("--seed", type=int, default=random.randrange(2**32))
    parser.add_argument("--temp-dir", default=tempfile.gettempdir())
    args = parser.parse_args(argv)
    rounds = FULL if args.full else QUICK
    print(f"seed {args.seed}", flush=True)
    try:
        killed = sum(torture(random.Random(args.seed + n), args.temp_dir) for n in range(rounds))
    except BrokenPromiseError as error:
        print(f"FAILED: {error}", file=sys.stderr)
        return 1
    print(f"{rounds} rounds, {killed} of {rounds * WORKERS} workers killed, all promises kept")
    return 0


def torture(dice: random.Random, temp_dir: str) -> int:
    """Do one round in a directory of its own; return how many workers were killed at work.

    Raises:
        BrokenPromiseError: something of ours is left, or something else is gone.
    """
    place = os.path.realpath(tempfile.mkdtemp(prefix="torture-", dir=temp_dir))
    try:
        live = ownership.establish(place, project="/p", argv=["live"])
        fill(live.root, dice)
        expected = {*listing(live.root), *make_canaries(place)}
        for _ in range(4):
            claim = ownership.establish(place, project="/p", argv=["dead"])
            fill(claim.root, dice)
            claim.release()
        killed = run_workers(place, dice)
        report = reap.execute(reap.plan([place]))
        found = listing(place) - {place}
        live.release()
        if not report.ok:
            raise BrokenPromiseError(f"the last reap failed: {report}")
        if found != expected:
            left, gone = sorted(found - expected), sorted(expected - found)
            raise BrokenPromiseError(f"left over: {left}; gone: {gone}")
        return killed
    finally:
        shutil.rmtree(place)


def run_workers(place: str, dice: random.Random) -> int:
    """Start workers at once, kill most of them at random moments, and return how many."""
    works: list[Callable[[str, random.Random], None]] = [reap_on_and_on, live_and_end]
    pids = [
        fork(works[number % 2], place, random.Random(dice.random())) for number in range(WORKERS)
    ]
    deaths = sorted((dice.random() * LONGEST, pid) for pid in pids[SURVIVORS:])
    start = time.monotonic()
    for moment, pid in deaths:
        time.sleep(max(0.0, start + moment - time.monotonic()))
        os.kill(pid, signal.SIGKILL)
    for pid in pids[:SURVIVORS]:
        os.kill(pid, signal.SIGTERM)
    statuses = {pid: os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]) for pid in pids}
    if 1 in statuses.values():
        raise BrokenPromiseError("a worker raised an exception")
    return sum(status == -signal.SIGKILL for status in statuses.values())


def fork(work: Callable[[str, random.Random], None], place: str, dice: random.Random) -> int:
    """Let a child work until it is killed (SIGTERM: until its present piece of work is done)."""
    pid = os.fork()
    if pid == 0:
        _work(work, place, dice)
    return pid


def _work(work: Callable[[str, random.Random], None], place: str, dice: random.Random) -> NoReturn:
    ended: list[int] = []
    signal.signal(signal.SIGTERM, lambda number, _: ended.append(number))
    try:
        while not ended:
            work(place, dice)
    except BaseException as error:
        print(f"{work.__name__}: {error!r}", file=sys.stderr, flush=True)
        os._exit(1)
    os._exit(0)


def reap_on_and_on(place: str, dice: random.Random) -> None:
    """Reap once, with a limit of time or without."""
    deadline = dice.choice([None, 0.001, 0.01])
    report = reap.execute(reap.plan([place]), deadline=deadline)
    failed = [root for root in report.roots if root.fate == "failed"]
    if failed:
        raise BrokenPromiseError(f"failed: {failed}")


def live_and_end(place: str, dice: random.Random) -> None:
    """Be a run: make a root, work in it, see that all is there, and remove it."""
    claim = ownership.establish(place, project="/p", argv=["run"])
    made = fill(claim.root, dice)
    missing = made - listing(claim.root)
    if missing:
        raise BrokenPromiseError(f"taken from a live run: {sorted(missing)}")
    if dice.random() < 0.5:
        report, finished = dispose.dispose(claim.root, claim.lock)
        if not finished:
            raise BrokenPromiseError(f"a run could not remove its own root: {report}")
    claim.release()


def fill(root: str, dice: random.Random) -> set[str]:
    """Make some files and directories in a slot of a root, and return their paths."""
    made = set()
    for number in range(dice.randrange(1, 30)):
        directory = Path(root, "0", *["d"] * dice.randrange(4))
        directory.mkdir(parents=True, exist_ok=True)
        path = directory / str(number)
        path.write_bytes(b"x" * dice.randrange(5000))
        made.add(str(path))
    return made


def make_canaries(place: str) -> set[str]:
    """Make what looks much like a root and is none, and return all the paths."""
    unmarked = Path(place, "tidy-01234567")
    unmarked.mkdir(0o700)
    Path(unmarked, "precious").touch()
    empty = Path(place, "tidy-trash-empty")
    empty.mkdir(0o700)
    link = Path(place, "tidy-89abcdef")
    link.symlink_to(unmarked)
    full = Path(place, "tidy-bare-but-full")
    full.mkdir()
    Path(full, "precious").touch()
    full.chmod(ownership.BARE_MODE)
    copied = Path(place, "tidy-copied")
    claim = ownership.establish(place, project="/p", argv=["copied"])
    shutil.copytree(claim.root, copied)
    claim.release()
    return {*listing(str(unmarked)), str(empty), str(link), *listing(str(full)),
            *listing(str(copied))}


def listing(top: str) -> set[str]:
    """Return a path and all below it; what vanishes meanwhile is left out."""
    found = {top}
    for directory, directories, files in os.walk(top):
        found |= {os.path.join(directory, name) for name in (*directories, *files)}
    return found


if __name__ == "__main__":
    sys.exit(main())
