"""Every exception that a user of this package can meet.

Each derives from `TempFilesError` and from the builtin that fits, so that code written for
`OSError` or `ValueError` catches it too.
"""

from __future__ import annotations


class TempFilesError(Exception):
    """The base of all exceptions of this package."""


class InvalidNameError(TempFilesError, ValueError):
    """A name, prefix or extension that cannot be a single file name (separator, `..`, NUL, empty)."""


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
