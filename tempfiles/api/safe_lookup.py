"""Look up a name below a directory so that no symlink leads out of it, even one swapped in.

Each component is opened relative to its parent directory (as `openat2` does) and never through a
symlink. A symlink is read and followed by the same rules: one that stays inside works, and one
that leaves the directory is refused.
"""

from __future__ import annotations

import contextlib
import errno
import os
from collections import deque
from collections.abc import Iterator

from ..errors import EscapeError
from ..fileops.access import READ, close
from ..fileops.identity import FileId, file_id, file_id_at
from ..system.platform import HAS_DIR_FD

_MAX_LINKS = 40


@contextlib.contextmanager
def locate(
    base: str, identity: FileId, parts: tuple[str, ...], *, create: bool = False
) -> Iterator[tuple[int | None, str]]:
    """Yield the open parent directory of a name below a directory, and the last component.

    On a system that cannot open directories the descriptor is None and the name is a whole path.

    Args:
        base: the directory, absolute.
        identity: the identity of `base` when it was created.
        parts: the components of a relative path, without `..`.
        create: create the missing directories above the name, mode 0700.

    Raises:
        EscapeError: a symlink leads out, or `base` is another directory now.
        OSError: a directory above the name does not exist or cannot be opened.
    """
    if not HAS_DIR_FD:
        yield None, _path_below(base, parts, create=create)
        return
    stack = [os.open(base, READ)]
    try:
        status = os.fstat(stack[0])
        if file_id(status) != identity:
            raise EscapeError(f"another directory has this name now: {base}")
        name = _descend(stack, deque(parts), create=create)
        yield stack[-1], name
    finally:
        for fd in stack:
            close(fd)


def _descend(stack: list[int], pending: deque[str], *, create: bool) -> str:
    """Push the directories above the name onto the stack; return the last component."""
    links = 0
    while pending:
        part = pending.popleft()
        if part == os.pardir:
            if len(stack) == 1:
                raise EscapeError("a symlink leads out of the directory")
            close(stack.pop())
            continue
        target = _link_target(part, stack[-1])
        if target is not None:
            links += 1
            if links > _MAX_LINKS:
                raise OSError(errno.ELOOP, os.strerror(errno.ELOOP), part)
            if os.path.isabs(target):
                raise EscapeError(f"a symlink leads out of the directory: {part!r} to {target!r}")
            pieces = [piece for piece in target.split(os.sep) if piece not in ("", os.curdir)]
            pending.extendleft(reversed(pieces))
        elif not pending:
            return part
        else:
            stack.append(_open(part, stack[-1], create=create))
    return os.curdir


def _link_target(name: str, dir_fd: int) -> str | None:
    try:
        return os.readlink(name, dir_fd=dir_fd)
    except OSError as error:
        if error.errno in (errno.EINVAL, errno.ENOENT):
            return None
        raise


def _open(name: str, dir_fd: int, *, create: bool) -> int:
    if create:
        with contextlib.suppress(FileExistsError):
            os.mkdir(name, 0o700, dir_fd=dir_fd)
    return os.open(name, READ, dir_fd=dir_fd)


def _path_below(base: str, parts: tuple[str, ...], *, create: bool) -> str:
    path = os.path.realpath(os.path.join(base, *parts))
    if not path.startswith(os.path.realpath(base) + os.sep):
        raise EscapeError(f"a symlink leads out of the directory: {os.path.join(*parts)!r}")
    if create:
        os.makedirs(os.path.dirname(path), 0o700, exist_ok=True)
    file_id_at(base)  # raises if the directory is gone
    return path
