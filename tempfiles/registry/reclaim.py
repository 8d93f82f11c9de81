"""Remove the paths that a context has registered, and nothing that another context owns.

Files outside every registered directory are removed one by one, grouped by their parent directory.
Directories follow, deepest first, each with its whole content. A path inside such a directory that
another context has registered stays, and so do the directories that lead to it: they are handed
over to that context.
"""

from __future__ import annotations

import bisect
import errno
import logging
import os
import stat
from collections.abc import Callable, Iterable, Sequence
from itertools import chain, islice

from ..errors import RefusedError
from ..fileops.access import PARENT, READ, close, freed
from ..fileops.identity import FileId, file_id
from ..fileops.remove import remove_path
from ..reports import RemovalFailure, RemovalReport
from ..system.platform import HAS_DIR_FD
from . import registrations, settings
from .contexts import Context

_log = logging.getLogger("tempfiles")

_BATCH = 1024  # files grouped at a time: memory does not grow with their number


def reclaim(context: Context, *, measure: bool = True) -> RemovalReport:
    """Remove every path that this process has registered in a context.

    A path that was removed, or was gone already, is unregistered; one that could not be removed
    stays registered.

    Args:
        context: the owner of the paths.
        measure: whether to add up the bytes that are freed. Without it `bytes` is 0 and the
            removal takes a quarter less time.
    """
    return _Reclaimer(context, measure).remove_all()


def discard(path: str) -> None:
    """Remove one path if this process still has it registered, and log failures."""
    context = registrations.local_owner(path)
    if context is not None:
        log_failures(_Reclaimer(context, measure=False).remove_one(path))


def log_failures(report: RemovalReport) -> None:
    """Log each path of a report that could not be removed."""
    for failure in report.failed:
        _log.warning("could not remove %s: %s", ascii(failure.path), failure.cause)


def is_in_place(path: str, context: Context) -> bool:
    """Return whether a path still leads to where its context registered it, or to nothing.

    Args:
        path: an absolute path.
        context: the context that registered it.
    """
    parent = path.rpartition(os.sep)[0]
    try:
        return not _leads_elsewhere(parent, os.stat(parent or os.sep), context)
    except OSError:
        return True  # it is gone, or the removal itself will report what is wrong


class _Reclaimer:
    """The removal of one context's paths; `report` adds up what was done."""

    def __init__(self, context: Context, measure: bool) -> None:
        self._context = context
        self._measure = measure
        self.report = RemovalReport()

    def remove_all(self) -> RemovalReport:
        context = self._context
        registrations.before_removal(chain(context.files or (), context.directories or ()))
        directories = sorted(context.directories or (), key=_depth, reverse=True)
        tops = {path for path in directories if _is_directory(path)}
        covered = {path for path in context.files or () if tops and _lies_below(path, tops)}
        self._remove_files_except(covered)
        if directories:
            protected = _ProtectedPaths(context)
            for path in directories:
                self._remove_directory(path, protected)
        gone = [path for path in covered if not os.path.lexists(path)]
        registrations.release_files(gone, context)
        self._remove_files(list(covered.difference(gone)))
        return self.report

    def remove_one(self, path: str) -> RemovalReport:
        registrations.before_removal((path,))
        if path not in (self._context.directories or ()):
            self._remove_file(path)
            return self.report
        self._remove_directory(path, _ProtectedPaths(self._context))
        for inner in registrations.below(path):
            if not os.path.lexists(inner):
                registrations.release(inner, self._context)
        return self.report

    def _remove_files_except(self, covered: set[str]) -> None:
        """Remove the context's files in batches, so that their paths are never all copied."""
        passed = set(covered)
        while files := self._context.files:
            # One call of C: another thread may register something meanwhile.
            batch = list(files if passed else islice(files, _BATCH))
            if passed:
                batch = [path for path in batch if path not in passed][:_BATCH]
            if not batch:
                break
            self._remove_files(batch)
            passed.update(filter(files.__contains__, batch))  # could not be removed

    def _remove_files(self, paths: Sequence[str]) -> None:
        parents = [path.rpartition(os.sep)[0] for path in paths]
        if len(set(parents)) == 1:
            self._remove_siblings(parents[0], paths)
            return
        groups: dict[str, list[str]] = {}
        for parent, path in zip(parents, paths, strict=True):
            groups.setdefault(parent, []).append(path)
        for parent in sorted(groups, key=_depth, reverse=True):
            self._remove_siblings(parent, groups[parent])

    def _remove_siblings(self, parent: str, paths: Sequence[str]) -> None:
        if HAS_DIR_FD and len(paths) > 1:
            try:
                fd = os.open(parent or os.sep, PARENT)
            except OSError:
                pass  # the removal of each path reports what is wrong
            else:
                try:
                    if not _leads_elsewhere(parent, os.fstat(fd), self._context):
                        self._unlink_names(fd, len(parent) + 1, paths)
                        return
                finally:
                    close(fd)
        for path in paths:
            self._remove_file(path)

    def _unlink_names(self, fd: int, prefix: int, paths: Sequence[str]) -> None:
        """Remove files of one open directory: as `_remove_file` for each, at half the cost."""
        registered = list(filter((self._context.files or {}).__contains__, paths))
        done: list[str] = []
        sizes: list[int] = []
        unlink = _measured_unlink(sizes) if self._measure else os.unlink
        try:
            for path in registered:
                try:
                    unlink(path[prefix:], dir_fd=fd)  # the system refuses a directory
                except OSError:
                    self._remove_file(path)
                else:
                    done.append(path)
        finally:
            self.report += RemovalReport(len(done), 0, sum(sizes))
            registrations.release_files(done, self._context)

    def _remove_file(self, path: str) -> None:
        if path not in (self._context.files or ()) or not self._check_place(path):
            return
        if _is_directory(path):
            self._fail(path, "it was registered as a file, but is a directory", errno.EISDIR)
        elif self._remove(path):
            registrations.release(path, self._context)

    def _remove_directory(self, path: str, protected: _ProtectedPaths) -> None:
        if registrations.local_owner(path) is not self._context or not self._check_place(path):
            return
        inside = protected.inside(path)
        if not inside:
            if self._remove(path):
                registrations.release(path, self._context)
            return
        self._empty_around(_canonical(path), inside)
        heir = next((owner for owner in inside.values() if owner is not None), None)
        if registrations.release(path, self._context) and heir is not None:
            registrations.register(path, directory=True, context=heir)

    def _empty_around(self, top: str, protected: Iterable[str]) -> None:
        """Empty a directory except for some paths and the directories that lead to them."""
        protected = set(protected)
        leading = _directories_between(protected, top)
        pending = [top]
        while pending:
            directory = pending.pop()
            try:
                found = _entries(directory)
            except OSError as error:
                self._fail(directory, error.strerror or str(error), error.errno)
                continue
            for name, identity in found:
                path = os.path.join(directory, name)
                if path in leading and _is_directory(path):
                    pending.append(path)
                elif path not in protected:
                    # By identity: the directory may be a link to the user's files by now.
                    self._remove(path, identity)

    def _check_place(self, path: str) -> bool:
        """Return whether a path leads to where it was registered; report a failure if not."""
        if is_in_place(path, self._context):
            return True
        cause = "a symlink above it leads elsewhere than when it was registered"
        self._fail(path, cause, errno.ELOOP)
        return False

    def _remove(self, path: str, expected: FileId | None = None) -> bool:
        try:
            report = remove_path(path, expected=expected, measure=self._measure)
        except RefusedError as error:
            self._fail(path, error.strerror or str(error), error.errno)
            return False
        self.report += report
        return report.ok

    def _fail(self, path: str, cause: str, number: int | None) -> None:
        self.report += RemovalReport(failed=(RemovalFailure(path, cause, number),))


class _ProtectedPaths:
    """The paths that do not belong to a context, looked up by the directory above them."""

    def __init__(self, context: Context) -> None:
        parents: dict[str, str] = {}
        self._owners = {
            _canonical(path, parents): owner
            for path, owner in registrations.protected_from(context).items()
        }
        self._paths = sorted(self._owners)

    def inside(self, directory: str) -> dict[str, Context | None]:
        """Return the existing ones below a directory, each with its context if it has one."""
        if not self._paths or not _is_directory(directory):
            return {}
        prefix = _canonical(directory) + os.sep
        first = bisect.bisect_left(self._paths, prefix)
        end = bisect.bisect_left(self._paths, prefix[:-1] + chr(ord(os.sep) + 1))
        return {
            path: self._owners[path] for path in self._paths[first:end] if os.path.lexists(path)
        }


def _measured_unlink(sizes: list[int]) -> Callable[..., None]:
    """Return a function that unlinks a name in an open directory and notes the bytes it frees."""

    def unlink(name: str, *, dir_fd: int) -> None:
        status = os.stat(name, dir_fd=dir_fd, follow_symlinks=False)
        os.unlink(name, dir_fd=dir_fd)
        sizes.append(freed(status))

    return unlink


def _leads_elsewhere(parent: str, status: os.stat_result, context: Context) -> bool:
    """Return whether a directory was replaced since the registration, by way of a symlink.

    A directory that was removed and created again at the same path counts as the same place.

    Args:
        parent: the directory in which something was registered.
        status: its status now, symlinks followed.
        context: the context that registered it.
    """
    registered = (context.parent_keys or {}).get(parent)
    return registered != file_id(status) and _has_link(parent, settings.temp_dir())


def _has_link(directory: str, base: str) -> bool:
    """Return whether a directory or one above it is a symlink; from `base` upwards none counts."""
    while directory not in (base, os.path.dirname(directory)):
        if os.path.islink(directory):
            return True
        directory = os.path.dirname(directory)
    return False


def _canonical(path: str, parents: dict[str, str] | None = None) -> str:
    """Return an absolute path with the symlinks above it resolved.

    Args:
        path: the path.
        parents: the parent directories that were resolved already; new ones are added.
    """
    parent, _, name = path.rpartition(os.sep)
    if parents is None:
        return os.path.join(os.path.realpath(parent or os.sep), name)
    if parent not in parents:
        parents[parent] = os.path.realpath(parent or os.sep)
    return os.path.join(parents[parent], name)


def _directories_between(paths: set[str], top: str) -> set[str]:
    """Return the directories between a directory and some paths below it."""
    between = set()
    for path in paths:
        while (path := os.path.dirname(path)) != top and path not in between:
            between.add(path)
    return between - paths


def _entries(directory: str) -> list[tuple[str, FileId | None]]:
    """Return the names in a directory, each with its identity; a symlink is not followed."""
    if not HAS_DIR_FD:
        return [(name, None) for name in os.listdir(directory)]
    fd = os.open(directory, READ)
    try:
        with os.scandir(fd) as entries:
            found = [(entry.name, entry.stat(follow_symlinks=False)) for entry in entries]
    finally:
        close(fd)
    return [(name, file_id(status)) for name, status in found]


def _is_directory(path: str) -> bool:
    """Return whether a path is a directory and not a symlink to one."""
    try:
        return stat.S_ISDIR(os.lstat(path).st_mode)
    except OSError:
        return False


def _depth(path: str) -> int:
    return path.count(os.sep)


def _lies_below(path: str, directories: set[str]) -> bool:
    while True:
        path, separator, _ = path.rpartition(os.sep)
        if not separator:
            return False
        if path in directories:
            return True
