"""Run the program: load the settings, run the tests with unittest, return the exit code."""

from __future__ import annotations

import os
import sys
import unittest
from collections.abc import Sequence
from contextlib import AbstractContextManager, nullcontext
from os import getpid  # a test may have replaced it
from types import TracebackType
from typing import TYPE_CHECKING, Any

from tempfiles import TempFilesError, Terminated, terminate

from ..errors import UsageError
from ..execution.runner import TidyTestRunner
from ..session.session import Session
from ..settings import load
from ..settings.config import BAZEL_VARIABLES
from .assembly import CommandLineComponents
from .ending import Ending

if TYPE_CHECKING:
    from ..session.listener import Listener

ExitCode = str | int | None


def main(argv: Sequence[str] | None = None, name: str = "python -m runner") -> None:
    """Run tests as `python -m unittest` would, and exit as it would.

    Args:
        argv: the words after the program's name; None for `sys.argv`.
        name: the program's name, for its help.
    """
    words = sys.argv[1:] if argv is None else list(argv)
    if argv is None:  # as unittest sets it: tests may read it
        sys.argv[0] = f"{os.path.basename(sys.executable)} -m unittest"
    loaded = None
    try:
        with _words_of(words) as words:
            code: ExitCode = 0
            if not _print_help(name, words):
                loaded = load.load(words, cwd=os.getcwd(), environ=os.environ)
                if not _print_instead_of_run(loaded):
                    code = _run(name, loaded)
    except (UsageError, TempFilesError) as error:
        message = str(error) if loaded is None else loaded.with_source(str(error))
        print(f"tidytest: error: {message}", file=sys.stderr)
        sys.exit(2)
    except BrokenPipeError:  # from printing the help or the settings to `| head`
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        sys.exit(1)
    except Terminated:
        terminate()
    except KeyboardInterrupt as interrupt:
        first = _first(interrupt)
        as_in_unittest = first.__context__, _without_ours(first.__traceback__)
        try:
            raise first
        finally:
            first.__context__, first.__traceback__ = as_in_unittest
    sys.exit(code)


def _words_of(words: list[str]) -> AbstractContextManager[list[str]]:
    """Provide the command line, with what Bazel asks for in the environment."""
    if BAZEL_VARIABLES.isdisjoint(os.environ):
        return nullcontext(words)
    from .bazel import honoured

    return honoured(words, os.environ)


def _run(name: str, loaded: load.Loaded) -> ExitCode:
    if not (loaded.config.parity or loaded.config.fix):
        program = Program(name, loaded)
        return program.print_list() if loaded.config.list else program.run()
    from ..interpreter import command as command_of

    command = command_of("cli.recorded")
    if loaded.config.fix:
        return _fix(name, loaded, command)
    from ..dependence.parity import Parity

    return Parity(name, loaded, command).run(sys.stderr)


def _fix(name: str, loaded: load.Loaded, command: Sequence[str]) -> ExitCode:
    """Fix what the last run has left, or the run of the tests that the command line names."""
    from ..fix.fix import Fix, is_fed

    code: ExitCode = 0
    if any(not word.startswith("-") for word in loaded.remaining) and not is_fed(loaded):
        code = Program(name, loaded).run()
    return Fix(loaded, command).run() or code


class Program:
    """One invocation: opens the run, has unittest load and run the tests, ends the run.

    Args:
        name: the program's name, for unittest's messages.
        loaded: the settings, and the words for unittest.
        listeners: follow the run, with those that the settings ask for.

    Raises:
        UsageError: something that a setting needs is missing or cannot be written to.
    """

    def __init__(
        self, name: str, loaded: load.Loaded, listeners: Sequence[Listener] = ()
    ) -> None:
        words = loaded.remaining
        if loaded.config.replay is not None:
            from ..selection import recorded_order

            words = [*recorded_order.read(loaded.config.replay).words, *words]
        self._argv = [name, *words]
        self._settings = loaded.config
        self._stream = sys.stderr  # a test may replace sys.stderr
        self._components = CommandLineComponents(loaded.config, words)
        self._listeners = listeners
        self._result: Any = None
        self._has_run_all = False

    def run(self) -> ExitCode:
        """Run the tests; return the exit code, or what `sys.exit` was called with.

        Raises:
            UsageError: the settings do not allow to load these tests.
            KeyboardInterrupt: the run was interrupted; it has been cleaned up.
        """
        components = self._components
        if components.reaper is not None:
            components.reaper.begin(sys.stderr)
        run = components.new_run()
        run.open(before_imports=True)
        run.catch_termination()
        components.retention.begin()
        session = components.session(run, [*components.listeners(), *self._listeners])
        code: ExitCode = 1
        failed, process = True, getpid()
        try:
            code = self._run_unittest(session)
        finally:
            # An exception may bring a forked child here; the run belongs to its parent.
            failed = getpid() == process and self._ending(session).run()
        selection = components.selection
        if components.is_empty or (selection is not None and selection.is_empty):
            code = 0  # unittest has an exit code of its own for a run without tests
        code = code or int(failed)
        if components.merging is not None and not code and (line := components.merging.failure()):
            self._stream.write(f"{line}\n")
            return 1
        return self._recorded(session, code)

    def _recorded(self, session: Session, code: ExitCode) -> ExitCode:
        """Write the end of the record; return the exit code."""
        components = self._components
        if components.recording is None or components.parallel is None:
            return code
        number = code if isinstance(code, int) else int(bool(code))
        coverage = components.measurement.recorded() if components.measurement is not None else b""
        try:
            components.recording.end(
                session, number, components.retention.kept, coverage, components.reports.samples
            )
        except OSError as error:
            self._stream.write(f"tidytest: error: {error.strerror}\n")
            return code or 1
        return code

    def print_list(self) -> ExitCode:
        """Print the ids of the tests that would run; return the exit code."""
        from .listing import Lister

        lister = Lister(self._components.arrange)
        try:
            unittest.main(
                module=None, argv=self._argv, testRunner=lister, **self._unittest_settings()
            )
        except SystemExit as exit:
            return exit.code if lister.code is None else lister.code
        return lister.code

    @property
    def worker_orders(self) -> list[list[str]]:
        """The ids of the tests that each worker ran; empty where the tests ran in this process."""
        parallel = self._components.parallel
        return [] if parallel is None else [[*order.tests] for order in parallel.orders]

    def _ending(self, session: Session) -> Ending:
        merging = self._components.merging
        whole = self._has_run_all and (merging is None or merging.is_whole)
        return Ending(self._components, session, self._result, self._stream, whole=whole)

    def _run_unittest(self, session: Session) -> ExitCode:
        if self._components.measurement is not None and self._components.merging is None:
            self._components.measurement.start()
        if self._components.watcher is not None:
            self._components.watcher.start(session.run.root.path, lambda: session.context_now)
        merging = self._components.merging
        try:
            with merging.clock() if merging is not None else nullcontext():
                unittest.main(
                    module=None, argv=self._argv, testRunner=self._runner_class(session),
                    **self._unittest_settings(),
                )  # fmt: skip
        except SystemExit as exit:
            return exit.code
        return 0

    def _runner_class(self, session: Session) -> Any:
        program = self

        class Runner(TidyTestRunner):
            def run(self, test: Any) -> Any:
                result = super().run(test)
                program._has_run_all = True
                return result

            def arrange(self, test: Any) -> Any:
                arranged = program._components.arrange(test)
                suite = program._components.in_workers(arranged, session)
                self.resultclass = getattr(suite, "resultclass", self.resultclass)
                return suite

            def _makeResult(self) -> Any:
                program._result = super()._makeResult()
                program._result.settings = program._settings
                return program._result

        Runner.session = session
        return Runner

    def _unittest_settings(self) -> dict[str, Any]:
        given: dict[str, Any] = {}
        if self._components.merging is not None:
            from .merging import MergeLoader

            given["testLoader"] = MergeLoader()
        if self._settings.functions:
            from ..execution.functions import FunctionLoader

            given["testLoader"] = FunctionLoader()
        if self._settings.durations is not None and sys.version_info >= (3, 12):
            given["durations"] = self._settings.durations
        return given


def _first(interrupt: BaseException) -> BaseException:
    """Return the first of the interrupts in a chain: another may come while one is handled."""
    first, context = interrupt, interrupt.__context__
    while context is not None:
        first = context if isinstance(context, KeyboardInterrupt) else first
        context = context.__context__
    return first


def _without_ours(traceback: TracebackType | None) -> TracebackType | None:
    """Return a traceback without frames of ours, as unittest would print it."""
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
    return name.partition(".")[0] in (__name__.partition(".")[0], "tempfiles")


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
