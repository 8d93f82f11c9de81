"""Remove a tree through descriptors, at any depth, also while other processes change it.

Every name is looked up in a directory that is held open, and never through a symlink. Before a
directory is opened it is handed to `rmdir`: an empty one is gone at once, and a mount point (also
a bind mount of the same device) answers EBUSY before the kernel looks whether it is empty. Where
the answer says neither, the mount ids in /proc are compared. The device is compared always.
"""

from __future__ import annotations

import errno
import os
import stat
from contextlib import suppress
from itertools import islice

from .access import close, freed, is_directory, make_accessible, make_entry_accessible, same_mount
from .descent import Descent, Directory
from .identity import FileId, file_id
from .tally import NOT_EMPTY, Tally

# Bounds of one reading of a directory. Memory stays flat in a wide one, and one that another
# process fills faster than it is emptied does not hold us for ever.
_PENDING = 4096
_ENTRIES = 65_536
_READINGS = 1024

_NO_ACCESS = frozenset({errno.EACCES, errno.EPERM})
_NO_FILE = frozenset({errno.EISDIR, errno.EPERM})
_NO_DIRECTORY = frozenset({errno.ENOTDIR, errno.ELOOP, errno.EMLINK})


class TreeRemoval:
    """Removals below one open directory; what happens goes into the tally.

    `parent_fd` is that directory and stays open, `parent_path` its path for the reports. What goes
    wrong is not raised; the tally has it.
    """

    def __init__(self, parent_fd: int, parent_path: str, tally: Tally) -> None:
        self._tally = tally
        self._descent = Descent(parent_fd, parent_path)
        self._expected: FileId | None = None

    def remove(self, name: str, status: os.stat_result) -> None:
        """Remove an entry, with all below it if it is a directory.

        `status` is its `lstat`: another directory that has its name by then is not entered.

        Raises:
            OutOfTimeError: the deadline of the tally has passed.
        """
        top = self._descent.top
        self._expected = file_id(status)
        try:
            if stat.S_ISDIR(status.st_mode):
                self._visit(top, name)
            else:
                self._unlink(top, name)
            self._work()
        finally:
            self._descent.leave_all()

    def _work(self) -> None:
        descent = self._descent
        while True:
            directory = descent.current
            if directory.pending:
                self._tally.check_time()
                self._enter(directory, directory.pending.pop())
            elif directory.unread:
                self._read(directory)
            elif directory is not descent.top:
                self._leave(directory)
            else:
                return

    def _read(self, directory: Directory) -> None:
        """Remove files and empty directories; make the other directories pending."""
        directory.unread = False
        directory.readings += 1
        directory.removed_before = self._tally.removed
        try:
            with self._descent.entries(directory) as entries:
                self._remove_entries(directory, islice(entries, _ENTRIES + len(directory.failed)))
                more = len(directory.pending) >= _PENDING or next(entries, None) is not None
                directory.unread = more and directory.readings < _READINGS
        except OSError as error:
            directory.error = error

    def _remove_entries(self, directory: Directory, entries: islice[os.DirEntry[str]]) -> None:
        tally, fd, failed, pending = self._tally, directory.fd, directory.failed, directory.pending
        unlink, measure, bounded = os.unlink, tally.measure, tally.deadline is not None
        files = size = 0
        try:
            for entry in entries:
                name = entry.name
                if failed and name in failed:
                    continue
                if bounded:
                    tally.check_time()
                try:
                    if entry.is_dir(follow_symlinks=False):
                        self._visit(directory, name)
                        if len(pending) >= _PENDING:
                            break
                    elif measure:
                        status = entry.stat(follow_symlinks=False)
                        unlink(name, dir_fd=fd)
                        files += 1
                        size += freed(status)
                    else:
                        unlink(name, dir_fd=fd)
                        files += 1
                except OSError:
                    self._unlink(directory, name)
        finally:
            tally.files += files
            tally.bytes += size

    def _visit(self, parent: Directory, name: str) -> None:
        """Remove a directory if it is empty; make it pending if it is not, and may be entered."""
        try:
            os.rmdir(name, dir_fd=parent.fd)
        except FileNotFoundError:
            return
        except NotADirectoryError:
            self._swapped(parent, name)
        except OSError as error:
            if error.errno in NOT_EMPTY or (
                error.errno not in (errno.EBUSY, errno.EROFS) and same_mount(parent.fd, name)
            ):
                parent.pending.append(name)
            else:
                self._fail(parent, name, error)
        else:
            self._tally.directories += 1

    def _enter(self, parent: Directory, name: str) -> None:
        fd = self._open(parent, name)
        if fd < 0:
            return
        try:
            status = os.fstat(fd)
        except OSError as error:
            close(fd)
            self._fail(parent, name, error)
            return
        key = file_id(status)
        refusal = self._refusal(parent, key)
        if refusal:
            close(fd)
            self._fail(parent, name, refusal)
            return
        make_accessible(fd, status)
        self._descent.enter(name, fd, key)

    def _refusal(self, parent: Directory, key: FileId) -> str | None:
        if parent.key is None:  # the top
            return None if key == self._expected else "another directory has its name now"
        return None if key[0] == parent.key[0] else "another file system is mounted here"

    def _open(self, parent: Directory, name: str) -> int:
        """Return a descriptor of a directory, or -1 where there is nothing (more) to enter."""
        for may_repair in (True, False):
            try:
                return self._descent.open(parent, name)
            except FileNotFoundError:
                break
            except OSError as error:
                if error.errno in _NO_ACCESS and may_repair:
                    make_entry_accessible(parent.fd, name)
                elif error.errno in _NO_DIRECTORY:
                    self._swapped(parent, name)
                    break
                else:
                    self._fail(parent, name, error)
                    break
        return -1

    def _leave(self, directory: Directory) -> None:
        """Remove a directory that was emptied, and go on in its parent."""
        parent = self._descent.parent()
        if parent is None:  # another process moved a directory: begin again
            self._again(self._descent.top, self._descent.leave_all() or "")
            return
        try:
            os.rmdir(directory.name, dir_fd=parent.fd)
        except FileNotFoundError:
            pass
        except OSError as error:
            stuck = bool(directory.failed)
            if error.errno in NOT_EMPTY and self._tally.read_again(directory, stuck=stuck):
                return
            self._leave_behind(parent, directory, error)
        else:
            self._tally.directories += 1
        self._descent.leave()

    def _leave_behind(self, parent: Directory, directory: Directory, error: OSError) -> None:
        if error.errno == errno.ENOTDIR:
            self._swapped(parent, directory.name)
        elif error.errno in NOT_EMPTY and directory.failed and not directory.error:
            parent.failed.add(directory.name)  # its remaining entries have been reported
        else:
            cause = directory.error if error.errno in NOT_EMPTY else None
            self._fail(parent, directory.name, cause or error)

    def _swapped(self, parent: Directory, name: str) -> None:
        """A directory has become a link or a file since it was read."""
        if parent is self._descent.top:
            self._fail(parent, name, "another file has its name now")
        else:
            self._unlink(parent, name)

    def _unlink(self, parent: Directory, name: str) -> None:
        size = 0
        try:
            if self._tally.measure:
                with suppress(OSError):
                    size = freed(os.lstat(name, dir_fd=parent.fd))
            os.unlink(name, dir_fd=parent.fd)
        except FileNotFoundError:
            return
        except OSError as error:
            if error.errno in _NO_FILE and is_directory(parent.fd, name):
                self._again(parent, name)  # swapped for a directory since it was read
            else:
                self._fail(parent, name, error)
        else:
            self._tally.files += 1
            self._tally.bytes += size

    def _again(self, parent: Directory, name: str) -> None:
        if self._tally.retry():
            parent.pending.append(name)
        else:
            self._fail(parent, name, "it kept changing while it was removed")

    def _fail(self, parent: Directory, name: str, cause: OSError | str) -> None:
        parent.failed.add(name)
        self._tally.fail(self._descent.path_of(parent, name), cause)
