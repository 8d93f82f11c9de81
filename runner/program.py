"""The command line: argv into settings, a run, an exit code."""

from __future__ import annotations

import os
import sys
import unittest
from collections.abc import Sequence
from typing import Any

from tempfiles.errors import TempFilesError
from tempfiles.tracker import Run, RunSettings

from . import config, leaving
from .errors import UsageError
from .policy import Policy
from .reaping import Reaper
from .reporting import Reports
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
        code = 0 if _told_instead(loaded) else Program(name, loaded).run()
    except (UsageError, TempFilesError) as error:
        print(f"tidytest: error: {error}", file=sys.stderr)
        sys.exit(2)
    except leaving.Terminated:
        leaving.terminate()
    sys.exit(code)


class Program:
    """One invocation: opens the run, has unittest load and run the tests, ends the run."""

    def __init__(self, name: str, loaded: config.Loaded) -> None:
        self._argv = [name, *loaded.remaining]
        self._settings = settings = loaded.config
        self._reports = Reports(settings)
        self._reaper = Reaper() if settings.reap else None
        self._measurement: Any = None
        if settings.coverage:
            from .measurement import Measurement

            self._measurement = Measurement(settings)

    def run(self) -> ExitCode:
        """Run the tests; return the exit code, or what `sys.exit` was called with.

        Raises:
            UsageError: a report cannot be written where it should be.
            KeyboardInterrupt: the run was interrupted; it has been cleaned up.
        """
        self._reports.check()
        if self._reaper is not None:
            self._reaper.begin(sys.stderr)
        run = Run(_run_settings(self._settings))
        run.open()
        if self._settings.guard:
            run.guard()
        leaving.catch_termination()
        session = Session(run, Policy(self._settings.leaks == "fail"), self._measurement)
        code: ExitCode = 1
        failed = True
        try:
            code = self._run_unittest(session)
        finally:
            failed = self._finish(session)
        return code or int(failed)

    def _run_unittest(self, session: Session) -> ExitCode:
        runner: Any = type("TidyTestRunner", (TidyTestRunner,), {"session": session})
        if self._measurement is not None:
            self._measurement.start()
        try:
            unittest.main(module=None, argv=self._argv, testRunner=runner)
        except SystemExit as exit:
            if exit.code == 0 and not session.began:
                from . import usage

                print(f"\n{usage.help_text()}", end="")
            return exit.code
        return 0

    def _finish(self, session: Session) -> bool:
        """End the run and write the reports; return whether something in that fails it."""
        leaving.run_exit_handlers()
        report, late = session.finish()
        tell_ending(sys.stderr, report, late)
        failed = any(session.policy.failure(found) for found in late)
        if self._measurement is not None and not self._measurement.finish(sys.stdout):
            failed = True
        self._reports.write(report)
        if self._reaper is not None:
            self._reaper.end(sys.stderr)
        return failed


def _run_settings(settings: config.Config) -> RunSettings:
    return RunSettings(
        project=os.getcwd(),
        tracks=settings.leaks != "off",
        trace=settings.leak_trace,
        ignore=settings.leak_ignore,
        watch_modified=settings.watch_modified,
        clean_outside=settings.clean_outside,
        late_grace=settings.late_grace,
    )


def _told_instead(loaded: config.Loaded) -> bool:
    """Print what was asked for instead of a run, if anything was."""
    settings = loaded.config
    if settings.version:
        from tempfiles import __version__

        print(f"tidytest {__version__}")
    elif settings.completion is not None:
        from . import usage

        print(usage.completion_script(settings.completion), end="")
    elif settings.show_settings:
        from . import usage

        print(usage.settings_text(loaded), end="")
    else:
        return False
    return True
