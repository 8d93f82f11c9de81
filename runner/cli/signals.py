"""Handle SIGTERM and ^C, and run the exit handlers before the run ends.

Exit handlers run before the leaks are reported, so that files they remove are no leaks.
"""

from __future__ import annotations

import _thread
import atexit
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


def wait_for_threads() -> None:
    """Wait for threads as the interpreter does at its exit, which then has none to wait for."""
    _flush()
    threading: Any = sys.modules.get("threading")
    if threading is not None:
        threading._shutdown()


def run_exit_handlers() -> None:
    """Run the exit handlers as the interpreter does at its exit, which then has none left."""
    if is_terminated():
        _wait_for_no_process()
    atexit._run_exitfuncs()
    _flush()


def _flush() -> None:
    for stream in (sys.stdout, sys.stderr):
        if stream is not None and not stream.closed:
            stream.flush()


def _wait_for_no_process() -> None:
    multiprocessing: Any = sys.modules.get("multiprocessing.util")
    if multiprocessing is not None:
        atexit.unregister(multiprocessing._exit_function)


class Terminated(KeyboardInterrupt):
    """SIGTERM, raised like ^C so that fixtures are torn down and the run ends in order."""


def catch_termination(prepare: Callable[[], None]) -> None:
    """Raise `Terminated` at the first SIGTERM; a second one ends the process at once.

    This has no effect if the signal has a handler already, or outside the main thread.

    Args:
        prepare: called at the first signal. A test may catch the exception, and the second signal
            may come while the main thread is in C code: then no other code of the run is executed.
    """
    _handler.prepare, _handler.act = prepare, _raise_terminated
    if signal.getsignal(signal.SIGTERM) is not signal.SIG_DFL:
        return
    try:
        _signal.signal(signal.SIGTERM, _handler)
    except ValueError:  # not in the main thread
        return
    if hasattr(os, "register_at_fork"):
        os.register_at_fork(
            before=_block, after_in_parent=_release, after_in_child=_restore_in_child
        )


def is_terminated() -> bool:
    """Return whether a SIGTERM has come."""
    return _handler.has_come


def terminate() -> None:
    """End this process as an unhandled SIGTERM does."""
    with contextlib.suppress(OSError, ValueError):
        _flush()
    _signal.signal(signal.SIGTERM, _signal.SIG_DFL)
    _signal.raise_signal(signal.SIGTERM)


def _raise_terminated() -> None:
    raise Terminated


class _Handler(int):
    """The handler of SIGTERM: prepares the end of the run, then calls `act`.

    As a number it equals SIG_DFL, and `signal.getsignal` returns that: a test that reads the
    handler, or saves and restores it, gets the same value as without the runner.
    """

    has_come = False
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
        signal.pthread_sigmask(signal.SIG_SETMASK, _blocked.mask)


def _restore_in_child() -> None:
    _handler.has_come = False
    _restore()
    _release()


def _restore() -> None:
    # The parent of a forked child expects SIGTERM to end it.
    if _signal.getsignal(signal.SIGTERM) is _handler:
        _signal.signal(signal.SIGTERM, _signal.SIG_DFL)


class _BrokenOffError(KeyboardInterrupt):
    """Raised in the running step when a signal comes."""


class Steps:
    """Runs the steps of the end of a run, from its creation until `close`.

    A signal raises an exception only within a step, never between two steps.

    Attributes:
        broken_off: whether a signal has come.
    """

    def __init__(self) -> None:
        self.broken_off = False
        self._is_within = False
        self._before: Any = None
        self._previous_hook = sys.unraisablehook
        sys.unraisablehook = self._ignore
        _handler.act = self._break_off
        self._catch_interrupts()

    def do(self, step: Callable[[], object]) -> bool:
        """Run a step; return False if ^C or SIGTERM broke it off. Other exceptions propagate."""
        try:
            self._is_within = True
            step()
        except KeyboardInterrupt:  # raised here or by a test
            self.broken_off = True
            return False
        finally:
            self._is_within = False
        return True

    def close(self) -> None:
        """Restore the handler of ^C; if a signal has come, ^C ends the process at once."""
        sys.unraisablehook = self._previous_hook
        if self._before is not None:
            _signal.signal(signal.SIGINT, _signal.SIG_DFL if self.broken_off else self._before)

    def _catch_interrupts(self) -> None:
        before = _signal.getsignal(signal.SIGINT)
        if not callable(before):
            return  # ignored, as in a background process, or handled outside Python
        try:
            _signal.signal(signal.SIGINT, self._interrupt)
        except ValueError:  # not in the main thread
            return
        self._before = before

    def _interrupt(self, number: int, frame: FrameType | None) -> None:
        self._break_off()

    def _break_off(self) -> None:
        self.broken_off = True
        if self._is_within:
            self._is_within = False
            raise _BrokenOffError

    def _ignore(self, ignored: Any) -> None:
        # Exit handlers and the wait for threads report exceptions instead of raising them.
        if ignored.exc_type is not _BrokenOffError:
            self._previous_hook(ignored)
