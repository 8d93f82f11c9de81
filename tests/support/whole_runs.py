"""A directory for whole runs that may be killed: a temp directory, projects, canaries.

All of it lies in one fresh directory; the runs know of no other.
"""

from __future__ import annotations

import hashlib
import os
import shutil
import signal
import stat
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from tempfiles.roots import ownership
from tests.support.programs import REPOSITORY, run_python

STATE, CACHE = ".tidytest_cache", "__pycache__"
ENOUGH = 120.0  # seconds; far more than anything here takes, also on a machine that is busy

NEXT_SUITE = """
import unittest
class Next(unittest.TestCase):
    def test_nothing(self): pass
"""


class BrokenPromiseError(Exception):
    """A promise of docs/safety.md was broken; the message says which."""


class Place:
    """`tmp` is the temp directory of the runs, `project` and `next` are directories of suites.

    Args:
        top: an empty directory of its own.
        suite: the text of the suite in `project`; `next` has one that does nothing.
    """

    def __init__(self, top: str, suite: str) -> None:
        self.top = os.path.realpath(top)
        self.tmp = os.path.join(self.top, "tmp")
        self.canary = os.path.join(self.top, "canary")
        os.mkdir(self.tmp)
        make_canaries(Path(self.canary), Path(self.tmp))
        self.project = self.make_project("project", suite)
        self.next = self.make_project("next", NEXT_SUITE)
        self.before = self.listing()

    def make_project(self, name: str, suite: str) -> str:
        """Make a directory with one suite in it and return its path."""
        directory = os.path.join(self.top, name)
        os.mkdir(directory)
        Path(directory, "test_suite.py").write_text(suite, encoding="utf-8")
        return directory

    def environment(self, **more: str) -> dict[str, str]:
        """Return the environment of what is run here."""
        return {
            "PATH": os.environ.get("PATH", os.defpath), "HOME": self.top, "TMPDIR": self.tmp,
            "PYTHONPATH": REPOSITORY, "CANARY": self.canary, **more,
        }

    def start(
        self, *options: str, project: str = "", prefix: tuple[str, ...] = ("-m", "runner"),
        more: Mapping[str, str] | None = None,
    ) -> subprocess.Popen[str]:
        """Start a run in a process group of its own; its stdout and stderr are one pipe.

        `prefix` holds the arguments of the interpreter before the options of the runner, `more`
        further variables of the environment.
        """
        command = [sys.executable, *prefix, *options]
        return subprocess.Popen(
            command, cwd=project or self.project, env=self.environment(**(more or {})), text=True,
            stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
            start_new_session=True, errors="backslashreplace",
        )

    def run(self, *options: str, project: str = "", **more: str) -> tuple[int, str]:
        """Run to the end; return the exit code and the output."""
        return self._run_python("runner", *options, cwd=project or self.project, more=more)

    def run_next(self, *options: str) -> str:
        """Run a suite that does nothing, in place of any later run; return its output."""
        code, output = self.run(*options, project=self.next)
        if code:
            raise BrokenPromiseError(f"the next run ended with {code}: {output}")
        return output

    def command(self, *words: str) -> tuple[int, str]:
        """Run `python -m tempfiles` on the temp directory; return exit code and output."""
        return self._run_python("tempfiles", words[0], "--temp-dir", self.tmp, *words[1:])

    def _run_python(
        self, module: str, *words: str, cwd: str = "", more: Mapping[str, str] | None = None
    ) -> tuple[int, str]:
        outcome = run_python(
            ("-m", module, *words), cwd=Path(cwd or self.top), merged=True,
            environment=self.environment(**(more or {})),
        )
        return outcome.code, outcome.out

    def roots(self) -> list[str]:
        """Return what is in the temp directory and was not there at first."""
        return sorted(path for path in os.listdir(self.tmp)
                      if os.path.join(self.tmp, path) not in self.before)

    def listing(self) -> dict[str, str]:
        """Return all below this place, but for caches, with its kind, mode and content."""
        found = {}
        for directory, directories, files in os.walk(self.top):
            directories[:] = [name for name in directories if name not in (CACHE, STATE)]
            for name in (*directories, *files):
                path = os.path.join(directory, name)
                found[path] = described(path)
        return found

    def check(self) -> None:
        """Check that all files are as they were at first.

        Raises:
            BrokenPromiseError: something is left, gone or changed.
        """
        now = self.listing()
        if now == self.before:
            return
        left = sorted(now.keys() - self.before.keys())
        gone = sorted(self.before.keys() - now.keys())
        changed = [path for path in self.before.keys() & now.keys()
                   if self.before[path] != now[path]]
        raise BrokenPromiseError(f"left: {left[:9]}; gone: {gone[:9]}; changed: {changed[:9]}")

    def wait_for_processes(self) -> None:
        """Wait until no process is left that was started here, and no guard of such a run.

        Raises:
            BrokenPromiseError: some do not end.
        """
        marks = (("environ", f"={self.canary}\0"), ("cmdline", f"{self.tmp}\0"))
        wait_until(lambda: not any(os.fsencode(mark) in read for file, mark in marks
                                   for read in of_all_processes(file)), "the processes to end")


@contextmanager
def place(suite: str, temp_dir: str | None = None) -> Iterator[Place]:
    """Make a place and remove it afterwards with all that is in it."""
    top = tempfile.mkdtemp(prefix="place-", dir=temp_dir)
    try:
        yield Place(top, suite)
    finally:
        for directory, _, _ in os.walk(top):
            os.chmod(directory, 0o700)
        shutil.rmtree(top)


def make_canaries(elsewhere: Path, tmp: Path) -> None:
    """Make a tree that the suite links to, and paths in the temp directory that look like ours."""
    (elsewhere / "deep" / "er").mkdir(parents=True)
    for name in ("one", "deep/two", "deep/er/three"):
        (elsewhere / name).write_text("never to be removed")
    (tmp / "tmpabcdefgh").write_text("another program's")
    (tmp / "pytest-of-me" / "pytest-0").mkdir(parents=True)
    (tmp / "pytest-of-me" / "pytest-0" / "file").write_text("another program's")
    (tmp / "tidy-01234567").mkdir(mode=0o700)
    (tmp / "tidy-01234567" / "file").write_text("no root of ours: it has no marker")
    (tmp / "tidy-trash-empty").mkdir(mode=0o700)
    (tmp / "tidy-89abcdef").symlink_to(elsewhere)
    (tmp / "link").symlink_to(elsewhere)
    (tmp / "tidy-full").mkdir()
    (tmp / "tidy-full" / "file").write_text("it has the mode of a root that is made, not more")
    (tmp / "tidy-full").chmod(ownership.BARE_MODE)
    claim = ownership.establish(str(tmp), project="/p", argv=["copied"])
    shutil.copytree(claim.root, tmp / "tidy-copied")
    shutil.rmtree(claim.root)
    claim.release()


def described(path: str) -> str:
    """Return what a path is: kind, mode, owner, and the content or target. It must exist."""
    status = os.lstat(path)
    words = f"{status.st_mode:o} {status.st_uid} {status.st_ino}"
    if stat.S_ISLNK(status.st_mode):
        return f"{words} {os.readlink(path)}"
    if stat.S_ISREG(status.st_mode):
        return f"{words} {hashlib.sha1(Path(path).read_bytes()).hexdigest()}"
    return words


def finish(process: subprocess.Popen[str]) -> tuple[int, str]:
    """Wait for the end of a run; return its exit code and output."""
    try:
        output, _ = process.communicate(timeout=ENOUGH)
    except subprocess.TimeoutExpired:
        os.killpg(process.pid, signal.SIGKILL)
        output, _ = process.communicate()
        raise BrokenPromiseError(f"a run did not end: {output}") from None
    return process.returncode, output


def kill(process: subprocess.Popen[Any], number: int, *, group: bool) -> None:
    """Send a signal to a run, or to its whole process group, if it is still there."""
    try:
        if group:
            os.killpg(process.pid, number)
        else:
            process.send_signal(number)
    except ProcessLookupError:
        pass


def of_all_processes(file: str) -> Iterator[bytes]:
    """Yield a file of the directory in /proc of each process there is."""
    for name in os.listdir("/proc"):
        if name.isdecimal():
            try:
                yield Path("/proc", name, file).read_bytes()
            except OSError:
                continue  # it has ended, or is not ours to see


def wait_until(true: Callable[[], bool], what: str) -> float:
    """Wait for something to be true and return how long that took, in seconds.

    Raises:
        BrokenPromiseError: it was not, for far too long.
    """
    start = time.monotonic()
    while not true():
        if time.monotonic() > start + ENOUGH:
            raise BrokenPromiseError(f"waited {ENOUGH} s for {what}")
        time.sleep(0.005)
    return time.monotonic() - start
