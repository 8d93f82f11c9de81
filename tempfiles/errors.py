"""Every exception that a user of this package can meet.

Each derives from `TempFilesError` and from the builtin that fits, so that code written for
`OSError` or `ValueError` catches it too.
"""

from __future__ import annotations


class TempFilesError(Exception):
    """The base of all exceptions of this package."""


class InvalidNameError(TempFilesError, ValueError):
    """A name, prefix or extension that cannot be (part of) one file name: it holds a separator,
    `..` or NUL, is empty, or is over 255 bytes long."""


class EscapeError(TempFilesError, ValueError):
    """A path that leads out of the directory it was meant to stay in."""


class SettingError(TempFilesError, ValueError):
    """A setting that does not exist, or has a value of the wrong type or range."""


class UnknownContextError(TempFilesError, ValueError):
    """No context has this id."""


class NotRegisteredError(TempFilesError, ValueError):
    """The path is not registered with any context."""


class LimitError(TempFilesError, OSError):
    """`max_temp_files` registered files exist already."""


class RefusedError(TempFilesError, OSError):
    """A removal that is never done: `/`, the home or working directory, or an ancestor of them."""


class DestinationExistsError(TempFilesError, FileExistsError):
    """The destination exists; nothing is overwritten."""


class OwnershipError(TempFilesError, OSError):
    """A run root whose owner, marker or lock is not what it must be."""


class ContentError(TempFilesError, TypeError, ValueError):
    """Content that is neither text nor bytes, or text that UTF-8 cannot encode."""


class FileSystemError(TempFilesError, OSError):
    """The system refused something; `errno` and `filename` say what, as on any OSError."""


class NotFoundError(FileSystemError, FileNotFoundError):
    """The path, or a directory that should hold it, does not exist."""


class PermissionDeniedError(FileSystemError, PermissionError):
    """The system does not allow it."""


class PathTypeError(FileSystemError):
    """A directory where a file was meant, a file where a directory was meant, or a device."""


class RemovalError(FileSystemError):
    """A removal that was asked for by name and could not be done."""


def translated(error: OSError) -> FileSystemError:
    """Return this package's exception for an OSError, with the same errno and file names."""
    kind = FileSystemError
    if isinstance(error, FileNotFoundError):
        kind = NotFoundError
    elif isinstance(error, PermissionError):
        kind = PermissionDeniedError
    return kind(
        error.errno, error.strerror or str(error), error.filename,
        None, error.filename2,  # the fourth is Windows' error code
    )
