"""Read the marker of a run root; one that another user could have written is refused."""

from __future__ import annotations

import json
import os
import stat
from typing import Any

from ..errors import OwnershipError
from ..formatting import printable
from ..system.platform import POSIX
from . import marker
from .journal_reader import OPEN, read_current
from .marker import Marker, user_id

_LARGEST_MARKER = 64 << 10
_LATEST = 1e11  # seconds since the epoch: no clock gets that far
_TYPES: dict[str, type | tuple[type, ...]] = {
    "pid": int, "started": str, "host": str, "boot": str, "uid": int, "project": str,
    "argv": tuple, "created": (int, float), "root": str, "inode": int, "kept": bool,
}


def read_marker(root: str, dir_fd: int | None) -> Marker | None:
    """Return the marker of a root, None where it has none.

    Raises:
        OwnershipError: there is one that must not be trusted; the message says why.
    """
    content = _trusted_content(marker.located(marker.NAME, root, dir_fd), dir_fd)
    return None if content is None else _parse(content)


def _trusted_content(name: str, dir_fd: int | None) -> bytes | None:
    try:
        if stat.S_ISLNK(os.stat(name, dir_fd=dir_fd, follow_symlinks=False).st_mode):
            raise OwnershipError("its marker is a symbolic link")
        fd = os.open(name, OPEN, dir_fd=dir_fd)
    except FileNotFoundError:
        return None
    except OwnershipError:
        raise
    except OSError as error:
        raise OwnershipError(f"its marker cannot be read: {error.strerror}") from error
    try:
        _check(os.fstat(fd))
        return os.read(fd, _LARGEST_MARKER + 1)
    finally:
        os.close(fd)


def _check(status: os.stat_result) -> None:
    if not stat.S_ISREG(status.st_mode):
        raise OwnershipError("its marker is not a regular file")
    if status.st_uid != user_id():
        raise OwnershipError(f"its marker was written by user {status.st_uid}")
    if POSIX and status.st_mode & 0o022:
        raise OwnershipError("its marker can be written by other users")
    if status.st_nlink != 1:
        raise OwnershipError("its marker has another name elsewhere")
    if status.st_size > _LARGEST_MARKER:
        raise OwnershipError("its marker is too large")


def _parse(content: bytes) -> Marker:
    try:
        found: Any = json.loads(content)
    except (ValueError, RecursionError) as error:
        raise OwnershipError("its marker is malformed") from error
    version = found.get("format") if isinstance(found, dict) else None
    if type(version) is int and version != marker.FORMAT:
        raise OwnershipError(f"its marker has format {version}; this version knows {marker.FORMAT}")
    if version is None or type(version) is not int:
        raise OwnershipError("its marker is malformed")
    if isinstance(found.get("argv"), list):
        found["argv"] = tuple(found["argv"])
    for field in Marker._fields:
        value = found.get(field)
        if not isinstance(value, _TYPES[field]) or isinstance(value, bool) != (field == "kept"):
            raise OwnershipError(f"its marker is malformed: {field}")
    if not 0 <= found["created"] <= _LATEST:  # nor NaN
        raise OwnershipError("its marker is malformed: created")
    if not all(isinstance(word, str) for word in found["argv"]):
        raise OwnershipError("its marker is malformed: argv")
    return Marker(**{field: found[field] for field in Marker._fields})


def user_name(uid: int) -> str:
    """Return the name of a user on this system; the number where it has none."""
    try:
        import pwd

        return pwd.getpwuid(uid).pw_name
    except ImportError:  # Windows
        return os.environ.get("USERNAME", "")
    except (KeyError, OverflowError):
        return str(uid)


def describe(root: str) -> tuple[str, str] | None:
    """Return the owner of a run root as `project (pid 1)`, and its current context, or "".

    Returns None where the directory is no run root, is not this user's, or its marker cannot be
    trusted.
    """
    try:
        status = os.lstat(root)
        if not stat.S_ISDIR(status.st_mode) or status.st_uid != user_id():
            return None
        found = read_marker(root, None)
    except OSError:  # an OwnershipError is one
        return None
    if found is None or found.uid != user_id():
        return None
    name = os.path.basename(found.project) or "unknown project"
    current = read_current(root)
    return printable(f"{name} (pid {found.pid})"), printable(current.id if current else "")
