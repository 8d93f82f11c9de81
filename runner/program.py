"""The command line: argv into settings, a run, an exit code."""

from __future__ import annotations

import os
import sys
import unittest
from collections.abc import Sequence
from typing import Any

from tempfiles.errors import TempFilesError
from tempfiles.tracker import Run, RunSettings

from . import config, leaving, reporting
from .errors import UsageError
from .policy import Policy
from .runner import TidyTestRunner, tell_ending
from .session import Session

ExitCode = str | int | None


def main(argv: Sequence[str] | None = None, name: str = "python -m runner") -> None:
    """Run tests as `python -m unittest` would, and exit as it would.

    Args:
        argv: the words after the program's name; None for `sys.argv`.
        name: the program's name, for its help.
    """
    words = sys.argv[1:] if argv is None else list(argv)
    try:
        loaded = config.load(words, cwd=os.getcwd(), environ=os.environ)
        if _told(loaded):
            sys.exit(0)
        program = Program(name, loaded.remaining, loaded.config)
        code = program.run()
    except (UsageError, TempFilesError) as error:
        print(f"tidytest: error: {error}", file=sys.stderr)
        sys.exit(2)
    except leaving.Terminated:
        leaving.terminate()
    sys.exit(code)


class Program:
    """One invocation: opens the run, has unittest load and run the tests, ends the run."""

    def __init__(self, name: str, argv: Sequence[str], settings: config.Config) -> None:
        self._argv = [name, *argv]
        self._settings = settings
        self._reports = reporting.Reports(settings)

    def run(self) -> ExitCode:
        """Run the tests; return the exit code, or what `sys.exit` was called with.

        Raises:
            KeyboardInterrupt: the run was interrupted; it has been cleaned up.
        """
        run = Run(_run_settings(self._settings))
        run.open()
        session = Session(run, Policy(self._settings.leaks == "fail"))
        leaving.catch_termination()
        code: ExitCode = 1
        try:
            code = self._run_unittest(session)
        finally:
            leaving.run_exit_handlers()
            report, late = session.finish(session.tests_run)
            tell_ending(sys.stderr, report, late)
            self._reports.write(report)
        if self._settings.leaks == "fail" and any(found.leaks for found in late):
            return code or 1
        return code

    def _run_unittest(self, session: Session) -> ExitCode:
        runner: Any = type("TidyTestRunner", (TidyTestRunner,), {"session": session})
        try:
            unittest.main(module=None, argv=self._argv, testRunner=runner)
        except SystemExit as exit:
            return exit.code
        return 0


def _run_settings(settings: config.Config) -> RunSettings:
    return RunSettings(
        project=os.getcwd(),
        trace=settings.leak_trace,
        ignore=settings.leak_ignore,
        watch_modified=settings.watch_modified,
        clean_outside=settings.clean_outside,
        late_grace=settings.late_grace,
    )


def _told(loaded: config.Loaded) -> bool:
    """Print what was asked for instead of a run, if anything was."""
    return False
