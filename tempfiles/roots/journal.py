"""What was under way in a run, written so that the process that comes after a crash can tell.

Two files in the run root: `current` holds the id of the context under way, in shared memory, so
that naming it costs no system call and survives a kill at any instruction; `journal` gets a line
for each context that left something, before any of it is removed, and for each thing from before
the run, before it is moved into the root.
"""

from __future__ import annotations

import contextlib
import os
import sys
import weakref

from ..system import platform

TYPE_CHECKING = False
if TYPE_CHECKING:
    import mmap
    from typing import Any

    from ..records import Scope
    from ..reports import ContextReport

CURRENT = "current"
JOURNAL = "journal"
BROUGHT = "brought"
FORKED = "forked"  # a third file, of what forked children tell

OTHER_SCOPE = 9  # a word of the host that is not listed here
SCOPES: dict[Scope, int] = {
    "run": 1, "module": 2, "class": 3, "test": 4, "context": 5,
    "function": 6, "package": 7, "session": 8, "other": OTHER_SCOPE,
}  # fmt: skip
LONGEST = 1000
# Two slots, written in turn; byte 0 says which one counts. A slot is complete before that byte is
# changed, and one byte cannot be torn, so a kill in between leaves the context before.
SLOT = f"<HB{LONGEST}s"  # for `struct`
OFFSETS = (64, 2048)
SIZE = 4096
MAGIC = b"tidy-current-1\n"
_NOTHING = (0, 0, b"")


class Journal:
    """Writes the journal of the run whose root this is; forked children write nothing.

    Each file is made when there is something to write into it. Where that cannot be done, the disk
    being full, the run goes on without.
    """

    __slots__ = ("__weakref__", "_closed", "_fd", "_pack", "_page", "_root", "_stack", "_turn")

    def __init__(self, root: str) -> None:
        self._root = root
        self._closed = False
        self._stack: list[tuple[int, int, bytes]] = []
        self._turn = 0
        self._pack: Any = None
        self._page: mmap.mmap | bytearray = bytearray(SIZE)
        self._fd = -1
        _journals.add(self)

    def enter(self, id: str, scope: Scope) -> None:
        """Note that a context is under way now, within the one that was."""
        try:
            name = id.encode()
        except UnicodeEncodeError:
            name = id.encode("utf-8", "backslashreplace")
        entry = (len(name), SCOPES.get(scope, OTHER_SCOPE), name)
        self._stack.append(entry)
        self._turn = turn = 1 - self._turn
        pack = self._pack or self._begin()
        # Inline, here and in `leave`: this runs around every test.
        pack(self._page, OFFSETS[turn], *entry)
        self._page[0] = turn

    def leave(self) -> None:
        """Note that the context entered last has ended, and the one around it goes on."""
        stack = self._stack
        if stack:
            stack.pop()
        self._turn = turn = 1 - self._turn
        pack = self._pack or self._begin()
        pack(self._page, OFFSETS[turn], *(stack[-1] if stack else _NOTHING))
        self._page[0] = turn

    def _begin(self) -> Any:
        import struct

        self._pack = struct.Struct(SLOT).pack_into
        if not self._closed:
            with contextlib.suppress(OSError):
                self._page = _map(os.path.join(self._root, CURRENT))
        return self._pack

    def left(self, report: ContextReport) -> None:
        """Append what a closed context left, before anything of it is removed.

        A context that left nothing costs nothing. A full disk loses the line, not the run.
        """
        if not report.leaks:
            return
        self._append({"id": report.id, "scope": report.scope, "leaks": report.leaks})

    def brought(self, path: str, source: str) -> None:
        """Append that something from before the run is about to come to a path in the root.

        It is not the run's: whoever removes the root of a dead run moves it out before.
        """
        self._append({BROUGHT: [path, source]})

    def _append(self, content: dict[str, Any]) -> None:
        import json

        # The first newline ends whatever a write that was cut short has left.
        line = b"\n" + json.dumps(content, default=_fields).encode() + b"\n"
        with contextlib.suppress(OSError):
            self._make_journal()
            _write(self._fd, line)

    def _make_journal(self) -> None:
        if self._fd < 0 and not self._closed:
            flags = os.O_WRONLY | os.O_CREAT | os.O_APPEND | NO_FOLLOW
            fd = _open(os.path.join(self._root, JOURNAL), flags, 0o600)
            self._fd = platform.park(fd)

    def close(self) -> None:
        """Stop writing; what is written stays. A second call does nothing."""
        page, fd = self._page, self._fd
        self._cut_off()
        if fd >= 0:
            with contextlib.suppress(OSError):
                os.close(fd)
        if not isinstance(page, bytearray):
            page.close()

    def _cut_off(self) -> None:
        """From now on write into memory of our own; costs nothing where it is not needed."""
        self._page = bytearray(SIZE)
        self._fd = -1
        self._closed = True


_open, _write = os.open, os.write  # a test may have replaced them when its leaks are written down
NO_FOLLOW = getattr(os, "O_NOFOLLOW", 0) | getattr(os, "O_CLOEXEC", 0)
_journals: weakref.WeakSet[Journal] = weakref.WeakSet()


def _fields(record: Any) -> dict[str, Any]:
    # Not `asdict`, which copies every value: it took a fifth of the time that a leak costs.
    return {name: getattr(record, name) for name in record.__dataclass_fields__}


def _forked() -> None:
    for journal in list(_journals):
        journal._cut_off()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_forked)


def _map(path: str) -> mmap.mmap:
    import mmap

    fd = os.open(path, os.O_RDWR | os.O_CREAT | NO_FOLLOW, 0o600)
    try:
        # Written, not merely long: a page without a block on a full disk is a SIGBUS later.
        first = bytearray(SIZE)
        first[1 : 1 + len(MAGIC)] = MAGIC
        if os.write(fd, first) != SIZE:
            raise OSError(28, "no space for the journal", path)
        if sys.version_info >= (3, 13):
            return mmap.mmap(fd, SIZE, trackfd=False)
        with platform.only_high():
            return mmap.mmap(fd, SIZE)
    finally:
        os.close(fd)
