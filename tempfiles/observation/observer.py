"""Observe audit events: record which paths are created, moved and removed, and by which context.

Below the run root only the topmost names matter, and a listing tells which are new; elsewhere a
path counts as created only if nothing was there when the event came.
"""

from __future__ import annotations

import os
from collections.abc import Callable
from types import FrameType
from typing import TYPE_CHECKING, Any

from ..events import event_paths, origins
from ..events.child_log import ChildLog
from ..events.forks import ForkLog
from ..events.siblings import NAME, SiblingLog
from ..processes.spawns import PROCESS_EVENTS, SpawnObserver
from ..registry import contexts, pools
from ..registry.contexts import UNTRACKED, Context
from ..system import audit, syscalls
from ..system.audit import may_create
from ..system.platform import descriptor_path
from ..system.syscalls import get_frame
from .new_paths import NewPaths
from .paths import PathTable

if TYPE_CHECKING:
    from .removed_bytes import RemovedBytes

_FOLLOW_LINKS = ("open", "os.open", "sqlite3.connect")
_UNUSUAL_ENDS = (syscalls.SEP, ".")  # the last part may be no plain name: `0/x/`, `0/..`


class Observer:
    """Record events while started.

    Args:
        root: the run root.
        trace: keep whole stacks.
        context_now: returns the context to record a creation under; by default the innermost one
            that a host has opened.
        before_unaudited: called once, before the first work whose files no event will name (a
            child process, SQLite, ctypes).
        keeps_all: see `PathTable`.

    Attributes:
        paths: the record of each path.
        new_paths: decides which paths are new.
        forks: what forked children observe.
        child_log: what child processes observe, if the run starts it.
        siblings: what other processes of the same run have created.
        spawns: the processes and the native code of each context.
        removed: counts the bytes of what tests remove, where that is asked for.
        record_preexisting: called with the new path and the one before the run, before a file of
            the user's comes into the run root.
    """

    def __init__(
        self,
        root: str,
        *,
        trace: bool = False,
        context_now: Callable[[], Context] = contexts.reporting_context,
        before_unaudited: Callable[[], None] = lambda: None,
        keeps_all: bool = False,
    ) -> None:
        self.root = root.rstrip(syscalls.SEP) + syscalls.SEP
        self.paths = PathTable(self.root, keeps_all=keeps_all)
        self.new_paths = NewPaths(self.paths)
        self.forks = ForkLog(root)
        self.child_log = ChildLog(root)
        self.spawns = SpawnObserver(
            self.root, self.forks, trace=trace, before_unaudited=before_unaudited
        )
        self.paths.preexisting.before_moved_in = self._announce_preexisting
        self.record_preexisting: Callable[[str, str], None] = lambda path, source: None
        self.paths.preexisting.had_unaudited = lambda: self.spawns.had_unaudited
        self.removed: RemovedBytes | None = None
        self.siblings = SiblingLog(syscalls.join(root, NAME), writes=False)
        self._identities = self.paths.identities
        self._copied = self.paths.preexisting.copied
        self._trace = trace
        self._context = context_now
        self._depth = self.root.count(syscalls.SEP) + 1  # of the topmost entries
        self._links_in_temp: set[str] = set()
        self._handlers: dict[str, audit.Handler] = {
            "open": self._opens,
            "os.mkdir": self._makes_directory,
            "os.rename": self._renames,
            "os.remove": self._removes,
            "os.rmdir": self._removes,
            "os.link": self._links,
            "os.symlink": self._symlinks,
            "os.truncate": self._truncates,
            "shutil.copyfile": self._copies,
            "shutil.move": self._moves,
            "socket.bind": self._binds,
            "sqlite3.connect": self._connects,
            "tempfiles.make_node": self._makes_node,
            **self.spawns.handlers,
        }

    def start(self) -> None:
        """Begin to listen."""
        audit.subscribe(self._handlers)
        audit.audit_node_functions()
        self.forks.start()
        contexts.trace_start = self._capture_start
        pools.announce = self.spawns.hands_over
        pools.follow_imported()

    def follow_moves(self) -> None:
        """Listen only for the user's files that are moved or copied into the run root.

        The processes that may do it without an event are noticed as well.
        """
        self.paths.preexisting.had_unaudited = lambda: True
        self._handlers = {
            **dict.fromkeys(PROCESS_EVENTS, self._starts_process),
            "open": self._opens_untracked,
            "os.rename": self._follows_rename,
            "os.remove": self._loses,
            "os.link": self._follows_link,
            "shutil.copyfile": self._copies,
            "shutil.move": self._moves,
        }
        audit.subscribe(self._handlers)
        self.forks.start()

    def stop(self) -> None:
        """Stop listening; the records stay."""
        audit.unsubscribe(self._handlers)
        audit.restore_node_functions()
        self.forks.stop()
        contexts.trace_start = contexts.no_trace
        pools.announce = pools.announce_nothing

    def read_forks(self) -> None:
        """Record what forked children have observed since the last call."""
        for context, path, origin, announced in self.forks.read():
            known = self.paths.get(path)
            if known is None or known.maker is None:
                self.paths.created(path, context, origin, was_there=True)
                if self.paths.identities is not None:
                    self.paths.identities.announce(path, announced)
            elif known.trail is None:
                known.trail = origin
        moved, self.forks.moved = self.forks.moved, []
        for path, source in moved:
            self.paths.preexisting.add_moved(path, source)

    def _announce_preexisting(self, path: str, source: str) -> None:
        """Record, so that a reaper finds it, that a file of the user's comes into the run root."""
        if self.forks.in_child:
            self.forks.write_preexisting(path, source)
        else:
            self.record_preexisting(path, source)

    def settle(self) -> None:
        """Look at what was created since the last event, if all is kept."""
        if self.paths.identities is not None:
            self.paths.identities.settle()

    def _capture_start(self, frame: FrameType) -> origins.Trail:
        return origins.capture(frame, "", self._trace)

    # One handler an event; frame 2 of a handler is the one that raised the event.

    def _opens(self, args: tuple[Any, ...]) -> None:
        path, mode, flags = args
        if not flags & os.O_CREAT and (flags or not may_create(mode, flags)):
            return
        frame = get_frame(2)
        if type(path) is int:
            self.spawns.opens_pipe(frame)
            return
        if frame.f_globals.get("tempdir", "") is None and origins.tries_to_write(frame):
            return
        if self._copied:
            self._opens_to_write(args)
        if mode is not None or syscalls.isabs(path):
            self._create(path, "open" if mode is not None else "os.open", frame)
            return
        # The event does not tell dir_fd: it may be any directory that is open.
        for directory in event_paths.open_directories():
            self._create(syscalls.join(directory, os.fsdecode(path)), "os.open", frame)

    def _makes_directory(self, args: tuple[Any, ...]) -> None:
        self._create(args[0], "os.mkdir", get_frame(2), args[2])

    def _renames(self, args: tuple[Any, ...]) -> None:
        source, target = self._ends(args)
        if source and target and not self._follow_rename(source, target):
            return
        if source is not None:
            self.paths.removed(source, self._context())
        self._create(args[1], "os.rename", get_frame(2), args[3])
        if self.removed is not None:
            self.removed.announce_move(source, target, self._context())

    def _follow_rename(self, source: str, target: str) -> bool:
        """Follow what existed before the run; return whether the rename can succeed."""
        if not event_paths.may_become(source, target):
            return False
        if self._copied:
            self.paths.lost(target)
        self.paths.moved(source, target)
        return True

    def _follows_rename(self, args: tuple[Any, ...]) -> None:
        source, target = self._ends(args)
        if source and target:
            self._follow_rename(source, target)

    def _copies(self, args: tuple[Any, ...]) -> None:
        source, target = self._ends((*args, event_paths.CWD, event_paths.CWD))
        if source is not None and target is not None:
            self.paths.preexisting.announce_copy(source, target)

    def _opens_untracked(self, args: tuple[Any, ...]) -> None:
        if type(args[0]) is int:
            self.spawns.opens_pipe(get_frame(2))
        self._opens_to_write(args)

    def _starts_process(self, args: tuple[Any, ...]) -> None:
        self.spawns.begin_unaudited()
        self.forks.expect(contexts.reporting_context())

    def _opens_to_write(self, args: tuple[Any, ...]) -> None:
        path, mode, flags = args
        if may_create(mode, flags) and type(path) is not int:
            self._loses((path, event_paths.CWD))

    def _loses(self, args: tuple[Any, ...]) -> None:
        path = event_paths.absolute(args[0], args[1], self.root)
        if path is not None:
            self.paths.lost(path)

    def _moves(self, args: tuple[Any, ...]) -> None:
        # Across file systems it copies: no rename tells where it goes.
        source, target = map(os.fsdecode, args)
        if syscalls.is_directory(target):
            target = syscalls.join(target, syscalls.basename(source.rstrip(syscalls.SEP)))
        old, new = self._ends((source, target, event_paths.CWD, event_paths.CWD))
        if old is not None and new is not None:
            self.paths.moved(old, new, by_name=False)

    def _links(self, args: tuple[Any, ...]) -> None:
        self._follows_link(args)
        self._create(args[1], "os.link", get_frame(2), args[3])

    def _follows_link(self, args: tuple[Any, ...]) -> None:
        source, target = self._ends(args)
        if source is not None and target is not None:
            self.paths.moved(source, target, stays=True)

    def _symlinks(self, args: tuple[Any, ...]) -> None:
        path = event_paths.absolute(args[1], args[2], self.root)
        self._create(args[1], "os.symlink", get_frame(2), args[2])
        if path is not None and path.startswith(self.root) and self.paths.get(path) is not None:
            self._links_in_temp.add(path)

    def _ends(self, args: tuple[Any, ...]) -> tuple[str | None, str | None]:
        source = event_paths.absolute(args[0], args[2], self.root)
        return source, event_paths.absolute(args[1], args[3], self.root)

    def _makes_node(self, args: tuple[Any, ...]) -> None:
        # Raised by the function that stands in for the real one: the user's is a frame more.
        self._create(args[1], args[0], get_frame(3), args[2])

    def _removes(self, args: tuple[Any, ...]) -> None:
        if self._identities is not None:
            self._identities.settle()
        path = event_paths.absolute(args[0], args[1], self.root)
        if path is None:
            return
        context = self._context()
        if self._copied:
            self.paths.lost(path)
        self.paths.removed(path, context)
        if self.removed is not None and not origins.tries_to_write(get_frame(2)):
            self.removed.announce_removal(path, context)

    def _binds(self, args: tuple[Any, ...]) -> None:
        address = args[1]
        # A leading NUL is Linux's abstract namespace: no file.
        if isinstance(address, (str, bytes)) and address[:1] not in ("", b"", "\0", b"\0"):
            self._create(address, "socket.bind", get_frame(2))

    def _connects(self, args: tuple[Any, ...]) -> None:
        database = args[0]
        if isinstance(database, str) and database.startswith("file:"):
            database = database[5:].partition("?")[0]
        self.spawns.goes_native(args)
        if database and database != ":memory:":
            for suffix in ("", "-wal", "-shm", "-journal"):
                self._create(os.fsdecode(database) + suffix, "sqlite3.connect", get_frame(2))

    def _truncates(self, args: tuple[Any, ...]) -> None:
        # shm_open raises no event; SharedMemory sizes the new, still empty object.
        path = descriptor_path(args[0]) if type(args[0]) is int else None
        if path is not None and path.startswith("/dev/shm/") and event_paths.is_empty(path):
            call = "multiprocessing.shared_memory.SharedMemory"
            self._record(path, call, get_frame(2), self._context())

    # From the path of an event to its record.

    def _create(
        self, path: Any, call: str, frame: FrameType, dir_fd: int = event_paths.CWD
    ) -> None:
        """Record that a call is about to create a path, unless that is known or no new file."""
        if self._identities is not None:
            self._identities.settle()
        if self.removed is not None:
            self.removed.settle()
        if (
            type(path) is str and path.startswith(self.root)
            and path.count(syscalls.SEP) == self._depth and path[-1] not in _UNUSUAL_ENDS
        ):
            self._create_topmost(path, call, frame)
            return
        absolute = event_paths.absolute(path, dir_fd, self.root)
        if absolute is None:
            return
        if absolute.startswith(self.root):
            self._create_in_temp(absolute, call, frame)
            return
        context = self._context()
        if self.new_paths.is_in_own_directory(absolute, call, context):
            return
        if not event_paths.is_bytecode(absolute):
            self._create_elsewhere(path, absolute, call, frame)
        elif self.paths.keeps_all and not syscalls.lexists(absolute):
            place = event_paths.real(absolute, follow=False)
            if self.new_paths.accepts_outside(place, call, context, is_new=True):
                self.paths.created(place, context).is_nested = True

    def _create_in_temp(self, path: str, call: str, frame: FrameType) -> None:
        if path.count(syscalls.SEP) != self._depth:
            self._create_through_link(path, call, frame)
        else:
            self._create_topmost(path, call, frame)

    def _create_topmost(self, path: str, call: str, frame: FrameType) -> None:
        context = self._context()
        if self.paths.get(path) is None or self.new_paths.accepts_in_temp(path, call, context):
            self._record(path, call, frame, context)
        elif path in self._links_in_temp and call in _FOLLOW_LINKS:
            self._create_through_link(path, call, frame)

    def _create_through_link(self, path: str, call: str, frame: FrameType) -> None:
        """Record a path below a topmost entry only if that is a link: else it is a part of it."""
        top = syscalls.SEP.join(path.split(syscalls.SEP)[: self._depth + 1])
        if top in self._links_in_temp:
            self._links_in_temp.discard(top)
            self._create(event_paths.real(path, follow=True), call, frame)
            self._links_in_temp.add(top)
            return
        state = self.paths.get(top)
        if state is not None and state.reported is not None:
            self.paths.note_writer(path, self._context())

    def _create_elsewhere(self, path: Any, absolute: str, call: str, frame: FrameType) -> None:
        is_new = not syscalls.lexists(absolute)
        follow = not is_new and call in ("open", "os.open")
        place = event_paths.real_place(path, absolute, follow)
        if place.startswith(self.root):
            self._create_in_temp(place, call, frame)
            return
        context = self._context()
        is_new = is_new or not syscalls.lexists(place)
        if place == self.siblings.path:
            return  # this process is writing to it
        if self.new_paths.accepts_outside(place, call, context, is_new):
            if self.siblings.writes:
                self.siblings.note(place)
            self._record(place, call, frame, context)
        elif not is_new and call in _FOLLOW_LINKS:
            self.paths.lost(place)

    def _record(self, path: str, call: str, frame: FrameType, context: Context) -> None:
        if context is UNTRACKED:
            self.paths.created(path, context, call=call)
            return
        trail = origins.capture(frame, call, self._trace, context.source)
        if self.forks.in_child:
            self.forks.write(context, path, trail)
        else:
            self.paths.created(path, context, trail, call)
