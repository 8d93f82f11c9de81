"""The debugger at each failure (`--pdb`), while what the test has made is still there."""

from __future__ import annotations

import bdb
import pdb
import sys
import traceback
from typing import Any

from ..execution.result import TidyTestResult


class DebuggingResult(TidyTestResult):
    """A result that starts pdb where a test fails, at the line that raised."""

    _is_left = False  # not `shouldStop`: with `--failfast` that is set before the failure is told

    def addError(self, test: Any, err: Any) -> None:
        """Debug an error, of a fixture too."""
        super().addError(test, err)
        self._debug(test, err)

    def addFailure(self, test: Any, err: Any) -> None:
        """Debug a failure."""
        super().addFailure(test, err)
        self._debug(test, err)

    def addSubTest(self, test: Any, subtest: Any, err: Any) -> None:
        """Debug a subtest that failed."""
        super().addSubTest(test, subtest, err)
        if err is not None:
            self._debug(subtest, err)

    def _debug(self, test: Any, err: Any) -> None:
        if self._is_left or isinstance(err[1], bdb.BdbQuit):
            return
        trace = _without_unittest(err[2])
        captured = sys.stdout, sys.stderr
        sys.stdout, sys.stderr = self._original_stdout, self._original_stderr  # type: ignore[attr-defined]
        try:
            print(f"\n{self.getDescription(test)}")
            print("".join(traceback.format_exception_only(err[0], err[1])), end="", flush=True)
            if trace is None:
                print("(no line of the tests' own to debug)", flush=True)
            elif _quits(err[1], trace):
                self._is_left = True
                self.stop()
        finally:
            sys.stdout, sys.stderr = captured


class _Debugger(pdb.Pdb):
    """A debugger that remembers whether it was told to quit, which ends the run."""

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
    """Cut a traceback where unittest's own frames begin: pdb stops at the last one.

    None where all are: of a leak, or of a module that cannot be imported.
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
