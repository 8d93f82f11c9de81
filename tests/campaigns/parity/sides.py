"""Run a job under one program, in a process and directories of its own; tell what came of it."""

from __future__ import annotations

import json
import os
import shutil
import signal
import stat
import subprocess
import tempfile
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

REPOSITORY = Path(__file__).resolve().parents[3]
PROBE = Path(__file__).resolve().parent / "probe"
SETTLE = 3.0  # seconds that late writers and a root's guard get to be done


@dataclass(frozen=True)
class Job:
    """What both programs are given.

    `arguments` follow the program's name, `interpreter` options come before it. `files` are
    written into the working directory; `source` is a tree to be copied there instead. `timeout` is
    in seconds. `in_workers` are further options for a parallel run of it.
    """

    name: str
    arguments: tuple[str, ...]
    files: Mapping[str, str] = field(default_factory=dict)
    source: Path | None = None
    interpreter: tuple[str, ...] = ()
    timeout: float = 600.0
    in_workers: tuple[str, ...] = ()


@dataclass(frozen=True)
class Side:
    """One of the two programs: the interpreter, the module that it runs, and options of its own.

    `wants_report` asks for the leak report, `wants_junit` for JUnit's. `wants_events` has the
    result of the run record each outcome.
    """

    python: str
    program: str
    options: tuple[str, ...] = ()
    wants_report: bool = False
    wants_junit: bool = False
    wants_events: bool = True


@dataclass(frozen=True)
class Entry:
    """One path that a run left on disk: below `t` (the temp directory), `c` (the working
    directory) or `h` (the home directory)."""

    path: str
    type: str
    size: int


@dataclass(frozen=True)
class Run:
    """What came of one job: `exit_code` is None where it ran out of time."""

    base: str
    exit_code: int | None
    stdout: str
    stderr: str
    events: tuple[tuple[str, str, str], ...]
    report: Mapping[str, Any] | None
    left: tuple[Entry, ...]
    seconds: float
    junit: str = ""

    def below(self, place: str) -> tuple[Entry, ...]:
        """Return what was left below one of the three directories."""
        return tuple(entry for entry in self.left if entry.path.startswith(place + "/"))


@dataclass(frozen=True)
class _Place:
    base: Path

    @property
    def temp(self) -> Path:
        return self.base / "t"

    @property
    def cwd(self) -> Path:
        return self.base / "c"

    @property
    def home(self) -> Path:
        return self.base / "h"

    @property
    def out(self) -> Path:
        return self.base / "o"


def run(side: Side, job: Job) -> Run:
    """Run the job and wait until it and the processes that it left behind are done."""
    with _place() as place:
        if job.source is not None:
            shutil.copytree(job.source, place.cwd, dirs_exist_ok=True, symlinks=True)
        _write(place.cwd, job.files)
        before = {entry.path for entry in _listing(place)}
        started = time.monotonic()
        exit_code = _execute(side, job, place)
        seconds = time.monotonic() - started
        left = _settled(place, wait_for_empty=side.wants_report)
        return Run(
            base=str(place.base),
            exit_code=exit_code,
            stdout=_read(place.out / "stdout"),
            stderr=_read(place.out / "stderr"),
            events=tuple((e[0], e[1], e[2]) for e in _json(place.out / "events") or ()),
            report=_json(place.out / "leaks"),
            left=tuple(entry for entry in left if entry.path not in before),
            seconds=seconds,
            junit=_read(place.out / "junit"),
        )


@contextmanager
def _place() -> Iterator[_Place]:
    # Not below the TMPDIR of a caller that is itself under test: socket paths end at 107 bytes.
    base = Path(tempfile.mkdtemp(prefix="par-"))
    place = _Place(base)
    try:
        for directory in (place.temp, place.cwd, place.home, place.out):
            directory.mkdir()
        # Made beforehand, so that writing them creates nothing during a run.
        for name in ("stdout", "stderr", "events", "leaks", "junit"):
            (place.out / name).touch()
        yield place
    finally:
        shutil.rmtree(base, ignore_errors=True)


def _write(directory: Path, files: Mapping[str, str]) -> None:
    for name, text in files.items():
        path = directory / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")


def _execute(side: Side, job: Job, place: _Place) -> int | None:
    command = [side.python, *job.interpreter, "-m", side.program, *_arguments(side, job, place)]
    with (
        (place.out / "stdout").open("wb") as stdout,
        (place.out / "stderr").open("wb") as stderr,
    ):
        process = subprocess.Popen(
            command, cwd=place.cwd, env=_environment(side, place), stdin=subprocess.DEVNULL,
            stdout=stdout, stderr=stderr, start_new_session=True,
        )
        try:
            return process.wait(job.timeout)
        except subprocess.TimeoutExpired:
            os.killpg(process.pid, signal.SIGKILL)
            process.wait()
            return None


def _arguments(side: Side, job: Job, place: _Place) -> list[str]:
    options = list(side.options)
    if "-j" in options:
        options += job.in_workers
    if side.wants_report:
        options += ["--leak-json", str(place.out / "leaks")]
    if side.wants_junit:
        options += ["--junit-xml", str(place.out / "junit")]
    first = [] if side.program in ("runner", "unittest") else [options.pop(0)]
    if job.arguments[:1] == ("discover",):
        return [*first, "discover", *options, *job.arguments[1:]]
    return [*first, *options, *job.arguments]


def _environment(side: Side, place: _Place) -> dict[str, str]:
    recorded = {"PARITY_RECORD": str(place.out / "events")} if side.wants_events else {}
    return {
        **recorded,
        "PATH": os.environ.get("PATH", os.defpath),
        "HOME": str(place.home),
        "LANG": "C.UTF-8",
        "TMPDIR": str(place.temp),
        "PYTHONPATH": os.pathsep.join([str(PROBE), str(REPOSITORY)]),
        "PYTHONHASHSEED": "0",
    }


def _settled(place: _Place, *, wait_for_empty: bool) -> tuple[Entry, ...]:
    """List what is there once it no longer changes (or, where asked, once the temp directory is
    empty), and after `SETTLE` seconds in any case."""
    deadline = time.monotonic() + SETTLE
    entries = _listing(place)
    while time.monotonic() < deadline and any(e.path.startswith("t/") for e in entries):
        time.sleep(0.2)
        again = _listing(place)
        if again == entries and not wait_for_empty:
            break
        entries = again
    return entries


def _listing(place: _Place) -> tuple[Entry, ...]:
    found: list[Entry] = []
    for top in (place.temp, place.cwd, place.home):
        for folder, directories, files in os.walk(top):
            for name in (*directories, *files):
                path = Path(folder, name)
                try:
                    status = path.lstat()
                except FileNotFoundError:
                    continue
                relative = str(path.relative_to(place.base))
                found.append(Entry(relative, kind(status.st_mode), status.st_size))
    return tuple(sorted(found, key=lambda entry: entry.path))


def kind(mode: int) -> str:
    """Return the type of a path as the leak report names it."""
    tests = {
        "file": stat.S_ISREG, "directory": stat.S_ISDIR, "symlink": stat.S_ISLNK,
        "fifo": stat.S_ISFIFO, "socket": stat.S_ISSOCK,
    }
    return next((name for name, test in tests.items() if test(mode)), "other")


def _read(path: Path) -> str:
    return path.read_text(encoding="utf-8", errors="backslashreplace")


def _json(path: Path) -> Any:
    text = _read(path)
    return json.loads(text) if text else None
