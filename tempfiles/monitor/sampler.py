"""Sample the disk usage of a directory over time, in the background, and record the samples.

A `Monitor` samples in a thread and takes care not to change what the observed code sees. The
thread is started below `threading`, so that `threading.enumerate()` and `active_count()` are as
without it. It is stopped while the process forks, so that a child inherits nothing half done. It
sleeps for at least nine times as long as a sample took.

What a program can see: one more thread in `/proc`, now and then a descriptor, and from Python 3.13
on the DeprecationWarning of forking with threads, which counts them when the fork is done and the
thread is back (3.12 counts before that, and does not warn).
"""

from __future__ import annotations

import _thread
import contextlib
import csv
import dataclasses
import json
import os
import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import TextIO

from ..errors import SettingError
from ..fileops.measure import CancelledError
from ..formatting import printable
from ..system import syscalls
from ..system.platform import park
from ..system.thread_lock import new_lock
from .usage import Sample, take_sample

COLUMNS = (
    "timestamp", "files", "directories", "bytes", "unreadable", "mounts", "context", "owner",
    "shares",
)
"""The columns of a CSV recording; JSON lines have the same keys."""

_FORMULAS = ("=", "+", "-", "@", "\uff1d", "\uff0b", "\uff0d", "\uff20")  # also in full width
_JSON_ENDINGS = (".jsonl", ".ndjson", ".json")
_REST = 9  # the thread sleeps for at least so many times as long as a sample took


def watch(
    take: Callable[[], Sample], interval: float, pause: Callable[[float], bool]
) -> Iterator[Sample]:
    """Yield a sample at once and then every `interval` seconds, until `pause` says to stop.

    Args:
        take: takes one sample.
        interval: seconds from the start of one sample to the start of the next.
        pause: waits for the given seconds, less if it is to stop; returns whether it is.
    """
    while True:
        started = syscalls.monotonic()
        yield take()
        if pause(max(0.0, started + interval - syscalls.monotonic())):
            return


@dataclass(slots=True)
class _Worker:
    """The thread of a monitor while it runs: how to stop it, and the id that the system gave it."""

    stopping: threading.Event = dataclasses.field(default_factory=threading.Event)
    stopped: threading.Event = dataclasses.field(default_factory=threading.Event)
    native_id: int = 0


class Monitor:
    """Samples a directory in the background between `start()` and `stop()`.

    Args:
        directory: the directory.
        interval: seconds between samples.
        context_now: returns the id of the current context; called by the sampling thread.
        append: called with each sample as it is taken, such as `Recording.append`.

    `error` is the OSError by which `append` failed, if it did; it is not called again then.

    Raises:
        SettingError: no such directory, or an interval that is not positive.
    """

    def __init__(
        self,
        directory: str,
        interval: float = 2.0,
        context_now: Callable[[], str] = lambda: "",
        append: Callable[[Sample], None] | None = None,
    ) -> None:
        if not os.path.isdir(directory):
            raise SettingError(f"no such directory: {directory}")
        if not 0 < interval < threading.TIMEOUT_MAX:
            raise SettingError(f"interval must be a positive number of seconds, not {interval}")
        self.error: OSError | None = None
        self._directory = os.path.abspath(directory)
        self._interval = interval
        self._context_now = context_now
        self._append = append
        self._samples: list[Sample] = []
        self._worker: _Worker | None = None
        self._due = 0.0

    def start(self) -> None:
        """Sample in the background from now on; a second time does nothing."""
        if self in _started:
            return
        _follow_forks()
        _started.append(self)
        self._due = syscalls.monotonic()
        self._begin()

    def stop(self) -> list[Sample]:
        """Take a last sample and return all, oldest first. In a forked child it returns none."""
        if self in _started:
            _started.remove(self)
            self._end()
            self._keep(self._take(lambda: False))
        return list(self._samples)

    def _begin(self) -> None:
        if self._worker is not None:  # two threads forked at once
            return
        self._worker = _Worker()
        _thread.start_new_thread(self._work, (self._worker,))

    def _end(self) -> None:
        """Stop the thread and wait until the system, too, has forgotten it."""
        worker, self._worker = self._worker, None
        if worker is None:
            return
        worker.stopping.set()
        worker.stopped.wait()
        # Its function is done, but the thread takes a moment more; where that cannot be seen, or
        # takes strangely long, nothing worse comes of it than the warning of a fork with threads.
        for _ in range(1000):
            if not os.path.exists(f"/proc/self/task/{worker.native_id}"):
                break
            syscalls.sleep(0.0001)

    def _work(self, worker: _Worker) -> None:
        try:
            worker.native_id = threading.get_native_id()
            while not worker.stopping.wait(max(0.0, self._due - syscalls.monotonic())):
                started = syscalls.monotonic()
                self._keep(self._take(worker.stopping.is_set))
                took = syscalls.monotonic() - started
                self._due = started + max(self._interval, took + took * _REST)
        except CancelledError:
            pass
        finally:
            worker.stopped.set()

    def _take(self, cancelled: Callable[[], bool]) -> Sample:
        context = printable(self._context_now())
        sample = take_sample(self._directory, cancelled=cancelled)
        return dataclasses.replace(sample, context=context)

    def _keep(self, sample: Sample) -> None:
        self._samples.append(sample)
        if self._append is not None and self.error is None:
            try:
                self._append(sample)
            except OSError as error:
                self.error = error

    def _forget(self) -> None:
        """Return to the state before the start: a forked child is not sampled."""
        self._samples.clear()
        self._worker = None


_started: list[Monitor] = []
_following_forks = False
_lock = new_lock()


def _follow_forks() -> None:
    global _following_forks
    with _lock:
        if not _following_forks and hasattr(os, "register_at_fork"):
            _following_forks = True
            os.register_at_fork(
                before=_before_fork, after_in_parent=_after_fork, after_in_child=_forget_all
            )


def _before_fork() -> None:
    for monitor in _started:
        monitor._end()


def _after_fork() -> None:
    for monitor in _started:
        monitor._begin()


def _forget_all() -> None:
    for monitor in _started:
        monitor._forget()
    _started.clear()


class Recording:
    """A file of samples, CSV or JSON lines by its ending, that can be read while it grows.

    Raises:
        SettingError: another ending, or something there that is no regular file.
        OSError: the file cannot be opened for writing.
    """

    def __init__(self, path: str) -> None:
        ending = os.path.splitext(path)[1].lower()
        if ending != ".csv" and ending not in _JSON_ENDINGS:
            known = ", ".join((".csv", *_JSON_ENDINGS))
            raise SettingError(f"{path!r} does not end in one of {known}")
        if "\0" in path or (os.path.lexists(path) and not os.path.isfile(path)):
            raise SettingError(f"{path!r} is not a regular file")
        self.path = path
        self._csv = ending == ".csv"
        self._file: TextIO = open(  # noqa: SIM115  (closed by `close`)
            path, "w", encoding="utf-8", newline="", buffering=1, opener=_open_high
        )
        if self._csv:
            csv.writer(self._file).writerow(COLUMNS)

    def append(self, sample: Sample) -> None:
        """Write one sample as one line, at once. Raises OSError where it cannot be written."""
        values = _values(sample)
        if self._csv:
            values["shares"] = json.dumps(values["shares"])
            csv.writer(self._file).writerow([_cell(values[column]) for column in COLUMNS])
        else:
            self._file.write(json.dumps(values) + "\n")

    def close(self) -> None:
        """Close the file; a second time does nothing."""
        with contextlib.suppress(OSError):  # each line has been written already, or has failed
            self._file.close()

    def __enter__(self) -> Recording:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()


def _open_high(path: str, flags: int) -> int:
    """Open under a high number, which tests do not close."""
    return park(os.open(path, flags, 0o666))


def _cell(value: object) -> object:
    """Return a value as a cell that no spreadsheet takes for a formula: a text begins with `'`.

    Names of projects, tests and files may be of any text.
    """
    is_formula = isinstance(value, str) and value.lstrip().startswith(_FORMULAS)
    return f"'{value}" if is_formula else value


def _values(sample: Sample) -> dict[str, object]:
    """Return a sample by column; `owner` and `context` join those of the runs it found."""
    runs = [share for share in sample.shares if share.owner]
    contexts = dict.fromkeys([sample.context, *(share.context for share in runs)])
    return {
        **dataclasses.asdict(sample),
        "timestamp": round(sample.timestamp, 3),
        "context": "; ".join(filter(None, contexts)),
        "owner": "; ".join(dict.fromkeys(share.owner for share in runs)),
        "shares": [dataclasses.asdict(share) for share in sample.shares],
    }
