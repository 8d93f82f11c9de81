"""Read the journal of a run root, within limits and without errors, whatever its files hold."""

from __future__ import annotations

import json
import math
import os
import re
import stat
import struct
import time
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import chain
from typing import TYPE_CHECKING, Any, NoReturn

from .journal import (
    CURRENT,
    FORKED,
    FULL,
    JOURNAL,
    LONGEST,
    MAGIC,
    MOST_BYTES,
    OFFSETS,
    PREEXISTING,
    SCOPES,
    SIZE,
    SLOT,
)
from .marker import user_id

if TYPE_CHECKING:
    from ..records import Leak, Scope  # not imported at the start of a run

_SCOPE_NAMES = {number: scope for scope, number in SCOPES.items()}
LARGEST = 16 << 20
"""The bytes of the largest journal that is read: of 100,000 preexisting files, and some more."""
_PIECE = 1 << 20
_LINE = re.compile(rb"[^\n]{1,1048576}\n?")
_LARGEST_NUMBER = 2**63
# Not blocking: a FIFO of that name would wait for a writer for ever.
OPEN = (
    os.O_RDONLY | getattr(os, "O_NONBLOCK", 0) | getattr(os, "O_NOFOLLOW", 0)
    | getattr(os, "O_CLOEXEC", 0)
)  # fmt: skip
"""The flags to open a file of a run root with."""


@dataclass(frozen=True, slots=True)
class Current:
    """The context that was current: its id (cut after 1,000 bytes) and its scope."""

    id: str
    scope: Scope


@dataclass(frozen=True, slots=True)
class JournalView:
    """The content of a journal. `damaged` counts the lines that could not be parsed. `complete` is
    false where the time was up before the end, `full` says that the journal has more leaks than
    are recorded or read."""

    current: Current | None = None
    leaks: tuple[Leak, ...] = ()
    damaged: int = 0
    complete: bool = True
    full: bool = False

    def by_context(self) -> dict[str, tuple[Leak, ...]]:
        """Return the leaks by the id of the context that left them, in their order."""
        found: dict[str, list[Leak]] = {}
        for leak in self.leaks:
            found.setdefault(leak.context, []).append(leak)
        return {context: tuple(leaks) for context, leaks in found.items()}


def read_current(root: str) -> Current | None:
    """Return the context that was current in a run; None where there was none."""
    page = b"".join(_pieces(root, CURRENT, SIZE))
    if len(page) < SIZE or not page.startswith(MAGIC, 1) or page[0] >= len(OFFSETS):
        return None
    length, number, name = struct.unpack_from(SLOT, page, OFFSETS[page[0]])
    if number not in _SCOPE_NAMES:
        return None
    return Current(name[: min(length, LONGEST)].decode("utf-8", "replace"), _SCOPE_NAMES[number])


def read_journal(root: str, *, deadline: float | None = None) -> JournalView:
    """Return the content of a root's journal.

    `deadline` is when to stop, on the clock of `time.monotonic`; None for no limit.
    """
    from ..records import Leak

    current = read_current(root)
    leaks: list[Leak] = []
    damaged = size = 0
    for line in _lines(root, JOURNAL):
        if deadline is not None and time.monotonic() >= deadline:
            return JournalView(current, tuple(leaks), damaged, complete=False)
        if line.startswith(_PREEXISTING):
            continue
        size += len(line)
        if size > MOST_BYTES or line.startswith(_FULL):
            return JournalView(current, tuple(leaks), damaged, full=True)
        try:
            leaks += map(Leak.from_dict, _parse(line)["leaks"])
        except (ValueError, TypeError, KeyError, RecursionError):
            damaged += 1
    return JournalView(current, tuple(leaks), damaged)


def preexisting(root: str) -> Iterator[tuple[str, str]]:
    """Yield the preexisting files that a run, or a forked child, moved into its root: path, source.

    The paths are those that the run itself used.
    """
    lines = chain(_lines(root, JOURNAL), _lines(root, FORKED))
    for line in lines:
        if line.startswith(_PREEXISTING):
            try:
                path, source = _parse(line)[PREEXISTING]
            except (ValueError, TypeError, KeyError, RecursionError):
                continue
            if isinstance(path, str) and isinstance(source, str):
                yield path, source


def distrust(root: str) -> str:
    """Return why the journal of a root cannot be what a run wrote; empty if it can.

    Then the preexisting files in the root are not known, and the root must not be removed.
    """
    try:
        status = os.lstat(os.path.join(root, JOURNAL))
    except OSError:
        return ""
    if not stat.S_ISREG(status.st_mode) or status.st_uid != user_id():
        return "its journal is not a regular file of this user"
    return "its journal is larger than any that a run writes" if status.st_size > LARGEST else ""


_PREEXISTING = b'{"' + PREEXISTING.encode()
_FULL = b'{"' + FULL.encode()


def _lines(root: str, name: str) -> Iterator[bytes]:
    """Yield the lines of a file of a root that are not empty; long ones in several pieces."""
    rest = b""
    for piece in _pieces(root, name, LARGEST):
        rest += piece
        end = rest.rfind(b"\n") + 1 or len(rest)
        for found in _LINE.finditer(rest, 0, end):
            yield found[0]
        rest = rest[end:]
    if rest:
        yield rest


def _pieces(root: str, name: str, limit: int) -> Iterator[bytes]:
    """Yield the first bytes of a file of a root; none if it is not a regular file of this user."""
    try:
        fd = os.open(os.path.join(root, name), OPEN)
    except OSError:
        return
    status = os.fstat(fd)
    if not stat.S_ISREG(status.st_mode) or status.st_uid != user_id():
        os.close(fd)  # a directory cannot become a file object
        return
    with open(fd, "rb") as file:
        try:
            while limit > 0 and (piece := file.read(min(_PIECE, limit))):
                limit -= len(piece)
                yield piece
        except OSError:
            return


def _parse(line: bytes) -> Any:
    return json.loads(line, parse_constant=_refuse, parse_int=_integer, parse_float=_float)


def _integer(text: str) -> int:
    number = int(text)
    return number if abs(number) < _LARGEST_NUMBER else _refuse(text)


def _float(text: str) -> float:
    number = float(text)
    return number if math.isfinite(number) else _refuse(text)


def _refuse(text: str) -> NoReturn:
    raise ValueError(f"{text[:20]} is out of range")
