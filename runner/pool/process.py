"""One worker process as the parent sees it: what it has to do, what it has sent."""

from __future__ import annotations

import contextlib
import os
import signal
from array import array
from collections import deque
from collections.abc import Iterator, Mapping, Sequence
from typing import TYPE_CHECKING

from ..scheduling.plan import Unit
from ..workers import events
from ..workers.channel import END, EventReader, Paths, StopFlag
from .source import Source

if TYPE_CHECKING:
    from tempfiles import Leak, Rescued

_OF_NO_TEST = b"a[null"
"""How the outcome of a fixture begins."""


class WorkerProcess:
    """One worker as the parent sees it.

    Args:
        number: 0 to N-1; a replacement has that of the worker that died.
        pid: of the process.
        paths: its files.
        work: the descriptor to write its commands to.
    """

    def __init__(self, number: int, pid: int, paths: Paths, work: int) -> None:
        self.number = number
        self.pid = pid
        self.paths = paths
        self.work = work
        self.reader = EventReader(paths.events)
        self.flag = StopFlag(paths.flag)
        self.source = Source(number, list(dict.fromkeys((paths.out, paths.err))))
        self.queued: deque[Unit] = deque()
        self.unit: Unit | None = None
        self.running = b""  # the start of the test under way
        self.last = b""  # the last event that names a test
        self.fixture = b""
        self.begun = 0.0
        self.contexts: list[bytes] = []
        self.ran = array("q")  # the places of the tests that it has run, in its order
        self.timed = b""  # the event whose clock runs
        self.limit: float | None = None
        self.deadline = 0.0
        self.asked: float | None = None  # when it was asked to write its stacks
        self.stacks_from = 0  # where in their file those of the test under way begin
        self.is_ending = False
        self.code = 0  # its exit code, when it has ended
        self.report = b""
        self.leaks: tuple[Leak, ...] = ()  # what lay in its root when it died
        self.rescued: tuple[Rescued, ...] = ()

    def note(self, code: bytes, line: bytes) -> None:
        """Take an event that says what it is doing, or what it has left.

        Args:
            code: the first byte of the line.
            line: the event.
        """
        if code == b"s" or code == b"S":
            self.running = self.last = line
            self.fixture = b""
        elif code == b"p" or code == b"x":
            self.running = b""
        elif code == b"a" and not line.startswith(_OF_NO_TEST):
            self.last = line
        elif code == b"f":
            self.fixture = line
        elif code == b"e":
            self.fixture = b""
        elif code == b"c" or code == b"C":
            self.contexts.append(line)
        elif code == b"r":
            self.report = line

    def send(self, units: Sequence[Unit]) -> None:
        """Have the worker run units after those that it has."""
        self.queued += units
        lines = (f"{unit.number} {unit.tests.start} {unit.tests.stop}\n" for unit in units)
        self._write("".join(lines))

    def end(self) -> None:
        """Have the worker end when it has run its units."""
        self.is_ending = True
        self._write(f"{END}\n")

    def _write(self, text: str) -> None:
        with contextlib.suppress(OSError):  # it is dead: the next look will find that
            os.write(self.work, text.encode())

    def begun_of(self, unit: Unit) -> range:
        """Return the tests of a unit up to the last one that it has begun."""
        last = events.index_of(self.last)
        return range(unit.tests.start, unit.tests.start if last is None else last + 1)

    @property
    def is_idle(self) -> bool:
        """Whether it has nothing to run."""
        return self.unit is None and not self.queued

    def exit_code(self, *, waits: bool = False, kills_group: bool = False) -> int | None:
        """Return the exit code of a process that has ended, a negative one for a signal.

        Args:
            waits: wait for its end.
            kills_group: kill what is left of its group, while its number is still its own.
        """
        if hasattr(os, "waitid"):
            options = os.WEXITED | os.WNOWAIT | (0 if waits else os.WNOHANG)
            if os.waitid(os.P_PID, self.pid, options) is None:
                return None
            if kills_group:
                self.kill(signal.SIGKILL)
        pid, status = os.waitpid(self.pid, 0 if waits else os.WNOHANG)
        return os.waitstatus_to_exitcode(status) if pid else None

    def kill(self, number: int, group: bool = True) -> None:
        """Send a signal to the process, or to the whole group that it leads."""
        with contextlib.suppress(ProcessLookupError, PermissionError):
            (os.killpg if group else os.kill)(self.pid, number)

    def last_words(self) -> str:
        """Return the last line that it has printed."""
        try:
            with open(self.paths.err, encoding="utf-8", errors="replace") as file:
                lines = file.read().split("\n")
        except OSError:
            lines = []
        return next(filter(None, map(str.strip, reversed(lines))), "they print nothing")

    def close(self) -> None:
        """Close what the parent has of it."""
        self.reader.close()
        self.flag.close()
        with contextlib.suppress(OSError):
            os.close(self.work)


@contextlib.contextmanager
def suspending(workers: Mapping[int, WorkerProcess]) -> Iterator[None]:
    """Stop workers at ^Z, which the terminal sends to this process only, for as long as it stops.

    Args:
        workers: those that there are at any time while the block runs.
    """
    if not hasattr(signal, "SIGTSTP") or signal.getsignal(signal.SIGTSTP) != signal.SIG_DFL:
        yield
        return

    def suspend(number: int, frame: object) -> None:
        for worker in workers.values():
            worker.kill(signal.SIGSTOP)
        os.kill(os.getpid(), signal.SIGSTOP)  # returns when this process goes on
        for worker in workers.values():
            worker.kill(signal.SIGCONT)

    signal.signal(signal.SIGTSTP, suspend)
    try:
        yield
    finally:
        signal.signal(signal.SIGTSTP, signal.SIG_DFL)
