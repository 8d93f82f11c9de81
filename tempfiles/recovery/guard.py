"""The guard: a tiny process that outlives a run, and removes its root when the run has died.

It is started before the root is made, and holds the one end of a pipe through which it is told
the path before the deed; so there is no moment at which the run can die unguarded. The other end
is closed when the run and all that it forked are gone, however they died. What the guard removes
must then be an orphan by the same rules as for everybody.

This file is also the guard's script: started alone, without `site`, and with as few imports as
possible, so that waiting costs little memory.
"""

from __future__ import annotations

import os
import sys

# The shell puts the guard into the background and ends, so it is nobody's child that a test
# could wait for. What it ignores, the guard ignores: also ^C and the hang-up of its terminal.
_LAUNCH = "trap '' HUP INT QUIT TERM; cd /; \"$@\" <&3 3<&- >/dev/null 2>&1 &"
_PASSED_ON = ("LD_LIBRARY_PATH", "DYLD_LIBRARY_PATH", "PATH")
_LONGEST = 1 << 20


class Guard:
    """Our end of the pipe to a guard that waits."""

    __slots__ = ("_fd",)

    def __init__(self, fd: int) -> None:
        self._fd = fd

    def announce(self, root: str) -> None:
        """Tell a path that is about to become a root of this process."""
        try:
            os.write(self._fd, os.fsencode(root) + b"\0")
        except OSError:
            return  # somebody has killed the guard, or closed every descriptor there is

    def release(self) -> None:
        """Let the guard look whether anything is left, and end. A second call does nothing."""
        fd, self._fd = self._fd, -1
        if fd >= 0:
            try:
                os.close(fd)
            except OSError:
                return  # a test has closed it


def start(directory: str) -> Guard | None:
    """Start a guard for roots that this process is about to make.

    Args:
        directory: where they will lie; only for those who look at the list of processes.

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


def watch(told: int) -> None:
    """Wait until nobody holds the other end of a pipe, then remove the roots it has told of."""
    roots = b""
    while found := os.read(told, _LONGEST):
        roots += found
    for root in roots.split(b"\0")[:-1]:
        try:
            _wait(root)
        except OSError:
            continue  # the run has removed it itself
        _reap(os.fsdecode(root))


def _wait(root: bytes) -> None:
    """Wait for the lock: a forked child may hold it that has closed the pipe."""
    import fcntl

    fd = os.open(root, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW)
    fcntl.flock(fd, fcntl.LOCK_EX)
    os.close(fd)


def _reap(root: str) -> None:
    """Take the lock again, look at everything anew, and remove the root."""
    # The package without its `__init__`, which would import all of the library.
    package = type(sys)("tempfiles")
    package.__path__ = [os.path.dirname(os.path.dirname(os.path.abspath(__file__)))]
    sys.modules.setdefault("tempfiles", package)
    from tempfiles.recovery import rescue
    from tempfiles.roots import dispose, locks, ownership

    lock = locks.acquire(root, patience=1.0)
    if lock is None:
        return
    found = ownership.examine(root)
    home = found.marker.root if found.marker is not None else root
    rescued = rescue.rescue_from_dead(root, home) if found.state == "orphaned" else None
    if rescued is not None and not rescued[1]:
        trash = dispose.move_aside(root, lock)
        if trash is not None:
            dispose.dispose(trash, lock, measure=False)
    lock.release()


if __name__ == "__main__":
    # What the run has inherited from its own parent is not kept open any longer than by itself.
    os.closerange(3, os.sysconf("SC_OPEN_MAX"))
    try:
        watch(0)
    except OSError:
        sys.exit(0)  # somebody else is at it: there is nothing left to guard
