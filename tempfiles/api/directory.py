"""A temporary directory as an object that nothing escapes from."""

from __future__ import annotations

import contextlib
import errno
import os
import stat
from collections.abc import Iterator
from pathlib import Path
from types import TracebackType

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
from . import beneath, create
from .content import Content, encoded, write_all

_COMMON = (
    getattr(os, "O_CLOEXEC", 0) | getattr(os, "O_NOFOLLOW", 0) | getattr(os, "O_NONBLOCK", 0)
    | getattr(os, "O_BINARY", 0)
)
_BLOCK = 1 << 20


class TempDirectory:
    """A new directory, mode 0700, registered with the current context; usable with `with`.

    Names are relative paths below it, with `/`. A name that is absolute, has a drive letter or a
    `..` in it, or is led out of the directory by a symlink, is refused with `EscapeError`; one
    that cannot be a file's name with `InvalidNameError`. What the system refuses is a
    `FileSystemError`.

    Args:
        prefix: how its name begins; None for the setting.
    """

    def __init__(self, prefix: str | None = None) -> None:
        self._path = create.create_temp_directory(prefix)
        self._identity = file_id_at(self._path)

    def __enter__(self) -> TempDirectory:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        value: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self.remove()

    def __fspath__(self) -> str:
        return str(self._path)

    def __repr__(self) -> str:
        return f"TempDirectory at {str(self._path)!r}"

    @property
    def path(self) -> Path:
        """Where it is, absolute."""
        return self._path

    def remove(self) -> None:
        """Remove it with all in it, if it is still registered; a failure is logged."""
        reclaim.discard(str(self._path))

    def path_for(self, name: StrPath) -> Path:
        """Return the path of a name below the directory; nothing need exist there."""
        path = self._below(name)
        with contextlib.suppress(FileNotFoundError), self._place(name):
            pass
        return path

    def file_exists(self, name: StrPath) -> bool:
        """Return whether there is a regular file of this name."""
        try:
            with self._place(name) as (dir_fd, last):
                return stat.S_ISREG(os.stat(last, dir_fd=dir_fd, follow_symlinks=False).st_mode)
        except (FileNotFoundError, PathTypeError):
            return False

    def create_file(self, name: StrPath, content: Content = "") -> Path:
        """Make a file, mode 0600, and the directories above it; nothing is overwritten.

        Raises:
            ContentError: the content is neither text nor bytes, or UTF-8 cannot encode it.
            DestinationExistsError: the name exists.
        """
        data = encoded(content)
        with self._place(name, make=True) as (dir_fd, last):
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
        """Write a file, whether it exists or not, and make the directories above it.

        Raises:
            ContentError: the content is neither text nor bytes, or UTF-8 cannot encode it.
            PathTypeError: there is something that is not a regular file.
        """
        data = encoded(content)
        with (
            self._place(name, make=True) as (dir_fd, last),
            _opened(last, os.O_WRONLY | os.O_CREAT, dir_fd) as fd,
        ):
            os.ftruncate(fd, 0)
            write_all(fd, data)
        return self._below(name)

    def read_file(self, name: StrPath) -> str:
        """Return the content of a file as text (UTF-8; line ends as they are).

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
        with self._place(name) as (dir_fd, last), _opened(last, os.O_RDONLY, dir_fd) as fd:
            return b"".join(iter(lambda: os.read(fd, _BLOCK), b""))

    def create_subdirectory(self, name: StrPath) -> Path:
        """Make a directory, mode 0700, and those above it; one that exists is left as it is.

        Raises:
            PathTypeError: there is something that is not a directory.
        """
        with self._place(name, make=True) as (dir_fd, last):
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
        """Return a name (not a path) that nothing in the directory has; nothing is made."""
        naming.checked_part(prefix, "prefix")
        suffix = naming.suffix_of(extension)
        while True:
            name = naming.new_name(prefix, suffix)
            if not os.path.lexists(self._path / name):
                return name

    def create_numbered_files(
        self, base: str, pattern: str, n: int, content: Content = ""
    ) -> tuple[Path, ...]:
        """Make `n` files of one content, numbered from 1 on.

        Args:
            base: what each name begins with; it may hold directories (`logs/app-`).
            pattern: what follows: a format with one number, `{:03d}.txt` or `%03d.txt`.
            n: how many.

        Raises:
            InvalidNameError: the pattern does not take a number, or `n` is not one from 0 on.
            DestinationExistsError: one of the names exists.
        """
        if not isinstance(n, int) or isinstance(n, bool) or n < 0:
            raise InvalidNameError(f"a number of files from 0 on is needed, not {n!r}")
        names = [base + _numbered(pattern, number) for number in range(1, n + 1)]
        if len(set(names)) < n:
            raise InvalidNameError(f"the pattern gives the same name more than once: {pattern!r}")
        return tuple(self.create_file(name, content) for name in names)

    def _below(self, name: StrPath) -> Path:
        return self._path.joinpath(*naming.parts_below(name))

    @contextlib.contextmanager
    def _place(self, name: StrPath, *, make: bool = False) -> Iterator[tuple[int | None, str]]:
        parts = naming.parts_below(name)
        try:
            with beneath.place(str(self._path), self._identity, parts, make=make) as found:
                yield found
        except TempFilesError:
            raise
        except OSError as error:
            if error.errno in (errno.ENOTDIR, errno.ELOOP, errno.EISDIR):
                raise PathTypeError(error.errno, error.strerror, os.fspath(name)) from error
            raise translated(error) from error


@contextlib.contextmanager
def _opened(name: str, flags: int, dir_fd: int | None) -> Iterator[int]:
    """Open a regular file. Non-blocking: to open a FIFO would wait for its other end."""
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
        raise InvalidNameError(f"not a pattern for one number: {pattern!r} ({error})") from None
