"""Plan and reap the roots of dead runs: first list what would be removed, then remove it."""

from __future__ import annotations

import os
import time
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from typing import Literal

from ..fileops.tally import OutOfTimeError
from ..records import Leak
from ..reports import RemovalFailure, RemovalReport
from ..roots import dispose, flock, ownership
from ..roots.journal_reader import Current
from ..roots.marker import Marker
from ..roots.ownership import Verdict, candidates
from ..system import procfs
from . import dead_run, in_use, rescue
from .dead_run import DeadRun

Fate = Literal["removed", "remaining", "failed", "skipped"]
_PATIENCE = 0.01  # a process that only examines a root holds the lock for microseconds


@dataclass(frozen=True, slots=True)
class Plan:
    """`chosen` is what a reap would remove, `left` what it would not; each says why.

    `complete` is false where the time was up before all had been examined.
    """

    chosen: tuple[Verdict, ...] = ()
    left: tuple[Verdict, ...] = ()
    complete: bool = True


@dataclass(frozen=True, slots=True)
class Reaped:
    """The result of reaping one root.

    Attributes:
        root: its path; of `remaining`, the path of the rest.
        fate: `removed`: all of it is gone. `remaining`: the time was up; if that was before all
            leaks were read, nothing is removed and `leaks` is empty. `failed`: an entry could not
            be removed. `skipped`: the root has changed since it was planned, or another process
            holds it; `reason` says which.
        age: in seconds.
        running: the context that was current.
        leaks: what it and earlier contexts had left; `more` counts the leaks that are not listed.
        rescued: where preexisting files are now that the run had moved into its root, by the path
            that they had there.
    """

    root: str
    fate: Fate
    reason: str = ""
    marker: Marker | None = None
    age: float = 0.0
    running: Current | None = None
    leaks: tuple[Leak, ...] = ()
    more: int = 0
    rescued: Mapping[str, str] = field(default_factory=dict)
    removal: RemovalReport = field(default_factory=RemovalReport)


@dataclass(frozen=True, slots=True)
class ReapReport:
    """The result of a reap, root by root; `remaining` is a plan of the roots that are left."""

    roots: tuple[Reaped, ...] = ()
    remaining: Plan = field(default_factory=Plan)

    @property
    def removal(self) -> RemovalReport:
        """The removals of all the roots as one."""
        return sum((root.removal for root in self.roots), RemovalReport())

    @property
    def complete(self) -> bool:
        """Whether nothing remains for want of time."""
        return self.remaining.complete and not self.remaining.chosen

    @property
    def ok(self) -> bool:
        """Whether nothing failed and nothing remains."""
        return not self.remaining.chosen and all(root.fate != "failed" for root in self.roots)


def plan(
    temp_dirs: Iterable[str], *, min_age: float | None = None, include_kept: bool = False,
    deadline: float | None = None,
) -> Plan:
    """Examine every possible run root in some directories; nothing is changed.

    Args:
        temp_dirs: the directories; one that cannot be read has no roots.
        min_age: skip roots that are younger, in seconds.
        include_kept: choose also roots that a user asked to keep.
        deadline: how many seconds this may take; None: no limit.
    """
    end = None if deadline is None else time.monotonic() + deadline
    mounted = procfs.mounts()
    chosen: list[Verdict] = []
    left: list[Verdict] = []
    for directory in dict.fromkeys(map(os.path.realpath, temp_dirs)):
        for path in candidates(directory):
            if end is not None and time.monotonic() >= end:
                return Plan(tuple(chosen), tuple(left), complete=False)
            verdict = ownership.examine(path, mounted)
            if verdict.identity is None:
                continue  # gone since it was listed
            wanted = verdict.state == "orphaned" or (verdict.state == "kept" and include_kept)
            if wanted and min_age is not None and time.time() - verdict.created < min_age:
                wanted, verdict = False, replace(verdict, reason="it is younger than the least age")
            (chosen if wanted else left).append(verdict)
    return Plan(tuple(chosen), tuple(left))


def without_used(plan: Plan) -> Plan:
    """Return a plan that leaves the roots of dead runs which a process still uses.

    `execute` looks for these itself, just before each removal.

    Args:
        plan: what would be removed.
    """
    users = {verdict.root: in_use.user_of(verdict.root) for verdict in plan.chosen}
    used = (
        replace(verdict, state="in use", reason=user)
        for verdict in plan.chosen if (user := users[verdict.root])
    )
    unused = tuple(verdict for verdict in plan.chosen if not users[verdict.root])
    return Plan(unused, (*plan.left, *used), plan.complete)


def execute(plan: Plan, *, deadline: float | None = None) -> ReapReport:
    """Remove the roots that a plan has chosen, unless they have changed since.

    Args:
        plan: what to remove.
        deadline: how many seconds this may take; the rest is in `remaining` then. None: no limit.
    """
    end = None if deadline is None else time.monotonic() + deadline
    done: list[Reaped] = []
    remaining: list[Verdict] = []
    for verdict in plan.chosen:
        if end is not None and time.monotonic() >= end:
            remaining.append(verdict)
            continue
        try:
            reaped = _reap(verdict, end)
        except OutOfTimeError:  # before it was known whether it is in use
            remaining.append(verdict)
            continue
        done.append(reaped)
        if reaped.fate == "remaining":
            remaining.append(replace(verdict, root=reaped.root))
    return ReapReport(tuple(done), Plan(tuple(remaining), complete=plan.complete))


def _examine(root: str, marker: Marker | None, end: float | None) -> DeadRun:
    """Examine a root in at most half of the time: the rest is for the removal."""
    now = time.monotonic()
    half = None if end is None else now + (end - now) / 2
    return dead_run.examine(root, marker, deadline=half) if marker else DeadRun()


def _reap(verdict: Verdict, end: float | None) -> Reaped:
    age = max(0.0, time.time() - verdict.created)
    reaped = Reaped(verdict.root, "skipped", "", verdict.marker, age)
    try:
        lock = flock.acquire_unused(verdict.root, patience=_PATIENCE)
    except FileNotFoundError:
        return replace(reaped, reason="it is gone already")
    except OSError as error:
        return replace(reaped, reason=f"it cannot be opened: {error.strerror}")
    if lock is None:
        return replace(reaped, reason="another process holds its lock")
    try:
        return _reap_locked(reaped, verdict, lock, end)
    except OutOfTimeError:
        raise
    except Exception as error:
        # An error in one root must not prevent the removal of the other roots.
        failure = RemovalFailure(verdict.root, f"it cannot be examined: {error!r}")
        return replace(reaped, fate="failed", removal=RemovalReport(failed=(failure,)))
    finally:
        lock.release()


def _reap_locked(
    reaped: Reaped, verdict: Verdict, lock: flock.DirectoryLock, end: float | None
) -> Reaped:
    now = ownership.examine_unlocked(verdict.root)
    if now.identity is None:
        return replace(reaped, reason="it is gone already")
    if now.identity != verdict.identity or now.state != verdict.state:
        return replace(reaped, reason=f"it has changed since it was planned: {now.reason}")
    user = in_use.user_of(verdict.root, end)
    if user is None:
        raise OutOfTimeError
    if user:
        return replace(reaped, reason=user)
    story = _examine(verdict.root, now.marker, end)
    if not story.complete:
        # What is removed now could not be reported any more.
        return replace(reaped, fate="remaining", running=story.running)
    reaped = replace(reaped, running=story.running, leaks=story.leaks, more=story.more)
    if now.marker is not None and not now.marker.kept:  # its files were moved there
        found = rescue.rescue_from_dead(verdict.root, now.marker, end)
        if found is None:
            return replace(reaped, fate="remaining", leaks=(), more=0)
        rescued, left = found
        reaped = replace(reaped, rescued=rescued)
        if left:
            return replace(reaped, fate="failed", removal=rescue.rescue_failures(left))
    try:
        trash = dispose.move_aside(verdict.root, lock)
    except OSError as error:
        failure = RemovalFailure(verdict.root, error.strerror or str(error), error.errno)
        return replace(reaped, fate="failed", removal=RemovalReport(failed=(failure,)))
    if trash is None:
        return replace(reaped, reason="it was replaced while it was moved aside")
    removal, finished = dispose.dispose(trash, lock, deadline=end)
    fate: Fate = "removed" if finished else "remaining" if removal.ok else "failed"
    return replace(reaped, root=verdict.root if finished else trash, fate=fate, removal=removal)
