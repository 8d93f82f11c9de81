"""The records that cross a boundary: frozen, and made of strings and numbers only.

Another process can send them, and a report can be written from them long after the objects they
speak of are gone. Paths are strings; bytes that are not valid in the file system's encoding are
kept as surrogate escapes (`os.fsdecode`). Times are seconds since the epoch, sizes are bytes.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal

ResourceType = Literal["file", "directory", "symlink", "fifo", "socket", "other"]
Scope = str  # "run", "module", "class", "test", "context", or another word of the host
Evidence = Literal["observed", "scanned"]
Where = Literal["temp", "outside"]
Outcome = Literal["removed", "kept", "left", "failed"]


@dataclass(frozen=True, slots=True)
class Origin:
    """The place in the user's code that made a resource.

    `file` is relative to the working directory where it lies below it. `call` is what was called
    there (`open`, `tempfile.mkdtemp`, `subprocess touch`). `trace` is the whole chain, innermost
    first, as `file:line in function`; empty unless a trace was asked for.
    """

    file: str
    line: int
    function: str
    call: str
    trace: tuple[str, ...] = ()

    def __str__(self) -> str:
        return f"{self.file}:{self.line} in {self.function}  {self.call}"


@dataclass(frozen=True, slots=True)
class Resource:
    """One registered path. `size` and `modified` are None where the path no longer exists."""

    path: str
    type: ResourceType
    context: str
    created: float
    size: int | None = None
    modified: float | None = None


@dataclass(frozen=True, slots=True)
class ContextRecord:
    """A context as it was opened: its id, its scope, and its parent's id."""

    id: str
    scope: Scope
    parent: str | None


@dataclass(frozen=True, slots=True)
class Child:
    """A process that was started in a context: what, by which line, and when."""

    command: str
    origin: Origin | None
    started: float


@dataclass(frozen=True, slots=True)
class Leak:
    """One resource that nobody registered and that outlived the clean-up of its context.

    `bytes` is the length of a regular file. A directory stands for all below it: `bytes` and
    `entries` are of the whole tree (`entries` counts the top as well). `never_closed` says that an
    object which removes its files when closed (a `TemporaryDirectory`) was not. `open_by` names
    processes that hold it open. `files` is how many of the entries are not directories. `children`
    are the processes that ran, where more than one can have made it. `call` is what made it, of the
    standard library, where no line of the user's is known. `rescued` is where things are now that
    were in it and from before the run. `reason` says why `--clean-outside` did not remove it.
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

    @property
    def key(self) -> tuple[str, str]:
        """Its context and its path, since another test may leave another thing at the same path."""
        return self.context, self.path

    @property
    def made_by(self) -> str:
        """The line and what was called there, or the call alone, or nothing, as far as known."""
        return str(self.origin) if self.origin is not None else self.call

    def to_dict(self) -> dict[str, Any]:
        """Return the leak as a dictionary that JSON can hold."""
        from .serialize import to_dict

        return to_dict(self)

    @classmethod
    def from_dict(cls, content: Mapping[str, Any]) -> Leak:
        """Return the leak that `to_dict` has converted.

        Raises:
            ValueError: a field has a wrong type or is missing.
        """
        from .serialize import from_dict

        return from_dict(cls, content)


@dataclass(frozen=True, slots=True)
class Rescued:
    """Something from before the run that came into its temp directory, and was moved out again.

    `was` is where it lay in the temp directory, `path` where it is now, and `source` where it was
    before the run; empty where that is not known.
    """

    was: str
    path: str
    source: str = ""


@dataclass(frozen=True, slots=True)
class Unattributed:
    """A new entry of a shared place that no evidence ties to a context of this run."""

    path: str
    type: ResourceType
    bytes: int
    children: tuple[Child, ...] = ()


@dataclass(frozen=True, slots=True)
class Modification:
    """A file that was there before and that a context changed or deleted (`--watch-modified`)."""

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
