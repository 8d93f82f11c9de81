"""`TempDirectory`: a temporary directory whose methods never touch a file outside of it."""

from __future__ import annotations

import contextlib
import errno
import os
import stat
from collections.abc import Iterator
from pathlib import Path

from ..errors import (
    DestinationExistsError,
    InvalidNameError,
    PathTypeError,
    TempFilesError,
    translated,
)
from ..fileops.identity import file_id_at
from ..registry import naming, reclaim
from ..registry.naming import StrPath
from . import safe_lookup
from .create import Content, content_bytes, create_temp_directory, write_all

_COMMON = (
    getattr(os, "O_CLOEXEC", 0) | getattr(os, "O_NOFOLLOW", 0) | getattr(os, "O_NONBLOCK", 0)
    | getattr(os, "O_BINARY", 0)
)
_BLOCK = 1 << 20


class TempDirectory:
    """A new directory, mode 0700, registered with the current context; usable with `with`.

    Names are relative paths below it, with `/`. Its methods raise `EscapeError` for a name that is
    absolute, has a drive letter, contains `..` or leads out of the directory by a symlink,
    `InvalidNameError` for a name that is not valid, and `FileSystemError` for an error of the
    system.

    Args:
        prefix: the beginning of its name; None for the setting.
    """

    def __init__(self, prefix: str | None = None) -> None:
        self._path = create_temp_directory(prefix)
        self._identity = file_id_at(self._path)

    def __enter__(self) -> TempDirectory:
        return self

    def __exit__(self, *exception: object) -> None:
        self.remove()

    def __fspath__(self) -> str:
        return str(self._path)

    def __repr__(self) -> str:
        return f"TempDirectory at {str(self._path)!r}"

    @property
    def path(self) -> Path:
        """Its absolute path."""
        return self._path

    def remove(self) -> None:
        """Remove it and its content if it is still registered; a failure is logged."""
        reclaim.discard(str(self._path))

    def path_for(self, name: StrPath) -> Path:
        """Return the path of a name below the directory, whether it exists or not."""
        path = self._below(name)
        with contextlib.suppress(FileNotFoundError), self._located(name):
            pass
        return path

    def file_exists(self, name: StrPath) -> bool:
        """Return whether a regular file of this name exists."""
        try:
            with self._located(name) as (dir_fd, last):
                return stat.S_ISREG(os.stat(last, dir_fd=dir_fd, follow_symlinks=False).st_mode)
        except (FileNotFoundError, PathTypeError):
            return False

    def create_file(self, name: StrPath, content: Content = "") -> Path:
        """Create a file, mode 0600, and the directories above it; nothing is overwritten.

        Raises:
            ContentError: the content is neither text nor bytes, or UTF-8 cannot encode it.
            DestinationExistsError: the name exists.
        """
        data = content_bytes(content)
        with self._located(name, create=True) as (dir_fd, last):
            try:
                fd = os.open(last, os.O_WRONLY | os.O_CREAT | os.O_EXCL | _COMMON, 0o600,
                             dir_fd=dir_fd)
            except FileExistsError as error:
                raise DestinationExistsError(
                    errno.EEXIST, "the file exists", os.fspath(name)
                ) from error
            try:
                with _closing(fd):
                    write_all(fd, data)
            except BaseException:
                os.unlink(last, dir_fd=dir_fd)
                raise
        return self._below(name)

    def write_file(self, name: StrPath, content: Content) -> Path:
        """Write a file, whether it exists or not, and create the directories above it.

        Raises:
            ContentError: the content is neither text nor bytes, or UTF-8 cannot encode it.
            PathTypeError: the name exists and is not a regular file.
        """
        data = content_bytes(content)
        with (
            self._located(name, create=True) as (dir_fd, last),
            _opened(last, os.O_WRONLY | os.O_CREAT, dir_fd) as fd,
        ):
            os.ftruncate(fd, 0)
            write_all(fd, data)
        return self._below(name)

    def read_file(self, name: StrPath) -> str:
        """Return the content of a file as text (UTF-8, with its line ends unchanged).

        Raises:
            PathTypeError: it is not a regular file.
            UnicodeDecodeError: it is not UTF-8; `read_bytes` reads it.
        """
        return self.read_bytes(name).decode()

    def read_bytes(self, name: StrPath) -> bytes:
        """Return the content of a file as bytes.

        Raises:
            PathTypeError: it is not a regular file.
        """
        with self._located(name) as (dir_fd, last), _opened(last, os.O_RDONLY, dir_fd) as fd:
            return b"".join(iter(lambda: os.read(fd, _BLOCK), b""))

    def create_subdirectory(self, name: StrPath) -> Path:
        """Create a directory, mode 0700, and those above it; an existing one is not changed.

        Raises:
            PathTypeError: the name exists and is not a directory.
        """
        with self._located(name, create=True) as (dir_fd, last):
            try:
                os.mkdir(last, 0o700, dir_fd=dir_fd)
            except FileExistsError:
                status = os.stat(last, dir_fd=dir_fd, follow_symlinks=False)
                if not stat.S_ISDIR(status.st_mode):
                    raise PathTypeError(
                        errno.ENOTDIR, "not a directory", os.fspath(name)
                    ) from None
        return self._below(name)

    def unique_filename(self, prefix: str = "tmp", extension: str = "tmp") -> str:
        """Return an unused name (not a path) in the directory; nothing is created."""
        naming.checked_part(prefix, "prefix")
        suffix = naming.suffix_of(extension)
        while True:
            name = naming.new_name(prefix, suffix)
            if not os.path.lexists(self._path / name):
                return name

    def create_numbered_files(
        self, base: str, pattern: str, n: int, content: Content = ""
    ) -> tuple[Path, ...]:
        """Create `n` files of the same content, numbered from 1.

        Args:
            base: the beginning of each name; it may contain directories (`logs/app-`).
            pattern: the rest, a format of one number: `{:03d}.txt` or `%03d.txt`.
            n: how many.

        Raises:
            InvalidNameError: the pattern is not a format of one number, or `n` is not a whole
                number of at least 0.
            DestinationExistsError: one of the names exists.
        """
        if not isinstance(n, int) or isinstance(n, bool) or n < 0:
            raise InvalidNameError(f"the number of files must be at least 0, not {n!r}")
        names = [base + _numbered(pattern, number) for number in range(1, n + 1)]
        if len(set(names)) < n:
            raise InvalidNameError(f"the pattern gives the same name more than once: {pattern!r}")
        return tuple(self.create_file(name, content) for name in names)

    def _below(self, name: StrPath) -> Path:
        return self._path.joinpath(*naming.parts_below(name))

    @contextlib.contextmanager
    def _located(self, name: StrPath, *, create: bool = False) -> Iterator[tuple[int | None, str]]:
        parts = naming.parts_below(name)
        try:
            with safe_lookup.locate(str(self._path), self._identity, parts, create=create) as found:
                yield found
        except TempFilesError:
            raise
        except OSError as error:
            if error.errno in (errno.ENOTDIR, errno.ELOOP, errno.EISDIR):
                raise PathTypeError(error.errno, error.strerror, os.fspath(name)) from error
            raise translated(error) from error


@contextlib.contextmanager
def _opened(name: str, flags: int, dir_fd: int | None) -> Iterator[int]:
    """Open a regular file. Non-blocking: opening a FIFO would wait for its other end."""
    fd = os.open(name, flags | _COMMON, 0o600, dir_fd=dir_fd)
    with _closing(fd):
        if not stat.S_ISREG(os.fstat(fd).st_mode):
            raise PathTypeError(errno.EINVAL, "not a regular file", name)
        yield fd


@contextlib.contextmanager
def _closing(fd: int) -> Iterator[None]:
    try:
        yield
    finally:
        os.close(fd)


def _numbered(pattern: str, number: int) -> str:
    try:
        percent = "%" in pattern and "{" not in pattern
        return pattern % number if percent else pattern.format(number)
    except (AttributeError, IndexError, KeyError, TypeError, ValueError) as error:
        raise InvalidNameError(f"not a format of one number: {pattern!r} ({error})") from None
