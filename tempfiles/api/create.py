"""Make temporary files and directories that are registered with the current context."""

from __future__ import annotations

import contextlib
import errno
import os
import stat
import threading
from collections.abc import Callable, Iterator
from pathlib import Path

from ..errors import LimitError, PathTypeError, translated
from ..registry import (
    cleanup,  # noqa: F401 - it removes at exit what is registered
    naming,
    reclaim,
    registrations,
    settings,
)
from ..registry.naming import StrPath
from ..system.platform import POSIX
from .content import NEW, Content, copy_all, encoded, write_all

_SOURCE = (
    os.O_RDONLY | getattr(os, "O_CLOEXEC", 0) | getattr(os, "O_NONBLOCK", 0)
    | getattr(os, "O_BINARY", 0)
)
_PRIVATE = 0o600
_limited = threading.RLock()  # held from the check of the limit to the registration


def create_with_content(content: Content = "", extension: str = "tmp") -> Path:
    """Make a file with this content (text as UTF-8), mode 0600, and register it.

    Args:
        content: text or bytes.
        extension: the end of its name, with or without the dot.

    Raises:
        ContentError: the content is neither text nor bytes, or UTF-8 cannot encode it.
        InvalidNameError: the extension cannot be part of a file's name.
        LimitError: `max_temp_files` registered files exist already.
        FileSystemError: it could not be made or written; nothing is left of it.
    """
    content = encoded(content)
    suffix = naming.suffix_of(extension)
    return _create(suffix, lambda fd: write_all(fd, content))


def copy_to_temp(source: StrPath | bytes, extension: str | None = None) -> Path:
    """Make a registered copy of a file's content, mode 0600; its extension is that of the source
    unless another is given.

    Raises:
        NotFoundError: there is no such file.
        PathTypeError: it is not a regular file (what a symlink leads to counts).
        InvalidNameError, LimitError, FileSystemError: as `create_with_content`.
    """
    path = naming.absolute(source)
    suffix = os.path.splitext(path)[1] if extension is None else naming.suffix_of(extension)
    try:
        # Non-blocking: to open a FIFO would wait for a writer.
        fd = os.open(path, _SOURCE)
    except OSError as error:
        raise translated(error) from error
    try:
        if not stat.S_ISREG(os.fstat(fd).st_mode):
            raise PathTypeError(errno.EINVAL, "not a regular file", path)
        return _create(suffix, lambda target: copy_all(fd, target))
    finally:
        os.close(fd)


def create_temp_directory(prefix: str | None = None) -> Path:
    """Make a directory, mode 0700, and register it; everything in it is removed with it.

    Args:
        prefix: how its name begins; None for the setting.

    Raises:
        InvalidNameError: the prefix cannot be part of a file's name.
        FileSystemError: it could not be made.
    """
    if prefix is None:
        prefix = settings.current().prefix
    else:
        naming.checked_part(prefix, "prefix")
    base = settings.temp_dir()
    while True:
        path = os.path.join(base, naming.new_name(prefix))
        try:
            os.mkdir(path, 0o700)
            break
        except FileExistsError:
            continue
        except OSError as error:
            raise translated(error) from error
    registrations.register(path, directory=True)
    with contextlib.suppress(OSError):
        os.chmod(path, 0o700)  # the umask may have taken some of it
    return Path(path)


def create_nested_directory(name: StrPath) -> Path:
    """Make `a/b/c` inside a new temporary directory; all of them are registered.

    Returns:
        The innermost directory.

    Raises:
        EscapeError: the path is absolute or has a `..` in it.
        InvalidNameError: it has a component that cannot be a file's name.
        FileSystemError: a directory could not be made.
    """
    parts = naming.parts_below(name)
    top = path = str(create_temp_directory())
    try:
        for part in parts:
            path = os.path.join(path, part)
            os.mkdir(path, 0o700)
            os.chmod(path, 0o700)
            registrations.register(path, directory=True)
    except BaseException as error:
        reclaim.discard(top)
        if isinstance(error, OSError):
            raise translated(error) from error
        raise
    return Path(path)


def generate_temp_path(extension: str = "tmp") -> Path:
    """Return a path in the temp directory at which nothing exists; nothing is made or registered.

    Raises:
        InvalidNameError: the extension cannot be part of a file's name.
    """
    suffix = naming.suffix_of(extension)
    base = settings.temp_dir()
    while True:
        path = os.path.join(base, naming.unguessable_name(settings.current().prefix, suffix))
        if not os.path.lexists(path):
            return Path(path)


@contextlib.contextmanager
def temp_file(content: Content = "", extension: str = "tmp") -> Iterator[Path]:
    """In the block there is a file with this content, as `create_with_content` makes it.

    A failure to remove it is logged, not raised.
    """
    path = create_with_content(content, extension)
    try:
        yield path
    finally:
        reclaim.discard(str(path))


@contextlib.contextmanager
def temp_directory(prefix: str | None = None) -> Iterator[Path]:
    """In the block there is a directory, as `create_temp_directory` makes it.

    A failure to remove it is logged, not raised.
    """
    path = create_temp_directory(prefix)
    try:
        yield path
    finally:
        reclaim.discard(str(path))


def _create(suffix: str, fill: Callable[[int], None]) -> Path:
    limit = settings.current().max_temp_files
    try:
        if limit is None:
            return Path(_make(suffix, fill))
        with _limited:
            if registrations.file_count() >= limit:
                raise LimitError(errno.EDQUOT, f"max_temp_files: {limit} files are registered")
            return Path(_make(suffix, fill))
    except LimitError:
        raise
    except OSError as error:
        raise translated(error) from error


def _make(suffix: str, fill: Callable[[int], None]) -> str:
    prefix = settings.current().prefix
    base = settings.temp_dir()
    while True:
        path = os.path.join(base, naming.new_name(prefix, suffix))
        try:
            fd = os.open(path, NEW, _PRIVATE)
            break
        except FileExistsError:
            continue
    try:
        try:
            if POSIX and os.fstat(fd).st_mode & 0o777 != _PRIVATE:
                os.fchmod(fd, _PRIVATE)  # the umask has taken some of it
            fill(fd)
        finally:
            os.close(fd)
        registrations.register(path, directory=False)
    except BaseException:
        with contextlib.suppress(OSError):
            os.unlink(path)
        raise
    return path
