"""`python -m tempfiles monitor`: watch the usage of a directory, record it, hold it to limits."""

from __future__ import annotations

import argparse
import contextlib
import math
import os
import queue
import shutil
import signal
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field

from ..attribution import printable
from ..errors import SettingError
from ..monitor import Sample, Share, watch
from ..plot import check_ending, write_plot
from ..quantities import format_count, format_size, parse_age, parse_size
from ..recording import Recording
from ..usage import measure, name_matcher
from . import BAD_USAGE, FAILED, OK

LIMIT_PASSED = 3

# Taken as texts and judged by `_settings`: each refusal is then one line that names the option.
_OPTIONS = {
    "--temp-dir": ("DIR", "the directory to watch (default: the system's temp directory)"),
    "--interval": ("SECONDS", "time between samples, also as 500ms or 1m (default: 2)"),
    "--max-runtime": ("SECONDS", "end after this time, also as 5m or 2h (default: never)"),
    "--output": ("FILE", "record each sample: .csv, or JSON lines in .jsonl, .ndjson or .json"),
    "--plot": ("FILE", "draw the curve over time at the end: .html or .svg"),
    "--max-files": ("N", "exit with 3 as soon as there are more files"),
    "--max-bytes": ("SIZE", "exit with 3 as soon as they hold more, such as 500M or 2G"),
}


def add_parser(subparsers: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Add the sub-command `monitor` and its options."""
    parser = subparsers.add_parser(
        "monitor",
        allow_abbrev=False,
        help="watch how much the temp directory holds",
        description="Sample how many files, directories and bytes a directory holds, and whose "
        "they are, until ^C, SIGTERM or --max-runtime. Exit code: 0 ended, 1 a file could not be "
        "written, 2 bad usage, 3 a limit was passed.",
    )
    for option, (metavar, text) in _OPTIONS.items():
        parser.add_argument(option, metavar=metavar, help=text)
    parser.add_argument(
        "--pattern", metavar="GLOB", action="append", default=[],
        help="count only entries with such a name, and all below them; may be given again",
    )
    parser.set_defaults(run=run)


def run(args: argparse.Namespace) -> int:
    """Do what the parsed options ask for and return the exit code."""
    try:
        settings = _settings(args)
        with _recording(args.output) as recording:
            return _Session(settings, recording).run()
    except SettingError as error:
        print(f"monitor: error: {printable(str(error))}", file=sys.stderr)
        return BAD_USAGE


@dataclass(frozen=True, slots=True)
class _Settings:
    directory: str
    interval: float
    max_runtime: float
    matches: Callable[[str], object] | None
    max_files: int | None
    max_bytes: int | None
    plot: str | None


def _settings(args: argparse.Namespace) -> _Settings:
    with _naming("--temp-dir"):
        directory = _directory(args.temp_dir)
    with _naming("--interval"):
        interval = 2.0 if args.interval is None else _seconds(args.interval)
    with _naming("--max-runtime"):
        max_runtime = math.inf if args.max_runtime is None else _seconds(args.max_runtime)
    with _naming("--pattern"):
        matches = name_matcher(args.pattern)
    with _naming("--max-files"):
        max_files = None if args.max_files is None else _count(args.max_files)
    with _naming("--max-bytes"):
        max_bytes = None if args.max_bytes is None else parse_size(args.max_bytes)
    with _naming("--plot"):
        if args.plot is not None:
            check_ending(args.plot)
            _check_writable(args.plot)
    return _Settings(directory, interval, max_runtime, matches, max_files, max_bytes, args.plot)


@contextlib.contextmanager
def _naming(option: str) -> Iterator[None]:
    """Say of what is refused inside which option it was."""
    try:
        yield
    except SettingError as error:
        raise SettingError(f"{option}: {error}") from None
    except OSError as error:
        raise SettingError(f"{option}: cannot write {error.filename}: {error.strerror}") from None


@contextlib.contextmanager
def _recording(path: str | None) -> Iterator[Recording | None]:
    if path is None:
        yield None
        return
    with _naming("--output"):
        recording = Recording(path)
    with recording:
        yield recording


def _directory(path: str | None) -> str:
    directory = tempfile.gettempdir() if path is None else path
    if "\0" in directory or not os.path.isdir(directory):
        raise SettingError(f"no such directory: {directory!r}")
    if not os.access(directory, os.R_OK | os.X_OK):
        raise SettingError(f"{directory!r} cannot be read")
    return os.path.abspath(directory)


def _seconds(text: str) -> float:
    text = text.strip()
    try:
        seconds = float(text[:-2]) / 1000 if text.endswith("ms") else float(text)
    except ValueError:
        try:
            seconds = parse_age(text)
        except SettingError:
            seconds = math.nan
    if not 0 < seconds < threading.TIMEOUT_MAX:
        raise SettingError(f"{text!r} is no positive number of seconds")
    return seconds


def _count(text: str) -> int:
    if not (text.isascii() and text.isdigit() and len(text) < 20):
        raise SettingError(f"{text!r} is no whole number of files, 0 or more")
    return int(text)


def _check_writable(path: str) -> None:
    parent = os.path.dirname(path) or os.curdir
    if not os.path.isdir(parent):
        raise SettingError(f"{parent!r} is no directory")
    if "\0" in path or (os.path.lexists(path) and not os.path.isfile(path)):
        raise SettingError(f"{path!r} is not a regular file")
    if not os.access(path if os.path.exists(path) else parent, os.W_OK):
        raise SettingError(f"cannot write {path!r}: Permission denied")


@dataclass(slots=True)
class _Session:
    """One run of the monitor, from the first sample to the last word."""

    settings: _Settings
    recording: Recording | None
    started: float = field(default_factory=time.monotonic)
    samples: list[Sample] = field(default_factory=list)
    _count: int = 0
    _most: Sample = field(default_factory=lambda: Sample(0.0))
    _live: bool = field(default_factory=lambda: sys.stderr.isatty())

    def run(self) -> int:
        """Sample until told to end or a limit is passed; return the exit code."""
        try:
            with _ending() as ended:
                code = self._watch(ended)
        except OSError as error:
            return self._unwritten(error)
        self._clear_line()
        print(self._summary())
        try:
            if self.settings.plot is not None:
                write_plot(self.settings.plot, self.samples, self.settings.directory)
        except OSError as error:
            return self._unwritten(error)
        return code

    def _watch(self, ended: queue.SimpleQueue[None]) -> int:
        def pause(seconds: float) -> bool:
            left = self.started + self.settings.max_runtime - time.monotonic()
            with contextlib.suppress(queue.Empty):
                ended.get(timeout=max(0.0, min(seconds, left)))
                return True
            return seconds >= left

        for sample in watch(self._take, self.settings.interval, pause):
            if self._passed(sample):
                return LIMIT_PASSED
        if time.monotonic() >= self.started + self.settings.max_runtime:
            return LIMIT_PASSED if self._passed(self._take()) else OK
        return OK

    def _take(self) -> Sample:
        sample = measure(self.settings.directory, self.settings.matches)
        self._count += 1
        self._most = _greater(self._most, sample)
        if self.settings.plot is not None:
            self.samples.append(sample)
        if self.recording is not None:
            self.recording.append(sample)
        if self._live:
            self._show(sample)
        return sample

    def _passed(self, sample: Sample) -> bool:
        """Whether a limit is passed; says which, by what, and who holds the most."""
        told = []
        files, size = self.settings.max_files, self.settings.max_bytes
        if files is not None and sample.files > files:
            told.append(f"--max-files {files} passed: {format_count(sample.files, 'file')}")
            told += _largest(sample, lambda share: share.files)
        if size is not None and sample.bytes > size:
            told.append(
                f"--max-bytes {size} passed: {sample.bytes} bytes ({format_size(sample.bytes)})"
            )
            told += _largest(sample, lambda share: share.bytes)
        if told:
            self._clear_line()
            print("\n".join(f"monitor: {line}" for line in told), file=sys.stderr)
        return bool(told)

    def _show(self, sample: Sample) -> None:
        """Write over the line on the terminal."""
        spent = int(time.monotonic() - self.started)
        line = f"{spent // 60}:{spent % 60:02}  {_amount(sample)}"
        for share in sample.shares:
            if share.owner:
                line += f"  {share.owner}: {format_size(share.bytes)} {share.context}"
        columns = shutil.get_terminal_size().columns
        sys.stderr.write("\r" + line[: columns - 1].ljust(columns - 1))
        sys.stderr.flush()

    def _clear_line(self) -> None:
        if self._live:
            sys.stderr.write("\r" + " " * (shutil.get_terminal_size().columns - 1) + "\r")
            sys.stderr.flush()

    def _summary(self) -> str:
        where = printable(self.settings.directory)
        line = f"{where}: {format_count(self._count, 'sample')}, at most {_amount(self._most)}"
        if self._most.unreadable:
            line += f"; {format_count(self._most.unreadable, 'entry', 'entries')} could not be read"
        if self._most.mounts:
            line += f"; {format_count(self._most.mounts, 'mount point')} passed by"
        return line

    def _unwritten(self, error: OSError) -> int:
        self._clear_line()
        path = error.filename or (self.recording and self.recording.path)
        print(f"monitor: cannot write {path}: {error.strerror}", file=sys.stderr)
        return FAILED


def _greater(one: Sample, other: Sample) -> Sample:
    """Return the greater of each number of two samples."""
    names = ("files", "directories", "bytes", "unreadable", "mounts")
    return Sample(0.0, *(max(getattr(one, name), getattr(other, name)) for name in names))


def _amount(sample: Sample) -> str:
    return ", ".join((
        format_count(sample.files, "file"),
        format_count(sample.directories, "directory", "directories"),
        format_size(sample.bytes),
    ))


def _largest(sample: Sample, size: Callable[[Share], int], most: int = 5) -> list[str]:
    """Return a line for each of the topmost entries that hold the most."""
    shares = [share for share in sorted(sample.shares, key=size, reverse=True) if size(share)]
    lines = []
    for share in shares[:most]:
        line = f"  {share.name}: {format_count(share.files, 'file')}, {format_size(share.bytes)}"
        line += f", {share.owner}" if share.owner else ""
        line += f", {share.context}" if share.context else ""
        lines.append(line)
    return lines


@contextlib.contextmanager
def _ending() -> Iterator[queue.SimpleQueue[None]]:
    """Give a queue that gets an item when the process is asked to end (^C, SIGTERM, hang-up)."""
    # The one kind of lock that a signal handler may use while the same thread waits for it.
    ended: queue.SimpleQueue[None] = queue.SimpleQueue()
    before = {}
    if threading.current_thread() is threading.main_thread():
        for name in ("SIGINT", "SIGTERM", "SIGHUP"):
            number = getattr(signal, name, None)
            if number is None or (name == "SIGHUP" and signal.getsignal(number) == signal.SIG_IGN):
                continue  # under nohup it goes on
            before[number] = signal.signal(number, lambda *_: ended.put(None))
    try:
        yield ended
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
