"""What was under way in a run, written so that the process that comes after a crash can tell.

Two files in the run root: `current` holds the id of the context under way, in shared memory, so
that naming it costs no system call and survives a kill at any instruction; `journal` gets a line
for each context that left something, before any of it is removed.
"""

from __future__ import annotations

import contextlib
import json
import mmap
import os
import stat
import struct
import time
import weakref
from dataclasses import asdict, dataclass, fields
from typing import Any, get_args

from . import descriptors
from .records import Child, ContextReport, Leak, Origin, Scope

CURRENT = "current"
JOURNAL = "journal"

_SCOPES = {scope: number for number, scope in enumerate(get_args(Scope), 1)}
_NAMES = {number: scope for scope, number in _SCOPES.items()}
_LONGEST = 1000
# Two slots, written in turn; byte 0 says which one counts. A slot is complete before that byte is
# changed, and one byte cannot be torn, so a kill in between leaves the context before.
_SLOT = struct.Struct(f"<HB{_LONGEST}s")
_OFFSETS = (64, 2048)
_SIZE = 4096
_MAGIC = b"tidy-current-1\n"
_LARGEST = 64 * 1024 * 1024
_NOTHING = (0, 0, b"")


@dataclass(frozen=True, slots=True)
class Current:
    """The context that was under way: its id (cut after 1,000 bytes) and its scope."""

    id: str
    scope: Scope


@dataclass(frozen=True, slots=True)
class JournalView:
    """What a journal tells. `damaged` counts the lines that could not be understood, `unread`
    those that there was no time for."""

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


class Journal:
    """Writes the journal of the run whose root this is; forked children write nothing.

    Raises:
        OSError: a file cannot be made, or the disk is full.
    """

    __slots__ = ("__weakref__", "_fd", "_page", "_stack", "_turn")

    def __init__(self, root: str) -> None:
        self._stack: list[tuple[int, int, bytes]] = []
        self._turn = 0
        self._page: mmap.mmap | bytearray = _map(os.path.join(root, CURRENT))
        flags = os.O_WRONLY | os.O_CREAT | os.O_APPEND | _NO_FOLLOW
        self._fd = descriptors.park(os.open(os.path.join(root, JOURNAL), flags, 0o600))
        _journals.add(self)

    def enter(self, id: str, scope: Scope) -> None:
        """Note that a context is under way now, within the one that was."""
        try:
            name = id.encode()
        except UnicodeEncodeError:
            name = id.encode("utf-8", "backslashreplace")
        entry = (len(name), _SCOPES[scope], name)
        self._stack.append(entry)
        self._turn = turn = 1 - self._turn
        # Inline, here and in `leave`: this runs around every test.
        _SLOT.pack_into(self._page, _OFFSETS[turn], *entry)
        self._page[0] = turn

    def leave(self) -> None:
        """Note that the context entered last has ended, and the one around it goes on."""
        stack = self._stack
        if stack:
            stack.pop()
        self._turn = turn = 1 - self._turn
        _SLOT.pack_into(self._page, _OFFSETS[turn], *(stack[-1] if stack else _NOTHING))
        self._page[0] = turn

    def left(self, report: ContextReport) -> None:
        """Append what a closed context left, before anything of it is removed.

        A context that left nothing costs nothing. A full disk loses the line, not the run.
        """
        if not report.leaks or self._fd < 0:
            return
        content = {"id": report.id, "scope": report.scope, "leaks": list(map(asdict, report.leaks))}
        # The first newline ends whatever a write that was cut short has left.
        line = b"\n" + json.dumps(content).encode() + b"\n"
        with contextlib.suppress(OSError):
            os.write(self._fd, line)

    def close(self) -> None:
        """Stop writing; what is written stays. A second call does nothing."""
        page, fd = self._page, self._fd
        self._cut_off()
        if fd >= 0:
            with contextlib.suppress(OSError):
                os.close(fd)
        if isinstance(page, mmap.mmap):
            page.close()

    def _cut_off(self) -> None:
        """From now on write into memory of our own; costs nothing where it is not needed."""
        self._page = bytearray(_SIZE)
        self._fd = -1


_NO_FOLLOW = getattr(os, "O_NOFOLLOW", 0) | getattr(os, "O_CLOEXEC", 0)
_journals: weakref.WeakSet[Journal] = weakref.WeakSet()


def _forked() -> None:
    for journal in list(_journals):
        journal._cut_off()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_forked)


def read(root: str, *, deadline: float | None = None) -> JournalView:
    """Return what a root's journal tells; never raises, whatever the files hold.

    `deadline` is when to stop, on the clock of `time.monotonic`; None for no limit.
    """
    current = _read_current(_content(root, CURRENT, _SIZE))
    lines = [line for line in _content(root, JOURNAL, _LARGEST).split(b"\n") if line.strip()]
    leaks: list[Leak] = []
    damaged = 0
    for number, line in enumerate(lines):
        if deadline is not None and time.monotonic() >= deadline:
            return JournalView(current, tuple(leaks), damaged, len(lines) - number)
        try:
            leaks += [_leak(found) for found in json.loads(line)["leaks"]]
        except (ValueError, TypeError, KeyError, AttributeError, RecursionError):
            damaged += 1
    return JournalView(current, tuple(leaks), damaged)


def _map(path: str) -> mmap.mmap:
    fd = os.open(path, os.O_RDWR | os.O_CREAT | _NO_FOLLOW, 0o600)
    try:
        # Written, not merely long: a page without a block on a full disk is a SIGBUS later.
        first = bytearray(_SIZE)
        first[1 : 1 + len(_MAGIC)] = _MAGIC
        if os.write(fd, first) != _SIZE:
            raise OSError(28, "no space for the journal", path)
        with descriptors.only_high():
            return mmap.mmap(fd, _SIZE)
    finally:
        os.close(fd)


def _content(root: str, name: str, limit: int) -> bytes:
    flags = os.O_RDONLY | getattr(os, "O_NONBLOCK", 0) | _NO_FOLLOW
    try:
        fd = os.open(os.path.join(root, name), flags)
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
    if len(page) < _SIZE or not page.startswith(_MAGIC, 1) or page[0] >= len(_OFFSETS):
        return None
    length, number, name = _SLOT.unpack_from(page, _OFFSETS[page[0]])
    if number not in _NAMES:
        return None
    return Current(name[: min(length, _LONGEST)].decode("utf-8", "replace"), _NAMES[number])


def _leak(found: Any) -> Leak:
    values = {field.name: found[field.name] for field in fields(Leak) if field.name in found}
    for name in ("path", "context"):
        if not isinstance(values[name], str):
            raise TypeError(name)
    for name in ("bytes", "entries"):
        if not isinstance(values[name], int):
            raise TypeError(name)
    values["origin"] = _origin(values.get("origin"))
    values["open_by"] = tuple(map(str, values.get("open_by", ())))
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
