"""Child processes and native code of a context: evidence for files that no event names."""

from __future__ import annotations

import os
import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from ..registry.contexts import Context
from ..system import syscalls
from ..system.thread_lock import new_lock
from .origins import Trail

# Longer command lines name lists of input files, not the one output to look for.
_MOST_WORDS = 100
_LARGEST_SCRIPT = 256 * 1024
_WORD_ENDS = re.compile(r"""[\s'"=;|&<>(),{}\[\]]+""")

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


@dataclass(slots=True)
class ChildProcess:
    """One start of a process.

    Attributes:
        call: what started it.
        command: its command line.
        trail: where it was started.
        started: when, in seconds since the epoch.
        directory: its working directory.
        promised: the paths that the command line names and that did not exist when it started.
    """

    call: str
    command: tuple[str, ...]
    trail: Trail | None
    started: float
    directory: str = ""
    promised: tuple[str, ...] = ()

    def texts(self) -> list[str]:
        """Return its command line, and the text of the scripts that this names."""
        return [*self.command, *(_script(self.directory, word) for word in self.command[:3])]


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


def promised_paths(command: Sequence[str], directory: str, root: str) -> tuple[str, ...]:
    """Return the absolute paths outside `root` that a command names and that do not exist yet."""
    words = dict.fromkeys(
        word for text in command[1:] or command for word in (text, *_WORD_ENDS.split(text))
    )
    if len(words) > _MOST_WORDS:
        return ()
    paths = (os.path.normpath(os.path.join(directory, word)) for word in words if _may_name(word))
    return tuple(path for path in paths if not path.startswith(root) and _is_free(path))


def _may_name(word: str) -> bool:
    return 1 < len(word) < 1024 and not word.startswith("-") and "\0" not in word


def _is_free(path: str) -> bool:
    return not syscalls.lexists(path) and syscalls.is_directory(os.path.dirname(path))


def _script(directory: str, word: str) -> str:
    if not word.endswith((".py", ".sh", ".pl", ".rb", ".js")):
        return ""
    return source_text(os.path.join(directory, word), _LARGEST_SCRIPT)


def source_text(path: str, largest: int) -> str:
    """Return the text of a program's source; empty if it cannot be read, or has more bytes."""
    try:
        if syscalls.stat(path).st_size > largest:
            return ""
        with syscalls.open_file(path, encoding="utf-8", errors="replace") as file:
            return file.read()
    except OSError:
        return ""
