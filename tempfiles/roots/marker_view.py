"""Reading the marker of a run root, which anybody may have made: what is odd is refused."""

from __future__ import annotations

import json
import os
import stat
from typing import Any

from ..errors import OwnershipError
from ..system.platform import POSIX
from .marker import FORMAT, NAME, Marker, located, user_id

_LARGEST = 64 * 1024
_TYPES: dict[str, type | tuple[type, ...]] = {
    "pid": int, "started": str, "host": str, "boot": str, "uid": int, "project": str,
    "argv": tuple, "created": (int, float), "root": str, "inode": int, "kept": bool,
}


def read(root: str, dir_fd: int | None) -> Marker | None:
    """Return the marker of a root, None where it has none.

    Raises:
        OwnershipError: there is one that must not be trusted; the message says why.
    """
    content = _content(located(NAME, root, dir_fd), dir_fd)
    return None if content is None else _parse(content)


def _content(name: str, dir_fd: int | None) -> bytes | None:
    # Not blocking: a FIFO of this name would wait for a writer for ever.
    flags = os.O_RDONLY | getattr(os, "O_NONBLOCK", 0) | getattr(os, "O_NOFOLLOW", 0)
    try:
        if stat.S_ISLNK(os.stat(name, dir_fd=dir_fd, follow_symlinks=False).st_mode):
            raise OwnershipError("its marker is a symbolic link")
        fd = os.open(name, flags | getattr(os, "O_CLOEXEC", 0), dir_fd=dir_fd)
    except FileNotFoundError:
        return None
    except OwnershipError:
        raise
    except OSError as error:
        raise OwnershipError(f"its marker cannot be read: {error.strerror}") from error
    try:
        _check(os.fstat(fd))
        return os.read(fd, _LARGEST + 1)
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
    if status.st_size > _LARGEST:
        raise OwnershipError("its marker is too large")


def _parse(content: bytes) -> Marker:
    try:
        found: Any = json.loads(content)
    except (ValueError, RecursionError) as error:
        raise OwnershipError("its marker is malformed") from error
    version = found.get("format") if isinstance(found, dict) else None
    if type(version) is int and version != FORMAT:
        raise OwnershipError(f"its marker has format {version}; this version knows {FORMAT}")
    if version is None or type(version) is not int:
        raise OwnershipError("its marker is malformed")
    if isinstance(found.get("argv"), list):
        found["argv"] = tuple(found["argv"])
    for field in Marker._fields:
        value = found.get(field)
        if not isinstance(value, _TYPES[field]) or isinstance(value, bool) != (field == "kept"):
            raise OwnershipError(f"its marker is malformed: {field}")
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
    except KeyError:
        return str(uid)
