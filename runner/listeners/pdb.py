"""Start the debugger at each failure (`--pdb`), while the files of the test still exist."""

from __future__ import annotations

import bdb
import pdb
import sys
import traceback
from typing import Any

from ..session.listener import Listener, RunControl


class Debugging(Listener):
    """Starts pdb where a test or a fixture fails, at the line that raised."""

    _run: RunControl
    _streams: tuple[Any, Any]

    def __init__(self) -> None:
        self._has_quit = False  # `--failfast` stops the run before the failure is debugged

    def run_started(self, run: RunControl, stream: Any) -> None:
        """Remember the streams, which `-b` replaces while a test runs."""
        self._run = run
        self._streams = sys.stdout, sys.stderr

    def exception(self, description: str, error: BaseException, trace: Any) -> None:
        """Debug an error or a failure, of a subtest too."""
        if self._has_quit or _quits_breakpoint(error, trace):
            return
        trace = _without_unittest(trace)
        captured = sys.stdout, sys.stderr
        sys.stdout, sys.stderr = self._streams
        try:
            print(f"\n{description}")
            print("".join(traceback.format_exception_only(type(error), error)), end="", flush=True)
            if trace is None:
                print("(no line of the tests' own to debug)", flush=True)
            elif _quits(error, trace):
                self._has_quit = True
                self._run.stop()
        finally:
            sys.stdout, sys.stderr = captured


def _quits_breakpoint(error: BaseException, trace: Any) -> bool:
    """Return whether the user quit a `breakpoint()`: from 3.14 on pdb itself exits there."""
    frames = [frame for frame, _ in traceback.walk_tb(trace)]
    is_of_pdb = bool(frames) and frames[-1].f_globals.get("__name__") == pdb.__name__
    return isinstance(error, bdb.BdbQuit) or (is_of_pdb and isinstance(error, SystemExit))


class _Debugger(pdb.Pdb):
    """A debugger that remembers whether the user quit it, which ends the run."""

    quits = False

    def __init__(self) -> None:
        super().__init__(nosigint=True)  # ^C is for the tests that follow, not for this prompt

    def do_quit(self, arg: str) -> bool | None:
        """q(uit): end the run."""
        self.quits = True
        return super().do_quit(arg)

    do_q = do_exit = do_quit

    def do_EOF(self, arg: str) -> bool | None:
        """EOF: end the run."""
        self.quits = True
        return super().do_EOF(arg)

    def do_run(self, arg: str) -> None:
        """run, restart: not possible here."""
        self.error("a test cannot be started again: c goes on with the next, q ends the run")

    do_restart = do_run

    def postcmd(self, stop: bool, line: str) -> bool:
        """End the run also after `exit()`, which closes the input."""
        return bool(self.do_quit("")) if self.stdin.closed else stop


def _quits(error: BaseException, trace: Any) -> bool:
    """Debug an error; return whether the run is to end."""
    debugger = _Debugger()
    debugger.reset()
    if sys.version_info >= (3, 13):
        debugger.interaction(None, error.with_traceback(trace))
    else:
        debugger.interaction(None, trace)
    return debugger.quits


def _without_unittest(trace: Any) -> Any:
    """Return a traceback without unittest's own frames at its end, since pdb stops at the last.

    None where all frames are unittest's: the failure reports a leak, or a module that cannot be
    imported.
    """
    frames = []
    while trace is not None:
        frames.append(trace)
        trace = trace.tb_next
    while frames and "__unittest" in frames[-1].tb_frame.f_globals:
        frames.pop()
    if not frames:
        return None
    frames[-1].tb_next = None
    return frames[0]
