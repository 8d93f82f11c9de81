"""Where a run root can lie: on the system's disk, in memory, or where a user says."""

from __future__ import annotations

import os

from . import errors
from ._record import Record
from .root import system_directory

_IN_MEMORY = ("tmpfs", "ramfs")


class Place(Record):
    """A chosen directory, None for the system's temp directory; `refusal` says in one line why
    memory, which was asked for, is not used."""

    directory: str | None
    refusal: str = ""


def choose(wanted: str, least_free: int) -> Place:
    """Return the directory that a run root goes into.

    Args:
        wanted: `disk`, `ram`, or a directory.
        least_free: for `ram`, the bytes that must be free there.

    Raises:
        SettingError: the directory is none, or cannot be written to.
    """
    if wanted == "disk":
        return Place(None)
    if wanted != "ram":
        return Place(_checked(wanted))
    refusals = []
    for directory in memory_places():
        reason = _unfit(directory, least_free)
        if not reason:
            return Place(directory)
        refusals.append(f"{directory} {reason}")
    told = "; ".join(refusals) or "this system has no directory in memory"
    return Place(None, f"no temp directory in memory, using disk: {told}")


def memory_places() -> list[str]:
    """Return the directories that are usually in memory and exist here."""
    named = (os.environ.get("XDG_RUNTIME_DIR", ""), "/dev/shm")
    return [place for place in named if os.path.isabs(place) and os.path.isdir(place)]


def all_places() -> list[str]:
    """Return every directory where run roots of this user may lie by themselves."""
    places = [system_directory(), *memory_places()]
    return list(dict.fromkeys(map(os.path.realpath, places)))


def _checked(directory: str) -> str:
    if not os.path.isdir(directory):
        raise errors.SettingError(f"--temp-root: no such directory: {directory}")
    if not os.access(directory, os.W_OK | os.X_OK):
        raise errors.SettingError(f"--temp-root: cannot write to {directory}")
    return directory


def _unfit(directory: str, least_free: int) -> str:
    """Return why a directory cannot hold a run root in memory; empty if it can."""
    if not os.access(directory, os.W_OK | os.X_OK):
        return "cannot be written to"
    from . import mounts, quantities

    kind = mounts.type_of(directory)
    if kind not in _IN_MEMORY:
        return f"is not in memory ({kind or 'unknown'})"
    status = os.statvfs(directory)
    if status.f_flag & getattr(os, "ST_NOEXEC", 0):
        return "is mounted noexec"
    free = status.f_bavail * status.f_frsize
    if free < least_free:
        return f"has {quantities.format_size(free)} free, not {quantities.format_size(least_free)}"
    return ""
