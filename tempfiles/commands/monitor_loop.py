"""Run `monitor` with parsed options: sample, show, record, compare with limits, draw."""

from __future__ import annotations

import contextlib
import queue
import shutil
import signal
import sys
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field

from ..formatting import format_count, format_size, printable
from ..monitor.plot import write_plot
from ..monitor.sampler import Recording, watch
from ..monitor.usage import Sample, Share, take_sample
from . import FAILED, OK, amount, warn

LIMIT_PASSED = 3


@dataclass(frozen=True, slots=True)
class WatchSettings:
    """What to sample, how often (seconds), until when (seconds), and what must not be passed."""

    directory: str
    interval: float
    max_runtime: float
    matches: Callable[[str], object] | None
    max_files: int | None
    max_bytes: int | None
    plot: str | None


@dataclass(slots=True)
class Watch:
    """One run of the monitor, from the first sample to the summary."""

    settings: WatchSettings
    recording: Recording | None
    started: float = field(default_factory=time.monotonic)
    samples: list[Sample] = field(default_factory=list)
    _count: int = 0
    _most: Sample = field(default_factory=lambda: Sample(0.0))
    _live: bool = field(default_factory=lambda: sys.stderr.isatty())

    def run(self) -> int:
        """Sample until a signal arrives or a limit is passed; return the exit code."""
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
        sample = take_sample(self.settings.directory, self.settings.matches)
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
        """Return whether a limit is passed; print which, by how much, and the largest holders."""
        lines = []
        files, size = self.settings.max_files, self.settings.max_bytes
        if files is not None and sample.files > files:
            lines.append(f"--max-files {files} passed: {format_count(sample.files, 'file')}")
            lines += _largest(sample, lambda share: share.files)
        if size is not None and sample.bytes > size:
            lines.append(
                f"--max-bytes {size} passed: {sample.bytes} bytes ({format_size(sample.bytes)})"
            )
            lines += _largest(sample, lambda share: share.bytes)
        if lines:
            self._clear_line()
            warn("\n".join(f"monitor: {line}" for line in lines))
        return bool(lines)

    def _show(self, sample: Sample) -> None:
        """Write over the line on the terminal."""
        spent = int(time.monotonic() - self.started)
        line = f"{spent // 60}:{spent % 60:02}  {amount(sample)}"
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
        line = f"{where}: {format_count(self._count, 'sample')}, at most {amount(self._most)}"
        if self._most.unreadable:
            line += f"; {format_count(self._most.unreadable, 'entry', 'entries')} could not be read"
        if self._most.mounts:
            line += f"; {format_count(self._most.mounts, 'mount point')} not entered"
        return line

    def _unwritten(self, error: OSError) -> int:
        self._clear_line()
        path = error.filename or (self.recording and self.recording.path)
        warn(f"monitor: cannot write {path}: {error.strerror}")
        return FAILED


def _greater(one: Sample, other: Sample) -> Sample:
    """Return the greater of each number of two samples."""
    names = ("files", "directories", "bytes", "unreadable", "mounts")
    return Sample(0.0, *(max(getattr(one, name), getattr(other, name)) for name in names))


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
