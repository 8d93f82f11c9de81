"""The end of the process, a little early, and the signals that end it.

Exit handlers are called before the end of the run is told, so that what they remove is no leak.
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

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

# Above it, `signal` makes members of an enumeration of handlers that are numbers.
_signal: Any = import_module("_signal")


def wait_for_threads() -> None:
    """Wait as the interpreter does when it exits, which then finds nothing left to do."""
    _flush()
    threading: Any = sys.modules.get("threading")
    if threading is not None:
        threading._shutdown()


def run_exit_handlers() -> None:
    """Call them as the interpreter does when it exits, which then finds nothing left to do."""
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
    """Turn the first SIGTERM into `Terminated`; a second one ends the process at once.

    Nothing is done where the signal is handled already, or outside the main thread.

    Args:
        prepare: called at the first: a test may swallow the exception, and the second one may
            come while the main thread is in C code, so that nothing of ours is done any more.
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
            before=_hold, after_in_parent=_let_go, after_in_child=_restore_in_child
        )


def is_terminated() -> bool:
    """Whether a SIGTERM has come."""
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
    """Raises `Terminated`, or does what it was diverted to.

    As a number it is SIG_DFL, which is what `signal.getsignal` makes of it: a test that asks for
    the handler, or saves it to put it back, gets what it would without us.
    """

    has_come = False
    prepare: Callable[[], None] = staticmethod(lambda: None)
    act: Callable[[], None] = staticmethod(_raise_terminated)

    def __call__(self, number: int, frame: FrameType | None) -> None:
        if self.has_come:
            return  # while the first one is prepared for
        self.has_come = True
        try:
            self.prepare()
        finally:
            _restore()
            self.act()


_handler = _Handler(signal.SIG_DFL)


_held = _thread._local()


def _hold() -> None:
    # A signal that comes to a new process before it has restored the handler would be lost.
    _held.mask = None
    if _signal.getsignal(signal.SIGTERM) is _handler:
        _held.mask = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGTERM})


def _let_go() -> None:
    if _held.mask is not None:
        signal.pthread_sigmask(signal.SIG_SETMASK, _held.mask)


def _restore_in_child() -> None:
    _handler.has_come = False
    _restore()
    _let_go()


def _restore() -> None:
    # A forked child's parent expects it to die of SIGTERM.
    if _signal.getsignal(signal.SIGTERM) is _handler:
        _signal.signal(signal.SIGTERM, _signal.SIG_DFL)


class _BrokenOffError(KeyboardInterrupt):
    """Raised in the step under way."""


class Steps:
    """Does the steps of an end, from its making to `over`.

    A signal raises an exception within a step only: what is done between two steps is done.

    Attributes:
        broken_off: whether a signal has come.
    """

    def __init__(self) -> None:
        self.broken_off = False
        self._is_within = False
        self._before: Any = None
        self._tell_ignored = sys.unraisablehook
        sys.unraisablehook = self._ignore
        _handler.act = self._break_off
        self._catch_interrupts()

    def do(self, step: Callable[[], object]) -> bool:
        """Do a step; return whether it came to its end. What else it raises is passed on."""
        try:
            self._is_within = True
            step()
        except KeyboardInterrupt:  # ours, or a test's
            self.broken_off = True
            return False
        finally:
            self._is_within = False
        return True

    def over(self) -> None:
        """Give ^C back; whoever has used it meanwhile wants out, without another traceback."""
        sys.unraisablehook = self._tell_ignored
        if self._before is not None:
            _signal.signal(signal.SIGINT, _signal.SIG_DFL if self.broken_off else self._before)

    def _catch_interrupts(self) -> None:
        before = _signal.getsignal(signal.SIGINT)
        if not callable(before):
            return  # it is ignored, as in the background, or not Python's to handle
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
        # Callbacks, and the wait for threads, tell of what they cannot raise.
        if ignored.exc_type is not _BrokenOffError:
            self._tell_ignored(ignored)
