"""Whose root is this, and is its owner provably gone?

A root is born without a marker: the directory is made with the sticky bit, locked, marked, and
then loses the bit. So a reaper that meets one between these steps either finds it locked, or
takes the lock first, and then the maker starts again with another name. A directory without a
marker and without these signs is never ours.
"""

from __future__ import annotations

import os
import secrets
import stat
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Literal

from . import locks, marker, mounts
from .errors import OwnershipError
from .marker import Marker
from .removal import Identity

PREFIX = "tidy-"
TRASH_PREFIX = "tidy-trash-"
KEPT_PREFIX = "tidy-kept-"
BARE_MODE = 0o1700
"""The mode of a root that has no marker: not yet, or (when it is removed) no longer."""

State = Literal["live", "orphaned", "kept", "foreign", "refused"]
_PATIENCE = 0.25
_ATTEMPTS = 100


@dataclass(frozen=True, slots=True)
class Verdict:
    """What is known of one directory that may be a run root.

    `live`: its owner, or a forked child of it, holds the lock. `orphaned`: they are gone. `kept`:
    a user asked to keep it. `foreign`: another host's, or not made by this package. `refused`:
    something is wrong with it, and it is not touched. `reason` says why, in words. `created` is
    in seconds since the epoch; `identity` is None where the path could not be examined.
    """

    root: str
    state: State
    reason: str
    marker: Marker | None = None
    identity: Identity | None = None
    created: float = 0.0


class Claim:
    """A held root: `root` is its path. Forked children share the hold until they end."""

    __slots__ = ("_lock", "root")

    def __init__(self, root: str, lock: locks.DirectoryLock) -> None:
        self.root = root
        self._lock = lock

    @property
    def lock(self) -> locks.DirectoryLock:
        """The lock that is held."""
        return self._lock

    def release(self) -> None:
        """Give up our hold; a second call does nothing."""
        self._lock.release()


def establish(parent: str, *, project: str, argv: Sequence[str]) -> Claim:
    """Make a new root in a directory, locked and marked, and return the claim on it.

    Raises:
        OwnershipError: no directory could be made there.
    """
    for _ in range(_ATTEMPTS):
        # Short: the paths of AF_UNIX sockets end at about 107 bytes.
        root = os.path.join(parent, PREFIX + secrets.token_hex(4))
        try:
            os.mkdir(root, BARE_MODE)
        except FileExistsError:
            continue
        except OSError as error:
            reason = f"cannot make a run root in {parent}: {error.strerror}"
            raise OwnershipError(error.errno, reason) from error
        try:
            return claim(root, project=project, argv=argv)
        except (FileNotFoundError, BlockingIOError):
            continue  # a reaper was faster than our lock
        except BaseException:
            _undo(root)
            raise
    raise OwnershipError(f"no free name for a run root in {parent}")


def claim(root: str, *, project: str, argv: Sequence[str], kept: bool = False) -> Claim:
    """Lock an existing directory and put the marker of this process into it.

    Args:
        root: the directory; it must be this user's.
        project: the working directory of the run.
        argv: its command line.
        kept: whether a user asked to keep the directory.

    Raises:
        FileNotFoundError: it has vanished.
        BlockingIOError: another process holds its lock.
        OSError: it cannot be locked or written to.
    """
    lock = locks.acquire(root, patience=_PATIENCE)
    if lock is None:
        raise BlockingIOError(f"another process holds the lock of {root}")
    try:
        status = os.lstat(root)
        if lock.dir_fd is not None and not os.path.samestat(os.fstat(lock.fd), status):
            raise FileNotFoundError(f"{root} was replaced while it was claimed")
        found = marker.describe(root, status.st_ino, project, argv, kept)
        marker.write(found, root, lock.dir_fd)
        if lock.dir_fd is not None:
            os.fchmod(lock.fd, 0o700)
        lock.park()
    except BaseException:
        lock.release()
        raise
    return Claim(root, lock)


def mark_kept(path: str, *, project: str, argv: Sequence[str]) -> Claim:
    """Mark a directory as kept for a user, so that only `clean --kept` removes it.

    The claim protects it also from that while this process lives, or until it is released.

    Raises:
        OSError: as for `claim`.
    """
    return claim(path, project=project, argv=argv, kept=True)


def judge(root: str, mounted: Mapping[str, str] | None = None) -> Verdict:
    """Say what a directory is; nothing is changed, and nobody is kept waiting.

    `mounted` is a known result of `mounts.mounts()`, to save reading it for each of many roots.
    """
    verdict = examine(root, mounted)
    if verdict.state not in ("orphaned", "kept"):
        return verdict
    try:
        # Shared, so that two who look at once do not take each other for the owner.
        lock = locks.acquire(root, shared=True)
    except OSError as error:
        return replace(verdict, state="refused", reason=f"it cannot be opened: {error.strerror}")
    if lock is None:
        return replace(verdict, state="live", reason=_life(verdict.marker))
    lock.release()
    return verdict


def examine(root: str, mounted: Mapping[str, str] | None = None) -> Verdict:
    """Say what a directory is if nobody holds its lock (for a caller that holds it)."""
    try:
        status = os.lstat(root)
    except OSError as error:
        return Verdict(root, "refused", f"it cannot be examined: {error.strerror}")
    identity = Identity(status.st_dev, status.st_ino)
    verdict = Verdict(root, "refused", "", None, identity, status.st_mtime)
    reason = _untrusted(root, status, mounts.mounts() if mounted is None else mounted)
    if reason:
        return replace(verdict, reason=reason)
    try:
        return _read(verdict, status)
    except OwnershipError as error:
        return replace(verdict, reason=str(error))
    except OSError as error:
        return replace(verdict, reason=f"it cannot be read: {error.strerror}")


def _untrusted(root: str, status: os.stat_result, mounted: Mapping[str, str]) -> str:
    """Return why the directory itself must not be touched; empty where it may be."""
    if stat.S_ISLNK(status.st_mode):
        return "it is a symbolic link"
    if not stat.S_ISDIR(status.st_mode):
        return "it is not a directory"
    if status.st_uid != marker.user_id():
        return f"it belongs to user {status.st_uid}"
    if os.name == "posix" and status.st_mode & 0o022:
        return "other users can write to it"
    parent = os.path.dirname(os.path.abspath(root))
    mode = os.stat(parent).st_mode if os.path.isdir(parent) else 0
    if os.name == "posix" and mode & stat.S_IWOTH and not mode & stat.S_ISVTX:
        return f"{parent} is writable by everyone and has no sticky bit"
    if os.path.ismount(root) or os.path.realpath(root) in mounted:
        return "it is a mount point"
    kind = mounts.type_of(parent, mounted)
    if not mounts.lock_is_trusted(kind):
        return f"a lock on this file system ({kind}) cannot be trusted"
    return ""


def _read(verdict: Verdict, status: os.stat_result) -> Verdict:
    root = verdict.root
    dir_fd = locks.open_directory(root)
    try:
        if dir_fd is not None and not os.path.samestat(os.fstat(dir_fd), status):
            return replace(verdict, reason="it was replaced while it was examined")
        found = marker.read(root, dir_fd)
        if found is None:
            return _without_marker(verdict, status, os.listdir(root if dir_fd is None else dir_fd))
    finally:
        if dir_fd is not None:
            os.close(dir_fd)
    return _with_marker(replace(verdict, marker=found, created=found.created), found)


def _without_marker(verdict: Verdict, status: os.stat_result, names: list[str]) -> Verdict:
    if stat.S_IMODE(status.st_mode) == BARE_MODE and {*names} <= {marker.DRAFT}:
        reason = "its owner died while it was made or removed"
        return replace(verdict, state="orphaned", reason=reason)
    return replace(verdict, state="foreign", reason="it has no marker")


def _with_marker(verdict: Verdict, found: Marker) -> Verdict:
    if found.uid != marker.user_id():
        return replace(verdict, reason=f"its marker names user {found.uid}")
    if verdict.identity is None or found.inode != verdict.identity.inode:
        return replace(verdict, reason="its marker was made for another directory")
    if found.host != marker.host():
        return replace(verdict, state="foreign", reason=f"it belongs to host {found.host!r}")
    if found.kept and not os.path.basename(verdict.root).startswith(TRASH_PREFIX):
        return replace(verdict, state="kept", reason="a user asked to keep it")
    if found.boot != marker.boot_id():
        return replace(verdict, state="orphaned", reason="the system was started anew since")
    reason = f"nobody holds its lock: pid {found.pid} is gone, and what it forked"
    return replace(verdict, state="orphaned", reason=reason)


def _life(found: Marker | None) -> str:
    if found is None:
        return "it is being made or removed"
    return f"pid {found.pid}, or a forked child of it, holds its lock"


def _undo(root: str) -> None:
    for remove, path in ((os.unlink, os.path.join(root, marker.DRAFT)),
                         (os.unlink, os.path.join(root, marker.NAME)), (os.rmdir, root)):
        try:
            remove(path)
        except OSError:
            continue  # it was not there, or is left for the next reaper
