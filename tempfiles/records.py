"""Records of leaks, origins and processes: frozen, and made of text and numbers only.

They can be pickled and sent to another process, and outlive the files that they describe. Paths are
text, with surrogate escapes for bytes that are not valid in the encoding of the file system
(`os.fsdecode`). Times are seconds since the epoch, sizes are bytes.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from .serialize import Convertible

ResourceType = Literal["file", "directory", "symlink", "fifo", "socket", "other"]
Scope = str
"""The kind of context: `run`, `module`, `class`, `test`, `context`, or another word of the host."""
Evidence = Literal["observed", "traced", "scanned"]
Where = Literal["temp", "outside"]
Outcome = Literal["removed", "kept", "left", "failed"]


@dataclass(frozen=True, slots=True)
class Origin:
    """The line of user code that created a resource.

    `file` is relative to the working directory if it is below it. `call` is the function called in
    that line (`open`, `tempfile.mkdtemp`, `subprocess touch`). `trace` is the whole chain of calls,
    innermost first, as `file:line in function`; it is empty unless the run records traces.
    `called_from` is the line of the test that called it, as `file:line`; it is empty if that is the
    same line, or in the same function.
    """

    file: str
    line: int
    function: str
    call: str
    trace: tuple[str, ...] = ()
    called_from: str = ""

    def __str__(self) -> str:
        caller = f", called from {self.called_from}" if self.called_from else ""
        return f"{self.file}:{self.line} in {self.function}  {self.call}{caller}"


@dataclass(frozen=True, slots=True)
class Resource:
    """One registered path. `size` and `modified` are None if the path does not exist."""

    path: str
    type: ResourceType
    context: str
    created: float
    size: int | None = None
    modified: float | None = None


@dataclass(frozen=True, slots=True)
class ContextRecord:
    """A context that has opened: its id, its scope, and the id of its parent."""

    id: str
    scope: Scope
    parent: str | None


@dataclass(frozen=True, slots=True)
class Child:
    """A child process that a context started: its command, the line of code, and the time."""

    command: str
    origin: Origin | None
    started: float


@dataclass(frozen=True, slots=True)
class Leak(Convertible):
    """One path that a context created, did not register, and left after its clean-up.

    `bytes` is the length of a regular file. A directory includes its content: `bytes` and `entries`
    are those of the whole tree (`entries` counts the top as well), and `files` is the number of
    entries that are not directories. `evidence` is `observed` if an audit event announced it,
    `traced` if a child process reported that it created it, and `scanned` if it was only found on
    disk. `never_closed` says that an object which removes its files
    when closed (a `TemporaryDirectory`) was never closed. `open_by` names the processes that hold
    the path open. `children` are the child processes, if more than one may have created it. `call`
    is the call of the standard library that created it, if no line of user code is known. `rescued`
    are the present paths of preexisting files that were in it. `reason` says why `--clean-outside`
    did not remove it. `since` is the time of the file if an earlier run has left it, else 0.
    `written_by` names the other contexts that have created something in it.
    """

    path: str
    type: ResourceType
    bytes: int
    entries: int
    context: str
    scope: Scope
    origin: Origin | None = None
    evidence: Evidence = "scanned"
    where: Where = "temp"
    outcome: Outcome = "left"
    subtest: str | None = None
    never_closed: bool = False
    open_by: tuple[str, ...] = ()
    children: tuple[Child, ...] = ()
    files: int = 0
    call: str = ""
    rescued: tuple[str, ...] = ()
    reason: str = ""
    since: float = 0.0
    written_by: tuple[str, ...] = ()

    @property
    def key(self) -> tuple[str, str]:
        """Its context and its path, since two tests may leave different files at one path."""
        return self.context, self.path

    @property
    def made_by(self) -> str:
        """The line of code with its call, or the call alone; empty if neither is known."""
        return str(self.origin) if self.origin is not None else self.call


WRITTEN = " written "
"""Comes before the time of the last write in the identity of a leftover."""


@dataclass(frozen=True, slots=True)
class Leftover(Convertible):
    """A leak outside the temp directory, for later runs: `identity` is that of its file.

    Another file at its path, also one with the same inode number, has another identity.
    """

    leak: Leak
    identity: str

    def is_same_file(self, identity: str, since: float = 0.0) -> bool:
        """Return whether an identity is this one's, or the file was only written to since a time.

        Where the system reports no time of birth, an identity ends with the time of the last write.

        Args:
            identity: that of the file which is there now.
            since: seconds since the epoch; what was written to before counts as another file.
        """
        file, written, time = identity.partition(WRITTEN)
        is_written = bool(written) and self.identity.startswith(f"{file}{WRITTEN}")
        return identity == self.identity or (is_written and int(time) / 1e9 >= since)


@dataclass(frozen=True, slots=True)
class Rescued:
    """A preexisting file that was moved into the temp directory, and out again by the run.

    `was` is its path in the temp directory, `path` its present path, and `source` its path before
    the run, or empty if that is not known.
    """

    was: str
    path: str
    source: str = ""


@dataclass(frozen=True, slots=True)
class Unattributed:
    """A new entry that no evidence attributes to one context of this run.

    It is in a directory that other programs use too, or several contexts may have created it.
    """

    path: str
    type: ResourceType
    bytes: int
    children: tuple[Child, ...] = ()
    where: Where = "outside"


@dataclass(frozen=True, slots=True)
class Modification:
    """A preexisting file that a context changed or deleted (`--watch-modified`)."""

    path: str
    change: Literal["changed", "deleted"]
    context: str
    scope: Scope
    what: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Finding:
    """Something other than a file that a context left, found by a `Detector`.

    `detector` is the detector's name, `text` says in one line what it found. `origin` is the line
    of code that created it, if known.
    """

    detector: str
    context: str
    scope: Scope
    text: str
    origin: Origin | None = None
