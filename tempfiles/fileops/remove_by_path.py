"""Remove a tree by its paths, for systems where directories cannot be held open (Windows).

It follows no link or junction and crosses no mount, but looks before each step only: a process that
swaps directories for links meanwhile can mislead it.
"""

from __future__ import annotations

import os
import stat
from dataclasses import dataclass

from .access import freed, make_accessible
from .identity import FileId, file_id
from .tally import NOT_EMPTY, Reading, Tally

_READ_ONLY = stat.FILE_ATTRIBUTE_READONLY
_REPARSE_POINT = stat.FILE_ATTRIBUTE_REPARSE_POINT


@dataclass(slots=True, eq=False, kw_only=True)
class _Directory(Reading):
    path: str
    stuck: bool = False


class PathRemoval:
    """Removals by path; what happens goes into the tally, and is not raised."""

    def __init__(self, tally: Tally) -> None:
        self._tally = tally
        self._stack: list[_Directory] = []
        self._failed: set[str] = set()

    def remove(self, path: str, status: os.stat_result) -> None:
        """Remove a path, with all below it if it is a directory; `status` is its `lstat`.

        Raises:
            OutOfTimeError: the deadline of the tally has passed.
        """
        above = _Directory(path=os.path.dirname(path), unread=False)
        self._stack = [above]
        self._visit(above, path, status)
        while above.pending or len(self._stack) > 1:
            directory = self._stack[-1]
            if directory.pending:
                self._enter(directory, directory.pending.pop(), file_id(status))
            elif directory.unread:
                self._read(directory)
            else:
                self._leave(directory)

    def _read(self, directory: _Directory) -> None:
        directory.unread = False
        directory.removed_before = self._tally.removed
        try:
            with os.scandir(directory.path) as entries:
                for entry in entries:
                    self._tally.check_time()
                    if entry.path not in self._failed:
                        self._look(directory, entry.path)
        except OSError as error:
            directory.error = error

    def _look(self, directory: _Directory, path: str) -> None:
        try:
            # Not the entry's own stat: on Windows that knows neither the device nor the links.
            status = os.lstat(path)
        except FileNotFoundError:
            return
        except OSError as error:
            self._fail(directory, path, error)
        else:
            self._visit(directory, path, status)

    def _visit(self, parent: _Directory, path: str, status: os.stat_result) -> None:
        directory = stat.S_ISDIR(status.st_mode)
        try:
            _remove_one(path, status)
        except FileNotFoundError:
            return
        except OSError as error:
            enterable = error.errno in NOT_EMPTY or isinstance(error, PermissionError)
            if directory and enterable and not _is_link(status):
                parent.pending.append(path)
            else:
                self._fail(parent, path, error)
        else:
            self._count(directory, status)

    def _count(self, directory: bool, status: os.stat_result) -> None:
        if directory and not _is_link(status):
            self._tally.directories += 1
        else:
            self._tally.files += 1
            self._tally.bytes += freed(status) if self._tally.measure else 0

    def _enter(self, parent: _Directory, path: str, top: FileId) -> None:
        try:
            status = os.lstat(path)
            if _is_link(status) or not stat.S_ISDIR(status.st_mode):
                self._fail(parent, path, "another file has its name now")
            elif status.st_dev != top[0] or os.path.ismount(path):
                self._fail(parent, path, "another file system is mounted here")
            else:
                make_accessible(path, status)
                self._stack.append(_Directory(path=path))
        except FileNotFoundError:
            return
        except OSError as error:
            self._fail(parent, path, error)

    def _leave(self, directory: _Directory) -> None:
        parent = self._stack[-2]
        try:
            _remove_one(directory.path, os.lstat(directory.path))
        except FileNotFoundError:
            pass
        except OSError as error:
            stuck = directory.stuck
            if error.errno in NOT_EMPTY and self._tally.read_again(directory, stuck=stuck):
                return
            if error.errno in NOT_EMPTY and directory.stuck and not directory.error:
                parent.stuck = True
                self._failed.add(directory.path)
            else:
                cause = directory.error if error.errno in NOT_EMPTY else None
                self._fail(parent, directory.path, cause or error)
        else:
            self._tally.directories += 1
        self._stack.pop()

    def _fail(self, parent: _Directory, path: str, cause: OSError | str) -> None:
        parent.stuck = True
        self._failed.add(path)
        self._tally.fail(path, cause)


def _remove_one(path: str, status: os.stat_result) -> None:
    remove = os.rmdir if stat.S_ISDIR(status.st_mode) or _is_junction(status) else os.unlink
    try:
        remove(path)
    except PermissionError:
        if not _attributes(status) & _READ_ONLY:
            raise
        os.chmod(path, stat.S_IWRITE)
        remove(path)


def _attributes(status: os.stat_result) -> int:
    attributes: int = getattr(status, "st_file_attributes", 0)
    return attributes


def _is_link(status: os.stat_result) -> bool:
    return stat.S_ISLNK(status.st_mode) or bool(_attributes(status) & _REPARSE_POINT)


def _is_junction(status: os.stat_result) -> bool:
    """Return whether this is a directory that is a link; those end with `rmdir`."""
    return _is_link(status) and bool(_attributes(status) & stat.FILE_ATTRIBUTE_DIRECTORY)
