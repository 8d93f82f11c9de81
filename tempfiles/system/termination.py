"""End a run in order on SIGTERM: raise an exception at the first one, prepare for a second."""

from __future__ import annotations

import _thread
import contextlib
import os
import signal
import sys
from collections.abc import Callable
from importlib import import_module
from types import FrameType
from typing import Any

# `signal` would turn a handler that is a number into a member of an enumeration.
_signal: Any = import_module("_signal")


class Terminated(KeyboardInterrupt):
    """SIGTERM, raised like ^C so that fixtures are torn down and the run ends in order."""


def catch_termination(prepare: Callable[[], None]) -> None:
    """Raise `Terminated` at the first SIGTERM; a second one ends the process at once.

    This has no effect if the signal has a handler already, or outside the main thread. For a
    tracked run, use `Run.catch_termination`.

    Args:
        prepare: called at the first signal, before the exception is raised. Code under test may
            catch that, and a second signal may come while the main thread is in C code: then no
            other code of the run is executed.
    """
    _handler.prepare, _handler.act = prepare, _raise_terminated
    if signal.getsignal(signal.SIGTERM) is not signal.SIG_DFL:
        return
    try:
        _signal.signal(signal.SIGTERM, _handler)
    except ValueError:  # not in the main thread
        return
    if hasattr(os, "register_at_fork") and not _handler.follows_forks:
        _handler.follows_forks = True  # a worker gets here once more; twice would keep it blocked
        os.register_at_fork(
            before=_block, after_in_parent=_release, after_in_child=_restore_in_child
        )


def is_terminated() -> bool:
    """Return whether a SIGTERM has come."""
    return _handler.has_come


def terminate() -> None:
    """End this process as an unhandled SIGTERM does."""
    with contextlib.suppress(OSError, ValueError):
        for stream in (sys.stdout, sys.stderr):
            if stream is not None and not stream.closed:
                stream.flush()
    _signal.signal(signal.SIGTERM, _signal.SIG_DFL)
    _signal.raise_signal(signal.SIGTERM)


def on_termination(act: Callable[[], None]) -> None:
    """Call a function at the first SIGTERM in place of raising `Terminated`."""
    _handler.act = act


def _raise_terminated() -> None:
    raise Terminated


class _Handler(int):
    """The handler of SIGTERM: prepares the end of the run, then calls `act`.

    As a number it equals SIG_DFL, and `signal.getsignal` returns that: a test that reads the
    handler, or saves and restores it, gets the same value as without a tracked run.
    """

    has_come = follows_forks = is_in_fork = False
    prepare: Callable[[], None] = staticmethod(lambda: None)
    act: Callable[[], None] = staticmethod(_raise_terminated)

    def __call__(self, number: int, frame: FrameType | None) -> None:
        if self.has_come:
            return  # `prepare` is still running for the first one
        self.has_come = True
        try:
            self.prepare()
        finally:
            _restore()
            # An exception would be lost in a fork: `is_terminated` says so after it.
            if not (self.is_in_fork and self.act is _raise_terminated):
                self.act()


_handler = _Handler(signal.SIG_DFL)
_blocked = _thread._local()


def _block() -> None:
    # A signal would be lost that reaches the child before it has restored the handler.
    _blocked.mask = None
    if _signal.getsignal(signal.SIGTERM) is _handler:
        _blocked.mask = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGTERM})


def _release() -> None:
    if _blocked.mask is not None:
        _handler.is_in_fork = True
        signal.pthread_sigmask(signal.SIG_SETMASK, _blocked.mask)
        _handler.is_in_fork = False


def _restore_in_child() -> None:
    _handler.has_come = False
    _restore()
    _release()


def _restore() -> None:
    # The parent of a forked child expects SIGTERM to end it.
    if _signal.getsignal(signal.SIGTERM) is _handler:
        _signal.signal(signal.SIGTERM, _signal.SIG_DFL)
