"""Child processes and native code of a context: evidence for files that no event names."""

from __future__ import annotations

import os
from math import inf
from typing import Any

from ..events.command_names import NOTHING_NAMED, CommandNames
from ..events.origins import Trail
from ..registry.contexts import Context
from ..system.thread_lock import new_lock

_lock = new_lock()


class Activity:
    """What a context did besides what its paths tell, kept on `Context.attachment`.

    Attributes:
        children: the processes that it started.
        native: whether code ran whose files no event names (SQLite, ctypes).
        bytes_left: what its leaks take on the disk.
        bytes_removed: what the files took that it removed itself, where that is measured.
    """

    __slots__ = ("bytes_left", "bytes_removed", "children", "native")

    def __init__(self) -> None:
        self.children: list[ChildProcess] = []
        self.native = False
        self.bytes_left = 0
        self.bytes_removed = 0

    @property
    def has_helpers(self) -> bool:
        """Whether a child process or native code may have created files without an event."""
        return self.native or bool(self.children)


def activity_of(context: Context) -> Activity:
    """Return the activity of a context, which is created on its first use."""
    activity: Activity | None = context.attachment
    if activity is None:
        with _lock:
            activity = context.attachment
            if activity is None:
                activity = context.attachment = Activity()
    return activity


class ChildProcess:
    """One start of a process.

    Attributes:
        call: what started it.
        command: its command line.
        trail: where it was started.
        started: when, in seconds since the epoch.
        named: the paths and texts that its command line and its scripts name.
        is_traced: whether a process was recognised as this one.
        ended: the latest time at which it can have ended; infinite where that is not known.
    """

    # No data class: to define one takes as long as some hundred empty tests.
    __slots__ = ("call", "command", "ended", "is_traced", "named", "started", "trail")

    def __init__(
        self, call: str, command: tuple[str, ...], trail: Trail | None, started: float,
        named: CommandNames = NOTHING_NAMED,
    ) -> None:
        self.call = call
        self.command = command
        self.trail = trail
        self.started = started
        self.named = named
        self.is_traced = False
        self.ended = inf

    @property
    def promised(self) -> tuple[str, ...]:
        """The paths that it names and that did not exist when it started."""
        return self.named.paths

    def texts(self) -> list[str]:
        """Return its command line, the text of its scripts, and their words with expansions."""
        return [*self.command, *self.named.scripts, *self.named.expanded]


def command_of(argv: Any, executable: Any) -> tuple[str, ...]:
    """Return a command line as strings, from any form that `subprocess.Popen` takes."""
    if isinstance(argv, (str, bytes, os.PathLike)):
        argv = [argv]
    try:
        words = tuple(os.fsdecode(word) for word in argv)
    except TypeError:
        words = ()  # no command line: the call is about to fail
    if not words and executable is not None:
        words = (os.fsdecode(executable),)
    return words
