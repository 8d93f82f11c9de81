"""The marker of a run root: who made it. It proves nothing about life; only the lock does that."""

from __future__ import annotations

import functools
import os
import stat
import time
from collections.abc import Sequence

from . import _proc
from ._record import Record
from .errors import OwnershipError

try:  # what a marker needs of `json`, whose import takes longer than the making of a run root
    from _json import encode_basestring_ascii as quoted
except ImportError:  # another implementation of Python
    from json.encoder import py_encode_basestring_ascii as quoted

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

FORMAT = 1
NAME = "marker.json"
DRAFT = "marker.json.new"
_LARGEST = 64 * 1024
_ARGUMENTS, _CHARACTERS = 100, 400
_TYPES: dict[str, type | tuple[type, ...]] = {
    "pid": int, "started": str, "host": str, "boot": str, "uid": int, "user": str,
    "project": str, "argv": tuple, "created": (int, float), "root": str, "inode": int, "kept": bool,
}


class Marker(Record):
    """Who made a root, and which one: `inode` is the root's own, so a copy does not pass for it.

    `started` is the process's start in clock ticks since boot, `boot` the system's boot id (both
    empty where there are none), `project` its working directory, `created` seconds since the
    epoch, `root` the path the root was made at. `kept` says that a user asked to keep it.
    """

    pid: int
    started: str
    host: str
    boot: str
    uid: int
    user: str
    project: str
    argv: tuple[str, ...]
    created: float
    root: str
    inode: int
    kept: bool = False


def describe(root: str, inode: int, project: str, argv: Sequence[str], kept: bool) -> Marker:
    """Return the marker of a root that this process makes."""
    born = _proc.stat("self")
    return Marker(
        os.getpid(), born.started if born else "", host(), boot_id(), user_id(), _user(),
        project, tuple(word[:_CHARACTERS] for word in argv[:_ARGUMENTS]), time.time(), root, inode,
        kept,
    )


def write(marker: Marker, root: str, dir_fd: int | None) -> None:
    """Put a marker into a root in one step; `dir_fd` is the root's descriptor where there is one.

    Raises:
        OSError: it cannot be written.
    """
    fields = {"format": FORMAT, **marker._asdict()}
    items = ", ".join(f"{quoted(name)}: {_json(value)}" for name, value in fields.items())
    content = f"{{{items}}}".encode()
    draft, name = _at(DRAFT, root, dir_fd), _at(NAME, root, dir_fd)
    flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | getattr(os, "O_CLOEXEC", 0)
    fd = os.open(draft, flags | getattr(os, "O_NOFOLLOW", 0), 0o600, dir_fd=dir_fd)
    try:
        if os.write(fd, content) != len(content):
            raise OwnershipError(f"no space for the marker of {root}")
    finally:
        os.close(fd)
    os.replace(draft, name, src_dir_fd=dir_fd, dst_dir_fd=dir_fd)


def read(root: str, dir_fd: int | None) -> Marker | None:
    """Return the marker of a root, None where it has none.

    Raises:
        OwnershipError: there is one that must not be trusted; the message says why.
    """
    content = _content(_at(NAME, root, dir_fd), dir_fd)
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
    if os.name == "posix" and status.st_mode & 0o022:
        raise OwnershipError("its marker can be written by other users")
    if status.st_nlink != 1:
        raise OwnershipError("its marker has another name elsewhere")
    if status.st_size > _LARGEST:
        raise OwnershipError("its marker is too large")


def _parse(content: bytes) -> Marker:
    import json

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


def host() -> str:
    """Return this host's name."""
    return os.uname().nodename if hasattr(os, "uname") else os.environ.get("COMPUTERNAME", "")


@functools.cache
def boot_id() -> str:
    """Return what identifies this boot of the kernel; empty where there is no such thing."""
    try:
        with open("/proc/sys/kernel/random/boot_id", encoding="utf-8") as file:
            return file.read().strip()
    except OSError:
        return ""


def user_id() -> int:
    """Return the effective user's id; 0 where there are none."""
    return os.geteuid() if hasattr(os, "geteuid") else 0


def _user() -> str:
    try:
        import pwd

        return pwd.getpwuid(user_id()).pw_name
    except ImportError:  # Windows
        return os.environ.get("USERNAME", "")
    except KeyError:
        return str(user_id())


def _json(value: object) -> str:
    if isinstance(value, str):
        return quoted(value)
    if isinstance(value, tuple):
        return f"[{', '.join(map(quoted, value))}]"
    return str(value).lower()  # a number, or true or false


def _at(name: str, root: str, dir_fd: int | None) -> str:
    return name if dir_fd is not None else os.path.join(root, name)
