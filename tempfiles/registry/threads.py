"""Where threads were started, and work was submitted to pools of threads."""

from __future__ import annotations

import _thread
import contextlib
import functools
import sys
import threading
import weakref
from collections.abc import Callable
from types import FrameType

from ..system import audit

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

_POOLS = "concurrent.futures.thread"


class Start:
    """One such place.

    Args:
        context: the context that was the current one there.
        trail: what `trace_start` told of the frame.
    """

    __slots__ = ("context", "trail")

    def __init__(self, context: Any, trail: Any) -> None:
        self.context = context
        self.trail = trail


_starts: weakref.WeakKeyDictionary[threading.Thread, Start] = weakref.WeakKeyDictionary()
_start_at: Callable[[FrameType], Start]
_pools_followed = False


def follow(start_at: Callable[[FrameType], Start]) -> None:
    """Note from now on where threads are started.

    Args:
        start_at: called with the frame that does it, which it must not keep.
    """
    global _start_at
    _start_at = start_at
    audit.subscribe({
        "_thread.start_new_thread": _thread_starts,
        "_thread.start_joinable_thread": _thread_starts,  # 3.13 and later
        "tempfiles.start_new_thread": _thread_starts,
    })
    if getattr(sys.modules.get(_POOLS), "_threads_queues", None):
        _follow_pools()  # it has workers already
    if sys.version_info < (3, 12):
        _raise_event_of_start()


def running() -> threading.Thread | None:
    """Return the thread that runs, if it is known: a foreign one is not enlisted as a dummy."""
    thread: threading.Thread | None = getattr(threading, "_active", {}).get(_thread.get_ident())
    return thread


def is_foreign(thread: threading.Thread) -> bool:
    """Whether a thread was not started by Python code."""
    return isinstance(thread, threading._DummyThread)


def start_of(thread: threading.Thread | None) -> Start | None:
    """Return where a thread, or what it does now, was started, as far as it was noted."""
    return _starts.get(thread) if thread is not None else None


def _raise_event_of_start() -> None:
    """Stand in for the function that `Thread.start` calls: 3.11 has no event for it."""
    start_new_thread = threading._start_new_thread  # type: ignore[attr-defined]

    @functools.wraps(start_new_thread)
    def start(*args: Any) -> Any:
        sys.audit("tempfiles.start_new_thread", *args)
        return start_new_thread(*args)

    threading._start_new_thread = start  # type: ignore[attr-defined]


def _thread_starts(args: tuple[Any, ...]) -> None:
    thread = getattr(args[0], "__self__", None)
    if isinstance(thread, threading.Thread):
        frame = sys._getframe(2)
        if frame.f_globals is globals() and frame.f_back is not None:
            frame = frame.f_back  # the stand-in of 3.11
        _starts[thread] = _start_at(frame)
        if not _pools_followed and _POOLS in sys.modules:
            _follow_pools()


def _follow_pools() -> None:
    global _pools_followed
    _pools_followed = True
    from . import executors

    audit.subscribe({"tempfiles.submit": _work_is_submitted})
    executors.follow(sys.modules[_POOLS], _take_up)


def _work_is_submitted(args: tuple[Any, ...]) -> None:
    # Raised by the function that stands in for the real one: who submits is a frame more.
    with contextlib.suppress(AttributeError):  # of a later Python, with slots
        args[0].tempfiles_start = _start_at(sys._getframe(3))


def _take_up(start: Start | None) -> Start | None:
    """Have the running thread do what was started there; return what it was doing before."""
    thread = running()
    if thread is None:
        return None
    before = _starts.pop(thread, None)
    if start is not None:
        _starts[thread] = start
    return before
