"""What is written into a new file: text or bytes, all of it."""

from __future__ import annotations

import os

from ..errors import ContentError

Content = str | bytes | bytearray | memoryview

NEW = (
    os.O_WRONLY | os.O_CREAT | os.O_EXCL | getattr(os, "O_CLOEXEC", 0)
    | getattr(os, "O_NOFOLLOW", 0) | getattr(os, "O_BINARY", 0) | getattr(os, "O_NOINHERIT", 0)
)
"""The flags that open a file for writing only if they make it."""

_BLOCK = 1 << 20


def encoded(content: object) -> bytes:
    """Return the bytes that stand for a content in a file.

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
    """Write all bytes to a descriptor, in as many pieces as the system takes.

    Raises:
        OSError: the system could not write them.
    """
    written = os.write(fd, content) if content else 0
    while written < len(content):
        written += os.write(fd, memoryview(content)[written:])


def write_new(path: str, content: bytes, mode: int) -> None:
    """Make a file with this content and, as far as the umask permits, this mode.

    Raises:
        FileExistsError: there is something of this name.
        OSError: it could not be made or written.
    """
    fd = os.open(path, NEW, mode)
    try:
        write_all(fd, content)
    finally:
        os.close(fd)


def copy_all(source: int, target: int) -> None:
    """Write to one descriptor all that is left to read from another.

    Raises:
        OSError: the system could not read or write it.
    """
    while block := os.read(source, _BLOCK):
        write_all(target, block)
