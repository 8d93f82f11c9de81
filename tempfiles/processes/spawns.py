"""Observe what creates files without an audit event: child processes, forks, native code."""

from __future__ import annotations

import os
from collections.abc import Callable
from types import FrameType
from typing import Any

from ..events import origins
from ..events.command_names import names_in
from ..events.event_paths import working_directory
from ..events.forks import ForkLog
from ..registry import contexts, pools
from ..registry.threads import Start
from ..system import audit, syscalls
from ..system.syscalls import get_frame
from ..system.thread_lock import Patient, new_lock
from . import child_ends
from .activity import ChildProcess, activity_of, command_of

_lock = new_lock()

# From 3.13 on `subprocess.Popen`, which has an event of its own, may use `posix_spawn`.
_REPORTED_OTHERWISE = ("subprocess", "tempfiles.recovery.guard")
_MULTIPROCESSING = (
    "multiprocessing.popen_spawn_posix", "multiprocessing.popen_forkserver",
    "loky.backend.popen_loky_posix", "joblib.externals.loky.backend.popen_loky_posix",
)

UNANNOUNCED = frozenset(("_dbm", "_gdbm", "readline", "_interpreters", "_xxsubinterpreters"))
"""Modules of the standard library that create files without an event."""

PROCESS_EVENTS = (
    "subprocess.Popen", "os.posix_spawn", "os.spawn", "os.system", "os.fork", "os.forkpty",
)
"""The events of the start of a process."""


class SpawnObserver:
    """Record for each context the processes that it started and the native code that it ran.

    Args:
        root: the run root, with a separator at its end.
        forks: is prepared before each fork.
        trace: keep whole stacks.
        before_unaudited: called once, before the first such work.

    Attributes:
        native_modules: whether a compiled module was imported that is not the standard library's.
        had_unaudited: whether there was any such work so far.
        works: how often such work has begun.
    """

    def __init__(
        self, root: str, forks: ForkLog, *, trace: bool, before_unaudited: Callable[[], None]
    ) -> None:
        self._root = root
        self._forks = forks
        self._trace = trace
        self._before_unaudited: Callable[[], None] | None = before_unaudited
        self._is_prepared = False
        self.native_modules = False
        self.had_unaudited = False
        self._late: list[tuple[contexts.Context, ChildProcess]] = []
        self.works = 0
        self.handlers: dict[str, audit.Handler] = {
            "ctypes.dlopen": self.goes_native,
            "ctypes.dlsym": self.goes_native,
            "import": self._imports,
            "subprocess.Popen": self._popens,
            "os.posix_spawn": self._posix_spawns,
            "os.spawn": self._windows_spawns,
            "os.system": self._systems,
            "os.fork": self._forks_off,
            "os.forkpty": self._forks_off,
            "socket.connect": self._asks_server,
        }

    # One handler an event; frame 2 of a handler is the one that raised the event.

    def goes_native(self, args: tuple[Any, ...]) -> None:
        """Record that native code is about to run, which may create files of its own."""
        context = contexts.reporting_context()
        if context is not contexts.UNTRACKED:
            self.begin_unaudited()
            activity_of(context).native = True

    def _imports(self, args: tuple[Any, ...]) -> None:
        if args[0] in pools.MODULES:
            pools.follow(args[0])
        # A compiled module from outside the standard library may do its own I/O.
        if args[1] and not origins.is_library(args[1]):
            self.native_modules = True
            self.goes_native(args)

    def _popens(self, args: tuple[Any, ...]) -> None:
        executable, argv, cwd, environment = args
        command = command_of(argv, executable)
        name = syscalls.basename(command[0]) if command else ""
        frame = get_frame(2)
        child_ends.follow(self._add(frame, f"subprocess {name}", command, cwd, environment), frame)

    def _posix_spawns(self, args: tuple[Any, ...]) -> None:
        frame = get_frame(2)
        if frame.f_globals.get("__name__") not in _REPORTED_OTHERWISE:
            command = command_of(args[1], args[0])
            self._add(frame, "os.posix_spawn", command, environment=args[2])

    def _windows_spawns(self, args: tuple[Any, ...]) -> None:
        self._add(get_frame(2), "os.spawn", command_of(args[2], args[1]))

    def _systems(self, args: tuple[Any, ...]) -> None:
        self._add(get_frame(2), "os.system", (os.fsdecode(args[0]),))

    def _asks_server(self, args: tuple[Any, ...]) -> None:
        """multiprocessing is about to ask its fork server for a child.

        From 3.14 on the two shake hands first: the child runs before `opens_pipe`.
        """
        if get_frame(2).f_globals.get("__name__") == "multiprocessing.forkserver":
            self.begin_unaudited()

    def _forks_off(self, args: tuple[Any, ...]) -> None:
        self.begin_unaudited()
        context = contexts.reporting_context()
        self._forks.expect(context)
        trail = origins.capture(get_frame(2), "os.fork", self._trace)
        self._record(ChildProcess("os.fork", (), trail, syscalls.time()))

    def hands_over(self, start: Start, key: str, frame: FrameType, in_process: bool) -> None:
        """Record that a context is about to hand work over to a worker; see `pools.announce`."""
        context = contexts.reporting_context()
        if not in_process or context is contexts.UNTRACKED:
            return
        self.begin_unaudited()
        self._forks.expect(context, key, start.trail)
        activity = activity_of(context)
        if not activity.children:  # else it counts as having helpers anyway
            trail = origins.capture(frame, "process pool", self._trace)
            trail.callee = None
            activity.children.append(ChildProcess("process pool", (), trail, syscalls.time()))

    def opens_pipe(self, frame: Any) -> None:
        """A file object is made of a descriptor.

        multiprocessing's spawn and forkserver, and loky, raise no event for the child that they
        start, but write its instructions to a pipe at once.
        """
        if frame.f_globals.get("__name__") == "os" and frame.f_back is not None:
            frame = frame.f_back  # of `os.fdopen`
        if frame.f_globals.get("__name__") in _MULTIPROCESSING:
            self._add(frame, "multiprocessing", ("python",))

    def _add(
        self, frame: Any, call: str, command: tuple[str, ...], cwd: Any = None,
        environment: Any = None,
    ) -> ChildProcess:
        self.begin_unaudited()
        # The program is reported, not the function of the library that started it.
        trail = origins.capture(frame, call, self._trace)
        trail.callee = None
        directory = syscalls.join(working_directory(), os.fsdecode(cwd) if cwd else "")
        named = names_in(command, directory, self._root, environment)
        return self._record(ChildProcess(call, command, trail, syscalls.time(), named))

    def _record(self, child: ChildProcess) -> ChildProcess:
        context = contexts.reporting_context()
        activity_of(context).children.append(child)
        if context.closed:
            self._late.append((context, child))
        return child

    def take_late(self) -> list[tuple[contexts.Context, ChildProcess]]:
        """Return, once, the processes that threads and tasks of closed contexts have started."""
        late, self._late = self._late, []
        return late

    def begin_unaudited(self) -> None:
        """Record that work is about to begin of which no event tells."""
        self.had_unaudited = True
        self.works += 1
        if self._is_prepared:
            return
        with Patient(_lock):  # the child of another thread needs what is prepared here too
            prepare, self._before_unaudited = self._before_unaudited, None
            if prepare is not None:
                prepare()
                self._is_prepared = True
