"""Replace a file in one step: a reader finds the old content or the new, never a part of it."""

from __future__ import annotations

import errno
import os
import stat
from contextlib import suppress

from ..system.syscalls import open_file

_FLAGS = (
    os.O_WRONLY | os.O_CREAT | os.O_EXCL | getattr(os, "O_CLOEXEC", 0)
    | getattr(os, "O_NOFOLLOW", 0) | getattr(os, "O_BINARY", 0)
)  # fmt: skip
_LONGEST_NAME = 255


def write_atomically(
    path: str, content: bytes, *,
    draft: str | None = None, dir_fd: int | None = None, mode: int | None = None,
) -> None:
    """Write a file under another name beside it, then rename that.

    Args:
        path: the file, relative to `dir_fd` where that is given; a link there is itself replaced.
        content: its new content.
        draft: the name that it is written under (default: a random one); nothing may be there.
        dir_fd: an open directory.
        mode: the permissions of the file (default: those of the file that it replaces; where there
            is none, those that the umask leaves).

    Raises:
        OSError: it cannot be written or replaced; the draft is removed then.
    """
    draft = draft or _draft_beside(path)
    # Not mkstemp: its 0600 would stay with the file, and another user could not read a report.
    fd = os.open(draft, _FLAGS, 0o666 if mode is None else mode, dir_fd=dir_fd)
    try:
        with open_file(fd, "wb") as file:
            file.write(content)
        if mode is None:
            with suppress(OSError):
                os.chmod(draft, stat.S_IMODE(os.stat(path, dir_fd=dir_fd).st_mode), dir_fd=dir_fd)
        os.replace(draft, path, src_dir_fd=dir_fd, dst_dir_fd=dir_fd)
    except BaseException:
        with suppress(OSError):
            os.unlink(draft, dir_fd=dir_fd)
        raise


def try_draft(path: str) -> None:
    """Find out whether a draft of a file can be written beside it; nothing is left of it.

    Raises:
        OSError: it cannot.
    """
    draft = _draft_beside(path)
    os.close(os.open(draft, _FLAGS, 0o666))
    os.unlink(draft)


def _draft_beside(path: str) -> str:
    directory, name = os.path.split(path)
    if len(os.fsencode(name)) > _LONGEST_NAME:
        raise OSError(errno.ENAMETOOLONG, os.strerror(errno.ENAMETOOLONG), path)
    return os.path.join(directory, f".tidytest-{os.urandom(8).hex()}")
