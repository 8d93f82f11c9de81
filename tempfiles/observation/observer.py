"""Audit events into notes of what is made, moved and removed.

Events come before the deed and fire even if it then fails, so what is noted are candidates; whether
something was made is for the disk to say, when the context closes.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Callable
from types import FrameType

from ..registry import contexts
from ..system import audit, syscalls
from ..system.audit import may_create
from ..system.platform import descriptor_path
from . import event_paths, origins
from .notes import Notes
from .spawns import SpawnObserver

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any


class Observer(Notes):
    """Notes while started.

    Args:
        root: the run root.
        trace: keep whole stacks.
        charges_runner: note what is made under the innermost context that a runner has opened.
        before_foreign: called once, before the first deed whose files no event will name (a child
            process, SQLite, ctypes).
    """

    def __init__(
        self,
        root: str,
        *,
        trace: bool = False,
        charges_runner: bool = True,
        before_foreign: Callable[[], None] = lambda: None,
    ) -> None:
        super().__init__(root, trace=trace, charges_runner=charges_runner)
        self.spawning = SpawnObserver(
            self.root, self.forks, trace=trace, before_foreign=before_foreign
        )
        self._handlers: dict[str, audit.Handler] = {
            "open": self._opens,
            "os.mkdir": self._makes_directory,
            "os.rename": self._renames,
            "os.remove": self._removes,
            "os.rmdir": self._removes,
            "os.link": self._links,
            "os.symlink": self._symlinks,
            "os.truncate": self._truncates,
            "shutil.move": self._moves,
            "socket.bind": self._binds,
            "sqlite3.connect": self._connects,
            "tempfiles.make_node": self._makes_node,
            **self.spawning.handlers,
        }

    def start(self) -> None:
        """Begin to listen."""
        audit.subscribe(self._handlers)
        audit.audit_node_functions()
        self.forks.start()
        contexts.trace_start = self._captures_start

    def stop(self) -> None:
        """Stop listening; what was noted stays."""
        audit.unsubscribe(self._handlers)
        audit.restore_node_functions()
        self.forks.stop()
        contexts.trace_start = contexts.no_trace

    def _captures_start(self, frame: FrameType) -> origins.Trail:
        return origins.capture(frame, "", self._trace)

    # One handler an event; frame 2 of a handler is the one that raised the event.

    def _opens(self, args: tuple[Any, ...]) -> None:
        path, mode, flags = args
        if not may_create(mode, flags):
            return
        frame = sys._getframe(2)
        if type(path) is int:
            self.spawning.opens_pipe(frame)
            return
        if origins.tries_to_write(frame):
            return
        if mode is not None or os.path.isabs(path):
            self._note(path, "open" if mode is not None else "os.open", frame)
            return
        # The event does not tell dir_fd: it may be any directory that is open.
        for directory in event_paths.open_directories():
            self._note(os.path.join(directory, os.fsdecode(path)), "os.open", frame)

    def _makes_directory(self, args: tuple[Any, ...]) -> None:
        self._note(args[0], "os.mkdir", sys._getframe(2), args[2])

    def _renames(self, args: tuple[Any, ...]) -> None:
        source, target = self._ends(args)
        if source and target and not event_paths.may_become(source, target):
            return  # it is about to fail
        self._brings(source, target)
        self._forget(args[0], args[2])
        self._trees.forget_all()
        self._note(args[1], "os.rename", sys._getframe(2), args[3])
        if self.removed is not None:
            self.removed.announce_move(source, target, self._charged())

    def _moves(self, args: tuple[Any, ...]) -> None:
        # Across file systems it copies: no rename tells where it goes.
        source, target = map(os.fsdecode, args)
        if syscalls.is_directory(target):
            target = os.path.join(target, os.path.basename(source.rstrip(os.sep)))
        ends = self._ends((source, target, event_paths.CWD, event_paths.CWD))
        self._brings(*ends, by_name=False)

    def _links(self, args: tuple[Any, ...]) -> None:
        self._brings(*self._ends(args))
        self._note(args[1], "os.link", sys._getframe(2), args[3])

    def _symlinks(self, args: tuple[Any, ...]) -> None:
        key = (event_paths.absolute(args[1], args[2], self.root) or "")[len(self.root) :]
        self._note(args[1], "os.symlink", sys._getframe(2), args[2])
        if key in self.entries:
            self._links_in_temp.add(key)

    def _ends(self, args: tuple[Any, ...]) -> tuple[str | None, str | None]:
        source = event_paths.absolute(args[0], args[2], self.root)
        return source, event_paths.absolute(args[1], args[3], self.root)

    def _brings(self, source: str | None, target: str | None, by_name: bool = True) -> None:
        if source is not None and target is not None:
            self.brought.note(source, target, self._was_made)
            if by_name and self.seen is not None:
                self.seen.follow(source, target)

    def _makes_node(self, args: tuple[Any, ...]) -> None:
        # Raised by the function that stands in for the real one: the user's is a frame more.
        self._note(args[1], args[0], sys._getframe(3), args[2])

    def _removes(self, args: tuple[Any, ...]) -> None:
        path = self._forget(args[0], args[1])
        if self.removed is None or path is None or origins.tries_to_write(sys._getframe(2)):
            return
        self.removed.announce_removal(path, self._charged())

    def _binds(self, args: tuple[Any, ...]) -> None:
        address = args[1]
        # A leading NUL is Linux's abstract namespace: no file.
        if isinstance(address, (str, bytes)) and address[:1] not in ("", b"", "\0", b"\0"):
            self._note(address, "socket.bind", sys._getframe(2))

    def _connects(self, args: tuple[Any, ...]) -> None:
        database = args[0]
        if isinstance(database, str) and database.startswith("file:"):
            database = database[5:].partition("?")[0]
        self.spawning.goes_native(args)
        if database and database != ":memory:":
            for suffix in ("", "-wal", "-shm", "-journal"):
                self._note(os.fsdecode(database) + suffix, "sqlite3.connect", sys._getframe(2))

    def _truncates(self, args: tuple[Any, ...]) -> None:
        # shm_open raises no event; SharedMemory sizes the new, still empty object.
        path = descriptor_path(args[0]) if type(args[0]) is int else None
        if path is not None and path.startswith("/dev/shm/") and event_paths.is_empty(path):
            call = "multiprocessing.shared_memory.SharedMemory"
            self._note_outside(path, call, sys._getframe(2))
