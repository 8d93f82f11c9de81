"""What a context has left, once it has finished its own clean-up: entries into leaks."""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from typing import NamedTuple

from ..fileops.measure import Extent, measure, type_of
from ..observation import event_paths, origins
from ..observation.activity import Activity, ChildProcess, Entry, activity_of
from ..observation.observer import Observer
from ..records import Child, Evidence, Leak, Origin, Unattributed, Where
from ..registry import contexts, registrations
from ..registry.contexts import Context
from ..system import syscalls
from . import evidence, processes
from .ignore import Ignored
from .project_tree import ProjectTree


class Judge:
    """Finds the leaks of one context at a time, each once.

    `explanations` tells where a leak is from; `unattributed` collects new paths in the project tree
    that nothing ties to a context, with the processes that ran meanwhile; `late_leaks` those that
    processes made which had outlived their context.
    """

    def __init__(self, observer: Observer, tree: ProjectTree, ignored: Ignored) -> None:
        self._observer = observer
        self._tree = tree
        self._ignored = ignored
        self.explanations = Explanations(tree.top)
        self._reported: dict[str, Entry] = {}
        self._outlived: list[tuple[Context, ChildProcess]] = []
        self._alone: bool | None = None  # not yet looked at
        self.unattributed: dict[str, tuple[ChildProcess, ...]] = {}
        self.late_leaks: list[Leak] = []

    def is_reported(self, path: str) -> bool:
        """Whether a path, or a directory above it, is a leak already told."""
        return any(part in self._reported for part in _with_parents(path))

    def rest(self, context: Context, activity: Activity, outlived: bool) -> None:
        """Forget what a context did, but for processes of it that outlived it."""
        context.attachment = None
        if outlived:
            activity_of(context).children = activity.children
            self._outlived += [(context, child) for child in activity.children]

    def made(self, activity: Activity) -> list[str]:
        """Return the topmost paths that a context made, while it is known what was seen there."""
        in_temp = activity.made_in_temp(self._observer.root, self._observer.entries)
        return in_temp + activity.made_outside()

    def count(
        self, made: Sequence[str], context: Context, activity: Activity
    ) -> tuple[int, int]:
        """Return how many paths a context made, and how many are there and registered with it.

        What is ignored was not made, unless it is registered.

        Args:
            made: the topmost paths, those that are ignored too.
            context: who made them.
            activity: what else it did.
        """
        registered = {
            path for path in {*made, *activity.outside}
            if registrations.owner(path) is context and syscalls.lexists(path)
        }
        root = self._observer.root
        number = sum(
            path in registered or not self._ignored(path, path.startswith(root)) for path in made
        )
        return number, len(registered)

    def hear_forks(self) -> None:
        """Take in what forked children have observed."""
        for context, path, origin in self._observer.forks.read():
            activity = activity_of(context)
            if not path.startswith(self._observer.root):
                if self._observer.seen is not None:
                    self._observer.seen.hear(path)
                activity.outside.setdefault(path, Entry(context, origin, seen=True))
                continue
            key = path[len(self._observer.root) :]
            known = self._observer.entries.get(key)
            if known is None:
                self._observer.entries[key] = Entry(context, origin, seen=True)
                activity.created.append(key)
            elif known.trail is None:
                known.trail = origin
            if context.closed:
                self._observer.late[context] = None

    def leaks_in_temp(self, context: Context, activity: Activity) -> Iterator[Leak]:
        """Yield what a context left in the temp directory; forget what is gone."""
        entries = self._observer.entries
        for key in activity.created:
            entry = entries.get(key)
            if entry is None or entry.context is not context:
                continue
            path = self._observer.root + key
            self._part_with(path, entry)
            leak = self._leak(path, entry, activity, "temp")
            if leak is not None:
                yield leak
            elif not syscalls.lexists(path):
                del entries[key]

    def _part_with(self, path: str, entry: Entry) -> None:
        """Tell a path again if what lies there is another thing, made since it was told."""
        told = self._reported.get(path)
        if told is not None and told is not entry and event_paths.inode(path) != entry.displaces:
            del self._reported[path]

    def leaks_outside(self, context: Context, activity: Activity) -> Iterator[Leak]:
        """Yield what a context left elsewhere, as far as events or command lines tell."""
        promised = {
            path: Entry(context, child.trail)
            for child in activity.children
            for path in child.promised
            if path not in activity.outside
        }
        for path, entry in activity.outside.items():
            if not entry.is_taken_back:
                self._part_with(path, entry)
        for path, entry in sorted({**promised, **activity.outside}.items()):
            if syscalls.lexists(path) and not self._is_others(path, context):
                where_from: Evidence = "scanned" if path in promised else "observed"
                leak = self._leak(path, entry, activity, "outside", where_from)
                if leak is not None:
                    yield leak

    def leaks_in_tree(self, context: Context, activity: Activity) -> Iterator[Leak]:
        """Yield what has newly appeared in the project tree unobserved and is a context's own."""
        children = [*activity.children, *children_above(context)]
        self._alone = None
        for path in self._tree.new():
            is_ours = path in self._observer.ours or self._ignored(path)
            if is_ours or self._is_others(path, context, and_own=True):
                continue
            maker = self._maker(path, context, children)
            if maker is None:
                self.unattributed[path] = tuple(children)
                continue
            leak = self._leak(path, maker, activity, "outside", "scanned")
            if leak is not None and maker.context is context:
                yield leak
            elif leak is not None:
                self.late_leaks.append(leak)

    def _maker(
        self, path: str, context: Context, children: Sequence[ChildProcess]
    ) -> Entry | None:
        """Return whose an unobserved path of the project tree is, as far as there is evidence."""
        if not self._observer.spawning.had_foreign:
            return None  # what this process makes itself is observed
        maker = self._named(path, context, children)
        if maker is None and self._is_alone():
            maker = self._named(path, context, children, alone=True)
        return maker

    def _is_alone(self) -> bool:
        """Whether no other run is in the project, which may make files of the same templates."""
        if self._alone is None:
            root = self._observer.root.rstrip(os.sep)
            self._alone = not evidence.has_neighbours(root, self._tree.top)
        return self._alone

    def _named(
        self, path: str, context: Context, children: Sequence[ChildProcess], alone: bool = False
    ) -> Entry | None:
        child = evidence.child_that_made(path, children, alone)
        if child is not None:
            return Entry(context, child.trail)
        child = evidence.child_that_made(path, [child for _, child in self._outlived], alone)
        for owner, candidate in self._outlived:
            if candidate is child:
                return Entry(owner, candidate.trail)
        if evidence.is_named_in_test(path, context):
            return Entry(context, None)
        if any(evidence.is_named_in_source(path, o, alone=alone) for o, _ in self._outlived):
            return None  # it may be theirs as well
        named = evidence.is_named_in_source(path, context, _sources(children), alone)
        return Entry(context, None) if named else None

    def _is_others(self, path: str, context: Context, and_own: bool = False) -> bool:
        """Whether a path lies in something that was told already or that another context made."""
        parts = _with_parents(path)
        if any(part in self._reported for part in parts):
            return True
        known = (*contexts.open_contexts(), *self._observer.late)
        above = [other for other in known if other is not context or and_own]
        made = [other.attachment.outside for other in above if other.attachment is not None]
        found = (outside.get(part) for part in parts for outside in made)
        return any(entry is not None and not entry.is_taken_back for entry in found)

    def _leak(
        self, path: str, entry: Entry, activity: Activity, where: Where, found: Evidence = "scanned"
    ) -> Leak | None:
        try:
            status = syscalls.lstat(path)
        except (OSError, ValueError):
            return None
        if not self._is_to_be_told(path, where):
            return None
        self._reported[path] = entry
        if where == "temp" and entry.trail is not None:
            found = "observed"
        extent = measure(path, status)
        activity_of(entry.context).bytes_left += extent.taken
        return self.explanations.leak(Finding(path, entry, status, extent, where, found), activity)

    def _is_to_be_told(self, path: str, where: Where) -> bool:
        return not (
            path in self._reported
            or self._ignored(path, everywhere=where == "temp")
            or registrations.is_covered(path)
        )


class Finding(NamedTuple):
    """A leak that was found: where, what is known of it, its status, what it holds, and how."""

    path: str
    entry: Entry
    status: os.stat_result
    extent: Extent
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
            type=type_of(status),
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


def _sources(children: Sequence[ChildProcess]) -> list[str]:
    return [
        child.trail.code.co_filename for child in children if child.trail and child.trail.code
    ]


def _with_parents(path: str) -> list[str]:
    parts = [path]
    while (parent := os.path.dirname(path)) != path:
        parts.append(parent)
        path = parent
    return parts
