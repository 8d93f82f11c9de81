"""Processes that outlive the context that started them.

What such a process writes later is still its context's: its temp directory is a slot that nobody
else uses any more, and the end of the run waits a little for it.
"""

from __future__ import annotations

from ..observation.activity import Activity
from ..registry.contexts import Context
from ..roots.root import RunRoot
from ..system import procfs, syscalls
from .processes import Process, ProcessWatch, alive

_POLL = 0.02

# One for the whole process, started by whoever comes first and used by all.
_SHARED_SERVERS = (b"multiprocessing.forkserver", b"multiprocessing.resource_tracker")


class LateProcesses:
    """Finds, at the close of a context that started processes, those that are still alive."""

    def __init__(self, root: RunRoot) -> None:
        self._watch = ProcessWatch(root.path)
        self._alive: dict[Context, list[Process]] = {}
        self._has_waited = False

    def look(self, context: Context, activity: Activity) -> None:
        """Note which of the processes that a context started are alive now that it closes."""
        if not activity.children:
            return
        living = [process for process in self._watch.new_since_last() if not _is_shared(process)]
        if living:
            self._alive[context] = living

    def outlived(self, context: Context) -> bool:
        """Whether a process of a context was alive when it closed."""
        return context in self._alive

    def contexts(self) -> tuple[Context, ...]:
        """Return the contexts whose processes outlived them."""
        return tuple(self._alive)

    def wait(self, grace: float) -> None:
        """Wait until they have ended, at most `grace` seconds; a second time not at all."""
        if self._has_waited:
            return
        self._has_waited = True
        until = syscalls.monotonic() + grace
        pending = [process for processes in self._alive.values() for process in processes]
        while pending := [process for process in pending if alive(process)]:
            if syscalls.monotonic() >= until:
                return
            syscalls.sleep(_POLL)


def _is_shared(process: Process) -> bool:
    command = procfs.read(process.pid, "cmdline") or b""
    return any(server in command for server in _SHARED_SERVERS)
