"""The long campaigns against removal: `python -m tests.campaigns.torture_removal --full`.

Without `--full` each is run in a small form. What the machine does not permit is skipped by name.
"""

from __future__ import annotations

import argparse
import os
import resource
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

from tempfiles.fileops.remove import remove_path
from tests.support.hostile import make_canary, make_deep, state_of, swapped_removals

REPOSITORY = Path(__file__).resolve().parents[2]
# A process of its own, so that its peak of memory is that of the removal.
MEASURED = """
import resource, sys
from tempfiles.fileops.remove import remove_path
before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
report = remove_path(sys.argv[1])
after = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
print(report.removed, len(report.failed), after - before)
"""


class Skipped(Exception):
    """The machine does not permit this."""


def swaps(base: Path, full: bool) -> str:
    """Swap directories for links to a canary while they are removed."""
    wanted = 20_000 if full else 1_000
    removals = swapped_removals(base, wanted, remove_path)
    return f"{wanted} swaps, {removals} removals, the canary is whole"


def depth(base: Path, full: bool) -> str:
    """Remove a chain deeper than paths can name, with 64 descriptors."""
    levels = 20_000 if full else 5_000
    make_deep(base / "top", levels)
    limits = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (64, limits[1]))
    try:
        report = remove_path(base / "top")
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, limits)
    expect(report.ok and report.directories == levels, str(report)[:200])
    return f"{levels} levels"


def million(base: Path, full: bool) -> str:
    """Remove a directory of very many entries and look at the memory."""
    count = 1_000_000 if full else 50_000
    top = base / "top"
    top.mkdir()
    fd = os.open(top, os.O_RDONLY)
    for number in range(count):
        os.close(os.open(f"{number:07d}", os.O_CREAT | os.O_WRONLY, dir_fd=fd))
    os.close(fd)
    started = time.perf_counter()
    removed, failed, grown = map(int, run(sys.executable, "-c", MEASURED, str(top)).split())
    seconds = time.perf_counter() - started
    expect(removed == count + 1 and not failed, f"{removed} removed, {failed} failed")
    expect(grown < 2_048, f"the memory grew by {grown} KiB")
    return f"{count} entries in {seconds:.1f} s, peak memory grown by {grown} KiB"


def mounts(base: Path, full: bool) -> str:
    """Remove around a read-only bind mount and a tmpfs, in a mount namespace of its own."""
    need("unshare", "-m", "mount", "-t", "tmpfs", "none", str(base))
    before = make_canary(base / "canary")
    for name in ("bound", "memory", "plain"):
        (base / "top" / name).mkdir(parents=True)
    script = (
        'mount --bind "$0/canary" "$0/top/bound"; mount -o remount,ro,bind "$0/top/bound"; '
        'mount -t tmpfs none "$0/top/memory"; touch "$0/top/memory/file"; '
        '"$1" -c "$2" "$0/top"; test -f "$0/top/memory/file"'
    )
    said = run("unshare", "-m", "sh", "-ec", script, str(base), sys.executable, MEASURED)
    expect(said.split()[:2] == ["1", "2"], said)
    expect(state_of(base / "canary") == before, "the canary was touched")
    return "a read-only bind mount and a tmpfs are whole, and reported"


def immutable(base: Path, full: bool) -> str:
    """Remove around a file that even root cannot remove."""
    top = base / "top"
    top.mkdir()
    for name in ("fixed", "free"):
        (top / name).touch()
    need("chattr", "+i", str(top / "fixed"))
    try:
        report = remove_path(top)
    finally:
        run("chattr", "-i", str(top / "fixed"))
    expect([failure.path for failure in report.failed] == [str(top / "fixed")], str(report))
    expect(os.listdir(top) == ["fixed"], "the rest was not removed")
    return "reported, and the rest removed"


def expect(condition: bool, message: str) -> None:
    """Raise AssertionError with a message unless a condition holds, also under `python -O`."""
    if not condition:
        raise AssertionError(message)


def run(*command: str) -> str:
    """Run a command and return what it prints; it must succeed."""
    environment = {**os.environ, "PYTHONPATH": str(REPOSITORY)}
    done = subprocess.run(command, capture_output=True, text=True, env=environment)
    expect(done.returncode == 0, done.stderr)
    return done.stdout


def need(*command: str) -> None:
    """Skip a campaign for which a command is missing or not permitted."""
    try:
        done = subprocess.run(command, capture_output=True, text=True)
    except OSError as error:
        raise Skipped(str(error)) from error
    if done.returncode:
        raise Skipped(done.stderr.strip())


CAMPAIGNS: tuple[Callable[[Path, bool], str], ...] = (swaps, depth, million, mounts, immutable)


def main() -> int:
    """Run the campaigns; 1 if one has failed."""
    prog = "python -m tests.campaigns.torture_removal"
    parser = argparse.ArgumentParser(prog=prog, description=__doc__)
    parser.add_argument("--full", action="store_true", help="20,000 swaps, 1,000,000 entries")
    parser.add_argument("--temp-dir", help="where to work (default: the temp directory)")
    options = parser.parse_args()
    failures = 0
    for campaign in CAMPAIGNS:
        with tempfile.TemporaryDirectory(dir=options.temp_dir) as directory:
            try:
                said = "ok: " + campaign(Path(os.path.realpath(directory)), options.full)
            except Skipped as reason:
                said = f"skipped: {reason}"
            except AssertionError as error:
                failures += 1
                said = f"FAILED: {error}"
        print(f"{campaign.__name__:10}{said}", flush=True)
    return 1 if failures else 0


if __name__ == "__main__":
    sys.exit(main())
