"""Run the exit handlers before the run ends, and handle signals during its end.

Exit handlers run before the leaks are reported, so that files they remove are no leaks.
"""

from __future__ import annotations

import atexit
import signal
import sys
from collections.abc import Callable
from importlib import import_module
from types import FrameType
from typing import Any

from tempfiles import is_terminated, on_termination

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


def finish_multiprocessing() -> None:
    """End the processes of `multiprocessing`, which uses its temp directory until then.

    For an exit handler that removes files. The handler of `multiprocessing` then does nothing.
    """
    multiprocessing: Any = sys.modules.get("multiprocessing.util")
    if multiprocessing is not None:
        multiprocessing._exit_function()


def _flush() -> None:
    for stream in (sys.stdout, sys.stderr):
        if stream is not None and not stream.closed:
            stream.flush()


def _wait_for_no_process() -> None:
    multiprocessing: Any = sys.modules.get("multiprocessing.util")
    if multiprocessing is not None:
        atexit.unregister(multiprocessing._exit_function)


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
        on_termination(self._break_off)
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
