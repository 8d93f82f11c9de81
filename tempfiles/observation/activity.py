"""What one context has done so far, as far as it was observed."""

from __future__ import annotations

import os
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from ..registry.contexts import Context
from ..system import syscalls
from ..system.syscalls import lexists
from .origins import Trail

if TYPE_CHECKING:
    from ..records import Origin

# Longer command lines name lists of input files, not the one output to look for.
_MOST_WORDS = 100
_LARGEST_SCRIPT = 256 * 1024
_WORD_ENDS = re.compile(r"""[\s'"=;|&<>(),{}\[\]]+""")


class Entry:
    """A new path: its context and the part of it, and its trail where it was observed.

    `seen` says that something was there: an event comes before the deed, which may fail.
    `remover` is the context in which somebody was about to remove it: what is made there next is
    another.
    `displaces` is the inode of the leak, told before, that it was about to be moved onto, else 0.
    """

    __slots__ = ("context", "displaces", "part", "remover", "seen", "trail")

    def __init__(
        self, context: Context, trail: Trail | Origin | None, displaces: int = 0,
        seen: bool = False,
    ) -> None:
        self.context = context
        self.part = context.part
        self.trail = trail
        self.remover: Context | None = None
        self.displaces = displaces
        self.seen = seen

    def about_to_go(self, remover: Context) -> None:
        """Somebody is about to remove it, or to move it away."""
        self.remover, self.seen = remover, True

    @property
    def is_taken_back(self) -> bool:
        """Whether it was removed by its own context: who makes it again makes another."""
        return self.remover is self.context


class Activity:
    """What one context did, kept on `Context.attachment` from its first deed on.

    `created` are keys of `Observer.entries`, `outside` are paths elsewhere, `native` says that
    code ran whose files no event names (SQLite, ctypes), `bytes_removed` counts what was taken on
    the disk by what it removed itself, where that is measured, and `bytes_left` by what it left.
    """

    __slots__ = ("bytes_left", "bytes_removed", "children", "created", "native", "outside")

    def __init__(self) -> None:
        self.created: list[str] = []
        self.outside: dict[str, Entry] = {}
        self.children: list[ChildProcess] = []
        self.native = False
        self.bytes_left = 0
        self.bytes_removed = 0

    @property
    def is_plain(self) -> bool:
        """Whether nothing happened but creations that events have named."""
        return not (self.children or self.native or self.bytes_removed)

    def made_in_temp(self, root: str, entries: Mapping[str, Entry]) -> list[str]:
        """Return the paths in the temp directory at which something was seen.

        Args:
            root: the run root, with a separator at its end.
            entries: what is known of it; what is known no more has been there.
        """
        return [
            root + key for key in self.created
            if (entry := entries.get(key)) is None or entry.seen or lexists(root + key)
        ]

    def made_outside(self) -> list[str]:
        """Return the paths elsewhere at which something was seen, but for what is below them."""
        return [
            path for path, entry in self.outside.items()
            if os.path.dirname(path) not in self.outside and (entry.seen or lexists(path))
        ]


def activity_of(context: Context) -> Activity:
    """Return the activity of a context, made on its first use."""
    activity: Activity | None = context.attachment
    if activity is None:
        activity = context.attachment = Activity()
    return activity


@dataclass(slots=True)
class ChildProcess:
    """One start of a process: the call that did it, its command line, when (epoch), and where.

    `promised` are paths that the command line names and that did not exist when it started.
    """

    call: str
    command: tuple[str, ...]
    trail: Trail | None
    started: float
    directory: str = ""
    promised: tuple[str, ...] = ()

    def texts(self) -> list[str]:
        """Return what the child was told: its command line, and the scripts that it names."""
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
