"""The guard: a tiny process that outlives a run, and removes its root when the run has died.

It waits for the lock of the root, which is free when the run and all that it forked are gone,
however they died. This file is also the guard's script: started alone, without `site`, and with
as few imports as possible, so that waiting costs little memory.
"""

from __future__ import annotations

import os
import sys

_DIRECTORY = getattr(os, "O_DIRECTORY", 0) | getattr(os, "O_NOFOLLOW", 0)
# The shell puts the guard into the background and ends, so it is nobody's child that a test
# could wait for. What it ignores, the guard ignores: also ^C and the hang-up of its terminal.
_LAUNCH = "trap '' HUP INT QUIT TERM; \"$@\" </dev/null >/dev/null 2>&1 & echo $!"
_PATIENCE = 1.0
_PASSED_ON = ("LD_LIBRARY_PATH", "DYLD_LIBRARY_PATH", "PATH")


def start(root: str) -> int | None:
    """Start a guard for a root that this process holds, and return its pid.

    Returns None where there can be no guard: no flock, no `/bin/sh`, no interpreter of its own.
    """
    import subprocess

    if not _DIRECTORY or not sys.executable or not os.path.isfile(__file__):
        return None
    status = os.lstat(root)
    command = [sys.executable, "-I", "-S", os.path.abspath(__file__), root,
               str(status.st_dev), str(status.st_ino)]
    environment = {name: os.environ[name] for name in _PASSED_ON if name in os.environ}
    try:
        launch = subprocess.run(
            ["/bin/sh", "-c", _LAUNCH, "sh", *command], cwd="/", env=environment, check=False,
            stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL,
            start_new_session=True,
        )
        return int(launch.stdout)
    except (OSError, ValueError):
        return None


def watch(root: str, device: int, inode: int) -> None:
    """Wait until nobody holds the root's lock, then remove it, if it is still there and the same.

    Raises:
        OSError: the root is gone, or cannot be opened.
    """
    import fcntl

    fd = os.open(root, os.O_RDONLY | _DIRECTORY)
    status = os.fstat(fd)
    if (status.st_dev, status.st_ino) != (device, inode):
        return
    fcntl.flock(fd, fcntl.LOCK_EX)
    if not os.path.lexists(root):
        return  # the run has removed it itself
    os.close(fd)
    _reap(root)


def _reap(root: str) -> None:
    """Take the lock again, look at everything anew, and remove the root."""
    # The package without its `__init__`, which would import all of the library.
    package = type(sys)("tempfiles")
    package.__path__ = [os.path.dirname(os.path.abspath(__file__))]
    sys.modules["tempfiles"] = package
    from tempfiles import disposal, locks, ownership

    lock = locks.acquire(root, patience=_PATIENCE)
    if lock is not None and ownership.examine(root).state == "orphaned":
        trash = disposal.move_aside(root, lock)
        if trash is not None:
            disposal.dispose(trash, lock)


if __name__ == "__main__":
    try:
        watch(sys.argv[1], int(sys.argv[2]), int(sys.argv[3]))
    except OSError:
        sys.exit(0)  # the root is gone, or somebody else is at it: there is nothing left to guard
