"""The command line: argv into settings, a run, an exit code."""

from __future__ import annotations

import contextlib
import os
import sys
import unittest
from collections.abc import Sequence
from types import TracebackType

import tempfiles
from tempfiles.system import syscalls

from ..errors import UsageError
from ..execution.boundaries import Session
from ..execution.runner import TidyTestRunner
from ..settings import load
from . import signals as leaving
from .assembly import Assembly
from .ending import Ending

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from tempfiles.run.run import Run

ExitCode = str | int | None


def main(argv: Sequence[str] | None = None, name: str = "python -m runner") -> None:
    """Run tests as `python -m unittest` would, and exit as it would.

    Args:
        argv: the words after the program's name; None for `sys.argv`.
        name: the program's name, for its help.
    """
    words = sys.argv[1:] if argv is None else list(argv)
    if argv is None:  # as unittest has it, for whatever the tests make of it
        sys.argv[0] = f"{os.path.basename(sys.executable)} -m unittest"
    loaded = None
    try:
        code: ExitCode = 0
        if not _print_help(name, words):
            loaded = load.load(words, cwd=os.getcwd(), environ=os.environ)
            if not _print_instead_of_run(loaded):
                code = Program(name, loaded).run()
    except (UsageError, tempfiles.TempFilesError) as error:
        message = str(error) if loaded is None else loaded.with_source(str(error))
        print(f"tidytest: error: {message}", file=sys.stderr)
        sys.exit(2)
    except BrokenPipeError:  # of who reads the help or the settings: `| head`
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        sys.exit(1)
    except leaving.Terminated:
        leaving.terminate()
    except KeyboardInterrupt as interrupt:
        first = _first(interrupt)
        told = first.__context__, _without_ours(first.__traceback__)
        try:
            raise first
        finally:
            first.__context__, first.__traceback__ = told  # as it would be without this package
    sys.exit(code)


class Program:
    """One invocation: opens the run, has unittest load and run the tests, ends the run.

    Raises:
        UsageError: something that the settings ask for is missing or cannot be written.
    """

    def __init__(self, name: str, loaded: load.Loaded) -> None:
        self._argv = [name, *loaded.remaining]
        self._settings = loaded.config
        self._stream = sys.stderr  # as it is now: a test may replace it
        self._assembly = Assembly(loaded.config, loaded.remaining)
        self._result: Any = None
        self._has_run_all = False

    def run(self) -> ExitCode:
        """Run the tests; return the exit code, or what `sys.exit` was called with.

        Raises:
            UsageError: the tests cannot be loaded as the settings ask for.
            KeyboardInterrupt: the run was interrupted; it has been cleaned up.
        """
        assembly = self._assembly
        if assembly.reaper is not None:
            assembly.reaper.begin(sys.stderr)
        run = assembly.new_run()
        run.open(before_imports=True)
        leaving.catch_termination(lambda: _prepare_to_die(run))
        session = Session(run, assembly.policy())
        session.measurement = assembly.measurement
        assembly.keeping.begin()
        session.keeper = assembly.keeping.keeper if self._settings.keep != "never" else None
        code: ExitCode = 1
        failed, process = True, os.getpid()
        try:
            code = self._run_unittest(session)
        finally:
            # A forked child may come here by an exception; the run is its parent's.
            failed = os.getpid() == process and self._ending(session)()
        selection = assembly.selection
        if selection is not None and selection.is_empty:
            code = 0  # not that of a run without tests: it is what was asked for
        return code or int(failed)

    def _ending(self, session: Session) -> Ending:
        whole = self._has_run_all and not _is_interrupted_with_c()
        return Ending(self._assembly, session, self._result, self._stream, whole=whole)

    def _run_unittest(self, session: Session) -> ExitCode:
        if session.measurement is not None:
            session.measurement.start()
        if self._assembly.watcher is not None:
            self._assembly.watcher.start(session.run.root.path, lambda: session.context_now)
        try:
            unittest.main(
                module=None, argv=self._argv, testRunner=self._runner_class(session),
                **self._unittest_settings(),
            )  # fmt: skip
        except SystemExit as exit:
            return exit.code
        return 0

    def _runner_class(self, session: Session) -> Any:
        program = self
        selection = self._assembly.selection

        class Runner(TidyTestRunner):
            def run(self, test: Any) -> Any:
                result = super().run(test)
                program._has_run_all = True
                return result

            def arrange(self, test: Any) -> Any:
                program._assembly.note_loaded(test)
                return selection.arrange(test) if selection is not None else test

            def _makeResult(self) -> Any:
                program._result = super()._makeResult()
                return program._result

        Runner.session = session
        Runner.resultclass = self._assembly.result_class()
        return Runner

    def _unittest_settings(self) -> dict[str, Any]:
        given: dict[str, Any] = {}
        if self._settings.functions:
            from ..execution.functions import FunctionLoader

            given["testLoader"] = FunctionLoader()
        if self._settings.durations is not None and sys.version_info >= (3, 12):
            given["durations"] = self._settings.durations
        return given


def _prepare_to_die(run: Run) -> None:
    """After the first SIGTERM: no further test, and a clean temp directory whatever comes."""

    def enter(id: str, scope: str, *, source: object = None) -> Any:
        raise leaving.Terminated  # again: a test has swallowed it

    run.enter = enter  # type: ignore[method-assign]
    with contextlib.suppress(OSError), syscalls.genuine():
        run.root.guard()


def _is_interrupted_with_c() -> bool:
    signals: Any = sys.modules.get("unittest.signals")
    return bool(getattr(getattr(signals, "_interrupt_handler", None), "called", False))


def _first(interrupt: BaseException) -> BaseException:
    """Return the interrupt that came first: another came while that one was dealt with."""
    first, context = interrupt, interrupt.__context__
    while context is not None:
        first = context if isinstance(context, KeyboardInterrupt) else first
        context = context.__context__
    return first


def _without_ours(traceback: TracebackType | None) -> TracebackType | None:
    """Return a traceback as unittest would show it: without the frames of this package."""
    while traceback is not None and _is_ours(traceback):
        traceback = traceback.tb_next
    frame = traceback
    while frame is not None:
        while frame.tb_next is not None and _is_ours(frame.tb_next):
            frame.tb_next = frame.tb_next.tb_next
        frame = frame.tb_next
    return traceback


def _is_ours(traceback: TracebackType) -> bool:
    name = str(traceback.tb_frame.f_globals.get("__name__", ""))
    return name.partition(".")[0] == __name__.partition(".")[0]


def _print_help(name: str, words: Sequence[str]) -> bool:
    """Print unittest's help and the runner's if the command line asks for it."""
    if not any(word.startswith("-") and "h" in word for word in words):
        return False
    from ..settings.parser import parse

    unittest_help = parse(words).unittest_help(name)
    if unittest_help is None:
        return False
    from ..settings.help import help_text

    print(f"{unittest_help}\n{help_text()}", end="", flush=True)
    return True


def _print_instead_of_run(loaded: load.Loaded) -> bool:
    """Print the version, a completion script or the settings if the user asks for that."""
    settings = loaded.config
    if settings.version:
        from tempfiles import __version__

        print(f"tidytest {__version__}")
    elif settings.completion is not None:
        from ..settings import help as usage

        print(usage.completion_script(settings.completion), end="")
    elif settings.show_settings:
        from ..settings import help as usage

        print(usage.settings_text(loaded), end="")
    else:
        return False
    sys.stdout.flush()
    return True
