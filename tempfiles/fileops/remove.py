"""Remove a path or a whole tree and report: never through a symlink, never across a mount.

Only a removal that must never be done raises. Every other error is a failure in the report, with
its path and cause, and does not stop the rest. A directory that could not be removed because an
entry below it could not has no failure of its own.
"""

from __future__ import annotations

import errno
import os
import stat
from collections.abc import Iterator, Sequence
from contextlib import suppress
from functools import cache

from ..errors import RefusedError
from ..reports import RemovalReport
from ..system.platform import HAS_DIR_FD
from .access import PARENT, close
from .identity import AnyPath, FileId, file_id, is_same_version
from .remove_by_path import PathRemoval
from .remove_tree import TreeRemoval
from .tally import Tally

_SEPARATORS = os.sep + (os.altsep or "")


def remove_path(
    path: AnyPath, *, expected: FileId | None = None, measure: bool = True
) -> RemovalReport:
    """Remove a file, link, FIFO, socket, device node or whole tree; a missing path is no failure.

    With `expected`, a path that is not that very file any more is left alone and reported.
    Without `measure` the sizes of files are not asked for, and `bytes` is 0: on tmpfs that saves
    a quarter of the time.

    Raises:
        RefusedError: the path is `/`, the home or working directory, or an ancestor of them.
    """
    text, tally = os.fsdecode(path), Tally(measure)
    remove = _by_descriptor if HAS_DIR_FD else _by_path
    try:
        remove(*_split(text), expected, tally)
    except RefusedError:
        raise
    except (FileNotFoundError, NotADirectoryError):
        return tally.report()  # nothing is there
    except (OSError, ValueError) as error:
        tally.fail(text, error)
    return tally.report()


def remove_entry(
    parent: int | str,
    name: str,
    *,
    path: str | None = None,
    expected: FileId | None = None,
    tally: Tally | None = None,
) -> RemovalReport:
    """Remove an entry of a directory, with all below it, for a caller that owns it.

    No path is refused here: the owner of a run root removes it also if a test has left its working
    directory inside.

    Args:
        parent: the directory, open; its path where the system cannot open one (`HAS_DIR_FD`).
        name: the name of the entry.
        path: the path of the entry for the report (default: its name).
        expected: the identity that it must still have.
        tally: what to count in, with a deadline or without (default: a new one).

    Raises:
        OutOfTimeError: the deadline of the tally has passed.
    """
    tally = tally or Tally()
    shown = path or name
    try:
        status = os.lstat(name, dir_fd=parent) if isinstance(parent, int) else os.lstat(shown)
    except FileNotFoundError:
        return tally.report()
    except (OSError, ValueError) as error:
        tally.fail(shown, error)
        return tally.report()
    if _is_expected(status, expected, shown, tally):
        if isinstance(parent, int):
            TreeRemoval(parent, os.path.dirname(shown), tally).remove(name, status)
        else:
            PathRemoval(tally).remove(shown, status)
    return tally.report()


def remove_listed(
    entries: Sequence[tuple[str, os.stat_result]], tally: Tally | None = None
) -> str:
    """Remove the listed entries of a tree and no others (see `walk_tree`).

    A file that was written to since it was listed is left, and so is a directory that is not empty:
    another process may have put a file into it.

    Args:
        entries: the paths with their `lstat`, directories before their entries.
        tally: what to count in (default: a new one).

    Returns:
        Why the first of those that are left could not be removed; empty if all were.
    """
    tally = tally or Tally()
    for path, status in reversed(entries):
        try:
            _remove_one_listed(path, status, tally)
        except FileNotFoundError:
            continue
        except OSError as error:
            tally.fail(path, error)
    return next((each.cause for each in tally.failed.values()), "")


def _remove_one_listed(path: str, status: os.stat_result, tally: Tally) -> None:
    now = os.lstat(path)
    if not _is_expected(now, file_id(status), path, tally):
        return
    if stat.S_ISDIR(status.st_mode):
        os.rmdir(path)
        tally.directories += 1
    elif not is_same_version(status, now):
        tally.fail(path, "it has changed since it was examined")
    else:
        report = remove_path(path, expected=file_id(status), measure=tally.measure)
        tally.files += report.files
        tally.bytes += report.bytes
        tally.failed.update((each.path, each) for each in report.failed)


def refuse_if_precious(path: AnyPath) -> None:
    """Raise if a path is one that is never removed; a missing path or a link is none.

    Raises:
        RefusedError: the path is `/`, the home or working directory, or an ancestor of them.
    """
    text = os.fsdecode(path)
    try:
        status = os.lstat(os.path.join(*_split(text)))
    except RefusedError:
        raise
    except (OSError, ValueError):
        return
    _refuse_precious(status, text)


def _by_descriptor(parent: str, name: str, expected: FileId | None, tally: Tally) -> None:
    fd = os.open(parent or os.curdir, PARENT)
    try:
        path, status = os.path.join(parent, name), os.lstat(name, dir_fd=fd)
        if _is_expected(status, expected, path, tally):
            _refuse_precious(status, path)
            TreeRemoval(fd, parent, tally).remove(name, status)
    finally:
        close(fd)


def _by_path(parent: str, name: str, expected: FileId | None, tally: Tally) -> None:
    path = os.path.join(parent, name)
    status = os.lstat(path)
    if _is_expected(status, expected, path, tally):
        _refuse_precious(status, path)
        PathRemoval(tally).remove(path, status)


def _split(text: str) -> tuple[str, str]:
    """Return the parent and the name of a path; a link at its end is not followed.

    Raises:
        RefusedError: it is the root directory.
        OSError: it ends with `.` or `..` and does not exist.
    """
    parent, name = os.path.split(text.rstrip(_SEPARATORS))
    if name not in ("", os.curdir, os.pardir):
        return parent, name
    os.lstat(text or os.curdir)
    parent, name = os.path.split(os.path.realpath(text, strict=True))
    if not name:
        raise RefusedError(errno.EPERM, "the root directory is never removed", text)
    return parent, name


def _is_expected(
    status: os.stat_result, expected: FileId | None, path: str, tally: Tally
) -> bool:
    if expected is None or file_id(status) == expected:
        return True
    tally.fail(path, "another file has its name now")
    return False


def _refuse_precious(status: os.stat_result, path: str) -> None:
    # By identity: it does not matter by which links, dots or mounts the directory was reached.
    if stat.S_ISDIR(status.st_mode) and file_id(status) in set(_precious()):
        words = "the root, home and working directory and those above them are never removed"
        raise RefusedError(errno.EPERM, words, path)


def _precious() -> Iterator[FileId]:
    starts = {_resolved(home) for home in _homes()}
    with suppress(OSError):  # the working directory may have been removed
        starts.add(os.getcwd())
    above: set[str] = set()
    for path in starts:
        while path not in above:
            above.add(path)
            path = os.path.dirname(path)
    for path in above:
        with suppress(OSError):
            yield file_id(os.stat(path))


def _homes() -> set[str]:
    home = os.path.expanduser("~")
    return {each for each in (home, _registered_home()) if os.path.isabs(each)}


# Asked for each directory that is removed: resolving costs more than all the rest of the question.
_resolved = cache(os.path.realpath)


@cache
def _registered_home() -> str:
    """Return the home of the user that the process started as, whatever HOME says by now."""
    try:
        import pwd

        return pwd.getpwuid(os.getuid()).pw_dir
    except (ImportError, KeyError):
        return ""
