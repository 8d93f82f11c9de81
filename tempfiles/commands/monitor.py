"""`python -m tempfiles monitor`: watch the usage of a directory, record it, hold it to limits."""

from __future__ import annotations

import argparse
import contextlib
import math
import os
import tempfile
import threading
from collections.abc import Iterator

from ..errors import SettingError
from ..formatting import parse_age, parse_size, printable
from ..monitor.plot import check_ending
from ..monitor.sampler import Recording
from ..monitor.usage import name_matcher
from ..roots.location import choose_location
from . import BAD_USAGE, warn
from .monitor_loop import Watch, WatchSettings

# Taken as texts and parsed by `_settings`: each refusal is then one line that names the option.
_OPTIONS = {
    "--temp-dir": (
        "DIR|ram|disk",
        "what to watch: ram and disk are where --temp-root ram and disk put it (default: disk)",
    ),
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
            return Watch(settings, recording).run()
    except SettingError as error:
        warn(f"monitor: error: {printable(str(error))}")
        return BAD_USAGE


def _settings(args: argparse.Namespace) -> WatchSettings:
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
    return WatchSettings(directory, interval, max_runtime, matches, max_files, max_bytes, args.plot)


@contextlib.contextmanager
def _naming(option: str) -> Iterator[None]:
    """Name the option in each refusal inside."""
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
    if path == "ram":
        location = choose_location("ram", least_free=0)
        if location.directory is None:
            raise SettingError(location.remark.removesuffix(", using disk"))
        return location.directory
    directory = tempfile.gettempdir() if path in (None, "disk") else path
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
