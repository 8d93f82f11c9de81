"""Write the journal of a run, so that the reaper can report what a crashed run was doing.

Two files in the run root. `current` holds the id of the current context, in shared memory, so
that writing it costs no system call and survives a kill at any instruction. `journal` gets a line
for each context that leaked, before any leak is removed, and for each preexisting path, before it
is moved into the root.
"""

from __future__ import annotations

import contextlib
import errno
import functools
import os
import sys
import weakref
from collections.abc import Callable
from operator import attrgetter
from typing import TYPE_CHECKING, Any

from ..system import platform
from . import flock

if TYPE_CHECKING:
    import mmap

    from ..records import Scope
    from ..reports import ContextReport

CURRENT = flock.HELD_FILE
JOURNAL = "journal"
PREEXISTING = "brought"  # the key in a line of the journal, as version 0.1.0 writes it
FULL = "full"  # the key in the line that ends the recording of leaks
MOST_BYTES = 4 << 20
"""How many bytes of leaks a journal holds: some thousand leaks, read in a fraction of a second."""
_LEAKS_PER_LINE = 20  # so that no line is too long for the reader
CHILDREN = "children"  # a fourth one, which Python children write
SIBLINGS = "siblings"  # a fifth one, which the processes of one run write
FORKED = "forked"  # a third file, which forked children write

OTHER_SCOPE = 9  # a word of the host that is not listed here
SCOPES: dict[Scope, int] = {
    "run": 1, "module": 2, "class": 3, "test": 4, "context": 5,
    "function": 6, "package": 7, "session": 8, "other": OTHER_SCOPE,
}  # fmt: skip
LONGEST = 1000
# Two slots, written in turn; byte 0 says which one counts. A slot is complete before that byte is
# changed, and one byte cannot be torn, so a kill in between leaves the previous one. A context that
# ends most often finds the one around it in the other slot.
SLOT = f"<HB{LONGEST}s"  # for `struct`
OFFSETS = (64, 2048)
SIZE = 4096
MAGIC = b"tidy-current-1\n"
_Entry = tuple[int, int, bytes, str]  # the three values of a slot, and the id of the context
_NOTHING: _Entry = (0, 0, b"", "")


class Journal:
    """Writes the journal of one run root; forked children write nothing.

    Each file is created with the first entry. Where that fails, on a full disk, the run continues
    without it.
    """

    __slots__ = (
        "__weakref__", "_closed", "_fd", "_held", "_pack", "_page", "_root", "_size", "_stack",
        "_turn", "_written",
    )  # fmt: skip

    def __init__(self, root: str) -> None:
        self._root = root
        self._closed = False
        self._stack: list[_Entry] = []
        self._written: list[_Entry | None] = [None, None]  # what the slots hold
        self._turn = 0
        self._size = 0  # of the recorded leaks
        self._pack: Any = None
        self._page: mmap.mmap | bytearray = bytearray(SIZE)
        self._held: mmap.mmap | None = None  # a forked child holds the lock of it, too
        self._fd = -1
        _journals.add(self)

    def enter(self, id: str, scope: Scope) -> None:
        """Record that a context was entered, within the one that was current."""
        try:
            name = id.encode()
        except UnicodeEncodeError:
            name = id.encode("utf-8", "backslashreplace")
        length = len(name)
        if length > LONGEST:
            length = LONGEST
        number = SCOPES.get(scope, OTHER_SCOPE)
        entry = (length, number, name, id)
        self._stack.append(entry)
        self._turn = turn = 1 - self._turn
        pack = self._pack or self._begin()
        # Inline, here and in `leave`: this runs around every test.
        pack(self._page, OFFSETS[turn], length, number, name)
        self._written[turn] = entry
        self._page[0] = turn

    def leave(self, id: str | None = None) -> None:
        """Record that a context has ended; the last one of those that are left is current again.

        Args:
            id: its id; None for the current one. Contexts of several threads end in any order.
        """
        stack = self._stack
        if stack:
            if id is None or stack[-1][3] is id:
                stack.pop()
            else:
                del stack[self._index_of(id)]
        current = stack[-1] if stack else _NOTHING
        self._turn = turn = 1 - self._turn
        if self._written[turn] is not current:
            pack = self._pack or self._begin()
            pack(self._page, OFFSETS[turn], *current[:3])
            self._written[turn] = current
        self._page[0] = turn

    def _index_of(self, id: str) -> int:
        """Return where the last entry with an id is in the stack; the last one if there is none."""
        for index in range(len(self._stack) - 1, -1, -1):
            if self._stack[index][3] == id:
                return index
        return len(self._stack) - 1

    def _begin(self) -> Any:
        import struct

        self._pack = struct.Struct(SLOT).pack_into
        if not self._closed:
            with contextlib.suppress(OSError):
                self._page = self._held = _map(os.path.join(self._root, CURRENT))
        return self._pack

    def record_leaks(self, report: ContextReport) -> None:
        """Append the leaks of a closed context, before any of them is removed.

        A context without leaks costs nothing. A full disk loses the line, not the run. When the
        journal has become large, the last line says that further leaks are not recorded.
        """
        for first in range(0, len(report.leaks), _LEAKS_PER_LINE):
            if self._size > MOST_BYTES:
                return
            leaks = report.leaks[first : first + _LEAKS_PER_LINE]
            self._size += self._append({"id": report.id, "scope": report.scope, "leaks": leaks})
            if self._size > MOST_BYTES:
                self._append({FULL: True})

    def record_preexisting(self, path: str, source: str) -> None:
        """Append that a preexisting file is about to be moved to a path in the root.

        The reaper moves it out before it removes the root of a dead run.
        """
        self._append({PREEXISTING: [path, source]})

    def _append(self, content: dict[str, Any]) -> int:
        """Write a line; return its length."""
        from json.encoder import JSONEncoder  # a test may have replaced `json.dumps`

        # The first newline ends whatever a write that was cut short has left.
        line = b"\n" + JSONEncoder(default=_fields).encode(content).encode() + b"\n"
        with contextlib.suppress(OSError):
            self._make_journal()
            try:
                _write(self._fd, line)
            except OSError as error:
                if error.errno != errno.EBADF or self._closed:
                    raise
                self._fd = -1  # a test has closed every descriptor
                self._make_journal()
                _write(self._fd, line)
        return len(line)

    def _make_journal(self) -> None:
        if self._fd < 0 and not self._closed:
            flags = os.O_WRONLY | os.O_CREAT | os.O_APPEND | NO_FOLLOW
            fd = _open(os.path.join(self._root, JOURNAL), flags, 0o600)
            self._fd = platform.park(fd)

    def close(self) -> None:
        """Stop writing; what is written stays. A second call does nothing."""
        page, fd = self._page, self._fd
        self._held = None
        self._cut_off()
        if fd >= 0:
            with contextlib.suppress(OSError):
                os.close(fd)
        if not isinstance(page, bytearray):
            page.close()

    def _cut_off(self) -> None:
        """Write into private memory from now on."""
        self._page = bytearray(SIZE)
        self._written = [None, None]
        self._fd = -1
        self._closed = True


_open, _write = os.open, os.write  # a test may have replaced them when its leaks are recorded
NO_FOLLOW = getattr(os, "O_NOFOLLOW", 0) | getattr(os, "O_CLOEXEC", 0)
_journals: weakref.WeakSet[Journal] = weakref.WeakSet()


def _fields(record: Any) -> dict[str, Any]:
    # Not `asdict`, which copies every value: it took a fifth of the time that a leak costs. The
    # reader supplies the defaults.
    names, values_of, defaults = _layout(type(record))  # type: ignore[arg-type]
    return {
        name: value for name, value, default in zip(names, values_of(record), defaults, strict=True)
        if value is not default
    }


@functools.cache
def _layout(kind: Any) -> tuple[list[str], Callable[[Any], tuple[Any, ...]], list[Any]]:
    """Return the names of the fields of a data class, what reads them, and their defaults."""
    fields = kind.__dataclass_fields__
    return list(fields), attrgetter(*fields), [field.default for field in fields.values()]


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
        flock.hold(fd)
        if sys.version_info >= (3, 13):
            return mmap.mmap(fd, SIZE, trackfd=False)
        else:  # noqa: RET505 - mypy takes the rest for unreachable otherwise
            with platform.only_high():
                return mmap.mmap(fd, SIZE)
    finally:
        os.close(fd)
