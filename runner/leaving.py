"""The end of the process, a little early: so that what exit handlers remove is no leak."""

from __future__ import annotations

import _thread
import atexit
import os
import signal
import sys
from importlib import import_module
from types import FrameType

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

# Above it, `signal` makes members of an enumeration of handlers that are numbers.
_signal: Any = import_module("_signal")


def run_exit_handlers() -> None:
    """Do what the interpreter does first when it exits: wait for threads, call exit handlers.

    Both are done once only: the interpreter then finds nothing left to do.
    """
    for stream in (sys.stdout, sys.stderr):
        if stream is not None and not stream.closed:
            stream.flush()
    threading: Any = sys.modules.get("threading")
    if threading is not None:
        threading._shutdown()
    atexit._run_exitfuncs()


class Terminated(KeyboardInterrupt):
    """SIGTERM, raised like ^C so that fixtures are torn down and the run ends in order."""


def catch_termination() -> None:
    """Turn the first SIGTERM into `Terminated`; a second one ends the process at once.

    Nothing is done where the signal is handled already, or outside the main thread.
    """
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


def terminate() -> None:
    """End this process as an unhandled SIGTERM does."""
    signal.signal(signal.SIGTERM, signal.SIG_DFL)
    os.kill(os.getpid(), signal.SIGTERM)


class _Handler(int):
    """Raises `Terminated`. As a number it is SIG_DFL, which is what `signal.getsignal` makes of it.

    A test that asks for the handler, or saves it to put it back, gets what it would without us.
    """

    def __call__(self, number: int, frame: FrameType | None) -> None:
        _restore()
        raise Terminated


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
    _restore()
    _let_go()


def _restore() -> None:
    # A forked child's parent expects it to die of SIGTERM.
    if _signal.getsignal(signal.SIGTERM) is _handler:
        signal.signal(signal.SIGTERM, signal.SIG_DFL)
