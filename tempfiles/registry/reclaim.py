"""Remove what a context has registered, and nothing of any other context.

Files that lie in no registered directory go one by one, grouped by the directory that holds them;
then the directories, the deepest first, each with all in it. What another context has registered
in such a directory stays, with the directories that lead to it: these are handed over to it.
"""

from __future__ import annotations

import errno
import logging
import os
from collections.abc import Callable, Iterable, Sequence
from itertools import chain, islice

from ..errors import RefusedError
from ..fileops.access import PARENT, READ, close, freed
from ..fileops.remove import Identity, remove_path
from ..records import RemovalFailure, RemovalReport
from ..system.platform import HAS_DIR_FD
from . import registrations
from .contexts import Context
from .in_place import is_in_place, leads_elsewhere
from .others import Others, canonical, is_directory, leading_to

_log = logging.getLogger("tempfiles")

_AT_ONCE = 1024  # files grouped at a time: memory does not grow with their number


def reclaim(context: Context, *, measure: bool = True) -> RemovalReport:
    """Remove all that this process has registered in a context.

    What is removed (or gone already) is no longer registered; what could not be removed still is.
    Without `measure` the sizes of files are not asked for, and `bytes` is 0: to ask takes a
    quarter of the time.
    """
    return _Reclaiming(context, measure).all()


def discard(path: str) -> None:
    """Remove one path if this process still has it registered; log what goes wrong."""
    context = registrations.owned(path)
    if context is not None:
        log_failures(_Reclaiming(context, measure=False).one(path))


def log_failures(report: RemovalReport) -> None:
    """Log each path of a report that could not be removed."""
    for failure in report.failed:
        _log.warning("could not remove %s: %s", ascii(failure.path), failure.cause)


class _Reclaiming:
    """What is done to the paths of one context; `report` adds it up."""

    def __init__(self, context: Context, measure: bool) -> None:
        self._context = context
        self._measure = measure
        self.report = RemovalReport()

    def all(self) -> RemovalReport:
        context = self._context
        registrations.before_removal(chain(context.files or (), context.directories or ()))
        directories = sorted(context.directories or (), key=_depth, reverse=True)
        tops = {path for path in directories if is_directory(path)}
        covered = {path for path in context.files or () if tops and _lies_below(path, tops)}
        self._all_files_but(covered)
        if directories:
            others = Others(context)
            for path in directories:
                self._directory(path, others)
        gone = [path for path in covered if not os.path.lexists(path)]
        registrations.release_files(gone, context)
        self._files(list(covered.difference(gone)))
        return self.report

    def one(self, path: str) -> RemovalReport:
        registrations.before_removal((path,))
        if path not in (self._context.directories or ()):
            self._file(path)
            return self.report
        self._directory(path, Others(self._context))
        for inner in registrations.below(path):
            if not os.path.lexists(inner):
                registrations.release(inner, self._context)
        return self.report

    def _all_files_but(self, spared: set[str]) -> None:
        """Remove the context's files, some at a time: no copy is made of all their paths."""
        passed = set(spared)
        while files := self._context.files:
            # In one call of C: another thread may register something meanwhile.
            some = list(files if passed else islice(files, _AT_ONCE))
            if passed:
                some = [path for path in some if path not in passed][:_AT_ONCE]
            if not some:
                break
            self._files(some)
            passed.update(filter(files.__contains__, some))  # could not be removed

    def _files(self, paths: Sequence[str]) -> None:
        parents = [path.rpartition(os.sep)[0] for path in paths]
        if len(set(parents)) == 1:
            self._group(parents[0], paths)
            return
        groups: dict[str, list[str]] = {}
        for parent, path in zip(parents, paths, strict=True):
            groups.setdefault(parent, []).append(path)
        for parent in sorted(groups, key=_depth, reverse=True):
            self._group(parent, groups[parent])

    def _group(self, parent: str, group: Sequence[str]) -> None:
        if HAS_DIR_FD and len(group) > 1:
            try:
                fd = os.open(parent or os.sep, PARENT)
            except OSError:
                pass  # each path by itself says what is wrong
            else:
                try:
                    if not leads_elsewhere(parent, os.fstat(fd), self._context):
                        self._names(fd, len(parent) + 1, group)
                        return
                finally:
                    close(fd)
        for path in group:
            self._file(path)

    def _names(self, fd: int, prefix: int, group: Sequence[str]) -> None:
        """Remove files of one open directory: as `_file` for each, but at half the cost."""
        paths = list(filter((self._context.files or {}).__contains__, group))  # still registered
        done: list[str] = []
        sizes: list[int] = []
        unlink = self._measured(sizes) if self._measure else os.unlink
        try:
            for path in paths:
                try:
                    unlink(path[prefix:], dir_fd=fd)  # which refuses a directory
                except OSError:
                    self._file(path)
                else:
                    done.append(path)
        finally:
            self.report += RemovalReport(len(done), 0, sum(sizes))
            registrations.release_files(done, self._context)

    @staticmethod
    def _measured(sizes: list[int]) -> Callable[..., None]:
        """Return what unlinks a name in an open directory and notes the size that it frees."""

        def unlink(name: str, *, dir_fd: int) -> None:
            status = os.stat(name, dir_fd=dir_fd, follow_symlinks=False)
            os.unlink(name, dir_fd=dir_fd)
            sizes.append(freed(status))

        return unlink

    def _file(self, path: str) -> None:
        if path not in (self._context.files or ()) or not self._is_in_place(path):
            return
        if is_directory(path):
            cause = "it was registered as a file, but is a directory"
            self.report += RemovalReport(failed=(RemovalFailure(path, cause, errno.EISDIR),))
        elif self._remove(path):
            registrations.release(path, self._context)

    def _directory(self, path: str, others: Others) -> None:
        if registrations.owned(path) is not self._context or not self._is_in_place(path):
            return
        inside = others.inside(path)
        if not inside:
            if self._remove(path):
                registrations.release(path, self._context)
            return
        self._around(canonical(path), inside)
        heir = next((owner for owner in inside.values() if owner is not None), None)
        if registrations.release(path, self._context) and heir is not None:
            registrations.register(path, directory=True, context=heir)

    def _around(self, top: str, spared: Iterable[str]) -> None:
        """Empty a directory except for some paths and the directories that lead to them."""
        spared = set(spared)
        leading = leading_to(spared, top)
        pending = [top]
        while pending:
            directory = pending.pop()
            try:
                found = _entries(directory)
            except OSError as error:
                self._fail(directory, error)
                continue
            for name, identity in found:
                path = os.path.join(directory, name)
                if path in leading and is_directory(path):
                    pending.append(path)
                elif path not in spared:
                    # By identity: the directory may be a link by now, to somebody's files.
                    self._remove(path, identity)

    def _is_in_place(self, path: str) -> bool:
        """Whether a path leads to where it was registered; if not, that is a failure."""
        if is_in_place(path, self._context):
            return True
        cause = "a link on its way leads elsewhere than when it was registered"
        self.report += RemovalReport(failed=(RemovalFailure(path, cause, errno.ELOOP),))
        return False

    def _remove(self, path: str, expected: Identity | None = None) -> bool:
        try:
            report = remove_path(path, expected=expected, measure=self._measure)
        except RefusedError as error:
            self._fail(path, error)
            return False
        self.report += report
        return report.ok

    def _fail(self, path: str, error: OSError) -> None:
        cause = error.strerror or str(error)
        self.report += RemovalReport(failed=(RemovalFailure(path, cause, error.errno),))


def _entries(directory: str) -> list[tuple[str, Identity | None]]:
    """Return the names in a directory (never in one that a link leads to), with what they are."""
    if not HAS_DIR_FD:
        return [(name, None) for name in os.listdir(directory)]
    fd = os.open(directory, READ)
    try:
        with os.scandir(fd) as entries:
            found = [(entry.name, entry.stat(follow_symlinks=False)) for entry in entries]
    finally:
        close(fd)
    return [(name, Identity(status.st_dev, status.st_ino)) for name, status in found]


def _depth(path: str) -> int:
    return path.count(os.sep)


def _lies_below(path: str, directories: set[str]) -> bool:
    while True:
        path, separator, _ = path.rpartition(os.sep)
        if not separator:
            return False
        if path in directories:
            return True
