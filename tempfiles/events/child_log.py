"""Receive what child processes create.

The run puts a directory with a `sitecustomize` into PYTHONPATH. It installs an audit hook in each
Python child, which appends a line for each creation to a file in the run root, with the line of
code. The recorder of native programs appends to the same file, if the run asks for it.
"""

from __future__ import annotations

import contextlib
import os
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any, NamedTuple

from ..roots.journal import CHILDREN
from ..system import syscalls
from ..system.platform import POSIX

if TYPE_CHECKING:
    from ..records import Origin

_SITE = os.path.join(os.path.dirname(os.path.abspath(__file__)), "child_site")
_VARIABLE = "_TIDYTEST_CHILD_LOG"
_UNREADABLE = (ValueError, SyntaxError, TypeError, AttributeError, RecursionError, MemoryError)
_MOST_BYTES = 16 << 20  # of the log that are read at once


class ChildStart(NamedTuple):
    """The first native program of a process that the run started.

    `process` names it, `time` is when it started, in seconds since the epoch.
    """

    process: str
    command: tuple[str, ...]
    time: float


class ChildCreation(NamedTuple):
    """A path that a child creates, which did not exist.

    Both kinds of children name the process that the run started, which is the child itself or one
    above it: Python by its `command`, empty if it has ended, a native child by `process` (see
    `ChildStart`). Python also reports its line of code and, in a worker of a pool, the `key` of the
    work that this process has handed over to it (see `registry.pools`).
    It `takes_work` if other code could tell it what to do.
    """

    path: str
    origin: Origin | None
    command: tuple[str, ...] = ()
    key: str = ""
    process: str = ""
    takes_work: bool = False


class ChildLog:
    """The parent's end of the log.

    Args:
        root: the run root.

    Attributes:
        traces_native: whether native programs report what they create as well.
    """

    def __init__(self, root: str) -> None:
        self.traces_native = False
        self._path = os.path.join(root, CHILDREN)
        self._saved: dict[str, str | None] = {}
        self._set: dict[str, str] = {}
        self._read_to = 0
        self._is_used = False
        self._origins: dict[str, Origin] = {}

    def start(self) -> None:
        """Have children report, by the environment that they get."""
        before = os.environ.get("PYTHONPATH")
        if POSIX and before != "" and os.pathsep not in _SITE:
            path = _SITE if before is None else f"{_SITE}{os.pathsep}{before}"
            self._set = {"PYTHONPATH": path, _VARIABLE: f"{os.getpid()}:{self._path}"}
        if self.traces_native:
            from . import recorder

            self._set.update(recorder.variables(self._path, os.environ))
        self._saved = {name: os.environ.get(name) for name in self._set}
        os.environ.update(self._set)

    def stop(self) -> None:
        """Restore the environment, except what a test has changed since."""
        for name, value in self._set.items():
            if os.environ.get(name) == value:
                former = self._saved[name]
                if former is None:
                    del os.environ[name]
                else:
                    os.environ[name] = former
        self._set = {}

    def prepare(self) -> None:
        """Create the log, before the first child starts: children only append to it."""
        if self._set:
            flags = os.O_WRONLY | os.O_CREAT | getattr(os, "O_CLOEXEC", 0)
            with contextlib.suppress(OSError):
                syscalls.close_fd(syscalls.open_fd(self._path, flags, 0o600))
                self._is_used = True

    def read(self) -> Iterator[ChildStart | ChildCreation]:
        """Yield what children have reported since the last call."""
        if not self._is_used:
            return
        try:
            with syscalls.open_file(self._path, "rb") as file:
                file.seek(self._read_to)
                text = file.read(_MOST_BYTES)
        except OSError:
            return
        import ast  # not at the start: most runs start no Python child

        whole = text.rpartition(b"\n")[0]
        self._read_to += len(whole) + bool(whole)
        for line in filter(None, whole.splitlines()):
            with contextlib.suppress(*_UNREADABLE):
                yield self._report(*ast.literal_eval(line.decode("ascii")))

    def _report(
        self, path: str | bytes | None, place: Any, source: str | tuple[str | bytes, ...],
        work: tuple[int, str] | None = None, takes_work: bool = False,
    ) -> ChildStart | ChildCreation:
        from ..records import Origin

        if path is None:
            time = int(place.rpartition("-")[2]) / 1e9  # its name is the pid and the time in ns
            return ChildStart(place, tuple(map(os.fsdecode, source)), time)
        name = os.fsdecode(path)
        if isinstance(source, str):
            return ChildCreation(name, None, process=source)
        origin = Origin(*place) if place else None
        if origin is not None:
            self._origins[name] = origin
        giver, key = work or (0, "")
        key = key if giver == os.getpid() else ""
        command = tuple(map(os.fsdecode, source))
        return ChildCreation(name, origin, command, key, takes_work=takes_work)

    def forget(self) -> None:
        """Forget the lines so far: other files may get the same paths."""
        self._origins.clear()

    def origin_of(self, path: str) -> Origin | None:
        """Return the line of a child that created a path, if one has reported it."""
        return self._origins.get(path)
