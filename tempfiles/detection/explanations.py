"""Explain a leak: turn what was observed of a path into the record that is reported."""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from typing import NamedTuple

from ..events import origins
from ..fileops.measure import Extent, measure, type_of
from ..observation.path_state import PathState
from ..processes.activity import Activity, ChildProcess
from ..records import Child, Evidence, Leak, Origin, Unattributed, Where
from ..registry.contexts import Context
from ..system import syscalls
from . import name_evidence as evidence


class Examined(NamedTuple):
    """A leak that was found: its record, its status, what it holds, where and how it was found."""

    state: PathState
    status: os.stat_result
    extent: Extent
    where: Where
    evidence: Evidence


class Explanations:
    """Turn observations into records; paths below a base become relative to it."""

    def __init__(self, base: str) -> None:
        self._base = base

    def leak(self, finding: Examined, activity: Activity) -> Leak:
        """Return the record of a leak.

        Args:
            finding: what was found.
            activity: what the context that closes did.
        """
        state, status, extent, where, found = finding
        assert state.maker is not None
        origin, children = self._explain(state, activity)
        trail = state.trail if isinstance(state.trail, origins.Trail) else None
        return Leak(
            path=state.path,
            type=type_of(status),
            bytes=extent.bytes,
            entries=extent.entries,
            files=extent.files,
            context=state.maker.id,
            scope=state.maker.scope,
            origin=origin,
            evidence=found,
            where=where,
            outcome="removed" if where == "temp" else "left",
            subtest=state.part,
            never_closed=trail is not None and trail.closes_itself,
            children=children,
            call=origins.call_name(trail) if trail is not None and origin is None else "",
        )

    def _explain(
        self, state: PathState, activity: Activity
    ) -> tuple[Origin | None, tuple[Child, ...]]:
        """Return the origin of a path; if there is none, the processes that may have created it."""
        if state.trail is not None:
            return self._origin(state.trail), ()
        if len(activity.children) == 1 and not activity.native:
            return self._origin(activity.children[0].trail), ()
        assert state.maker is not None
        started = [*activity.children, *children_above(state.maker)]
        named = evidence.child_that_made(state.path, started)
        if named is not None:
            return self._origin(named.trail), ()
        return None, self._describe(activity.children)

    def describe_undecided(
        self, state: PathState, children: Sequence[ChildProcess], where: Where
    ) -> Unattributed | None:
        """Return the record of a path that one of several contexts has created, if it exists.

        The line that created it, where that is known, takes the place of a process.
        """
        try:
            status = syscalls.lstat(state.path)
        except OSError:
            return None
        makers = self._describe(children)
        if state.trail is not None:
            origin = self._origin(state.trail)
            makers = (Child(origin.call if origin is not None else "", origin, 0.0), *makers)
        size = measure(state.path, status).bytes
        return Unattributed(state.path, type_of(status), size, makers, where)

    def describe_unattributed(
        self, found: Mapping[str, Sequence[ChildProcess]]
    ) -> Iterator[Unattributed]:
        """Turn paths that nothing ties to a context into records, as far as they exist."""
        for path, children in sorted(found.items()):
            try:
                status = syscalls.lstat(path)
            except OSError:
                continue
            size = measure(path, status).bytes
            yield Unattributed(path, type_of(status), size, self._describe(children))

    def _describe(self, children: Iterable[ChildProcess]) -> tuple[Child, ...]:
        return tuple(
            Child(" ".join(child.command) or child.call, self._origin(child.trail), child.started)
            for child in children
        )

    def _origin(self, trail: origins.Trail | Origin | None) -> Origin | None:
        if isinstance(trail, Origin):
            file = origins.relative(trail.file, self._base)
            caller = origins.relative(trail.called_from, self._base) if trail.called_from else ""
            return replace(trail, file=file, called_from=caller)
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
