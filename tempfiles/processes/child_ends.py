"""Record when child processes ended, as far as `subprocess` learns of it."""

from __future__ import annotations

import functools
import sys
import weakref
from types import FrameType
from typing import Any

from ..system import syscalls
from .activity import ChildProcess

_children: weakref.WeakKeyDictionary[Any, ChildProcess] = weakref.WeakKeyDictionary()
_followed: set[type] = set()


def follow(child: ChildProcess, frame: FrameType) -> None:
    """Record when a child ends that a frame of `subprocess.Popen` is about to start."""
    started = frame.f_locals.get("self")
    popen = getattr(sys.modules.get("subprocess"), "Popen", None)
    if isinstance(popen, type) and isinstance(started, popen):
        _children[started] = child
        if popen not in _followed:
            _followed.add(popen)
            _note_ends(popen)


def _note_ends(popen: Any) -> None:
    """Have a class note the ends; nothing changes where it has no such method (Windows)."""
    handle = getattr(popen, "_handle_exitstatus", None)
    if handle is None:
        return

    @functools.wraps(handle)
    def handle_and_note(self: Any, *args: Any, **kwargs: Any) -> Any:
        handled = handle(self, *args, **kwargs)
        child = _children.get(self)
        if child is not None and getattr(self, "returncode", None) is not None:
            child.ended = syscalls.time()
        return handled

    popen._handle_exitstatus = handle_and_note
