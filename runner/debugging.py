"""The debugger at each failure (`--pdb`), while what the test has made is still there."""

from __future__ import annotations

import pdb
import sys
import traceback
from typing import Any

from .result import TidyTestResult


class DebuggingResult(TidyTestResult):
    """A result that starts pdb where a test fails, at the line that raised."""

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
        trace = err[2]
        if trace is None:
            return
        captured = sys.stdout, sys.stderr
        sys.stdout, sys.stderr = self._original_stdout, self._original_stderr  # type: ignore[attr-defined]
        try:
            print(f"\n{self.getDescription(test)}")
            print("".join(traceback.format_exception_only(err[0], err[1])), end="", flush=True)
            pdb.post_mortem(_without_unittest(trace))
        finally:
            sys.stdout, sys.stderr = captured


def _without_unittest(trace: Any) -> Any:
    """Cut a traceback where unittest's own frames begin: pdb stops at the last one."""
    frames = []
    while trace is not None:
        frames.append(trace)
        trace = trace.tb_next
    while len(frames) > 1 and "__unittest" in frames[-1].tb_frame.f_globals:
        frames.pop()
    last = frames[-1]
    last.tb_next = None
    return frames[0]
