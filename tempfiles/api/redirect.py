"""Redirect `tempfile` to a directory of its own, for code under test that calls `tempfile`."""

from __future__ import annotations

import contextlib
import os
import tempfile
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from ..registry import reclaim, settings
from ..system.platform import TEMP_VARIABLES
from .create import create_directory_in

Places = dict[str, Any]
"""The directory that `tempfile.tempdir` and each of the environment variables name."""

_TEMPDIR = "tempdir"
_lock = threading.Lock()
_open: list[tuple[str, Places]] = []
"""The directory of each open block, the newest last, and the places to restore at its end."""


@contextlib.contextmanager
def redirect(*, chdir: bool = False) -> Iterator[Path]:
    """Create temporary files in a new directory, and remove it at the end of the block.

    Within the block, `tempfile.gettempdir()` is that directory: `tempfile.mkdtemp()`, `mkstemp()`
    and the rest of `tempfile` create their files in it, whatever code calls them without `dir`. So
    do child processes that the block starts, since TMPDIR, TEMP and TMP name it as well. It can
    decorate a function, and `self.enterContext(tempfiles.redirect())` redirects the rest of a test.

    The redirection holds for the whole process, not for one thread: `tempfile` has one default
    directory. Blocks may overlap in several threads. New files then go to the block that was
    entered last and is still open, and the end of a block removes its own directory only. A path
    that another thread created in it no longer exists then.

    Args:
        chdir: also make it the working directory of the process, for code that writes there.

    Yields:
        The directory. A failure to remove it is logged, not raised.

    Raises:
        FileSystemError: it could not be created.
    """
    path = _enter()
    try:
        with contextlib.chdir(path) if chdir else contextlib.nullcontext():
            yield Path(path)
    finally:
        _leave(path)
        reclaim.discard(path)


def _enter() -> str:
    with _lock:
        # Beside the other blocks: the end of an outer block would remove what lies in it.
        base = os.path.dirname(_open[0][0]) if _open else settings.temp_dir()
        path = str(create_directory_in(base, "redirect-"))
        _open.append((path, _places()))
        _set(dict.fromkeys(_open[-1][1], path))
    return path


def _leave(path: str) -> None:
    with _lock:
        number = [opened for opened, _ in _open].index(path)
        _, before = _open.pop(number)
        if number < len(_open):  # a newer block is open: its end restores what was before this one
            later, places = _open[number]
            _open[number] = later, {n: before[n] if p == path else p for n, p in places.items()}
        now = _places()
        _set({name: before[name] for name in before if now[name] == path})


def _places() -> Places:
    return {_TEMPDIR: tempfile.tempdir, **{name: os.environ.get(name) for name in TEMP_VARIABLES}}


def _set(places: Places) -> None:
    for name, path in places.items():
        if name == _TEMPDIR:
            tempfile.tempdir = path
        elif path is None:
            os.environ.pop(name, None)
        else:
            os.environ[name] = path
