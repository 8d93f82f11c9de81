"""Objects that would remove their files when collected, after we have removed these."""

from __future__ import annotations

import gc
import tempfile
from collections.abc import Collection
from typing import Any


def disarm(paths: Collection[str]) -> None:
    """Have every `NamedTemporaryFile` of these paths that is still alive not remove its file.

    Python 3.11 prints "Exception ignored in" where the file is gone already.
    """
    if not paths:
        return
    closer: Any = tempfile._TemporaryFileCloser  # type: ignore[attr-defined]
    for candidate in gc.get_objects():
        if isinstance(candidate, closer) and candidate.name in paths:
            candidate.delete = False
