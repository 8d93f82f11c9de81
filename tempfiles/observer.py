"""Audit events into creations, each under the context that did it.

Events come before the deed and fire even if it then fails, so what is kept here are candidates;
whether something was made is for the disk to say, when the context closes. Below the run root only
the topmost names matter, and a listing knows which are new; elsewhere a path counts as a creation
only if nothing was there when the event came.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Callable
from types import FrameType

from . import _audit, event_paths, nodes, origins, syscalls
from . import _contexts as contexts
from ._contexts import Context
from ._platform import descriptor_path
from .activity import Entry, activity_of
from .brought import Brought
from .first_deed import may_create
from .forks import ForkLog
from .made_trees import MadeTrees
from .spawning import SpawnObserver
from .told import Told

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from .removed_bytes import RemovedBytes
    from .seen import SeenOutside

_BRINGING = ("os.rename", "os.link")  # what they make may have been there before
_UNUSUAL_ENDS = (os.sep, ".")  # what may not be a plain name: `0/x/`, `0/..`


class Observer:
    """Listens while started.

    `entries` holds what is known of the temp directory, by `slot/name`; `late` the contexts that
    made something after they were closed. `told` is to be given the leaks of each context.
    `brought` knows what from before the run was moved or linked elsewhere, `ours` what was made
    elsewhere by nobody's code but the run's own. Where it is asked for, `removed` counts bytes,
    and `seen` has all that the run was seen to make elsewhere, in directories of its own too.

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
        self.root = root.rstrip(os.sep) + os.sep
        self.entries: dict[str, Entry] = {}
        self.late: dict[Context, None] = {}
        self.forks = ForkLog(root)
        self.spawning = SpawnObserver(
            self.root, self.forks, trace=trace, before_foreign=before_foreign
        )
        self._trace = trace
        self.removed: RemovedBytes | None = None
        self._charged = contexts.charged if charges_runner else contexts.current
        self.told = Told()
        self.brought = Brought(self.root)
        self.ours: set[str] = set()
        self.seen: SeenOutside | None = None
        self._trees = MadeTrees()
        self._were_there: set[str] = set()
        self._links_in_temp: set[str] = set()
        self._handlers: dict[str, _audit.Handler] = {
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
        _audit.subscribe(self._handlers)
        nodes.install()
        self.forks.start()
        contexts.trace_start = self._captures_start

    def stop(self) -> None:
        """Stop listening; what was noted stays."""
        _audit.unsubscribe(self._handlers)
        nodes.uninstall()
        self.forks.stop()
        contexts.trace_start = contexts.trace_nothing

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
        self._note(path, "open" if mode is not None else "os.open", frame)
        if mode is None and not os.path.isabs(path):
            # The event does not tell dir_fd: try every directory that is open.
            for directory in event_paths.open_directories():
                self._note(os.path.join(directory, os.fsdecode(path)), "os.open", frame)

    def _makes_directory(self, args: tuple[Any, ...]) -> None:
        self._note(args[0], "os.mkdir", sys._getframe(2), args[2])

    def _renames(self, args: tuple[Any, ...]) -> None:
        source, target = self._brings(args)
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
        self._brings((source, target, event_paths.CWD, event_paths.CWD), by_name=False)

    def _links(self, args: tuple[Any, ...]) -> None:
        self._brings(args)
        self._note(args[1], "os.link", sys._getframe(2), args[3])

    def _symlinks(self, args: tuple[Any, ...]) -> None:
        key = (event_paths.absolute(args[1], args[2], self.root) or "")[len(self.root) :]
        self._note(args[1], "os.symlink", sys._getframe(2), args[2])
        if key in self.entries:
            self._links_in_temp.add(key)

    def _brings(
        self, args: tuple[Any, ...], by_name: bool = True
    ) -> tuple[str | None, str | None]:
        source = event_paths.absolute(args[0], args[2], self.root)
        target = event_paths.absolute(args[1], args[3], self.root)
        if source is not None and target is not None:
            self.brought.note(source, target, self._was_made)
            if by_name and self.seen is not None:
                self.seen.follow(source, target)
        return source, target

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

    # From a path to a note.

    def _note(self, path: Any, call: str, frame: FrameType, dir_fd: int = event_paths.CWD) -> None:
        if self.removed is not None:
            self.removed.settle()
        if type(path) is str and path.startswith(self.root):
            key = path[len(self.root) :]
            if key.count(os.sep) == 1 and key[-1] not in _UNUSUAL_ENDS:
                self._note_entry(key, call, frame)
                return
        absolute = event_paths.absolute(path, dir_fd, self.root)
        if absolute is None:
            return
        is_new = False
        if not absolute.startswith(self.root):
            context = self._charged()
            if self.seen is not None:
                if call not in _BRINGING and context is not contexts.nobody:
                    self.seen.add(absolute)
            elif self._trees.have(absolute, call, context):
                return
            if event_paths.is_bytecode(absolute):
                return
            is_new = not syscalls.lexists(absolute)
            follow = not is_new and call in ("open", "os.open")
            absolute = event_paths.real_place(path, absolute, follow)
        if absolute.startswith(self.root):
            self._note_entry(absolute[len(self.root) :], call, frame)
        elif absolute not in self._were_there and (
            is_new or not syscalls.lexists(absolute) or self.told.displaced(absolute, call)
        ):
            self._note_outside(absolute, call, frame)
            if call == "os.mkdir":
                self._trees.add(absolute, self._charged())

    def _note_entry(self, key: str, call: str, frame: FrameType) -> None:
        known = self.entries.get(key)
        if known is not None and not self.told.makes_another(self.root + key, call, known.removed):
            if key in self._links_in_temp:
                self._note_through_link(key, call, frame)
            return
        if key.count(os.sep) != 1:
            self._note_through_link(key, call, frame)
            return
        context = self._charged()
        trail = origins.capture(frame, call, self._trace)
        if self.forks.in_child:
            self.forks.write(context, self.root + key, trail)
            return
        self.entries[key] = Entry(context, trail, self.told.displaced(self.root + key, call))
        if known is None or known.context is not context:
            activity_of(context).created.append(key)
        if context.closed:
            self.late[context] = None

    def _note_through_link(self, key: str, call: str, frame: FrameType) -> None:
        """What is made below a topmost entry is that entry's, unless that is a link elsewhere."""
        top = os.sep.join(key.split(os.sep)[:2])
        if top in self._links_in_temp:
            self._links_in_temp.discard(top)
            self._note(event_paths.real(self.root + key, follow=True), call, frame)
            self._links_in_temp.add(top)

    def _note_outside(self, path: str, call: str, frame: FrameType) -> None:
        context = self._charged()
        if context is contexts.nobody:
            self.ours.add(path)
            return
        trail = origins.capture(frame, call, self._trace)
        if self.forks.in_child:
            self.forks.write(context, path, trail)
            return
        # Nothing is there now, or it is replaced: if it was made before, it is another.
        activity_of(context).outside[path] = Entry(context, trail, self.told.displaced(path, call))
        if context.closed:
            self.late[context] = None

    def _forget(self, path: Any, dir_fd: int) -> str | None:
        """Somebody is about to remove a path or to move it away; return it, absolute."""
        absolute = event_paths.absolute(path, dir_fd, self.root)
        if absolute is None:
            return None
        if self.seen is not None:
            self.seen.forget(absolute)
        is_in_tree = self._trees.forget(absolute)
        self.told.is_removed(absolute, contexts.current())
        if absolute.startswith(self.root):
            entry = self.entries.get(absolute[len(self.root) :])
            if entry is not None:
                entry.removed = True
        elif not is_in_tree and not self._was_made(absolute) and syscalls.lexists(absolute):
            # It was there before: whoever makes it again gives back what was the user's.
            real = event_paths.real(absolute, follow=False)
            if real not in self.told:
                self._were_there.add(real)
        return absolute

    def _was_made(self, path: str) -> bool:
        """Whether the current context or one around it made a path, or what it lies in."""
        context: Context | None = self._charged()
        while context is not None:
            made = context.attachment.outside if context.attachment is not None else ()
            part = path
            while made and part != (above := os.path.dirname(part)):
                if part in made:
                    return True
                part = above
            context = context.parent
        return False
