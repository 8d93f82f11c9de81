"""Read what `/proc` says about a process and about the mounted file systems."""

import os
import re
from collections.abc import Mapping
from typing import NamedTuple

from . import syscalls

MOUNT_TABLE = "/proc/self/mountinfo"

# Other hosts can write to these, and a lock taken here need not be seen there (or here again).
_SHARED = frozenset({
    "9p", "acfs", "afs", "beegfs", "ceph", "cifs", "coda", "davfs", "drvfs", "gfs2", "gpfs",
    "glusterfs", "lustre", "ncpfs", "nfs", "nfs4", "ocfs2", "orangefs", "prl_fs", "smb3", "smbfs",
    "vboxsf", "virtiofs", "vmhgfs",
})
_LOCAL_FUSE = frozenset({"fuse.fuse-overlayfs"})


class ProcessStat(NamedTuple):
    """The fields of `/proc/PID/stat` that are used: `started` is in clock ticks since boot."""

    command: str
    state: str
    ppid: int
    started: str
    session: int = 0


def read(pid: int | str, name: str) -> bytes | None:
    """Return a file of a process (`pid` may be "self"), or None."""
    try:
        with syscalls.open_file(f"/proc/{pid}/{name}", "rb", buffering=0) as file:
            return file.readall()
    except (OSError, ValueError):
        return None


def stat(pid: int | str) -> ProcessStat | None:
    """Return a process's name, state, parent and start, or None where it is gone."""
    text = read(pid, "stat")
    if not text:
        return None
    # The name is in parentheses and may hold spaces and parentheses itself.
    name, _, rest = text.partition(b"(")[2].rpartition(b")")
    fields = rest.split()
    if len(fields) < 20:
        return None
    command = name.decode("utf-8", "replace")
    state, ppid, _, session = fields[:4]
    return ProcessStat(command, state.decode(), int(ppid), fields[19].decode(), int(session))


def bound_sockets() -> frozenset[str]:
    """Return the paths of the sockets that a process has open; empty where they are not known."""
    try:
        with open("/proc/net/unix", encoding="utf-8", errors="surrogateescape") as lines:
            fields = (line.rstrip("\n").split(None, 7) for line in lines)
            return frozenset(found[7] for found in fields if len(found) == 8)
    except OSError:
        return frozenset()


def mounts(table: str | None = None) -> dict[str, str]:
    """Return the type of each mounted file system by its mount point; empty where unknown.

    `table` is the file to read, in the format of `/proc/self/mountinfo`.
    """
    try:
        path = table or MOUNT_TABLE
        with syscalls.open_file(path, encoding="utf-8", errors="surrogateescape") as lines:
            return dict(filter(None, map(_mount, lines)))
    except OSError:
        return {}


def file_system_type(path: str, mounted: Mapping[str, str] | None = None) -> str:
    """Return the type of the file system below a path (`ext4`, `nfs`); empty where unknown."""
    known = mounts() if mounted is None else mounted
    return known.get(mount_point(path, known), "")


def mount_point(path: str, mounted: Mapping[str, str] | None = None) -> str:
    """Return where the file system that holds a path is mounted; `/` where that is unknown."""
    known = mounts() if mounted is None else mounted
    point = os.path.realpath(path)
    while point not in known and (parent := os.path.dirname(point)) != point:
        point = parent
    return point


def mount_of(path: str) -> tuple[int, str]:
    """Return what tells the mounts of existing paths apart: no rename leads from one to another.

    Raises:
        OSError: the path does not exist or cannot be examined.
    """
    return os.lstat(path).st_dev, mount_point(path)


def lock_is_trusted(kind: str) -> bool:
    """Whether a free lock on a file system of this type proves that its owner is gone."""
    if kind in _LOCAL_FUSE:
        return True
    return kind not in _SHARED and kind != "fuse" and not kind.startswith("fuse.")


def _mount(line: str) -> tuple[str, str] | None:
    before, separator, after = line.partition(" - ")
    fields = before.split(" ")
    if not separator or len(fields) < 5 or not after.strip():
        return None
    return _unescape(fields[4]), after.split(" ")[0].strip()


def _unescape(text: str) -> str:
    return re.sub(r"\\([0-7]{3})", lambda match: chr(int(match[1], 8)), text)
