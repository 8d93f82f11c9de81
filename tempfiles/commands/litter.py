"""Find litter of other tools: paths that match a pattern and that provably no process uses.

What is in doubt is left, with the reason.
"""

from __future__ import annotations

import fnmatch
import os
import re
import stat
import time
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field, replace

from ..errors import RefusedError, SettingError
from ..fileops.identity import version
from ..fileops.measure import walk_tree
from ..fileops.remove import refuse_if_precious, remove_listed
from ..fileops.tally import Tally
from ..processes import watch as processes
from ..reports import RemovalFailure, RemovalReport
from ..roots import marker
from ..roots.ownership import PREFIX, untrusted_parent
from ..system import procfs
from ..system.platform import HAS_FCNTL, HAS_PROC

if HAS_FCNTL:
    import fcntl

_OPEN = (
    os.O_RDONLY | getattr(os, "O_NONBLOCK", 0) | getattr(os, "O_NOFOLLOW", 0)
    | getattr(os, "O_CLOEXEC", 0)
)
_Entries = list[tuple[str, os.stat_result]]


@dataclass(frozen=True, slots=True)
class Item:
    """A path that matches. `reason` says why it is left; empty where it may be removed.

    `age` is the time in seconds since anything in it was modified last. `entries` counts the
    path itself and all below it. `state` changes when anything in it is replaced or written to.
    """

    path: str
    reason: str = ""
    state: int = 0
    age: float = 0.0
    bytes: int = 0
    entries: int = 1


@dataclass(frozen=True, slots=True)
class LitterPlan:
    """`chosen` may be removed; `left` not, and each says why."""

    chosen: tuple[Item, ...] = ()
    left: tuple[Item, ...] = ()


def check_pattern(pattern: str) -> str:
    """Return a pattern of file names as it is.

    Raises:
        SettingError: it is empty, has a separator, or would match every name.
    """
    if not pattern or "/" in pattern or "\0" in pattern or os.sep in pattern:
        raise SettingError(f"{pattern!r} is not a pattern of one file name, such as 'redis-*.tmp'")
    if "[" in re.sub(r"\[!?\]?[^\]]*\]", "", pattern):
        raise SettingError(f"{pattern!r} has a '[' that is never closed")
    if not re.sub(r"\[[^\]]*\]|[*?.]", "", pattern):
        raise SettingError(f"{pattern!r} matches too much; it must hold part of a name")
    return pattern


def plan(directories: Iterable[str], patterns: Sequence[str], *, min_age: float) -> LitterPlan:
    """Examine the entries of some directories whose names match; nothing is changed.

    Args:
        directories: where to look, not below.
        patterns: shell patterns of names; a name that starts with a dot needs one that does.
        min_age: leave what is younger, in seconds.
    """
    mounted = procfs.mounts()
    items = [
        _examine(path, min_age, mounted)[0]
        for directory in dict.fromkeys(map(os.path.realpath, directories))
        for path in _matching(directory, patterns)
    ]
    return _split(_without_used(items))


def remove(item: Item, *, min_age: float) -> tuple[Item, RemovalReport | None]:
    """Examine an item of a plan again, and remove it unless it has changed or is used since.

    What is added to it or written to while it is removed stays as well.

    Returns:
        The item as it was found now, and what was removed; None where its reason says why it was
        left.
    """
    now, entries = _examine(item.path, min_age, procfs.mounts())
    if not now.reason and now.state != item.state:
        now = replace(now, reason="it has changed since it was planned")
    (now,) = _without_used([now])
    if now.reason:
        return now, None
    tally = Tally()
    try:
        refuse_if_precious(now.path)
    except RefusedError as error:
        failure = RemovalFailure(now.path, error.strerror or str(error), error.errno)
        return now, RemovalReport(failed=(failure,))
    remove_listed(entries, tally)
    return now, tally.report()


def _split(items: list[Item]) -> LitterPlan:
    chosen = tuple(item for item in items if not item.reason)
    return LitterPlan(chosen, tuple(item for item in items if item.reason))


def _matching(directory: str, patterns: Sequence[str]) -> list[str]:
    try:
        names = sorted(os.listdir(directory))
    except OSError:
        return []
    return [
        os.path.join(directory, name)
        for name in names
        if any(_matches(name, pattern) for pattern in patterns)
    ]


def _matches(name: str, pattern: str) -> bool:
    return fnmatch.fnmatchcase(name, pattern) and name.startswith(".") <= pattern.startswith(".")


def _examine(path: str, min_age: float, mounted: dict[str, str]) -> tuple[Item, _Entries]:
    """Return what is known of a path, and the entries of its tree if it may be removed."""
    directory = os.path.dirname(path)
    try:
        reason = _unsafe(path, directory, mounted)
        if reason:
            return Item(path, reason), []
        found = _Survey(os.stat(directory).st_dev)
        found.examine(path)
    except OSError as error:
        return Item(path, f"it cannot be examined: {error.strerror}"), []
    age = time.time() - found.newest
    if not found.reason and age < min_age:
        found.reason = "it was modified too recently"
    item = Item(path, found.reason, found.state, max(0.0, age), found.bytes, len(found.entries))
    return item, found.entries


def _unsafe(path: str, directory: str, mounted: dict[str, str]) -> str:
    """Return why a path must not be touched because of where it lies; empty where it may be."""
    if os.path.basename(path).startswith(PREFIX):
        return "it may be the root of a run, which has rules of its own"
    if not HAS_PROC:
        return "this system does not report which processes have it open"
    if any(point == path or point.startswith(path + os.sep) for point in mounted):
        return "it is, or holds, a mount point"
    return untrusted_parent(directory, mounted)


def _is_locked(path: str, status: os.stat_result) -> bool:
    """Whether a process holds a lock on a path, whose `lstat` is `status`.

    Only files and directories are opened to see that; a FIFO or a device never is.

    Raises:
        OSError: it cannot be opened, for another reason than its permissions.
    """
    if not (stat.S_ISREG(status.st_mode) or stat.S_ISDIR(status.st_mode)):
        return False
    try:
        fd = os.open(path, _OPEN)
    except PermissionError:
        return False  # a lock that this system's table shows has been seen
    try:
        fcntl.flock(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
        if stat.S_ISREG(status.st_mode):
            fcntl.lockf(fd, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except (BlockingIOError, PermissionError):
        return True
    finally:
        os.close(fd)
    return False


def _lock_table() -> frozenset[tuple[int, int]]:
    """Return device and inode of each file that `/proc/locks` shows as locked."""
    found = set()
    try:
        with open("/proc/locks", encoding="ascii", errors="replace") as lines:
            for line in lines:
                match = re.search(r" ([0-9a-f]+):([0-9a-f]+):([0-9]+) ", line)
                if match:
                    device = os.makedev(int(match[1], 16), int(match[2], 16))
                    found.add((device, int(match[3])))
    except OSError:
        pass
    return frozenset(found)


@dataclass(slots=True)
class _Survey:
    """The examination of one path and everything below it; `reason` is the first objection."""

    device: int
    newest: float = 0.0
    bytes: int = 0
    entries: _Entries = field(default_factory=list)
    reason: str = ""
    _locked: frozenset[tuple[int, int]] = field(default_factory=_lock_table)

    @property
    def state(self) -> int:
        return hash(frozenset((path, version(status)) for path, status in self.entries))

    def examine(self, top: str) -> None:
        for path, status in walk_tree(top):
            self._add(path, status)
            if self.reason:
                return

    def _add(self, path: str, status: os.stat_result) -> None:
        self.entries.append((path, status))
        self.newest = max(self.newest, status.st_mtime)
        if stat.S_ISREG(status.st_mode):
            self.bytes += status.st_size
        self.reason = self._objection(path, status)

    def _objection(self, path: str, status: os.stat_result) -> str:
        if status.st_uid != marker.user_id():
            return f"{path} belongs to user {status.st_uid}"
        if status.st_dev != self.device:
            return f"{path} is a mount point"
        if (status.st_dev, status.st_ino) in self._locked or _is_locked(path, status):
            return f"{path} is locked"
        return ""


def _without_used(items: list[Item]) -> list[Item]:
    """Leave what a process holds open, or has bound a socket to."""
    paths = [item.path for item in items if not item.reason]
    used = processes.holders_of(paths)
    bound = procfs.bound_sockets() if paths else frozenset()
    return [_check_use(item, used, bound) for item in items]


def _check_use(item: Item, used: dict[str, list[str]], bound: frozenset[str]) -> Item:
    if item.path in used:
        return replace(item, reason=f"it is open in {', '.join(used[item.path])}")
    if any(path == item.path or path.startswith(item.path + os.sep) for path in bound):
        return replace(item, reason="a process listens on a socket there")
    return item
