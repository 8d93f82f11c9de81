"""Generate names of new files, and check the names and paths that users pass in.

A new name is the prefix, eight random characters drawn once for each process, and a counter, so
that a name costs no system call. Files are created exclusively, so that an existing name is
skipped.
"""

from __future__ import annotations

import base64
import functools
import itertools
import os
from pathlib import PureWindowsPath

from ..errors import EscapeError, InvalidNameError, translated

StrPath = str | os.PathLike[str]
MAX_BYTES = 255  # of one name, on every file system in common use
_SURELY_FITS = MAX_BYTES // 4  # four bytes a character, at most

_token = ""
_counter = itertools.count()


def _draw() -> None:
    global _token, _counter
    _token = base64.b32encode(os.urandom(5)).decode("ascii").lower()
    _counter = itertools.count()


_draw()
if hasattr(os, "register_at_fork"):
    # Without this the child would generate the same names as its parent.
    os.register_at_fork(after_in_child=_draw)


def new_name(prefix: str, suffix: str = "") -> str:
    """Return a name that this process has not returned before.

    Raises:
        InvalidNameError: it would be longer than a file system allows.
    """
    name = f"{prefix}{_token}{next(_counter):x}{suffix}"
    if len(name) > _SURELY_FITS:
        _check_length(name)
    return name


def unguessable_name(prefix: str, suffix: str = "") -> str:
    """Return a new name that other users cannot predict, for a path that is not created at once."""
    return new_name(prefix, f"_{os.urandom(8).hex()}{suffix}")


@functools.lru_cache(maxsize=128)
def suffix_of(extension: str) -> str:
    """Return the suffix of a file name, `.tmp`, for an extension with or without its dot.

    Raises:
        InvalidNameError: it contains a separator, `..` or NUL, is empty or too long.
    """
    whole = checked_part(extension, "extension")
    return "." + checked_part(whole.removeprefix("."), "extension")


def checked_part(part: str, what: str) -> str:
    """Return a part of a file name, such as a prefix, if it is valid.

    Args:
        part: the text.
        what: the word for it in an error message.

    Raises:
        InvalidNameError: it contains a separator, `..` or NUL, is empty or too long.
    """
    if not isinstance(part, str) or not part:
        raise InvalidNameError(f"{what} must be text and not empty, not {part!r}")
    if any(separator in part for separator in ("/", "\\", os.sep, os.altsep or "/")):
        raise InvalidNameError(f"{what} must not contain a path separator: {part!r}")
    if ".." in part:
        raise InvalidNameError(f"{what} must not contain '..': {part!r}")
    if "\0" in part:
        raise InvalidNameError(f"{what} must not contain NUL: {part!r}")
    _check_length(part, what)
    return part


def parts_below(name: StrPath) -> tuple[str, ...]:
    """Return the components of a relative path that stays below its directory.

    The same rules hold on every system: `/` separates, a backslash or a drive is refused.

    Raises:
        EscapeError: it is absolute, has a drive letter, or contains `..`.
        InvalidNameError: a component is not a file name, or there is none.
    """
    text = os.fspath(name)
    if not isinstance(text, str) or not text or "\0" in text:
        raise InvalidNameError(f"not a name below a directory: {text!r}")
    if text[0] == "/" or "\\" in text or ":" in text:
        text = _checked_for_windows(text)
    parts = tuple(part for part in text.split("/") if part not in ("", "."))
    if ".." in parts:
        raise EscapeError(f"'..' leads out of the directory: {text!r}")
    if not parts:
        raise InvalidNameError(f"not a name below a directory: {text!r}")
    for part in parts:
        if len(part) > _SURELY_FITS or not part.isascii():
            _check_length(part)
    return parts


def _checked_for_windows(text: str) -> str:
    windows = PureWindowsPath(text)
    if windows.drive or windows.root:
        raise EscapeError(f"an absolute path leads out of the directory: {text!r}")
    if ".." in windows.parts:
        raise EscapeError(f"'..' leads out of the directory: {text!r}")
    if os.sep == "\\":
        text = text.replace("\\", "/")
    if "\\" in text:
        raise InvalidNameError(f"a backslash is a separator on some systems: {text!r}")
    return text


def absolute(path: StrPath | bytes) -> str:
    """Return a path as it is stored: absolute, with symlinks unresolved.

    Only the part before a `..` is resolved: `link/..` is not the directory of the link.

    Raises:
        InvalidNameError: it is empty, contains NUL, or the file system cannot encode it.
        NotFoundError: it is relative, and the working directory is gone.
    """
    text = os.fsdecode(path)
    if not text or "\0" in text:
        raise InvalidNameError(f"not a path: {text!r}")
    if not text.isascii():
        fs_encoded(text, "path")
    if os.pardir in text:
        parent, name = os.path.split(text.rstrip(os.sep))
        if name == os.pardir:
            return os.path.realpath(text)
        if os.pardir in parent.split(os.sep):
            return os.path.join(os.path.realpath(parent), name)
    try:
        return os.path.abspath(text)
    except OSError as error:
        raise translated(error) from error


def fs_encoded(name: str, what: str) -> bytes:
    """Return a name in the encoding of the file system.

    Raises:
        InvalidNameError: it cannot be encoded.
    """
    try:
        return os.fsencode(name)
    except UnicodeEncodeError:
        raise InvalidNameError(f"{what} that the file system cannot encode: {name!a}") from None


def _check_length(name: str, what: str = "name") -> None:
    length = len(fs_encoded(name, what))
    if length > MAX_BYTES:
        raise InvalidNameError(f"{what} of {length} bytes; the limit is {MAX_BYTES}: {name[:40]!r}")
