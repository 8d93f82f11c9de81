"""Objects that would remove their files when collected, after we have removed these."""

from __future__ import annotations

import contextlib
import gc
import tempfile
from collections.abc import Collection, Iterator
from typing import Any


def disarm(paths: Collection[str]) -> None:
    """Have every `NamedTemporaryFile` of these paths that is still alive not remove its file.

    Python 3.11 prints "Exception ignored in" where the file is gone already.
    """
    for closer in _closers(paths):
        closer.delete = False


def flush(paths: Collection[str]) -> None:
    """Have every `NamedTemporaryFile` of these paths that is still alive write what it holds."""
    for closer in _closers(paths):
        with contextlib.suppress(Exception):  # closed, the disk full, or a mock
            closer.file.flush()


def _closers(paths: Collection[str]) -> Iterator[Any]:
    if not paths:
        return
    kind: Any = tempfile._TemporaryFileCloser  # type: ignore[attr-defined]
    for candidate in gc.get_objects():
        if isinstance(candidate, kind) and candidate.name in paths:
            yield candidate
