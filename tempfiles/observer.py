"""Audit events into creations and child processes, each under the context that did it.

Events come before the deed and fire even if it then fails, so what is kept here are candidates;
whether something was made is for the disk to say, when the context closes. Below the run root only
the topmost names matter, and a listing knows which are new; elsewhere a path counts as a creation
only if nothing was there when the event came.
"""

from __future__ import annotations

import os
import sys
import time
from collections.abc import Callable
from types import FrameType
from typing import Any

from . import _audit, contexts, nodes, origins, syscalls
from ._platform import descriptor_path
from .children import ChildProcess, command_of, promised_paths
from .contexts import Context
from .forks import ForkLog
from .records import Origin

_CREATE = os.O_CREAT
_WRITING_MODES = frozenset("wax+")


class Activity:
    """What one context did, kept on `Context.attachment` from its first deed on.

    `created` are keys of `Observer.entries`; `outside` are paths elsewhere.
    """

    __slots__ = ("children", "created", "native", "outside")

    def __init__(self) -> None:
        self.created: list[str] = []
        self.outside: dict[str, Entry] = {}
        self.children: list[ChildProcess] = []
        self.native = False


class Entry:
    """A new path: its context and the part of it, and its trail where it was observed.

    `removed` says that somebody was about to remove it: what is made there next is another.
    """

    __slots__ = ("context", "part", "removed", "trail")

    def __init__(self, context: Context, trail: origins.Trail | Origin | None) -> None:
        self.context = context
        self.part = context.part
        self.trail = trail
        self.removed = False


def activity_of(context: Context) -> Activity:
    """Return the activity of a context, made on its first use."""
    activity: Activity | None = context.attachment
    if activity is None:
        activity = context.attachment = Activity()
    return activity


class Observer:
    """Listens while started.

    `entries` holds what is known of the temp directory; `late` the contexts that made something
    after they were closed.

    Args:
        root: the run root; a creation below it is known as `slot/name`.
        trace: keep whole stacks.
        before_foreign: called before the first deed whose files no event will name (a child
            process, SQLite, ctypes), so that a snapshot can be taken.
    """

    def __init__(self, root: str, *, trace: bool, before_foreign: Callable[[], None]) -> None:
        self.root = root.rstrip(os.sep) + os.sep
        self.trace = trace
        self.entries: dict[str, Entry] = {}
        self.late: dict[Context, None] = {}
        self._were_there: set[str] = set()
        self.native_modules = False
        self.forks = ForkLog(root)
        self._before_foreign: Callable[[], None] | None = before_foreign
        self._handlers: dict[str, _audit.Handler] = {
            "open": self._opens,
            "os.mkdir": self._makes_directory,
            "os.rename": self._renames,
            "os.remove": self._removes,
            "os.rmdir": self._removes,
            "os.link": self._links,
            "os.symlink": self._symlinks,
            "os.truncate": self._truncates,
            "socket.bind": self._binds,
            "sqlite3.connect": self._connects,
            "ctypes.dlopen": self._goes_native,
            "ctypes.dlsym": self._goes_native,
            "import": self._imports,
            "subprocess.Popen": self._spawns,
            "os.posix_spawn": self._posix_spawns,
            "os.spawn": self._posix_spawns,
            "os.system": self._systems,
            "os.fork": self._forks,
            "os.forkpty": self._forks,
            "tempfiles.make_node": self._makes_node,
        }

    def start(self) -> None:
        """Begin to listen."""
        _audit.subscribe(self._handlers)
        nodes.install()
        self.forks.start()

    def stop(self) -> None:
        """Stop listening; what was noted stays."""
        _audit.unsubscribe(self._handlers)
        nodes.uninstall()
        self.forks.stop()

    # One handler an event.

    def _opens(self, args: tuple[Any, ...]) -> None:
        path, mode, flags = args
        if not flags & _CREATE and (flags or not mode or _WRITING_MODES.isdisjoint(mode)):
            return
        if type(path) is int:
            self._opens_descriptor()
        elif mode is None:
            self._note(path, "os.open")
            if not os.path.isabs(path):
                self._note_below_descriptors(path)
        else:
            self._note(path, "open")

    def _makes_directory(self, args: tuple[Any, ...]) -> None:
        self._note(args[0], "os.mkdir", args[2])

    def _removes(self, args: tuple[Any, ...]) -> None:
        self._forget(args[0], args[1])

    def _renames(self, args: tuple[Any, ...]) -> None:
        self._forget(args[0], args[2])
        self._note(args[1], "os.rename", args[3])

    def _links(self, args: tuple[Any, ...]) -> None:
        self._note(args[1], "os.link", args[3])

    def _symlinks(self, args: tuple[Any, ...]) -> None:
        self._note(args[1], "os.symlink", args[2])

    def _makes_node(self, args: tuple[Any, ...]) -> None:
        self._note(args[1], args[0], args[2])

    def _binds(self, args: tuple[Any, ...]) -> None:
        address = args[1]
        # A leading NUL is Linux's abstract namespace: no file.
        if isinstance(address, (str, bytes)) and address[:1] not in ("", b"", "\0", b"\0"):
            self._note(address, "socket.bind")

    def _connects(self, args: tuple[Any, ...]) -> None:
        database = args[0]
        if isinstance(database, str) and database.startswith("file:"):
            database = database[5:].partition("?")[0]
        self._goes_native(args)
        if database and database != ":memory:":
            for suffix in ("", "-wal", "-shm", "-journal"):
                self._note(os.fsdecode(database) + suffix, "sqlite3.connect")

    def _truncates(self, args: tuple[Any, ...]) -> None:
        # shm_open raises no event; SharedMemory sizes the new, still empty object.
        path = descriptor_path(args[0]) if type(args[0]) is int else None
        if path is not None and path.startswith("/dev/shm/") and _is_empty(path):
            self._note_path(path, "multiprocessing.shared_memory.SharedMemory", expected=False)

    def _imports(self, args: tuple[Any, ...]) -> None:
        # A compiled module from outside the standard library may do its own I/O.
        if args[1] and not origins.is_library(args[1]):
            self.native_modules = True
            self._goes_native(args)

    def _goes_native(self, args: tuple[Any, ...]) -> None:
        self._foreign_deed()
        activity_of(contexts.current()).native = True

    def _spawns(self, args: tuple[Any, ...]) -> None:
        executable, argv, cwd, _ = args
        self._add_child("subprocess", command_of(argv, executable), cwd)

    def _posix_spawns(self, args: tuple[Any, ...]) -> None:
        # os.spawn has a mode first
        path, argv = (args[1], args[2]) if isinstance(args[0], int) else (args[0], args[1])
        self._add_child("os.posix_spawn", command_of(argv, path), None)

    def _systems(self, args: tuple[Any, ...]) -> None:
        self._add_child("os.system", (os.fsdecode(args[0]),), None)

    def _forks(self, args: tuple[Any, ...]) -> None:
        self._foreign_deed()
        context = contexts.current()
        self.forks.expect(context)
        child = ChildProcess("os.fork", (), self._trail("os.fork"), time.time())
        self._append_child(context, child)

    def _opens_descriptor(self) -> None:
        # multiprocessing's spawn and forkserver raise no event for the child they start, but
        # write its instructions to a pipe at once.
        frame = _raiser()
        if frame is not None and frame.f_globals.get("__name__") in (
            "multiprocessing.popen_spawn_posix",
            "multiprocessing.popen_forkserver",
        ):
            self._add_child("multiprocessing", ("python",), None)

    def _add_child(self, call: str, command: tuple[str, ...], cwd: Any) -> None:
        self._foreign_deed()
        name = os.path.basename(command[0]) if command else ""
        # What is told is the program, not the function of the library that started it.
        trail = self._trail(f"subprocess {name}" if call == "subprocess" else call)
        trail = trail._replace(callee=None, module=None)
        directory = os.path.join(_working_directory(), os.fsdecode(cwd) if cwd else "")
        child = ChildProcess(call, command, trail, time.time(), directory)
        child.promised = promised_paths(command, directory, self.root)
        self._append_child(contexts.current(), child)

    def _append_child(self, context: Context, child: ChildProcess) -> None:
        activity_of(context).children.append(child)

    def _foreign_deed(self) -> None:
        prepare, self._before_foreign = self._before_foreign, None
        if prepare is not None:
            prepare()

    # From a path to a note.

    def _note(self, path: Any, call: str, dir_fd: int = -1) -> None:
        absolute = self._absolute(path, dir_fd)
        if absolute is not None:
            self._note_path(absolute, call)

    def _absolute(self, path: Any, dir_fd: int) -> str | None:
        try:
            path = os.fsdecode(path)
        except TypeError:
            return None  # not a path: the call is about to fail
        if not path.startswith(self.root) and not os.path.isabs(path):
            base = _working_directory() if dir_fd == -1 else descriptor_path(dir_fd)
            if base is None:
                return None
            path = os.path.join(base, path)
        if "//" in path or "/." in path or path.endswith("/"):
            path = os.path.normpath(path)
        return str(path)

    def _note_path(self, path: str, call: str, expected: bool = True) -> None:
        if not path.startswith(self.root):
            if _is_bytecode(path):
                return
            path = _real(path, follow=call in ("open", "os.open"))
        if path.startswith(self.root):
            self._note_entry(path[len(self.root) :], call)
        elif not expected or not (path in self._were_there or syscalls.lexists(path)):
            self._note_outside(path, call)

    def _forget(self, path: Any, dir_fd: int) -> None:
        """Somebody is about to remove a path or to move it away."""
        absolute = self._absolute(path, dir_fd)
        if absolute is None:
            return
        if absolute.startswith(self.root):
            entry = self.entries.get(absolute[len(self.root) :])
            if entry is not None:
                entry.removed = True
        elif not self._was_made(absolute) and syscalls.lexists(absolute):
            # It was there before: whoever makes it again gives back what was the user's.
            self._were_there.add(_real(absolute, follow=False))

    def _was_made(self, path: str) -> bool:
        """Whether the current context or one around it was seen to make a path."""
        context: Context | None = contexts.current()
        while context is not None:
            if context.attachment is not None and path in context.attachment.outside:
                return True
            context = context.parent
        return False

    def _note_entry(self, key: str, call: str) -> None:
        known = self.entries.get(key)
        if (known is not None and not known.removed) or key.count(os.sep) != 1:
            return
        context = contexts.current()
        trail = self._trail(call)
        if self.forks.in_child:
            self.forks.write(context, self.root + key, trail)
            return
        self.entries[key] = Entry(context, trail)
        if known is None or known.context is not context:
            activity_of(context).created.append(key)
        if context.closed:
            self.late[context] = None

    def _note_outside(self, path: str, call: str) -> None:
        context = contexts.current()
        trail = self._trail(call)
        if self.forks.in_child:
            self.forks.write(context, path, trail)
            return
        # Nothing is there now: if it was made before, it has been removed since.
        activity_of(context).outside[path] = Entry(context, trail)
        if context.closed:
            self.late[context] = None

    def _note_below_descriptors(self, path: Any) -> None:
        # The event of `os.open` does not tell dir_fd: try every directory that is open.
        for descriptor in _open_directories():
            self._note_path(os.path.join(descriptor, os.fsdecode(path)), "os.open")

    def _trail(self, call: str) -> origins.Trail:
        return origins.capture(_raiser(), call, self.trace)


def _raiser() -> FrameType | None:
    """Return the frame whose call raised the event that is being handled."""
    frame: FrameType | None = sys._getframe(1)
    hook = _audit.hook_code()
    while frame is not None and frame.f_code is not hook:
        frame = frame.f_back
    frame = frame.f_back if frame is not None else None
    if frame is not None and frame.f_globals is nodes.__dict__:
        frame = frame.f_back
    return frame


def _working_directory() -> str:
    try:
        return syscalls.getcwd()
    except OSError:
        return ""  # it was removed: nothing can be made relative to it


def _real(path: str, follow: bool) -> str:
    """Resolve the links on the way to a path; with `follow`, also a link that it is itself."""
    if follow and syscalls.is_link(path):
        return syscalls.real_path(path)
    directory, name = os.path.split(path)
    return os.path.join(syscalls.real_path(directory), name)


def _is_bytecode(path: str) -> bool:
    return "__pycache__" in path or path.endswith(".pyc")


def _is_empty(path: str) -> bool:
    try:
        return syscalls.stat(path).st_size == 0
    except OSError:
        return False


def _open_directories() -> list[str]:
    try:
        descriptors = syscalls.listdir("/proc/self/fd")
    except OSError:
        return []
    paths = (descriptor_path(int(descriptor)) for descriptor in descriptors)
    return [path for path in paths if path is not None and syscalls.is_directory(path)]
