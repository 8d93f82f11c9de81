"""However much dead runs have left, the first test of the next one starts within 100 ms as usual.

    python -m tests.campaigns.torture_start [--full] [--temp-dir DIR]

The suite tells when its first test runs, and then ends its process at once, so that what could
not be reaped by then stays for the next round. Runs with `--no-reap` take turns with others.
"""

from __future__ import annotations

import argparse
import os
import statistics
import sys
import tempfile
import time

from tempfiles.roots import ownership
from tests.support.whole_runs import BrokenPromiseError, Place, finish, place

SUITE = '''
import os, sys, time, unittest
class First(unittest.TestCase):
    def test_first(self):
        sys.stdout.write(f"first test at {time.monotonic()}\\n")
        sys.stdout.flush()
        os._exit(0)
'''
QUICK, FULL = 200, 3000  # dead runs
ROUNDS = 9
MOST = 0.1  # seconds


def main(argv: list[str] | None = None) -> int:
    """Measure and return the exit code."""
    prog = "python -m tests.campaigns.torture_start"
    parser = argparse.ArgumentParser(prog=prog, description=__doc__)
    parser.add_argument("--full", action="store_true", help=f"{FULL} dead runs, not {QUICK}")
    parser.add_argument("--temp-dir", default=tempfile.gettempdir())
    options = parser.parse_args(argv)
    count = FULL if options.full else QUICK
    with place(SUITE, options.temp_dir) as ground:
        for kind, make in (("many dead runs", many), ("one large one", large)):
            make(ground, count)
            with_, without = measure(ground)
            left = len(ground.roots())
            later = statistics.median(with_) - statistics.median(without)
            print(f"{kind}: the first test {later * 1000:.0f} ms later (median of {ROUNDS}, worst "
                  f"{(max(with_) - min(without)) * 1000:.0f} ms), {left} roots are left")
            if later > MOST:
                return 1
    return 0


def many(ground: Place, count: int) -> None:
    """Make many roots of dead runs, with some files each."""
    for _ in range(count):
        claim = ownership.establish(ground.tmp, project="/p", argv=["dead"])
        os.mkdir(os.path.join(claim.root, "0"))
        for number in range(3):
            os.mkdir(os.path.join(claim.root, "0", str(number)))
        claim.release()


def large(ground: Place, count: int) -> None:
    """Make one root of a dead run with very many files."""
    claim = ownership.establish(ground.tmp, project="/p", argv=["dead"])
    for directory in range(10):
        top = os.path.join(claim.root, "0", str(directory))
        os.makedirs(top)
        for number in range(count * 3):
            os.close(os.open(os.path.join(top, str(number)), os.O_CREAT | os.O_WRONLY, 0o600))
    claim.release()


def measure(ground: Place) -> tuple[list[float], list[float]]:
    """Return the seconds until the first test, with reaping and without, in turns."""
    times: tuple[list[float], list[float]] = ([], [])
    for _ in range(ROUNDS):
        for found, options in zip(times, ((), ("--no-reap",)), strict=True):
            start = time.monotonic()
            code, output = finish(ground.start(*options))
            if code or "first test at " not in output:
                raise BrokenPromiseError(output)
            found.append(float(output.partition("first test at ")[2].split()[0]) - start)
    return times


if __name__ == "__main__":
    sys.exit(main())
