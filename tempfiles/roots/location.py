"""Choose the directory that a run root lies in: on disk, in memory, or where the user says."""

import contextlib
import os
import stat
from typing import NamedTuple

from ..fileops.access import open_to_all
from .root import system_directory

_SHARED_MEMORY = "/dev/shm"
# What a run root needs at least, with its marker, its journal and a slot.
_LEAST_BYTES, _LEAST_INODES = 64 << 10, 16


class Location(NamedTuple):
    """A chosen directory; None is the system's temp directory. `remark` is a line for the user: why
    memory is not used though it was asked for, or which risk the directory has."""

    directory: str | None
    remark: str = ""


def choose_location(wanted: str, least_free: int) -> Location:
    """Return the directory that a run root goes into.

    Args:
        wanted: `disk`, `ram`, or a directory.
        least_free: for `ram`, the bytes that must be free there.

    Raises:
        SettingError: the directory is none, or cannot be written to.
    """
    if wanted == "disk":
        return Location(None)
    from ..formatting import printable

    if wanted != "ram":
        risk = _unsafe(_checked(wanted))
        remark = f"{printable(wanted)} {risk}: files of a killed run stay there" if risk else ""
        return Location(wanted, remark)
    refusals = []
    for directory in _named():
        reason = _unfit(directory, least_free)
        if not reason:
            return Location(directory)
        refusals.append(f"{printable(directory)} {reason}")
    return Location(None, f"no temp directory in memory, using disk: {'; '.join(refusals)}")


def memory_directories() -> list[str]:
    """Return the directories that are usually in memory and exist here."""
    return [path for path in _named() if os.path.isabs(path) and os.path.isdir(path)]


def root_directories() -> list[str]:
    """Return the directories in which runs create their roots by default, on disk and in memory.

    The user's directory in memory is one also where XDG_RUNTIME_DIR is not set any more, as in a
    cron job after a login.
    """
    directories = memory_directories()
    if hasattr(os, "getuid") and os.path.isdir(own := f"/run/user/{os.getuid()}"):
        directories.append(own)
    with contextlib.suppress(FileNotFoundError):  # where no disk can be written to
        directories.insert(0, system_directory())
    return list(dict.fromkeys(map(os.path.realpath, directories)))


def _named() -> list[str]:
    named = (os.environ.get("XDG_RUNTIME_DIR"), _SHARED_MEMORY)
    return list(dict.fromkeys(filter(None, named)))


def _checked(directory: str) -> str:
    from .. import errors

    if not os.path.lexists(directory):
        raise errors.SettingError(f"--temp-root: no such directory: {directory}")
    if not os.path.isdir(directory):
        raise errors.SettingError(f"--temp-root: not a directory: {directory}")
    if not os.access(directory, os.W_OK | os.X_OK):
        raise errors.SettingError(f"--temp-root: cannot write to {directory}")
    if place := open_to_all(directory):
        raise errors.SettingError(
            f"--temp-root: {place} is writable by everyone and has no sticky bit, so that other "
            "users could replace the files of the run"
        )
    return directory


def _unfit(directory: str, least_free: int) -> str:
    """Return why a directory cannot hold a run root in memory; empty if it can."""
    if not os.path.isabs(directory):
        return "is no absolute path"
    if not os.path.isdir(directory):
        return "is not a directory" if os.path.lexists(directory) else "does not exist"
    if not os.access(directory, os.W_OK | os.X_OK):
        return "cannot be written to"
    from ..system import procfs

    kind = procfs.file_system_type(directory)
    if kind != "tmpfs":
        return f"is no tmpfs ({kind or 'unknown'})"
    status = os.statvfs(directory)
    if status.f_flag & getattr(os, "ST_NOEXEC", 0):
        return "is mounted noexec"
    return _unsafe(directory) or _lacking(status, max(least_free, _LEAST_BYTES))


def _unsafe(directory: str) -> str:
    """Return why other users could replace a run root there, so that no reaper would trust it."""
    if place := open_to_all(directory):
        within = "" if place == os.path.realpath(directory) else f"lies in {place}, which "
        return f"{within}is writable by everyone and has no sticky bit"
    status = os.stat(directory)
    if status.st_uid not in (0, os.geteuid()) and not status.st_mode & stat.S_ISVTX:
        return f"belongs to user {status.st_uid}"
    return ""


def _lacking(status: os.statvfs_result, least_free: int) -> str:
    if status.f_files and status.f_favail < _LEAST_INODES:
        return f"has {status.f_favail} inodes free, not {_LEAST_INODES}"
    free = status.f_bavail * status.f_frsize
    if status.f_blocks and free < least_free:  # a tmpfs without a limit has no blocks
        from ..formatting import format_size

        shown = format_size(free), format_size(least_free)
        if shown[0] == shown[1]:
            shown = f"{free:,} B", f"{least_free:,} B"
        return f"has {shown[0]} free, not {shown[1]}"
    return ""
