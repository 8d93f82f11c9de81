"""Reading the journal of a run: what a dead one was about, and what a live one is doing."""

from __future__ import annotations

import json
import os
import stat
import struct
import time
from dataclasses import dataclass, fields
from typing import Any

from ..records import Child, Leak, Origin, Scope
from .journal import (
    BROUGHT,
    CURRENT,
    JOURNAL,
    LONGEST,
    MAGIC,
    NO_FOLLOW,
    OFFSETS,
    SCOPES,
    SIZE,
    SLOT,
)

_NAMES = {number: scope for scope, number in SCOPES.items()}
_LARGEST = 64 * 1024 * 1024


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


def read(root: str, *, deadline: float | None = None) -> JournalView:
    """Return what a root's journal tells; never raises, whatever the files hold.

    `deadline` is when to stop, on the clock of `time.monotonic`; None for no limit.
    """
    current = _read_current(_content(root, CURRENT, SIZE))
    lines = [line for line in _content(root, JOURNAL, _LARGEST).split(b"\n") if line.strip()]
    leaks: list[Leak] = []
    damaged = 0
    for number, line in enumerate(lines):
        if deadline is not None and time.monotonic() >= deadline:
            return JournalView(current, tuple(leaks), damaged, len(lines) - number)
        try:
            found = json.loads(line)
            if BROUGHT not in found:
                leaks += [_leak(leak) for leak in found["leaks"]]
        except (ValueError, TypeError, KeyError, AttributeError, RecursionError):
            damaged += 1
    return JournalView(current, tuple(leaks), damaged)


def brought(root: str) -> dict[str, str]:
    """Return what was brought into a root from before the run: path, and where it had been.

    The paths are those that the run itself had seen. Never raises, whatever the files hold.
    """
    found: dict[str, str] = {}
    for line in _content(root, JOURNAL, _LARGEST).split(b"\n"):
        if line.startswith(b'{"' + BROUGHT.encode()):
            try:
                path, source = json.loads(line)[BROUGHT]
            except (ValueError, TypeError, RecursionError):
                continue
            if isinstance(path, str) and isinstance(source, str):
                found[path] = source
    return found


def _content(root: str, name: str, limit: int) -> bytes:
    flags = os.O_RDONLY | getattr(os, "O_NONBLOCK", 0) | NO_FOLLOW
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
    if len(page) < SIZE or not page.startswith(MAGIC, 1) or page[0] >= len(OFFSETS):
        return None
    length, number, name = struct.unpack_from(SLOT, page, OFFSETS[page[0]])
    if number not in _NAMES:
        return None
    return Current(name[: min(length, LONGEST)].decode("utf-8", "replace"), _NAMES[number])


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
