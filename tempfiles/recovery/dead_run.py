"""Examine what a dead run was doing and what it left in its root; nothing is changed."""

from __future__ import annotations

import contextlib
import os
import time
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import chain

from ..errors import OwnershipError, TempFilesError
from ..fileops.measure import CancelledError, WalkRules, measure, mount_points, type_of
from ..records import Leak, ResourceType
from ..roots.journal_reader import Current, read_journal
from ..roots.marker import Marker
from ..roots.marker_reader import read_marker
from ..roots.ownership import candidates

MOST_NAMED = 200
"""How many leaks that no line of the journal names are reported one by one."""


@dataclass(frozen=True, slots=True)
class DeadRun:
    """The remains of a run. `running` is the context that was current, None where there was none.
    `leaks` are what it had left, then those of earlier contexts, which the journal names; their
    paths are those that the run itself used. `more` counts the leaks beyond the first 200 that no
    line of the journal names, or all of those if the journal was full: they may be of any context.
    The leaks of the run's worker processes, whose roots lie in its own, are among all these.
    `complete` is false where the time was up before the end."""

    running: Current | None = None
    leaks: tuple[Leak, ...] = ()
    more: int = 0
    complete: bool = True


def examine(root: str, marker: Marker | None, *, deadline: float | None = None) -> DeadRun:
    """Read what a dead run has left in its root.

    Args:
        root: where the root is now.
        marker: its marker; paths are reported as they were at `marker.root`.
        deadline: when to stop reading and measuring, on the clock of `time.monotonic`; None
            for no limit.
    """
    view = read_journal(root, deadline=deadline)
    if not view.complete:
        # The entries of the slots cannot be attributed without the whole journal.
        return DeadRun(view.current, view.leaks, complete=False)
    home = marker.root if marker else root
    known = {leak.path for leak in view.leaks}
    # A root in the slot of a run that had contexts is what a test has left, as all else there.
    slots = [] if view.current or view.leaks else _slots(root)
    workers = dict(_worker_roots([root, *slots]))
    found: list[Leak] = []
    more = 0
    for path, name in _slot_entries(root):
        original = os.path.join(home, name)
        if original in known or path in workers:
            continue
        if len(found) < MOST_NAMED and not view.full:
            found.append(_leak(path, original, view.current, deadline))
        else:
            more += 1
        if _is_over(deadline):
            break
    found.sort(key=lambda leak: leak.path)
    own = DeadRun(view.current, tuple(found) + view.leaks, more, not _is_over(deadline))
    parts = [examine(path, its, deadline=deadline) for path, its in workers.items()]
    return _joined(own, parts)


def left_by_worker(root: str, pid: int) -> tuple[Leak, ...]:
    """Return what lies in the root of a dead worker of a run; nothing where it has none.

    Args:
        root: of the run.
        pid: the process id of the worker.
    """
    with contextlib.suppress(OSError, TempFilesError):  # then the end of the run decides
        for path, marker in _worker_roots([root]):
            if marker.pid == pid:
                return examine(path, marker).leaks
    return ()


def _worker_roots(directories: list[str]) -> Iterator[tuple[str, Marker]]:
    """Yield the roots of the run's workers and their markers; those of xdist lie in a slot."""
    for path in chain.from_iterable(map(candidates, directories)):
        with contextlib.suppress(OwnershipError, OSError):
            marker = read_marker(path, None)
            if marker is not None and not os.path.islink(path):
                yield path, marker


def _joined(own: DeadRun, workers: list[DeadRun]) -> DeadRun:
    """Return what a run and its workers left; a worker's test was running if the run had none."""
    runs = [own, *workers]
    running = [run.running for run in runs if run.running and run.running.scope != "run"]
    return DeadRun(
        next(iter(running), own.running),
        tuple(leak for run in runs for leak in run.leaks),
        sum(run.more for run in runs),
        all(run.complete for run in runs),
    )


def _slot_entries(root: str) -> Iterator[tuple[str, str]]:
    """Yield the topmost entries of the slots: the path, and the path as seen from the root."""
    for directory in _slots(root):
        try:
            with os.scandir(directory) as entries:
                for entry in entries:
                    yield entry.path, os.path.join(os.path.basename(directory), entry.name)
        except OSError:
            continue  # its owner may have made it unreadable


def _slots(root: str) -> list[str]:
    names = sorted(filter(str.isdecimal, os.listdir(root)), key=int)
    paths = (os.path.join(root, name) for name in names)
    return [path for path in paths if not os.path.islink(path)]


def _leak(path: str, name: str, running: Current | None, deadline: float | None) -> Leak:
    type, size, entries, files = _size(path, deadline)
    context, scope = (running.id, running.scope) if running else ("run", "run")
    return Leak(name, type, size, entries, context, scope, files=files)


def _size(path: str, deadline: float | None) -> tuple[ResourceType, int, int, int]:
    """Return the type, bytes and entries of a path, and how many of those are no directories."""
    try:
        status = os.lstat(path)
    except OSError:
        return "other", 0, 1, 1
    type = type_of(status)
    if type != "directory":
        return type, status.st_size if type == "file" else 0, 1, 1
    try:
        rules = WalkRules(None, mount_points(path), set(), lambda: _is_over(deadline))
        extent = measure(path, status, rules)
    except CancelledError:
        return type, 0, 1, 0
    return type, extent.bytes, extent.entries, extent.files


def _is_over(deadline: float | None) -> bool:
    return deadline is not None and time.monotonic() >= deadline
