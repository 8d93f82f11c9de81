"""Audit events of deeds whose files no event will name: child processes, forks, native code."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable

from ..registry import contexts
from ..system import audit, syscalls
from . import origins
from .activity import ChildProcess, activity_of, command_of, promised_paths
from .event_paths import working_directory
from .forks import ForkLog

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

# From 3.13 on `subprocess.Popen` may use `posix_spawn`, and has told already; the guard is ours.
_TOLD_OTHERWISE = ("subprocess", "tempfiles.recovery.guard")
_MULTIPROCESSING = ("multiprocessing.popen_spawn_posix", "multiprocessing.popen_forkserver")


class SpawnObserver:
    """Notes under each context the processes that it started and the native code that it ran.

    Args:
        root: the run root, with a separator at its end.
        forks: told before each fork.
        trace: keep whole stacks.
        before_foreign: called once, before the first such deed.

    Attributes:
        native_modules: whether compiled modules of others were imported.
        had_foreign: whether there was any such deed so far.
    """

    def __init__(
        self, root: str, forks: ForkLog, *, trace: bool, before_foreign: Callable[[], None]
    ) -> None:
        self._root = root
        self._forks = forks
        self._trace = trace
        self._before_foreign: Callable[[], None] | None = before_foreign
        self.native_modules = False
        self.had_foreign = False
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
        }

    # One handler an event; frame 2 of a handler is the one that raised the event.

    def goes_native(self, args: tuple[Any, ...]) -> None:
        """Native code is about to run that may make files of its own."""
        self._foreign_deed()
        activity_of(contexts.reporting_context()).native = True

    def _imports(self, args: tuple[Any, ...]) -> None:
        # A compiled module from outside the standard library may do its own I/O.
        if args[1] and not origins.is_library(args[1]):
            self.native_modules = True
            self.goes_native(args)

    def _popens(self, args: tuple[Any, ...]) -> None:
        executable, argv, cwd, _ = args
        command = command_of(argv, executable)
        name = os.path.basename(command[0]) if command else ""
        self._add(sys._getframe(2), f"subprocess {name}", command, cwd)

    def _posix_spawns(self, args: tuple[Any, ...]) -> None:
        frame = sys._getframe(2)
        if frame.f_globals.get("__name__") not in _TOLD_OTHERWISE:
            self._add(frame, "os.posix_spawn", command_of(args[1], args[0]))

    def _windows_spawns(self, args: tuple[Any, ...]) -> None:
        self._add(sys._getframe(2), "os.spawn", command_of(args[2], args[1]))

    def _systems(self, args: tuple[Any, ...]) -> None:
        self._add(sys._getframe(2), "os.system", (os.fsdecode(args[0]),))

    def _forks_off(self, args: tuple[Any, ...]) -> None:
        self._foreign_deed()
        context = contexts.reporting_context()
        self._forks.expect(context)
        trail = origins.capture(sys._getframe(2), "os.fork", self._trace)
        activity_of(context).children.append(ChildProcess("os.fork", (), trail, syscalls.time()))

    def opens_pipe(self, frame: Any) -> None:
        """A file object is made of a descriptor.

        multiprocessing's spawn and forkserver raise no event for the child that they start, but
        write its instructions to a pipe at once.
        """
        if frame.f_globals.get("__name__") in _MULTIPROCESSING:
            self._add(frame, "multiprocessing", ("python",))

    def _add(self, frame: Any, call: str, command: tuple[str, ...], cwd: Any = None) -> None:
        self._foreign_deed()
        # What is told is the program, not the function of the library that started it.
        trail = origins.capture(frame, call, self._trace)
        trail.callee = None
        directory = os.path.join(working_directory(), os.fsdecode(cwd) if cwd else "")
        child = ChildProcess(call, command, trail, syscalls.time(), directory)
        child.promised = promised_paths(command, directory, self._root)
        activity_of(contexts.reporting_context()).children.append(child)

    def _foreign_deed(self) -> None:
        self.had_foreign = True
        prepare, self._before_foreign = self._before_foreign, None
        if prepare is not None:
            prepare()
