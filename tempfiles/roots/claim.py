"""Create a run root and hold it by its lock and its marker.

A root is created without a marker: the directory gets the sticky bit, is locked, marked, and then
loses the bit. A reaper that finds one between these steps either finds it locked, or takes the
lock first, and then the run starts again with another name.
"""

from __future__ import annotations

import contextlib
import errno
import os
import re
from collections.abc import Callable, Sequence

from ..errors import OwnershipError
from ..fileops.access import open_to_all
from . import flock, marker

PREFIX = "tidy-"
_ROOT_NAME = f"{PREFIX}[0-9a-f]{{8}}"
TRASH_PREFIX = "tidy-trash-"
KEPT_PREFIX = "tidy-kept-"
"""The beginning of the names of directories of kept files."""
BARE_MODE = 0o1700
"""The mode of a root that has no marker yet, or (while it is removed) no longer."""

_PATIENCE = 0.25
_ATTEMPTS = 100


def _is_root_name(name: str) -> bool:
    return name.startswith(PREFIX) and re.fullmatch(_ROOT_NAME, name) is not None


def outside_of_roots(directory: str) -> str:
    """Return a directory; for a run root, which may lie in another one, that of the outermost."""
    while _is_root_name(os.path.basename(directory)):
        directory = os.path.dirname(directory)
    return directory


class Claim:
    """A held root: `root` is its path. Forked children share the lock until they end."""

    __slots__ = ("_lock", "_marker", "root")

    def __init__(self, root: str, lock: flock.DirectoryLock, found: marker.Marker) -> None:
        self.root = root
        self._lock = lock
        self._marker = found

    @property
    def lock(self) -> flock.DirectoryLock:
        """The lock that is held."""
        return self._lock

    def is_in_place(self) -> bool:
        """Whether the root still has its path: another directory may have been put there."""
        return self._lock.is_at(self.root)

    def is_root(self, lock: flock.DirectoryLock) -> bool:
        """Whether a lock is on the root, and not on another directory at its path."""
        return lock.is_same(self._lock)

    def release(self) -> None:
        """Release the root, and say so in its marker if it is still there.

        A second call does nothing.
        """
        found, self._marker = self._marker, self._marker._replace(started="")
        if found.started and found.pid == os.getpid() and self.is_in_place():
            with contextlib.suppress(OSError):
                marker.write(self._marker, self.root, None)
        self._lock.release()

    def lock_again(self) -> None:
        """Take the lock again if a test has closed its descriptor."""
        if self._lock.dir_fd is None or self._lock.is_open():
            return
        with contextlib.suppress(OSError):
            lock = flock.acquire(self.root)
            if lock is None:
                return
            if self.is_root(lock):
                lock.park()
                self._lock = lock
            else:
                lock.release()


def establish(
    parent: str, *, project: str, argv: Sequence[str],
    announce: Callable[[str], None] | None = None,
) -> Claim:
    """Create a root in a directory, locked and marked, and return the claim on it.

    Args:
        parent: the directory.
        project: the working directory of the run.
        argv: its command line.
        announce: called with each path before it is created.

    Raises:
        OwnershipError: no directory could be created there.
    """
    _check_place(parent)
    for _ in range(_ATTEMPTS):
        # Short: the paths of AF_UNIX sockets end at about 107 bytes.
        root = os.path.join(parent, PREFIX + os.urandom(4).hex())
        if announce is not None:
            announce(root)
        try:
            os.mkdir(root, BARE_MODE)
        except FileExistsError:
            continue
        except OSError as error:
            raise refusal(parent, error) from error
        try:
            return claim(root, project=project, argv=argv)
        except (FileNotFoundError, BlockingIOError):
            continue  # a reaper took the lock first
        except OSError as error:
            _undo(root)
            raise refusal(parent, error) from error
        except BaseException:
            _undo(root)
            raise
    raise refusal(parent, FileExistsError(errno.EEXIST, "no free name"))


def _check_place(parent: str) -> None:
    try:
        place = open_to_all(parent)
    except OSError as error:
        raise refusal(parent, error) from error
    if place:
        words = (f"{place} is writable by everyone and has no sticky bit, so that other users "
                 "could replace it; set TMPDIR, or chmod +t that directory")
        raise refusal(parent, PermissionError(errno.EPERM, words))


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
    lock = flock.acquire(root, patience=_PATIENCE)
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
    return Claim(root, lock, found)


def mark_kept(path: str, *, project: str, argv: Sequence[str]) -> Claim:
    """Mark a directory as kept for a user, so that only `clean --kept` removes it.

    The claim protects it also from that while this process lives, or until it is released.

    Raises:
        OSError: as for `claim`.
    """
    return claim(path, project=project, argv=argv, kept=True)


def is_held(root: str) -> bool:
    """Return whether a process holds the lock of a root; False where it cannot be examined."""
    try:
        lock = flock.acquire_unused(root, shared=True)
    except OSError:
        return False
    if lock is None:
        return True
    lock.release()
    return False


def refusal(parent: str, error: OSError) -> OwnershipError:
    """Return what to raise where the system does not let a root be created in a directory."""
    return OwnershipError(error.errno, f"cannot create a run root in {parent}: {error.strerror}")


def _undo(root: str) -> None:
    for remove, path in ((os.unlink, os.path.join(root, marker.DRAFT)),
                         (os.unlink, os.path.join(root, marker.NAME)), (os.rmdir, root)):
        try:
            remove(path)
        except OSError:
            continue  # it is not there, or left for the next reaper
