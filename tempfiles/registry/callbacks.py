"""What others want to hear: a context opened, a context closed, the run closed.

A callback gets one frozen record. One that raises is logged and stops nothing.
"""

from __future__ import annotations

from collections.abc import Callable

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import TypeVar

    from ..records import ContextRecord, ContextReport
    from ..reports import RunReport

    R = TypeVar("R")
    OpenCallback = TypeVar("OpenCallback", bound="Callable[[ContextRecord], object]")
    CloseCallback = TypeVar("CloseCallback", bound="Callable[[ContextReport], object]")
    RunCallback = TypeVar("RunCallback", bound="Callable[[RunReport], object]")


# Tuples, replaced as a whole: a callback may add or remove others while they are called.
_on_open: tuple[Callable[[ContextRecord], object], ...] = ()
_on_close: tuple[Callable[[ContextReport], object], ...] = ()
_on_run_close: tuple[Callable[[RunReport], object], ...] = ()


def on_context_open(callback: OpenCallback) -> OpenCallback:
    """Call this with a `ContextRecord` whenever a context has opened; usable as a decorator."""
    global _on_open
    _on_open += (_checked(callback),)
    return callback


def on_context_close(callback: CloseCallback) -> CloseCallback:
    """Call this with a `ContextReport` whenever a context has closed; usable as a decorator."""
    global _on_close
    _on_close += (_checked(callback),)
    return callback


def on_run_close(callback: RunCallback) -> RunCallback:
    """Call this with a `RunReport` when a run has closed; usable as a decorator."""
    global _on_run_close
    _on_run_close += (_checked(callback),)
    return callback


def remove_callback(callback: Callable[..., object]) -> None:
    """Call this no more, for whatever it was registered; unknown callbacks are ignored."""
    global _on_open, _on_close, _on_run_close
    # `!=`: a bound method is another object each time it is looked up.
    _on_open = tuple(known for known in _on_open if known != callback)
    _on_close = tuple(known for known in _on_close if known != callback)
    _on_run_close = tuple(known for known in _on_run_close if known != callback)


def has_open_callbacks() -> bool:
    """Return whether anybody wants to hear of contexts that open (else no record need be made)."""
    return bool(_on_open)


def has_close_callbacks() -> bool:
    """Return whether anybody wants to hear of contexts that close."""
    return bool(_on_close)


def context_opened(record: ContextRecord) -> None:
    """Tell the callbacks that a context has opened."""
    _call(_on_open, record)


def context_closed(report: ContextReport) -> None:
    """Tell the callbacks that a context has closed."""
    _call(_on_close, report)


def run_closed(report: RunReport) -> None:
    """Tell the callbacks that the run has closed."""
    _call(_on_run_close, report)


def _call(callbacks: tuple[Callable[[R], object], ...], record: R) -> None:
    for callback in callbacks:
        try:
            callback(record)
        except Exception:  # whatever a stranger's callback raises, the others and the run go on
            import logging

            logging.getLogger("tempfiles").exception("callback %r failed", callback)


def _checked(callback: Callable[[R], object]) -> Callable[[R], object]:
    if not callable(callback):
        raise TypeError(f"a callback must be callable, not {callback!r}")
    return callback
