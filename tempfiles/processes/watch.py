"""Find processes by `/proc`: those of this run, and those that hold a file open.

Other users' processes cannot be examined. A process that ends meanwhile is left out.
"""

from __future__ import annotations

import contextlib
import os
from collections.abc import Iterable
from dataclasses import dataclass
from time import sleep

from ..fileops.identity import with_parents
from ..system import procfs, syscalls
from ..system.platform import HAS_PROC

_VARIABLE = b"TMPDIR="
_READS, _PAUSE = 100, 0.001
_KERNEL = (0, 2)  # the parents of kernel threads, which never have an environment
_LISTINGS = _LOOKS = 5

# One for the whole process: the first context that needs it starts it, and all use it.
_FORK_SERVER = b"multiprocessing.forkserver"
_SHARED_SERVERS = (_FORK_SERVER, b"multiprocessing.resource_tracker")
# What adopts the children of a process that has ended, besides the process 1.
_REAPERS = ("systemd", "init", "tini", "dumb-init", "docker-init", "catatonit", "containerd-shim")


@dataclass(frozen=True, slots=True)
class Process:
    """A live process.

    Attributes:
        pid: its id.
        ppid: the id of its parent.
        command: its short name.
        started: clock ticks since boot; with the pid it identifies the process.
        tmpdir: its TMPDIR; None where that lies elsewhere (a forked copy of this process, or a
            child with another one).
    """

    pid: int
    ppid: int
    command: str
    started: str
    tmpdir: str | None

    def __str__(self) -> str:
        return f"pid {self.pid} ({self.command})"


def alive(process: Process) -> bool:
    """Whether a process still runs: no other process with its pid, and no zombie."""
    now = procfs.stat(process.pid)
    return now is not None and now.started == process.started and now.state not in "ZX"


class ProcessWatch:
    """Report each process that works below a directory once; only new ones are examined.

    Processes that run already when the watch is created are not reported.

    Args:
        prefix: the directory.
        orphans: report also what may be a grandchild whose parent is gone, without evidence.
    """

    __slots__ = ("_known", "_listed", "_orphans", "_pid", "_prefix", "_related", "_session")

    def __init__(self, prefix: str, *, orphans: bool = False) -> None:
        self._orphans = orphans
        self._prefix = syscalls.real_path(prefix)
        self._pid = os.getpid()
        self._session = os.getsid(0) if hasattr(os, "getsid") else -1
        self._listed: list[str] = syscalls.listdir("/proc") if HAS_PROC else []
        self._known = set(filter(str.isdecimal, self._listed))
        self._related: set[int] = {self._pid}

    def new_since_last(self) -> list[Process]:
        """Return the processes that have come up since the last call, by pid."""
        found: list[Process] = []
        # A shell may fork and be gone between the listing and the look at it: list again then.
        for _ in range(_LISTINGS):
            fresh = self._fresh()
            looked = [self._look(pid) for pid in sorted(fresh, key=int)]
            found += filter(None, looked)
            if all(looked):
                break
        return found

    def _fresh(self) -> set[str]:
        listed = syscalls.listdir("/proc") if HAS_PROC else []
        if listed == self._listed:
            return set()
        self._listed = listed
        pids = set(filter(str.isdecimal, listed))
        fresh = pids - self._known
        self._known = pids
        self._related = {pid for pid in self._related if str(pid) in pids}
        return fresh

    def _look(self, pid: str) -> Process | None:
        seen = None
        for _ in range(_LOOKS):
            stat = procfs.stat(pid)
            if stat is None or stat.state in "ZX" or int(pid) == self._pid:
                return None
            environment = _environment(pid) if stat.ppid not in _KERNEL else b""
            tmpdir = _tmpdir(environment)
            is_below = tmpdir is not None and self._is_below(tmpdir)
            if (
                is_below or stat.ppid in self._related or self._is_copy(pid, environment)
                or (self._orphans and not tmpdir and self._is_orphan(pid, stat, environment))
            ):
                self._related.add(int(pid))
                below = tmpdir if is_below else None
                return Process(int(pid), stat.ppid, stat.command, stat.started, below)
            if environment == seen:
                return None
            # It may have become another program between two of these looks: look once more.
            seen = environment
        return None

    def is_of_run(self, pid: str) -> bool:
        """Whether a process, whatever its parent, has the run's temp directory."""
        environment = procfs.read(pid, "environ") or b""
        tmpdir = _tmpdir(environment)
        return (tmpdir is not None and self._is_below(tmpdir)) or self._is_copy(pid, environment)

    def _is_below(self, path: str) -> bool:
        return path == self._prefix or path.startswith(self._prefix + os.sep)

    def _is_orphan(self, pid: str, stat: procfs.ProcessStat, environment: bytes) -> bool:
        """Whether it may be a grandchild whose parent is gone, and that has another environment.

        It is in the session of this process; or it has no environment and is the same user's, as
        few programs are. It need not be ours: a mistake only costs a slot.
        """
        if stat.ppid != 1 and (procfs.stat(stat.ppid) or stat).command not in _REAPERS:
            return False
        if stat.session == self._session:
            return True
        try:
            return not environment and syscalls.stat(f"/proc/{pid}").st_uid == os.geteuid()
        except OSError:
            return False

    def _is_copy(self, pid: str, environment: bytes) -> bool:
        """Whether it was forked from this process, whose child it no longer is (a daemon).

        It has the environment that this process was started with, and the root's descriptor.
        """
        if not environment or environment != procfs.read("self", "environ"):
            return False
        return any(map(self._is_below, _paths(pid)))


def is_shared(process: Process) -> bool:
    """Return whether a process is a server of multiprocessing, shared by the whole run."""
    command = procfs.read(process.pid, "cmdline") or b""
    if _FORK_SERVER in command:  # its children have the same command line
        return _FORK_SERVER not in (procfs.read(process.ppid, "cmdline") or b"")
    return any(server in command for server in _SHARED_SERVERS)


def has_servers_command(process: Process) -> bool:
    """Return whether a process is the fork server of multiprocessing, or a child of it."""
    return _FORK_SERVER in (procfs.read(process.pid, "cmdline") or b"")


def others_work_in(directory: str, root: str) -> bool:
    """Whether a process works in a directory, or below it, that is not of this run.

    A server that was started elsewhere works in it if its command line names a path there.

    Of the run are this process, its ancestors, which wait for it, its descendants, and what has the
    run's temp directory.

    Args:
        directory: the directory.
        root: the run root.
    """
    watch = ProcessWatch(root)
    own = _with_ancestors(os.getpid())
    for pid in map(int, _pids()):
        working = f"{_link(f'/proc/{pid}/cwd')}{os.sep}".startswith(directory + os.sep)
        if not working and not _names(pid, directory):
            continue
        stat = procfs.stat(pid)
        if stat is None or stat.state in "ZX" or pid in own:
            continue
        if not _is_of_run(pid, watch):
            return True
    return False


def _names(pid: int, directory: str) -> bool:
    """Whether a word of the command line of a process is a directory, or a path in it."""
    words = (procfs.read(pid, "cmdline") or b"").split(b"\0")
    top = os.fsencode(directory + os.sep)
    return any((word.rpartition(b"=")[2] + b"/").startswith(top) for word in words)


def held_by_others(paths: Iterable[str], root: str) -> set[str]:
    """Return the paths that processes hold open, none of which is of this run.

    Args:
        paths: the paths.
        root: the run root.
    """
    held = holders_of(paths)
    watch = ProcessWatch(root)
    ours = [pid for pid in _pids() if _is_of_run(int(pid), watch)] if held else []
    return set(held) - set(holders_of(held, ours))


def _is_of_run(pid: int, watch: ProcessWatch) -> bool:
    return os.getpid() in _with_ancestors(pid) or watch.is_of_run(str(pid))


def _with_ancestors(pid: int) -> set[int]:
    found: set[int] = set()
    while pid > 0 and pid not in found and (stat := procfs.stat(pid)) is not None:
        found.add(pid)
        pid = stat.ppid
    return found


def holders_of(paths: Iterable[str], pids: Iterable[str] | None = None) -> dict[str, list[str]]:
    """Return the processes that hold any of some paths, or something below it, open, by path.

    Open files, mapped files, working directories and programs count, as `pid 4123 (redis-server)`.
    A path that no process holds is left out. Each process is examined once, whatever the number of
    paths.

    Args:
        paths: the paths.
        pids: the processes to examine; None for all of the system.
    """
    wanted = {syscalls.real_path(path): path for path in paths}
    found: dict[str, list[str]] = {}
    for pid in (_pids() if pids is None else pids) if wanted else ():
        held = {wanted[top] for name in _paths(pid) for top in with_parents(name) if top in wanted}
        if not held or (stat := procfs.stat(pid)) is None:
            continue
        for path in sorted(held):
            found.setdefault(path, []).append(f"pid {pid} ({stat.command})")
    return found


def _environment(pid: str) -> bytes:
    """Return a process's environment; while it starts a program or ends, it has none.

    On a busy machine a start can take long; what is missed here is reported under another test.
    """
    for _ in range(_READS):
        environment = procfs.read(pid, "environ")
        if environment:
            return environment
        stat = procfs.stat(pid)
        if environment is None or stat is None or stat.state in "ZX":
            break  # another user's, or gone
        sleep(_PAUSE)
    return b""


def _pids() -> list[str]:
    return sorted(filter(str.isdecimal, syscalls.listdir("/proc")), key=int) if HAS_PROC else []


def _paths(pid: str) -> set[str]:
    """Return the paths that a process holds: open, mapped, working in, or running."""
    found = {_link(f"/proc/{pid}/{name}") for name in ("cwd", "exe", "root")}
    with contextlib.suppress(OSError):  # another user's, or gone
        found |= {_link(f"/proc/{pid}/fd/{fd}") for fd in syscalls.listdir(f"/proc/{pid}/fd")}
    for line in (procfs.read(pid, "maps") or b"").splitlines():
        _, slash, name = line.partition(b" /")
        if slash:
            found.add("/" + os.fsdecode(name))
    return {path for path in found if path.startswith("/") and path != "/"}


def _link(path: str) -> str:
    try:
        return syscalls.readlink(path)
    except OSError:
        return ""


def _tmpdir(environment: bytes) -> str | None:
    for setting in environment.split(b"\0"):
        if setting.startswith(_VARIABLE):
            return os.fsdecode(setting[len(_VARIABLE) :])
    return None
