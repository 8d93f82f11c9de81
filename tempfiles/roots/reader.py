"""Read the marker and the journal of a run root, which any process may have written.

A marker that decides about a removal is refused where it is malformed (`read_marker`); one that is
only shown to a user is read leniently (`describe`). Reading a journal never raises.
"""

from __future__ import annotations

import json
import os
import stat
import struct
import time
from dataclasses import dataclass, fields
from typing import Any

from ..errors import OwnershipError
from ..formatting import printable
from ..records import Child, Leak, Origin, Scope
from ..system.platform import POSIX
from . import marker
from .journal import (
    CURRENT,
    JOURNAL,
    LONGEST,
    MAGIC,
    OFFSETS,
    PREEXISTING,
    SCOPES,
    SIZE,
    SLOT,
)
from .marker import Marker, user_id

_SCOPE_NAMES = {number: scope for scope, number in SCOPES.items()}
_LARGEST_JOURNAL = 64 << 20
_LARGEST_MARKER = 64 << 10
# Not blocking: a FIFO of that name would wait for a writer for ever.
_OPEN = (
    os.O_RDONLY | getattr(os, "O_NONBLOCK", 0) | getattr(os, "O_NOFOLLOW", 0)
    | getattr(os, "O_CLOEXEC", 0)
)  # fmt: skip
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
        fd = os.open(name, _OPEN, dir_fd=dir_fd)
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


def describe(root: str) -> tuple[str, str] | None:
    """Return the owner of a run root as `project (pid 1)`, and its current context, or "".

    Returns None where the directory is no run root, or its marker cannot be read. What the marker
    says is only shown: it takes no part in deciding what may be removed (see `ownership`).
    """
    try:
        found = json.loads(_content(root, marker.NAME, 1 << 20))
    except (ValueError, RecursionError):
        return None
    if not isinstance(found, dict):
        return None
    pid, project = found.get("pid"), found.get("project")
    name = os.path.basename(str(project)) if project else "unknown project"
    owner = f"{name} (pid {pid})" if isinstance(pid, int) else name
    current = read_journal(root).current
    return printable(owner), printable(current.id if current else "")


@dataclass(frozen=True, slots=True)
class Current:
    """The context that was current: its id (cut after 1,000 bytes) and its scope."""

    id: str
    scope: Scope


@dataclass(frozen=True, slots=True)
class JournalView:
    """The content of a journal. `damaged` counts the lines that could not be parsed, `unread` those
    for which there was no time."""

    current: Current | None = None
    leaks: tuple[Leak, ...] = ()
    damaged: int = 0
    unread: int = 0

    def by_context(self) -> dict[str, tuple[Leak, ...]]:
        """Return the leaks by the id of the context that left them, in their order."""
        found: dict[str, list[Leak]] = {}
        for leak in self.leaks:
            found.setdefault(leak.context, []).append(leak)
        return {context: tuple(leaks) for context, leaks in found.items()}


def read_journal(root: str, *, deadline: float | None = None) -> JournalView:
    """Return the content of a root's journal; never raises, whatever the files hold.

    `deadline` is when to stop, on the clock of `time.monotonic`; None for no limit.
    """
    current = _read_current(_content(root, CURRENT, SIZE))
    content = _content(root, JOURNAL, _LARGEST_JOURNAL)
    lines = [line for line in content.split(b"\n") if line.strip()]
    leaks: list[Leak] = []
    damaged = 0
    for number, line in enumerate(lines):
        if deadline is not None and time.monotonic() >= deadline:
            return JournalView(current, tuple(leaks), damaged, len(lines) - number)
        try:
            found = json.loads(line)
            if PREEXISTING not in found:
                leaks += [_leak(leak) for leak in found["leaks"]]
        except (ValueError, TypeError, KeyError, AttributeError, RecursionError):
            damaged += 1
    return JournalView(current, tuple(leaks), damaged)


def preexisting(root: str) -> dict[str, str]:
    """Return the preexisting files that a run moved into its root: path, and where it had been.

    The paths are those that the run itself used. Never raises, whatever the files hold.
    """
    found: dict[str, str] = {}
    for line in _content(root, JOURNAL, _LARGEST_JOURNAL).split(b"\n"):
        if line.startswith(b'{"' + PREEXISTING.encode()):
            try:
                path, source = json.loads(line)[PREEXISTING]
            except (ValueError, TypeError, RecursionError):
                continue
            if isinstance(path, str) and isinstance(source, str):
                found[path] = source
    return found


def _content(root: str, name: str, limit: int) -> bytes:
    try:
        fd = os.open(os.path.join(root, name), _OPEN)
    except OSError:
        return b""
    try:
        if not stat.S_ISREG(os.fstat(fd).st_mode):
            return b""
        with open(fd, "rb", closefd=False) as file:
            return file.read(limit)
    except OSError:
        return b""
    finally:
        os.close(fd)


def _read_current(page: bytes) -> Current | None:
    if len(page) < SIZE or not page.startswith(MAGIC, 1) or page[0] >= len(OFFSETS):
        return None
    length, number, name = struct.unpack_from(SLOT, page, OFFSETS[page[0]])
    if number not in _SCOPE_NAMES:
        return None
    return Current(name[: min(length, LONGEST)].decode("utf-8", "replace"), _SCOPE_NAMES[number])


def _leak(found: Any) -> Leak:
    values = {field.name: found[field.name] for field in fields(Leak) if field.name in found}
    for name in ("path", "context"):
        if not isinstance(values[name], str):
            raise TypeError(name)
    for name in ("bytes", "entries"):
        if not isinstance(values[name], int):
            raise TypeError(name)
    values["origin"] = _origin(values.get("origin"))
    for name in ("open_by", "rescued"):
        values[name] = tuple(map(str, values.get(name, ())))
    values["children"] = tuple(
        Child(str(child["command"]), _origin(child["origin"]), float(child["started"]))
        for child in values.get("children", ())
    )
    return Leak(**values)


def _origin(found: Any) -> Origin | None:
    if found is None:
        return None
    trace = tuple(map(str, found.get("trace", ())))
    return Origin(
        str(found["file"]), int(found["line"]), str(found["function"]), str(found["call"]), trace
    )
