"""Decide who owns a directory that may be a run root, and whether its owner is provably gone.

`claim` creates the roots. A directory without a marker, and without the signs of one that is just
being created or removed, is never one of ours.
"""

from __future__ import annotations

import os
import stat
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Literal

from ..errors import OwnershipError
from ..fileops.access import open_to_all
from ..fileops.identity import FileId, file_id
from ..system import procfs
from ..system.platform import POSIX
from . import flock, marker, marker_reader
from .claim import BARE_MODE, KEPT_PREFIX, PREFIX, TRASH_PREFIX, Claim, claim, establish, mark_kept
from .journal_reader import distrust
from .marker import Marker

__all__ = [
    "BARE_MODE", "KEPT_PREFIX", "PREFIX", "TRASH_PREFIX", "Claim", "Verdict", "candidates", "claim",
    "establish", "examine", "examine_unlocked", "mark_kept", "untrusted_parent",
]  # fmt: skip

State = Literal["live", "in use", "orphaned", "kept", "foreign", "refused"]


@dataclass(frozen=True, slots=True)
class Verdict:
    """The result of examining one directory that may be a run root.

    `live`: its owner, or a forked child of it, holds the lock. `orphaned`: they are gone. `in use`:
    they are gone, but a process still uses its files. `kept`: a user asked to keep it. `foreign`:
    another host's, or not created by this package. `refused`: it cannot be trusted, and is not
    touched. `reason` says why, in words. `created` is in seconds since the epoch; `identity` is
    None where the path could not be examined.
    """

    root: str
    state: State
    reason: str
    marker: Marker | None = None
    identity: FileId | None = None
    created: float = 0.0


def candidates(directory: str) -> list[str]:
    """Return the paths in a directory that are named like run roots, sorted by name."""
    try:
        with os.scandir(directory) as entries:
            names = [entry.name for entry in entries if entry.name.startswith(PREFIX)]
    except OSError:
        return []
    return [os.path.join(directory, name) for name in sorted(names)]


def examine(root: str, mounted: Mapping[str, str] | None = None) -> Verdict:
    """Return what a directory is; nothing is changed, and no lock is waited for.

    `mounted` is a known result of `procfs.mounts()`, to save reading it for each of many roots.
    """
    verdict = examine_unlocked(root, mounted)
    if verdict.state not in ("orphaned", "kept", "live"):
        return verdict
    try:
        # Shared, so that two processes that examine it do not take each other for the owner.
        lock = flock.acquire_unused(root, shared=True)
    except OSError as error:
        return replace(verdict, state="refused", reason=f"it cannot be opened: {error.strerror}")
    if lock is None:
        return replace(verdict, state="live", reason=_life(verdict.marker))
    lock.release()
    return verdict


def examine_unlocked(root: str, mounted: Mapping[str, str] | None = None) -> Verdict:
    """Return what a directory is if no other process holds its lock: the caller holds it."""
    try:
        status = os.lstat(root)
    except OSError as error:
        return Verdict(root, "refused", f"it cannot be examined: {error.strerror}")
    identity = file_id(status)
    verdict = Verdict(root, "refused", "", None, identity, status.st_mtime)
    reason = _untrusted(root, status, procfs.mounts() if mounted is None else mounted)
    if reason:
        return replace(verdict, reason=reason)
    try:
        return _read(verdict, status)
    except OwnershipError as error:
        return replace(verdict, reason=str(error))
    except OSError as error:
        return replace(verdict, reason=f"it cannot be read: {error.strerror}")
    except Exception as error:  # one bad root never stops the work on the others
        return replace(verdict, reason=f"it cannot be examined: {error!r}")


def _untrusted(root: str, status: os.stat_result, mounted: Mapping[str, str]) -> str:
    """Return why the directory itself must not be touched; empty where it may be."""
    if stat.S_ISLNK(status.st_mode):
        return "it is a symbolic link"
    if not stat.S_ISDIR(status.st_mode):
        return "it is not a directory"
    if status.st_uid != marker.user_id():
        return f"it belongs to user {status.st_uid}"
    if POSIX and status.st_mode & 0o022:
        return "other users can write to it"
    if os.path.ismount(root) or os.path.realpath(root) in mounted:
        return "it is a mount point"
    parent = os.path.dirname(os.path.abspath(root))
    return untrusted_parent(parent, mounted) if os.path.isdir(parent) else ""


def untrusted_parent(directory: str, mounted: Mapping[str, str]) -> str:
    """Return why no statement can be trusted on what lies in a directory; empty where it can.

    Raises:
        OSError: the directory cannot be examined.
    """
    if place := open_to_all(directory):
        return f"{place} is writable by everyone and has no sticky bit"
    kind = procfs.file_system_type(directory, mounted)
    if not procfs.lock_is_trusted(kind):
        return f"a lock on this file system ({kind}) cannot be trusted"
    return ""


def _read(verdict: Verdict, status: os.stat_result) -> Verdict:
    root = verdict.root
    dir_fd = flock.open_directory(root)
    try:
        if dir_fd is not None and not os.path.samestat(os.fstat(dir_fd), status):
            return replace(verdict, reason="it was replaced while it was examined")
        found = marker_reader.read_marker(root, dir_fd)
        if found is None:
            return _without_marker(verdict, status, os.listdir(root if dir_fd is None else dir_fd))
    finally:
        if dir_fd is not None:
            os.close(dir_fd)
    return _with_marker(replace(verdict, marker=found, created=found.created), found)


def _without_marker(verdict: Verdict, status: os.stat_result, names: list[str]) -> Verdict:
    if stat.S_IMODE(status.st_mode) == BARE_MODE and {*names} <= {marker.DRAFT}:
        reason = "its owner died while it was created or removed"
        return replace(verdict, state="orphaned", reason=reason)
    return replace(verdict, state="foreign", reason="it has no marker")


def _with_marker(verdict: Verdict, found: Marker) -> Verdict:
    if found.uid != marker.user_id():
        return replace(verdict, reason=f"its marker names user {found.uid}")
    if verdict.identity is None or found.inode != verdict.identity.inode:
        return replace(verdict, reason="its marker was written for another directory")
    if found.host != marker.host():
        return replace(verdict, state="foreign", reason=f"it belongs to host {found.host!r}")
    if reason := distrust(verdict.root):
        return replace(verdict, reason=reason)
    if marker.is_running(found):
        reason = f"pid {found.pid}, which has created it, still runs"
        return replace(verdict, state="live", reason=reason)
    if found.kept and not os.path.basename(verdict.root).startswith(TRASH_PREFIX):
        return replace(verdict, state="kept", reason="a user asked to keep it")
    if found.boot != marker.boot_id():
        return replace(verdict, state="orphaned", reason="the system was restarted since")
    reason = f"no process holds its lock: pid {found.pid} and its children are gone"
    return replace(verdict, state="orphaned", reason=reason)


def _life(found: Marker | None) -> str:
    if found is None:
        return "it is being created or removed"
    return f"pid {found.pid}, or a forked child of it, holds its lock"
