"""Guard a run root: a tiny process that removes the root when the run has died.

The guard is started before the root is created, and holds one end of a pipe. The run writes the
path to the other end before it creates the directory, so it cannot die unguarded. That end is
closed when the run and all its forked children are gone, however they died. The guard removes a
root only if it is an orphan by the rules that every reaper follows.

This file is also the guard's script: started alone, without `site`, and with as few imports as
possible, so that waiting costs little memory.
"""

from __future__ import annotations

import contextlib
import os
import sys
import time

# The shell puts the guard into the background and ends, so that the guard is not a child which a
# test could wait for. The guard inherits the ignored signals: also ^C and the terminal's hang-up.
_LAUNCH = "trap '' HUP INT QUIT TERM; cd /; \"$@\" <&3 3<&- >/dev/null 2>&1 &"
_PASSED_ON = ("LD_LIBRARY_PATH", "DYLD_LIBRARY_PATH", "PATH")
_LONGEST = 1 << 20
_PAUSE = 0.1  # while the root is in use


class Guard:
    """The run's end of the pipe to a waiting guard."""

    __slots__ = ("_fd",)

    def __init__(self, fd: int) -> None:
        self._fd = fd

    def announce(self, root: str) -> None:
        """Announce a path that is about to become a root of this process."""
        try:
            os.write(self._fd, os.fsencode(root) + b"\0")
        except OSError:
            return  # the guard was killed, or a test has closed every descriptor

    def release(self) -> None:
        """Let the guard check whether anything is left, and end. A second call does nothing."""
        fd, self._fd = self._fd, -1
        if fd >= 0:
            try:
                os.close(fd)
            except OSError:
                return  # a test has closed it


def start(directory: str) -> Guard | None:
    """Start a guard for roots that this process is about to create.

    Args:
        directory: where they will lie; it is only shown in the list of processes.

    Returns:
        None where there can be no guard: no flock, no `/bin/sh`, no interpreter of its own.
    """
    from ..system import platform

    if not platform.HAS_FCNTL or not sys.executable or not os.path.isfile(__file__):
        return None
    reading, writing = os.pipe()
    try:
        launched = _launch(reading, directory)
    finally:
        os.close(reading)
    writing = platform.park(writing)
    if launched:
        return Guard(writing)
    os.close(writing)
    return None


def _launch(reading: int, directory: str) -> bool:
    guard = [sys.executable, "-I", "-S", os.path.abspath(__file__), directory]
    environment = {name: os.environ[name] for name in _PASSED_ON if name in os.environ}
    try:
        null = os.open(os.devnull, os.O_RDWR)
        try:
            actions = [(os.POSIX_SPAWN_DUP2, null, number) for number in (0, 1, 2)]
            shell = os.posix_spawn(
                "/bin/sh", ["sh", "-c", _LAUNCH, "sh", *guard], environment, setsid=True,
                file_actions=[*actions, (os.POSIX_SPAWN_DUP2, reading, 3)],
            )
        finally:
            os.close(null)
        return os.waitpid(shell, 0)[1] == 0
    except (OSError, NotImplementedError, AttributeError):
        return False


def watch(pipe: int) -> None:
    """Wait until every process has closed the other end of a pipe, then remove the roots."""
    roots = b""
    while found := os.read(pipe, _LONGEST):
        roots += found
    for root in roots.split(b"\0")[:-1]:
        with contextlib.suppress(Exception):  # the run has removed it, or the next one reports it
            _wait(root)
            while not _reap(os.fsdecode(root)):  # a test may have closed the pipe and the lock
                time.sleep(_PAUSE)
                _wait(root)


def _wait(root: bytes) -> None:
    """Wait for the lock: a forked child may have closed the pipe and hold it."""
    import fcntl

    fd = os.open(root, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW)
    fcntl.flock(fd, fcntl.LOCK_EX)
    os.close(fd)


def _reap(root: str) -> bool:
    """Take the lock again, examine the root again, and remove it; return False if it is in use."""
    # The package without its `__init__`, which would import all of the library.
    package = type(sys)("tempfiles")
    package.__path__ = [os.path.dirname(os.path.dirname(os.path.abspath(__file__)))]
    sys.modules.setdefault("tempfiles", package)
    from tempfiles.recovery import in_use, rescue
    from tempfiles.roots import dispose, flock, ownership

    lock = flock.acquire_unused(root, patience=1.0)
    if lock is None:
        return False
    if in_use.user_of(root):
        lock.release()
        return False
    found = ownership.examine_unlocked(root)
    rescued = rescue.rescue_from_dead(root, found.marker) if found.state == "orphaned" else None
    if rescued is not None and not rescued[1]:
        trash = dispose.move_aside(root, lock)
        if trash is not None:
            dispose.dispose(trash, lock, measure=False)
    lock.release()
    return found.state != "live"


if __name__ == "__main__":
    # Descriptors that the run inherited from its parent must not stay open longer than the run.
    os.closerange(3, os.sysconf("SC_OPEN_MAX"))
    try:
        watch(0)
    except OSError:
        sys.exit(0)  # another process is removing the root
