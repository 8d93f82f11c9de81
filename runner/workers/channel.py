"""The channel between a worker and the parent: a file of events, a pipe of units, a bell, a flag.

A worker appends lines to its file of events. The file survives each way to die, complete up to the
last line, and never makes the worker wait. The parent writes the numbers of units to a pipe. In a
mapped file it sets the place in the suite from which on the worker is to run nothing more. Tests
close and reuse descriptors: the worker looks whether one still is its own before it uses it.
"""

from __future__ import annotations

import contextlib
import errno
import importlib.util
import mmap
import os
import signal
import struct
from collections.abc import Iterator
from typing import NamedTuple

from tempfiles import untracked

END = "end"
"""The command that ends a worker; all others are the tests of a unit."""
_APPEND = os.O_WRONLY | os.O_APPEND | os.O_CLOEXEC
DUMP_SIGNAL: int = getattr(signal, "SIGRTMAX", signal.SIGTERM) - 2
"""The signal at which a worker writes the stacks of its threads: one that tests do not use."""
_HIGH = (960, 200)
"""The lowest numbers for descriptors that tests do not see; the usual limit is 1,024."""
_CHUNK = 1 << 20  # bytes to read at once
_PLACE = struct.Struct("q")


HAS_FCNTL = importlib.util.find_spec("fcntl") is not None
if HAS_FCNTL:
    import fcntl


class Paths(NamedTuple):
    """The files of one worker process in the run root.

    `events` has its events, `flag` the byte that stops it, `stacks` what `faulthandler` writes when
    it dies, and `collected` what a listener has collected. `out` and `err` have what its tests
    print; they are one file where standard output and standard error of the parent are the same.
    """

    events: str
    flag: str
    stacks: str
    collected: str
    out: str
    err: str


def paths_in(root: str, number: int, joined: bool) -> Paths:
    """Return the paths of a worker process.

    Args:
        root: the run root.
        number: that of the process; a replacement has another one.
        joined: whether standard output and standard error are one file.
    """
    base = os.path.join(root, f"worker-{number}")
    out = f"{base}.out"
    err = out if joined else f"{base}.err"
    return Paths(
        f"{base}.events", f"{base}.flag", f"{base}.stacks", f"{base}.collected", out, err
    )


def park(fd: int) -> int:
    """Move a descriptor to a high number, out of the way of tests; return the number."""
    if HAS_FCNTL:
        for lowest in _HIGH:
            with contextlib.suppress(OSError):  # above the limit of the process
                parked = fcntl.fcntl(fd, fcntl.F_DUPFD_CLOEXEC, lowest)
                os.close(fd)
                return parked
    return fd


def die_with_parent(life: int) -> None:
    """Have the kernel kill this process when the parent dies, also in a test that hangs.

    Args:
        life: a pipe that the parent holds the other end of.
    """
    if not HAS_FCNTL or not hasattr(fcntl, "F_SETSIG"):
        return
    with contextlib.suppress(OSError):
        # Opened anew, since an open file has one owner, and all workers have inherited this one.
        own = os.open(f"/proc/self/fd/{life}", os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)
        own = park(own)
        fcntl.fcntl(own, fcntl.F_SETOWN, os.getpid())
        fcntl.fcntl(own, fcntl.F_SETSIG, signal.SIGKILL)
        flags = fcntl.fcntl(own, fcntl.F_GETFL)
        fcntl.fcntl(own, fcntl.F_SETFL, flags | os.O_ASYNC)


class EventWriter:
    """The worker's end of the file of events.

    Lines are kept until `flush`, which writes them at once. What cannot be written now is kept for
    the next time: a test may have used up all descriptors or lowered a limit.

    Args:
        path: the file.
    """

    def __init__(self, path: str) -> None:
        self._path = path
        self._process = os.getpid()
        self._lines: list[str] = []
        self._fd = park(os.open(path, _APPEND | os.O_CREAT, 0o600))
        status = os.fstat(self._fd)
        self._inode, self._device = status.st_ino, status.st_dev
        self.add = self._lines.append
        self._fstat, self._write, self._open = os.fstat, os.write, os.open  # tests may replace them
        self._getpid, self._close = os.getpid, os.close

    @property
    def is_behind(self) -> bool:
        """Whether lines could not be written."""
        return bool(self._lines)

    def flush(self) -> None:
        """Write the lines; a forked child of the worker writes nothing."""
        lines = self._lines
        if not lines:
            return
        if self._getpid() != self._process:
            lines.clear()
            return
        lines.append("")
        text = "\n".join(lines).encode()
        lines.pop()
        try:
            text = text[self._write(self._own_fd(), text) :]
        except OSError:
            return
        lines.clear()
        if text:  # the disk is full, or a signal came
            lines.append(text.decode().removesuffix("\n"))

    def _own_fd(self) -> int:
        """Return the descriptor of the file; open it again if a test has closed it."""
        try:
            status = self._fstat(self._fd)
            if status.st_ino == self._inode and status.st_dev == self._device:
                return self._fd
        except OSError:
            pass
        with untracked():
            try:
                self._fd = self._open(self._path, _APPEND)
            except OSError as error:
                if error.errno != errno.EMFILE:
                    raise
                self._close(0)  # /dev/null: the test has taken all other descriptors
                self._fd = self._open(self._path, _APPEND)
        return self._fd


class EventReader:
    """The parent's end of the file of events.

    Args:
        path: the file; it may not exist yet.
    """

    def __init__(self, path: str) -> None:
        self._path = path
        self._fd = -1
        self._rest = b""

    def lines(self) -> list[bytes]:
        """Return the whole lines that were written since the last call."""
        if self._fd < 0:
            try:
                self._fd = os.open(self._path, os.O_RDONLY | os.O_CLOEXEC)
            except OSError:
                return []
        found: list[bytes] = []
        while chunk := os.read(self._fd, _CHUNK):
            first, *more = chunk.split(b"\n")
            self._rest += first
            if more:
                found.append(self._rest)
                self._rest = more.pop()
                found += more
            if len(chunk) < _CHUNK:
                break
        return found

    def close(self) -> None:
        """Close the file."""
        if self._fd >= 0:
            os.close(self._fd)
            self._fd = -1


class WorkPipe:
    """The worker's end of the pipe of units, and of the bell.

    Args:
        work: the descriptor to read commands from.
        bell: the descriptor to write a byte to, which wakes the parent.
    """

    def __init__(self, work: int, bell: int) -> None:
        self._work, self._bell = work, bell = park(work), park(bell)
        self._ids = {fd: _identity(fd) for fd in (work, bell)}
        self._rest = b""
        self._waiting = 0  # commands that have come

    def commands(self) -> Iterator[str]:
        """Yield the commands of the parent as they come; end where the pipe is closed or lost."""
        while True:
            *lines, self._rest = self._rest.split(b"\n")
            for waiting, line in zip(reversed(range(len(lines))), lines, strict=True):
                self._waiting = waiting
                yield line.decode()
            if _identity(self._work) != self._ids[self._work]:
                return
            chunk = os.read(self._work, 4096)
            if not chunk:
                return
            self._rest += chunk

    @property
    def is_lost(self) -> bool:
        """Whether tests have closed the pipe of units."""
        return _identity(self._work) != self._ids[self._work]

    def ring_for_work(self) -> None:
        """Wake the parent where it should send more commands."""
        if self._waiting <= 1:
            self.ring()

    def ring(self) -> None:
        """Wake the parent, if the bell is still there; it wakes by itself soon."""
        with contextlib.suppress(OSError):
            if _identity(self._bell) == self._ids[self._bell]:
                os.write(self._bell, b".")


def _identity(fd: int) -> tuple[int, int] | None:
    try:
        status = os.fstat(fd)
    except OSError:
        return None
    return status.st_dev, status.st_ino


class StopFlag:
    """A place in the suite that two processes share; tests cannot close a mapping.

    Args:
        path: the file to map; it is created if it does not exist.
    """

    def __init__(self, path: str) -> None:
        fd = os.open(path, os.O_RDWR | os.O_APPEND | os.O_CREAT | os.O_CLOEXEC, 0o600)
        try:
            if os.fstat(fd).st_size < _PLACE.size:  # zeros stand for no place; both may add them
                os.write(fd, bytes(_PLACE.size))
            self._mapping = mmap.mmap(fd, _PLACE.size)
        finally:
            os.close(fd)

    def stops(self, place: int) -> bool:
        """Return whether the tests from a place on are not to run."""
        (first,) = _PLACE.unpack_from(self._mapping)
        return bool(first) and place >= first

    def stop_from(self, place: int) -> None:
        """Tell the other process to run nothing from a place on."""
        _PLACE.pack_into(self._mapping, 0, place or -1)

    def close(self) -> None:
        """Unmap the file."""
        self._mapping.close()
