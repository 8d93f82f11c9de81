"""Read what `/proc` tells of a process; None where there is none, or it has just gone."""

from __future__ import annotations

from ..record import Record
from . import syscalls


class Stat(Record):
    """The fields of `/proc/PID/stat` that are used: `started` is in clock ticks since boot."""

    command: str
    state: str
    ppid: int
    started: str


def read(pid: int | str, name: str) -> bytes | None:
    """Return a file of a process (`pid` may be "self"), or None."""
    try:
        with syscalls.open_file(f"/proc/{pid}/{name}", "rb", buffering=0) as file:
            return file.readall()
    except (OSError, ValueError):
        return None


def stat(pid: int | str) -> Stat | None:
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
    return Stat(command, fields[0].decode(), int(fields[1]), fields[19].decode())
