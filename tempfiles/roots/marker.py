"""Write the marker of a run root, which says who created it; only the lock proves a live owner."""

import functools
import os
import time
from collections.abc import Sequence
from typing import NamedTuple

from ..fileops.write import write_atomically
from ..system import procfs

FORMAT = 1
NAME = "marker.json"
DRAFT = "marker.json.new"
_ARGUMENTS, _CHARACTERS = 100, 400


class Marker(NamedTuple):
    """Who created a root. `inode` is the root's own, so that a copy is not taken for it.

    `started` is the process's start in clock ticks since boot (empty once it has released the
    root), `boot` the system's boot id (both empty where there are none), `project` its working
    directory, `created` seconds since the epoch, `root` the path it was created at. `kept` says
    that a user asked to keep it.
    """

    pid: int
    started: str
    host: str
    boot: str
    uid: int
    project: str
    argv: tuple[str, ...]
    created: float
    root: str
    inode: int
    kept: bool = False


def describe(root: str, inode: int, project: str, argv: Sequence[str], kept: bool) -> Marker:
    """Return the marker of a root that this process creates."""
    born = procfs.stat("self")
    return Marker(
        os.getpid(), born.started if born else "", host(), boot_id(), user_id(), project,
        tuple(word[:_CHARACTERS] for word in argv[:_ARGUMENTS]), time.time(), root, inode,
        kept,
    )


def write(marker: Marker, root: str, dir_fd: int | None) -> None:
    """Write a marker into a root in one step; `dir_fd` is the root's descriptor where there is one.

    Raises:
        OSError: it cannot be written.
    """
    fields = {"format": FORMAT, **marker._asdict()}
    items = ", ".join(f'"{name}": {_json(value)}' for name, value in fields.items())
    content = f"{{{items}}}".encode()
    draft, name = located(DRAFT, root, dir_fd), located(NAME, root, dir_fd)
    write_atomically(name, content, draft=draft, dir_fd=dir_fd, mode=0o600)


def is_running(marker: Marker) -> bool:
    """Whether the process that created a root runs, without having released the root."""
    if not marker.started or marker.boot != boot_id():
        return False
    now = procfs.stat(marker.pid)
    return now is not None and now.started == marker.started and now.state not in "ZX"


def host() -> str:
    """Return this host's name."""
    return os.uname().nodename if hasattr(os, "uname") else os.environ.get("COMPUTERNAME", "")


@functools.cache
def boot_id() -> str:
    """Return the id of this boot of the kernel; empty where the system has none."""
    try:
        with open("/proc/sys/kernel/random/boot_id", encoding="utf-8") as file:
            return file.read().strip()
    except OSError:
        return ""


def user_id() -> int:
    """Return the effective user's id; 0 where the system has none."""
    return os.geteuid() if hasattr(os, "geteuid") else 0


def _json(value: object) -> str:
    if isinstance(value, str):
        return _quoted(value)
    if isinstance(value, tuple):
        return f"[{', '.join(map(_quoted, value))}]"
    return str(value).lower()  # a number, or true or false


def _quoted(text: str) -> str:
    # Without `json` where possible: its import takes longer than the creation of a run root.
    if text.isascii() and text.isprintable() and '"' not in text and "\\" not in text:
        return f'"{text}"'
    import json

    return json.dumps(text)


def located(name: str, root: str, dir_fd: int | None) -> str:
    """Return the path of a file of a root, relative to its descriptor where there is one."""
    return name if dir_fd is not None else os.path.join(root, name)
