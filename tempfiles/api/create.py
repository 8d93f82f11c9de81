"""Create temporary files and directories, registered with the current context."""

from __future__ import annotations

import contextlib
import errno
import os
import stat
import threading
from collections.abc import Callable, Iterator
from pathlib import Path

from ..errors import ContentError, LimitError, PathTypeError, translated
from ..registry import (
    cleanup,  # noqa: F401 - removes registered paths at exit
    naming,
    reclaim,
    registrations,
    settings,
)
from ..registry.naming import StrPath
from ..system.platform import POSIX

Content = str | bytes | bytearray | memoryview

NEW = (
    os.O_WRONLY | os.O_CREAT | os.O_EXCL | getattr(os, "O_CLOEXEC", 0)
    | getattr(os, "O_NOFOLLOW", 0) | getattr(os, "O_BINARY", 0) | getattr(os, "O_NOINHERIT", 0)
)
"""Flags that create a file and open it for writing; an existing file is an error."""

_SOURCE = (
    os.O_RDONLY | getattr(os, "O_CLOEXEC", 0) | getattr(os, "O_NONBLOCK", 0)
    | getattr(os, "O_BINARY", 0)
)
_PRIVATE = 0o600
_BLOCK = 1 << 20  # bytes
_limit_lock = threading.RLock()  # held from the check of the limit to the registration


def create_with_content(content: Content = "", extension: str = "tmp") -> Path:
    """Create a file with this content (text as UTF-8), mode 0600, and register it.

    Args:
        content: text or bytes.
        extension: the end of its name, with or without its dot.

    Raises:
        ContentError: the content is neither text nor bytes, or UTF-8 cannot encode it.
        InvalidNameError: the extension cannot be part of a file name.
        LimitError: `max_temp_files` registered files exist already.
        FileSystemError: it could not be created or written; a partial file was removed.
    """
    content = content_bytes(content)
    suffix = naming.suffix_of(extension)
    return _create(suffix, lambda fd: write_all(fd, content))


def copy_to_temp(source: StrPath | bytes, extension: str | None = None) -> Path:
    """Create a registered copy of a file's content, mode 0600.

    Args:
        source: a regular file, or a symlink to one.
        extension: the end of the copy's name; None for the extension of the source.

    Raises:
        NotFoundError: there is no such file.
        PathTypeError: it is not a regular file.
        InvalidNameError, LimitError, FileSystemError: as `create_with_content`.
    """
    path = naming.absolute(source)
    suffix = os.path.splitext(path)[1] if extension is None else naming.suffix_of(extension)
    try:
        # Non-blocking: opening a FIFO would wait for a writer.
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
    """Create a directory, mode 0700, and register it; its content is removed with it.

    Args:
        prefix: the beginning of its name; None for the setting.

    Raises:
        InvalidNameError: the prefix cannot be part of a file name.
        FileSystemError: it could not be created.
    """
    if prefix is None:
        prefix = settings.current().prefix
    else:
        naming.checked_part(prefix, "prefix")
    return create_directory_in(settings.temp_dir(), prefix)


def create_directory_in(base: str, prefix: str) -> Path:
    """Create a directory in another one, as `create_temp_directory` does.

    Raises:
        FileSystemError: it could not be created.
    """
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
        os.chmod(path, 0o700)  # the umask may have removed bits
    return Path(path)


def create_nested_directory(name: StrPath) -> Path:
    """Create `a/b/c` inside a new temporary directory, and register each directory.

    Returns:
        The innermost directory.

    Raises:
        EscapeError: the path is absolute or contains `..`.
        InvalidNameError: a component is not a valid file name.
        FileSystemError: a directory could not be created.
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
    """Return an unused path in the temp directory; nothing is created or registered.

    Raises:
        InvalidNameError: the extension cannot be part of a file name.
    """
    suffix = naming.suffix_of(extension)
    base = settings.temp_dir()
    while True:
        path = os.path.join(base, naming.unguessable_name(settings.current().prefix, suffix))
        if not os.path.lexists(path):
            return Path(path)


@contextlib.contextmanager
def temp_file(content: Content = "", extension: str = "tmp") -> Iterator[Path]:
    """Create a file with `create_with_content` and remove it at the end of the block.

    A failure to remove it is logged, not raised.
    """
    path = create_with_content(content, extension)
    try:
        yield path
    finally:
        reclaim.discard(str(path))


@contextlib.contextmanager
def temp_directory(prefix: str | None = None) -> Iterator[Path]:
    """Create a directory with `create_temp_directory` and remove it at the end of the block.

    A failure to remove it is logged, not raised.
    """
    path = create_temp_directory(prefix)
    try:
        yield path
    finally:
        reclaim.discard(str(path))


def content_bytes(content: object) -> bytes:
    """Return the content of a file as bytes.

    Raises:
        ContentError: it is neither text nor bytes, or UTF-8 cannot encode it.
    """
    if isinstance(content, bytes):
        return content
    if isinstance(content, str):
        try:
            return content.encode()
        except UnicodeEncodeError as error:
            raise ContentError(f"text that UTF-8 cannot encode: {error}") from None
    if isinstance(content, bytearray | memoryview):
        return bytes(content)
    raise ContentError(f"content must be text or bytes, not {type(content).__name__}")


def write_all(fd: int, content: bytes) -> None:
    """Write all bytes to a descriptor, in as many calls as that takes.

    Raises:
        OSError: the system could not write them.
    """
    written = os.write(fd, content) if content else 0
    while written < len(content):
        written += os.write(fd, memoryview(content)[written:])


def write_new(path: str, content: bytes, mode: int) -> None:
    """Create a file with this content and, as far as the umask permits, this mode.

    Raises:
        FileExistsError: the path exists.
        OSError: it could not be created or written.
    """
    fd = os.open(path, NEW, mode)
    try:
        write_all(fd, content)
    finally:
        os.close(fd)


def copy_all(source: int, target: int) -> None:
    """Copy the rest of one descriptor to another.

    Raises:
        OSError: reading or writing failed.
    """
    while block := os.read(source, _BLOCK):
        write_all(target, block)


def _create(suffix: str, fill: Callable[[int], None]) -> Path:
    limit = settings.current().max_temp_files
    try:
        if limit is None:
            return Path(_create_file(suffix, fill))
        with _limit_lock:
            if registrations.file_count() >= limit:
                raise LimitError(errno.EDQUOT, f"max_temp_files: {limit} files are registered")
            return Path(_create_file(suffix, fill))
    except LimitError:
        raise
    except OSError as error:
        raise translated(error) from error


def _create_file(suffix: str, fill: Callable[[int], None]) -> str:
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
                os.fchmod(fd, _PRIVATE)  # the umask has removed bits
            fill(fd)
        finally:
            os.close(fd)
        registrations.register(path, directory=False)
    except BaseException:
        with contextlib.suppress(OSError):
            os.unlink(path)
        raise
    return path
