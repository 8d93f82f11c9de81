"""Where a report goes: a stream, or a file that is replaced in one step."""

from __future__ import annotations

import errno
import os
import stat
from typing import TextIO

from tempfiles.fileops.write import try_draft, write_atomically
from tempfiles.formatting import printable

_IRREPLACEABLE = frozenset({errno.EBUSY, errno.EPERM, errno.EACCES, errno.EROFS})


class ReportError(OSError):
    """A report that cannot be written; the message is one line for the user."""


def check(destination: str | TextIO | None) -> None:
    """Find out whether a report can be written there, and leave no trace of having tried.

    Args:
        destination: a path or a stream; None is a stream that was closed when the process started.

    Raises:
        ReportError: it cannot; why is in the message.
    """
    if destination is None:
        raise ReportError("cannot write to standard output: it is closed")
    if not isinstance(destination, str):
        return
    try:
        if _is_replaceable(destination):
            _check_file(os.path.realpath(destination))
        elif not os.access(destination, os.W_OK):
            raise PermissionError(13, "Permission denied")
    except (OSError, ValueError) as error:
        raise _refusal(destination, error) from error


def write_text(text: str, destination: str | TextIO) -> None:
    """Write text as UTF-8 to a path, or to a stream in what encoding that has.

    Raises:
        ReportError: it could not be written; what a file held before is untouched.
    """
    if isinstance(destination, str):
        write_bytes(text.encode("utf-8", "backslashreplace"), destination)
        return
    encoding = getattr(destination, "encoding", None) or "utf-8"
    try:
        destination.write(text.encode(encoding, "backslashreplace").decode(encoding))
        destination.flush()
    except (OSError, ValueError) as error:
        raise _refusal(_name(destination), error) from error


def write_document(text: str, destination: str | TextIO) -> None:
    """Write text as UTF-8, to a stream of whatever encoding too: the document says that it is.

    Raises:
        ReportError: it could not be written; what a file held before is untouched.
    """
    if isinstance(destination, str):
        write_text(text, destination)
        return
    try:
        destination.flush()
        buffer = getattr(destination, "buffer", None)
        if buffer is None:  # it takes text only, as io.StringIO
            write_text(text, destination)
        else:
            buffer.write(text.encode("utf-8", "backslashreplace"))
            buffer.flush()
    except (OSError, ValueError) as error:
        raise _refusal(_name(destination), error) from error


def write_bytes(content: bytes, destination: str) -> None:
    """Replace a file in one step; a device or a pipe is written to as it is.

    So is a file that cannot be replaced, as one that is a mount point.

    Raises:
        ReportError: it could not be written; what a file held before is untouched, unless there
            was no room to write it where it is.
    """
    try:
        if _is_replaceable(destination):
            _write_file(content, os.path.realpath(destination))
        else:
            with open(destination, "wb") as file:
                file.write(content)
    except (OSError, ValueError) as error:
        raise _refusal(destination, error) from error


def _check_file(path: str) -> None:
    in_place = _error_of_opening(path)
    try:
        try_draft(path)
    except OSError as error:
        if in_place is None and error.errno in _IRREPLACEABLE:
            return
        raise
    if in_place is not None and _bars_replacing(in_place, path):
        raise in_place


def _error_of_opening(path: str) -> OSError | None:
    try:
        os.close(os.open(path, os.O_WRONLY))
    except OSError as error:
        return error
    return None


def _bars_replacing(error: OSError, path: str) -> bool:
    """Whether a file that cannot be opened for writing cannot be replaced either.

    That is so for an immutable one, a read-only mount, and another user's where only owners may.
    """
    if error.errno != errno.EACCES:
        return error.errno in (errno.EPERM, errno.EROFS)
    directory = os.stat(os.path.dirname(path))
    if not directory.st_mode & stat.S_ISVTX:
        return False
    return os.geteuid() not in (0, directory.st_uid, os.stat(path).st_uid)


def _write_file(content: bytes, path: str) -> None:
    try:
        write_atomically(path, content)
    except OSError as error:
        if error.errno not in _IRREPLACEABLE or _error_of_opening(path) is not None:
            raise
        # Without O_CREAT, which Linux refuses for another user's file in a directory like /tmp.
        with open(os.open(path, os.O_WRONLY | os.O_TRUNC), "wb") as file:
            file.write(content)


def _is_replaceable(destination: str) -> bool:
    try:
        mode = os.stat(destination).st_mode
    except FileNotFoundError:
        if not os.path.basename(destination):
            raise IsADirectoryError(21, "Is a directory") from None
        return True
    if stat.S_ISDIR(mode):
        raise IsADirectoryError(21, "Is a directory")
    return stat.S_ISREG(mode)


def _name(stream: TextIO) -> str:
    is_error = getattr(stream, "name", None) in ("<stderr>", 2)
    return "standard error" if is_error else "standard output"


def _refusal(destination: str, error: OSError | ValueError) -> ReportError:
    cause = error.strerror if isinstance(error, OSError) and error.strerror else str(error)
    return ReportError(f"cannot write {printable(destination) or 'to an empty name'}: {cause}")
