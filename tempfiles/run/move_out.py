"""Move kept and preexisting files out of the run root before a living run removes it."""

from __future__ import annotations

import contextlib
import gc
import logging
import os
import stat
import tempfile
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from typing import Any

from ..detection.project_tree import ProjectTree
from ..fileops.identity import births_hold
from ..observation.observer import Observer
from ..observation.paths import PathTable
from ..recovery.rescue import born_before, rescue, rescue_failures, still_below
from ..registry import contexts, registrations
from ..reports import RemovalFailure, RemovalReport
from ..roots.root import RunRoot
from ..system import procfs, syscalls
from .totals import Totals

_log = logging.getLogger("tempfiles")


class MoveOut:
    """Move files out of the run root before it is removed, and record where they are now.

    Args:
        root: the run root.
        observer: what was observed.
        totals: gets where each went, and what could not be moved.
        tree: the project's, as it was when the run began.

    Attributes:
        lost_elsewhere: returns the paths that directories outside the project have lost.
    """

    def __init__(
        self, root: RunRoot, observer: Observer, totals: Totals, tree: ProjectTree
    ) -> None:
        self._root = root
        self._tree = tree
        self._unproven: UnprovenFiles | None = None
        self.lost_elsewhere: Callable[[], Iterable[str]] = lambda: ()
        self._observer = observer
        self._totals = totals

    def move_out(self, all_seen: bool, runs: Sequence[str] = ()) -> bool:
        """Move out, before the root is removed, what must not be; return whether all could be.

        Whatever goes wrong, an exception of a user's audit hook as well, the root then stays.

        Args:
            all_seen: whether every move into the root was observed.
            runs: the roots of live runs in it, which stay where they are.
        """
        totals = self._totals
        totals.set_aside_removed()
        disarm([leak.path for leak in totals.leaks if leak.never_closed])
        try:
            sources = self._preexisting(all_seen)
            wanted = {*registrations.kept(), *sources}
            left = self._rescue({path for path in wanted if not _touches(path, runs)}, sources)
        except Exception as error:
            cause = f"what existed before the run could not be moved out of it: {error}"
            failure = RemovalFailure(self._root.path, cause, None)
            totals.note_failures(RemovalReport(failed=(failure,)))
            return False
        totals.note_failures(rescue_failures(left))
        return not left

    def move_out_of(self, paths: Iterable[str], all_seen: bool) -> None:
        """Move what is from before the run out of what is about to be removed.

        Args:
            paths: what is registered, files and directories.
            all_seen: whether every move into the root was observed.
        """
        if all_seen and not self._observer.paths.preexisting:
            return
        root = self._root.path + os.sep
        inside = [path for path in tuple(paths) if path.startswith(root)]
        if inside:
            left: Iterable[str] = inside
            try:
                with contexts.untracked():
                    sources = self._preexisting(all_seen, inside)
                    left = self._rescue(set(sources), sources)
            except Exception as error:
                _log.warning("cannot look for files from before the run: %s", error)
            for path in left:
                registrations.keep(path)

    def _rescue(self, wanted: set[str], sources: Mapping[str, str]) -> tuple[str, ...]:
        """Move paths out of the root; return those that could not be moved."""
        moved: dict[str, str] = {}
        try:
            rescue(wanted, self._root.path, moved)
        finally:  # a signal may interrupt it
            self._note_moved(moved, sources)
        left = still_below(wanted, moved, self._root.path)
        for path in left:
            self._root.journal.record_preexisting(path, sources.get(path, ""))
        return left

    def _note_moved(self, moved: Mapping[str, str], sources: Mapping[str, str]) -> None:
        if os.getpid() != self._root.owner:
            for path, place in moved.items():  # the run is the parent's, and does not learn of it
                _log.warning("%s existed before the run: moved to %s", path, place)
        for place in moved.values():
            self._observer.paths.created(place, contexts.UNTRACKED)
        self._totals.note_moved(moved, sources)

    def _preexisting(self, all_seen: bool, within: Sequence[str] = ()) -> dict[str, str]:
        """Return what in the run root is from before the run, and where it was, if it is known.

        Args:
            all_seen: whether every move into the root was observed.
            within: look only at these paths of it, and what lies below them.
        """
        self._observer.read_forks()
        inside = tuple(path + os.sep for path in within or (self._root.path,))
        preexisting = self._observer.paths.preexisting
        moved = preexisting.locations().items()
        sources = {
            path: source for path, source in moved
            if (path + os.sep).startswith(inside) and not preexisting.is_another(path, source)
        }
        if all_seen and not preexisting.contents:
            return sources
        if self._unproven is None:
            self._unproven = UnprovenFiles(
                self._root, self._observer.paths, self._tree, self.lost_elsewhere
            )
        if not all_seen:
            self._unproven.begin(self._observer.spawns.works if within else -1)
        older = born_before(self._root.path, None, within, self._unproven) or ()
        return {**{path: self._unproven.copies.get(path, "") for path in older}, **sources}


def _touches(path: str, others: Iterable[str]) -> bool:
    """Whether a path is one of several others, below or above one of them."""
    here = path + os.sep
    return any(here.startswith(other + os.sep) or other.startswith(here) for other in others)


def disarm(paths: Collection[str]) -> None:
    """Keep every living `NamedTemporaryFile` of these paths from removing its file when collected.

    Python 3.11 prints "Exception ignored in" where the file is gone already.
    """
    for closer in _closers(paths):
        closer.delete = False


def flush(paths: Collection[str]) -> None:
    """Have every `NamedTemporaryFile` of these paths that is still alive write what it holds."""
    for closer in _closers(paths):
        with contextlib.suppress(Exception):  # closed, the disk full, or a mock
            closer.file.flush()


def _closers(paths: Collection[str]) -> Iterator[Any]:
    if not paths:
        return
    kind: Any = tempfile._TemporaryFileCloser  # type: ignore[attr-defined]
    for candidate in gc.get_objects():
        if isinstance(candidate, kind) and candidate.name in paths:
            yield candidate


class UnprovenFiles:
    """Decide about what lies in the run root and is younger than it: it may be the user's.

    No event announced it. A rename keeps the time of birth, a copy does not: a file that a child
    process moves becomes a copy where the temp directory is on an overlay, or on another mount
    than the project. Some programs always copy and then remove (`rsync`, `tar`).

    Args:
        root: the run root.
        paths: the record of each path.
        tree: the project's, as it was when the run began.
        lost_elsewhere: returns the paths that directories outside the project have lost.

    Attributes:
        copies: the user's files, by the path of the only copy left.
    """

    def __init__(
        self, root: RunRoot, paths: PathTable, tree: ProjectTree,
        lost_elsewhere: Callable[[], Iterable[str]],
    ) -> None:
        self._root = root
        self._paths = paths
        self._tree = tree
        self._lost_elsewhere = lost_elsewhere
        self._is_layered = not births_hold(root.path)
        self._is_apart = procfs.mount_of(root.path) != procfs.mount_of(tree.top)
        self.copies: dict[str, str] = {}
        self._works: int | None = None  # while every move into the root was observed
        self._is_compared = False  # in this search
        self._lost: frozenset[str] = frozenset()
        self._names: frozenset[str] = frozenset()
        self._may_miss_any = False

    def begin(self, works: int) -> None:
        """Begin a search: the project is compared again if a process may have changed it.

        Args:
            works: how often the run has begun work of which no event tells; -1 at its end.
        """
        self._is_compared = False
        if works < 0 or works != self._works:
            self._works = works
            self._compare()

    def __call__(self, path: str, status: os.stat_result) -> bool:
        """Whether nothing proves that the run created a path.

        Args:
            path: in the root.
            status: its lstat.
        """
        original = self._paths.preexisting.contents.original_of(path, status)
        if original is not None:
            self.copies[path] = original
        if original is not None or self._works is None:
            return original is not None
        was_seen = self._paths.was_seen_created(path)
        name = os.path.basename(path)
        if status.st_mtime_ns < self._root.made:
            if not self._is_compared:
                self._compare()
            # What was seen may have been replaced since.
            is_in_doubt = bool(self._lost) or (not was_seen and self._is_doubted(name))
        elif name in self._names or self._may_miss_any:
            is_in_doubt = not was_seen
        else:
            is_new = was_seen or stat.S_ISDIR(status.st_mode) or not self._is_layered
            return bool(self._lost) and not is_new
        return is_in_doubt and not self._tree.has_original(path, status)

    def _is_doubted(self, name: str) -> bool:
        return self._is_layered or self._may_miss_any or name in self._names

    def _compare(self) -> None:
        """Find what the project and other directories miss, and no event explains."""
        self._is_compared = True
        self._may_miss_any = self._tree.may_miss_any()
        is_copied = self._is_layered or self._is_apart
        self._lost = frozenset(
            os.path.basename(path) for path in filter(
                self._is_unexplained, self._tree.lost(self._root.made)
            ) if is_copied or not syscalls.lexists(path)
        )
        elsewhere = filter(self._is_unexplained, self._lost_elsewhere())
        self._names = self._lost.union(map(os.path.basename, elsewhere))

    def _is_unexplained(self, path: str) -> bool:
        """Whether no event reported that this process removes or moves a path."""
        state = self._paths.get(path)
        return state is None or state.preexisting != path
