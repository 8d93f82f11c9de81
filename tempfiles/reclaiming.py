"""Remove what a context has registered, and nothing of any other context.

Files that lie in no registered directory go one by one, grouped by the directory that holds them;
then the directories, the deepest first, each with all in it. What another context has registered
in such a directory stays, with the directories that lead to it: these are handed over to it.
"""

from __future__ import annotations

import bisect
import errno
import logging
import os
import stat
from collections.abc import Iterable, Sequence

from . import _contexts as contexts
from ._access import PARENT, READ, close, freed
from ._contexts import Context
from ._platform import HAS_DIR_FD
from .errors import RefusedError
from .records import RemovalFailure, RemovalReport
from .removal import Identity, remove_path

_log = logging.getLogger("tempfiles")


def reclaim(context: Context) -> RemovalReport:
    """Remove all that this process has registered in a context.

    What is removed (or gone already) is no longer registered; what could not be removed still is.
    """
    directories = sorted(context.directories or (), key=_depth, reverse=True)
    tops = {path for path in directories if _is_directory(path)}
    files = tuple(context.files or ())
    covered = [path for path in files if _lies_below(path, tops)] if tops else []
    report = _remove_files(set(files).difference(covered) if covered else files, context)
    if directories:
        others = _Others(context)
        for path in directories:
            report += _remove_directory(path, context, others)
    gone = [path for path in covered if not os.path.lexists(path)]
    contexts.release_files(gone, context)
    return report + _remove_files(set(covered).difference(gone), context)


def discard(path: str) -> None:
    """Remove one path if this process still has it registered; log what goes wrong."""
    context = contexts.owned(path)
    if context is None:
        return
    if path in (context.directories or ()):
        report = _remove_directory(path, context, _Others(context))
        for inner in contexts.below(path):
            if not os.path.lexists(inner):
                contexts.release(inner, context)
    else:
        report = _remove_files([path], context)
    log_failures(report)


def log_failures(report: RemovalReport) -> None:
    """Log each path of a report that could not be removed."""
    for failure in report.failed:
        _log.warning("could not remove %s: %s", ascii(failure.path), failure.cause)


def _remove_files(paths: Iterable[str], context: Context) -> RemovalReport:
    groups: dict[str, list[tuple[str, str]]] = {}
    for path in paths:
        parent, _, name = path.rpartition(os.sep)
        group = groups.get(parent)
        if group is None:
            groups[parent] = group = []
        group.append((name, path))
    report = RemovalReport()
    for parent in sorted(groups, key=_depth, reverse=True):
        report += _remove_from(parent, groups[parent], context)
    return report


def _remove_from(
    parent: str, group: Sequence[tuple[str, str]], context: Context
) -> RemovalReport:
    if HAS_DIR_FD and len(group) > 1:
        try:
            fd = os.open(parent or os.sep, PARENT)
        except OSError:
            pass  # each path by itself says what is wrong
        else:
            try:
                return _remove_names(fd, group, context)
            finally:
                close(fd)
    report = RemovalReport()
    for _, path in group:
        if contexts.owned(path) is context:
            one = _remove_file(path)
            report += one
            if one.ok:
                contexts.release(path, context)
    return report


def _remove_names(
    fd: int, group: Sequence[tuple[str, str]], context: Context
) -> RemovalReport:
    """Remove files of one open directory: as `_remove_file` for each, but at half the cost."""
    done: list[str] = []
    report = RemovalReport()
    files = size = 0
    owner, look, unlink = contexts.owned, os.stat, os.unlink
    try:
        for name, path in group:
            if owner(path) is not context:
                continue
            try:
                status = look(name, dir_fd=fd, follow_symlinks=False)
                unlink(name, dir_fd=fd)  # which refuses a directory
            except OSError:
                one = _remove_file(path)
                report += one
                if one.failed:
                    continue
            else:
                files += 1
                size += freed(status)
            done.append(path)
    finally:
        contexts.release_files(done, context)
    return report + RemovalReport(files, 0, size)


def _remove_file(path: str) -> RemovalReport:
    if _is_directory(path):
        cause = "it was registered as a file, but is a directory"
        return RemovalReport(failed=(RemovalFailure(path, cause, errno.EISDIR),))
    return _remove(path)


def _remove(path: str, expected: Identity | None = None) -> RemovalReport:
    try:
        return remove_path(path, expected=expected)
    except RefusedError as error:
        return RemovalReport(failed=(RemovalFailure(path, str(error), error.errno),))


def _remove_directory(path: str, context: Context, others: _Others) -> RemovalReport:
    if contexts.owned(path) is not context:
        return RemovalReport()
    inside = others.inside(path)
    if not inside:
        report = _remove(path)
        if report.ok:
            contexts.release(path, context)
        return report
    report = _remove_around(_canonical(path), inside)
    heir = next((owner for owner in inside.values() if owner is not None), None)
    if contexts.release(path, context) and heir is not None:
        contexts.register(path, directory=True, context=heir)
    return report


class _Others:
    """Where the paths lie that are not the context's, looked up by the directory above them."""

    def __init__(self, context: Context) -> None:
        parents: dict[str, str] = {}
        self._owners = {
            _canonical(path, parents): owner for path, owner in contexts.spared(context).items()
        }
        self._paths = sorted(self._owners)

    def inside(self, directory: str) -> dict[str, Context | None]:
        if not self._paths or not _is_directory(directory):
            return {}
        prefix = _canonical(directory) + os.sep
        first = bisect.bisect_left(self._paths, prefix)
        end = bisect.bisect_left(self._paths, prefix[:-1] + chr(ord(os.sep) + 1))
        return {
            path: self._owners[path] for path in self._paths[first:end] if os.path.lexists(path)
        }


def _remove_around(top: str, spared: Iterable[str]) -> RemovalReport:
    """Empty a directory except for some paths and the directories that lead to them."""
    spared = set(spared)
    leading = set()
    for path in spared:
        while (path := os.path.dirname(path)) != top and path not in leading:
            leading.add(path)
    leading -= spared
    pending = [top]
    report = RemovalReport()
    while pending:
        directory = pending.pop()
        try:
            found = _entries(directory)
        except OSError as error:
            cause = error.strerror or str(error)
            report += RemovalReport(failed=(RemovalFailure(directory, cause, error.errno),))
            continue
        for name, identity in found:
            path = os.path.join(directory, name)
            if path in leading and _is_directory(path):
                pending.append(path)
            elif path not in spared:
                # By identity: the directory may be a link by now, to somebody's files.
                report += _remove(path, identity)
    return report


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


def _canonical(path: str, parents: dict[str, str] | None = None) -> str:
    """Return a path with the symlinks above it resolved: two names of one file become equal."""
    parent, _, name = path.rpartition(os.sep)
    if parents is None:
        return os.path.join(os.path.realpath(parent or os.sep), name)
    if parent not in parents:
        parents[parent] = os.path.realpath(parent or os.sep)
    return os.path.join(parents[parent], name)


def _depth(path: str) -> int:
    return path.count(os.sep)


def _is_directory(path: str) -> bool:
    try:
        return stat.S_ISDIR(os.lstat(path).st_mode)
    except OSError:
        return False


def _lies_below(path: str, directories: set[str]) -> bool:
    while True:
        path, separator, _ = path.rpartition(os.sep)
        if not separator:
            return False
        if path in directories:
            return True
