"""Callbacks of user code: a context has opened, a context has closed, the run has closed.

A callback receives one frozen record. An exception in a callback is logged and stops nothing.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, TypeVar

from ..system.thread_lock import new_lock

if TYPE_CHECKING:
    from ..records import ContextRecord  # not imported at the start of a run
    from ..reports import ContextReport, RunReport

R = TypeVar("R")
OpenCallback = TypeVar("OpenCallback", bound="Callable[[ContextRecord], object]")
CloseCallback = TypeVar("CloseCallback", bound="Callable[[ContextReport], object]")
RunCallback = TypeVar("RunCallback", bound="Callable[[RunReport], object]")

_lock = new_lock()
# Tuples, replaced as a whole: a callback may add or remove others while they are called.
on_open: tuple[Callable[[ContextRecord], object], ...] = ()
"""The callbacks for opened contexts; if there is none, no record is needed."""
on_close: tuple[Callable[[ContextReport], object], ...] = ()
"""The callbacks for closed contexts."""
_on_run_close: tuple[Callable[[RunReport], object], ...] = ()


def on_context_open(callback: OpenCallback) -> OpenCallback:
    """Call a function with a `ContextRecord` after each context opens; usable as a decorator."""
    global on_open
    with _lock:
        on_open += (_checked(callback),)
    return callback


def on_context_close(callback: CloseCallback) -> CloseCallback:
    """Call a function with a `ContextReport` after each context closes; usable as a decorator."""
    global on_close
    with _lock:
        on_close += (_checked(callback),)
    return callback


def on_run_close(callback: RunCallback) -> RunCallback:
    """Call a function with a `RunReport` after a run closes; usable as a decorator."""
    global _on_run_close
    with _lock:
        _on_run_close += (_checked(callback),)
    return callback


def remove_callback(callback: Callable[..., object]) -> None:
    """Remove a callback from all events; an unknown one is ignored."""
    global on_open, on_close, _on_run_close
    # `!=`, not `is not`: each look-up of a bound method returns a new object.
    with _lock:
        on_open = tuple(known for known in on_open if known != callback)
        on_close = tuple(known for known in on_close if known != callback)
        _on_run_close = tuple(known for known in _on_run_close if known != callback)


def context_opened(record: ContextRecord) -> None:
    """Call the callbacks for an opened context."""
    _call(on_open, record)


def context_closed(report: ContextReport) -> None:
    """Call the callbacks for a closed context."""
    _call(on_close, report)


def run_closed(report: RunReport) -> None:
    """Call the callbacks for a closed run."""
    _call(_on_run_close, report)


def _call(callbacks: tuple[Callable[[R], object], ...], record: R) -> None:
    for callback in callbacks:
        try:
            callback(record)
        except Exception:  # the other callbacks and the run go on
            import logging

            logging.getLogger("tempfiles").exception("callback %r failed", callback)


def _checked(callback: Callable[[R], object]) -> Callable[[R], object]:
    if not callable(callback):
        raise TypeError(f"a callback must be callable, not {callback!r}")
    return callback
