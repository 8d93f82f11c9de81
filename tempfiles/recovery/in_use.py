"""Find what still uses the root of a dead run: a live run inside it, or a process it started.

Such a process does not hold the lock, as a forked child does: a program that is executed loses it.
"""

from __future__ import annotations

import os
import time
from collections.abc import Iterator

from ..roots.claim import PREFIX, is_held
from ..system import procfs
from ..system.platform import HAS_PROC

_CHECKED = 100  # processes or directories, from one look at the clock to the next
_NAMES_IT = ("environ", "cmdline")  # files of a process: a variable or an argument may name it
_RUNS_IT = ("cwd", "exe", "root")  # links


def user_of(root: str, deadline: float | None = None) -> str | None:
    """Return what uses a root without its lock, in words; empty if nothing does.

    Args:
        root: the path of the root; its owner is dead, or it is the caller's.
        deadline: when to stop, on the clock of `time.monotonic`; None for no limit.

    Returns:
        None if the time was up before the end.
    """
    if path := next((path for path in procfs.bound_sockets() if _lies_in(path, root)), ""):
        return f"a process has the socket {path} open"
    pids = filter(str.isdecimal, os.listdir("/proc") if HAS_PROC else ())
    for number, pid in enumerate(pids):
        if not number % _CHECKED and _is_over(deadline):
            return None
        if _uses(pid, root):
            found = procfs.stat(pid)
            if found is not None and found.state not in "ZX":
                return f"in use by pid {pid} ({found.command})"
    runs = live_runs_in(root, deadline)
    return None if runs is None else "".join(map(words_for_run, runs[:1]))


def live_runs_in(root: str, deadline: float | None = None) -> list[str] | None:
    """Return the roots of live runs in the root of another run.

    Args:
        root: the path of that root.
        deadline: as for `user_of`.

    Returns:
        None if the time was up before the end.
    """
    found: list[str] = []
    for number, directory in enumerate(_run_roots(root)):
        if not number % _CHECKED and _is_over(deadline):
            return None
        if directory and is_held(directory):
            found.append(directory)
    return found


def words_for_run(directory: str) -> str:
    """Return the words for a root that is in use by a live run in it.

    Args:
        directory: the root of the live run.
    """
    return f"the run in {directory} is live"


def _uses(pid: str, root: str) -> bool:
    """Whether a process names a path below a root, runs there, or has a file there open."""
    inside = os.fsencode(root) + b"/"
    names = _NAMES_IT if pid != str(os.getpid()) else _NAMES_IT[:1]  # `clean` may be given it
    if any(inside in _words(pid, name) for name in names):
        return True
    return any(_is_below(f"/proc/{pid}/{link}", root) for link in _RUNS_IT) or _has_open(pid, root)


def _words(pid: str, name: str) -> bytes:
    """Return the words of a process; each ends with a slash, as the name of a directory does."""
    return (procfs.read(pid, name) or b"").replace(b"\0", b"/")


def _has_open(pid: str, root: str) -> bool:
    """Whether it has a file open there. A directory is open in what only looks at the root."""
    directory = f"/proc/{pid}/fd"
    try:
        links = [os.path.join(directory, number) for number in os.listdir(directory)]
    except OSError:  # it is gone, or another user's
        return False
    return any(_is_below(link, root) and not os.path.isdir(link) for link in links)


def _is_below(link: str, root: str) -> bool:
    try:
        return _lies_in(os.readlink(link), root)
    except OSError:
        return False


def _lies_in(path: str, root: str) -> bool:
    return (path + os.sep).startswith(root + os.sep)


def _run_roots(root: str) -> Iterator[str]:
    """Yield the directories in a root that are named like one; empty for each other directory."""
    mounted = procfs.mounts()
    pending = [root]
    while pending:
        try:
            with os.scandir(pending.pop()) as entries:
                below = [entry for entry in entries if entry.is_dir(follow_symlinks=False)]
        except OSError:
            continue
        for entry in below:
            yield entry.path if entry.name.startswith(PREFIX) else ""
            if entry.path not in mounted:
                pending.append(entry.path)


def _is_over(deadline: float | None) -> bool:
    return deadline is not None and time.monotonic() >= deadline
