"""Detect processes that a context started and left running."""

from __future__ import annotations

import os
from collections.abc import Iterator

from ..events import origins
from ..formatting import printable
from ..records import Finding, Origin
from ..registry.contexts import Context
from ..system import procfs, syscalls
from .activity import activity_of
from .watch import Process, ProcessWatch, alive, is_shared

_GRACE = 0.1
"""Seconds for a process to end that its test has terminated and not waited for."""
_PAUSE = 0.005
_LONGEST = 120  # characters of a command line


class ProcessDetector:
    """Finds the processes that a context started and that still run when it closes.

    Processes are read from `/proc`: on systems without it, nothing is found. Children of this
    process, their descendants, and processes with the run's temp directory are looked at. A process
    is reported once, under the innermost context in which it started.
    """

    def __init__(self) -> None:
        self._watch: ProcessWatch | None = None
        self._base = ""
        self._started: dict[Context, list[Process]] = {}

    def start(self, root: str) -> None:
        """Leave the processes that run already out."""
        self._watch = ProcessWatch(root)
        self._base = syscalls.getcwd()

    def opened(self, context: Context) -> None:
        """Attribute what started before to the context around this one."""
        if context.parent is not None:
            self._attribute(context.parent)

    def left_by(self, context: Context) -> Iterator[Finding]:
        """Yield a finding for each process that is still running after a short wait."""
        self._attribute(context)
        origin = _origin(context, self._base)
        for process in _still_running(self._started.pop(context, [])):
            command = _command(process)
            text = f"process {process.pid} is still running: {command}"
            yield Finding("processes", context.id, context.scope, text, origin)

    def stop(self) -> None:
        """End."""
        self._watch = None

    def _attribute(self, context: Context) -> None:
        found = self._watch.new_since_last() if self._watch is not None else []
        found = [process for process in found if not is_shared(process)]
        if found:
            self._started.setdefault(context, []).extend(found)


def _still_running(processes: list[Process]) -> list[Process]:
    until = syscalls.monotonic() + _GRACE
    while processes := [process for process in processes if alive(process)]:
        if syscalls.monotonic() >= until:
            break
        syscalls.sleep(_PAUSE)
    return processes


def _command(process: Process) -> str:
    words = (procfs.read(process.pid, "cmdline") or b"").rstrip(b"\0").split(b"\0")
    text = printable(" ".join(map(os.fsdecode, words))) or process.command
    return text if len(text) <= _LONGEST else f"{text[:_LONGEST]}..."


def _origin(context: Context, base: str) -> Origin | None:
    """Return the line that started the one process of a context; None if it started several."""
    children = activity_of(context).children if context.attachment is not None else []
    if len(children) != 1 or children[0].trail is None:
        return None
    return origins.describe(children[0].trail, base)
