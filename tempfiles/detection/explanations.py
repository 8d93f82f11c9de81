"""Where a leak is from: the line of the user's, or the processes that may have made it."""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from typing import NamedTuple

from ..fileops import sweep
from ..observation import origins
from ..observation.activity import Activity, Entry
from ..observation.children import ChildProcess
from ..records import Child, Evidence, Leak, Origin, Unattributed, Where
from ..registry.contexts import Context
from ..system import syscalls
from . import evidence, processes


class Finding(NamedTuple):
    """A leak that was found: where, what is known of it, its status, what it holds, and how."""

    path: str
    entry: Entry
    status: os.stat_result
    extent: sweep.Extent
    where: Where
    found: Evidence


class Explanations:
    """Turns what was noted into records, with paths relative to a base where they are below it."""

    def __init__(self, base: str) -> None:
        self._base = base

    def leak(self, finding: Finding, activity: Activity) -> Leak:
        """Return the record of what was found.

        Args:
            finding: what it is.
            activity: what its context did.
        """
        path, entry, status, extent, where, found = finding
        origin, children = self._explain(path, entry, activity)
        trail = entry.trail if isinstance(entry.trail, origins.Trail) else None
        return Leak(
            path=path,
            type=sweep.type_of(status),
            bytes=extent.bytes,
            entries=extent.entries,
            files=extent.files,
            context=entry.context.id,
            scope=entry.context.scope,
            origin=origin,
            evidence=found,
            where=where,
            outcome="removed" if where == "temp" else "left",
            subtest=entry.part,
            never_closed=trail is not None and trail.closes_itself,
            children=children,
            call=origins.call_name(trail) if trail is not None and origin is None else "",
        )

    def _explain(
        self, path: str, entry: Entry, activity: Activity
    ) -> tuple[Origin | None, tuple[Child, ...]]:
        """Return the origin of a new path; if there is none, what processes may have made it."""
        if entry.trail is not None:
            return self._origin(entry.trail), ()
        if len(activity.children) == 1 and not activity.native:
            return self._origin(activity.children[0].trail), ()
        named = evidence.child_that_made(path, [*activity.children, *children_above(entry.context)])
        if named is not None:
            return self._origin(named.trail), ()
        return None, self._describe(activity.children)

    def describe_unattributed(
        self, found: Mapping[str, Sequence[ChildProcess]]
    ) -> Iterator[Unattributed]:
        """Turn paths that nothing ties to a context into records, as far as they exist."""
        for path, children in sorted(found.items()):
            try:
                status = syscalls.lstat(path)
            except OSError:
                continue
            size = sweep.measure(path, status).bytes
            yield Unattributed(path, sweep.type_of(status), size, self._describe(children))

    def _describe(self, children: Iterable[ChildProcess]) -> tuple[Child, ...]:
        return tuple(
            Child(" ".join(child.command) or child.call, self._origin(child.trail), child.started)
            for child in children
        )

    def _origin(self, trail: origins.Trail | Origin | None) -> Origin | None:
        if isinstance(trail, Origin):
            file = origins.relative(trail.file, self._base)
            return Origin(file, trail.line, trail.function, trail.call)
        return origins.describe(trail, self._base) if trail is not None else None


def children_above(context: Context) -> list[ChildProcess]:
    """Return the processes that the contexts around one have started."""
    children: list[ChildProcess] = []
    parent = context.parent
    while parent is not None:
        if parent.attachment is not None:
            children += parent.attachment.children
        parent = parent.parent
    return children


def with_holders(leaks: list[Leak], context: Context) -> list[Leak]:
    """Say of each leak which other processes hold it open, if any were started that could."""
    activity: Activity | None = context.attachment
    started = (activity is not None and activity.children) or children_above(context)
    if not leaks or not started:
        return leaks
    own = f"pid {os.getpid()} "
    found = processes.holders_of([leak.path for leak in leaks])
    return [
        replace(leak, open_by=tuple(h for h in found[leak.path] if not h.startswith(own)))
        if leak.path in found else leak
        for leak in leaks
    ]
