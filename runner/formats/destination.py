"""Check and write the destination of a report: a stream, or a file that is replaced in one step."""

from __future__ import annotations

import errno
import os
import stat
from typing import TextIO

from tempfiles import printable, try_draft, write_atomically

_IRREPLACEABLE = frozenset({errno.EBUSY, errno.EPERM, errno.EACCES, errno.EROFS})


class ReportError(OSError):
    """A report could not be written; the message is one line for the user."""


def check(destination: str | TextIO | None) -> None:
    """Find out whether a report can be written, and leave no trace of the attempt.

    Args:
        destination: a path or a stream; None for a stream that the process was started without.

    Raises:
        ReportError: it cannot be written; the message has the cause.
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
    """Write text as UTF-8 to a path, or to a stream in the encoding of the stream.

    Raises:
        ReportError: it could not be written; an existing file is unchanged.
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
    """Write a document that declares itself to be UTF-8, whatever the encoding of a stream.

    Raises:
        ReportError: it could not be written; an existing file is unchanged.
    """
    if isinstance(destination, str):
        write_text(text, destination)
        return
    try:
        destination.flush()
        buffer = getattr(destination, "buffer", None)
        if buffer is None:  # a stream of text only, such as io.StringIO
            write_text(text, destination)
        else:
            buffer.write(text.encode("utf-8", "backslashreplace"))
            buffer.flush()
    except (OSError, ValueError) as error:
        raise _refusal(_name(destination), error) from error


def write_bytes(content: bytes, destination: str) -> None:
    """Replace a file in one step.

    Devices and pipes, and files that cannot be replaced, such as mount points, are written in
    place.

    Raises:
        ReportError: it could not be written; an existing file is unchanged, unless the disk was
            full while it was written in place.
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
    if in_place is not None and _prevents_replacing(in_place, path):
        raise in_place


def _error_of_opening(path: str) -> OSError | None:
    try:
        os.close(os.open(path, os.O_WRONLY))
    except OSError as error:
        return error
    return None


def _prevents_replacing(error: OSError, path: str) -> bool:
    """Return whether a file that cannot be opened for writing cannot be replaced either.

    That holds for immutable files, read-only mounts, and files of another user in a directory with
    the sticky bit.
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
        # Linux refuses O_CREAT for another user's file in a directory like /tmp.
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
