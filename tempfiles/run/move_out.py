"""Move kept and preexisting files out of the run root before a living run removes it."""

from __future__ import annotations

import contextlib
import gc
import logging
import os
import stat
import tempfile
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from typing import Any

from ..detection.project_tree import ProjectTree
from ..fileops.identity import births_hold
from ..observation.observer import Observer
from ..observation.paths import PathTable
from ..recovery.rescue import born_before, rescue, rescue_failures, still_below
from ..registry import contexts, registrations
from ..reports import RemovalFailure, RemovalReport
from ..roots.root import RunRoot
from ..system import procfs
from .totals import Totals

_log = logging.getLogger("tempfiles")


class MoveOut:
    """Move files out of the run root before it is removed, and record where they are now.

    Args:
        root: the run root.
        observer: what was observed.
        totals: gets where each went, and what could not be moved.
        tree: the project's, as it was when the run began.
    """

    def __init__(
        self, root: RunRoot, observer: Observer, totals: Totals, tree: ProjectTree
    ) -> None:
        self._root = root
        self._tree = tree
        self._unproven: UnprovenFiles | None = None
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
        inside = tuple(path + os.sep for path in within or (self._root.path,))
        preexisting = self._observer.paths.preexisting
        moved = preexisting.locations().items()
        sources = {
            path: source for path, source in moved
            if (path + os.sep).startswith(inside) and not preexisting.is_another(path, source)
        }
        if all_seen:
            return sources
        if self._unproven is None:
            self._unproven = UnprovenFiles(self._root, self._observer.paths, self._tree)
        self._unproven.begin()
        older = born_before(self._root.path, None, within, self._unproven) or ()
        return {**dict.fromkeys(older, ""), **sources}


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
    than the project.

    Args:
        root: the run root.
        paths: the record of each path.
        tree: the project's, as it was when the run began.
    """

    def __init__(self, root: RunRoot, paths: PathTable, tree: ProjectTree) -> None:
        self._root = root
        self._paths = paths
        self._tree = tree
        self._is_layered = not births_hold(root.path)
        self._is_apart = self._is_layered or _mount_of(root.path) != _mount_of(tree.top)
        self._has_lost: bool | None = None

    def begin(self) -> None:
        """Begin a search: the project is compared again when it is needed."""
        self._has_lost = None

    def __call__(self, path: str, status: os.stat_result) -> bool:
        """Whether nothing proves that the run created a path.

        Args:
            path: below a slot of the root.
            status: its lstat.
        """
        if not self._is_apart or self._paths.was_seen_created(path):
            return False
        is_old = status.st_mtime_ns < self._root.made
        if not is_old and (not self._is_layered or stat.S_ISDIR(status.st_mode)):
            return False
        if self._project_has_lost():
            return True
        return self._is_layered and is_old and not self._tree.has_original(path, status)

    def _project_has_lost(self) -> bool:
        if self._has_lost is None:
            self._has_lost = any(map(self._is_unexplained, self._tree.lost(self._root.made)))
        return self._has_lost

    def _is_unexplained(self, path: str) -> bool:
        """Whether no event reported that this process removes or moves a path."""
        state = self._paths.get(path)
        return state is None or state.preexisting != path


def _mount_of(path: str) -> tuple[int, str]:
    return os.lstat(path).st_dev, procfs.mount_point(path)
