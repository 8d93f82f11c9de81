"""One judged run in a pytest session: its settings, its start, its verdict, its summary."""

from __future__ import annotations

import atexit
import io
import os
import sys
import tempfile
from typing import Any

import pytest
from _pytest.tmpdir import get_user

from tempfiles import Run, TempFilesError, is_terminated, terminate

from ...errors import UsageError
from ...hosting.components import Components
from ...hosting.exit_steps import finish_multiprocessing
from ...hosting.run_end import RunEnd, warning_only
from ...session.session import Session
from ...settings.config import Config
from ...unittest_api import HARNESS
from ..host_settings import HTML_OR_JSON, SETTINGS, config_of
from .anyio import AnyioTests
from .contexts import PytestContexts
from .node_ids import NodeCompleteness
from .reports import ClosedContexts, TestOutcomes, is_leak_failure
from .summary import print_summary
from .xdist import Controller, is_controller, is_worker, siblings

_HARNESS = (
    *HARNESS, "_pytest", "pytest", "pluggy", "xdist", "execnet", "pytest_asyncio", "anyio",
    "pytest_rerunfailures", "pytest_forked", "flaky",
)
_FILES = ("basetemp", "xmlpath", "log_file", "report_log", "htmlpath", "json_report_file")
"""Options of pytest and of its plugins that name what they write."""
_TEMP_ROOT = "PYTEST_DEBUG_TEMPROOT"  # where pytest creates the directories of `tmp_path`


def start(config: pytest.Config) -> PytestRun | None:
    """Open a run; None where this session needs none.

    Args:
        config: of the session, with the options that are known so far.

    Raises:
        pytest.UsageError: a setting is wrong, or the run cannot start.
    """
    options = config.known_args_namespace
    if Run.current() is not None:  # a session within a test
        return None
    if options.collectonly or options.help or getattr(options, "version", 0):
        return None
    try:
        settings = _settings(config)
        return PytestRun(settings, is_controller(options), is_worker())
    except (UsageError, TempFilesError) as error:
        raise pytest.UsageError(f"tidytest: {error}") from None


class PytestRun:
    """The run of one pytest session, of one worker of xdist, or of its controller.

    The controller runs no tests: it collects what its workers report. Its root holds theirs, so
    that it removes what a dead worker left.
    """

    def __init__(self, settings: Config, is_controller: bool, is_worker: bool) -> None:
        if is_controller:
            settings = settings._replace(detect=(), watch_modified=False)
        self._is_worker = is_worker
        self._is_controller = is_controller
        self.components = components = Components(settings, _HARNESS)
        # pytest captures standard error already: the lines are printed with the summary.
        self._dead_runs = io.StringIO()
        if components.reaper is not None and not is_worker:
            components.reaper.begin(self._dead_runs)
        self.closed = ClosedContexts()
        self.outcomes = TestOutcomes(components.reports.recorder)
        listeners = [each for each in (self.closed, components.reports.recorder) if each]
        changes = {"tracks": False} if is_controller else {"siblings": siblings()}
        self.run = run = components.new_run(**(changes if is_controller or is_worker else {}))
        self.session: Session = components.session(run, listeners)
        self._temp_root = os.environ.get(_TEMP_ROOT)
        self._process = os.getpid()
        self._end = RunEnd(components, self.session, self._completeness, self._is_filtered)
        self._end.options = HTML_OR_JSON
        self._pytest: pytest.Session | None = None
        self._is_over = False
        self._open()

    def _open(self) -> None:
        if self._temp_root is None:
            os.environ[_TEMP_ROOT] = tempfile.gettempdir()
        # Registered first, it runs last: exit handlers of tests may still use their files.
        atexit.register(self._remove)
        self.run.open()
        self.run.catch_termination()
        self.components.retention.begin()
        # No glob, which each path that a test creates would be compared with.
        home = os.path.realpath(os.environ[_TEMP_ROOT])
        for user in {get_user() or "unknown", "unknown"}:
            self.run.ignore(os.path.join(home, f"pytest-of-{user}"))

    def begin(self, config: pytest.Config) -> None:
        """Follow a session whose options are all known."""
        for name in _FILES:
            path = getattr(config.option, name, None)
            if path:
                self.run.ignore(os.path.realpath(path))
        if _creates_cache(config):
            self.run.ignore("pytest-cache-files-*")  # which becomes `.pytest_cache`
        if self._is_controller:
            config.pluginmanager.register(Controller(self.session, self.closed), "tidytest-xdist")
        else:
            self._follow_tests(config.pluginmanager)
        config.pluginmanager.register(self, "tidytest-run")

    def _follow_tests(self, plugins: pytest.PytestPluginManager) -> None:
        fails = self.components.settings.leaks == "fail"
        contexts = PytestContexts(self.session, self.closed, fails)
        plugins.register(contexts, "tidytest-contexts")
        if plugins.hasplugin("anyio"):
            plugins.register(AnyioTests(contexts.open_contexts), "tidytest-anyio")
        if plugins.hasplugin("pytest_forked"):
            from .forked import ForkedTests

            plugins.register(ForkedTests(contexts), "tidytest-forked")

    @pytest.hookimpl(tryfirst=True)
    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        """Count the tests, record their outcomes, and have a worker send what contexts left."""
        self.outcomes.add(report, self.session)
        if self._is_worker:  # here, since plugins that rerun tests do not log all reports
            report.tidytest = self.closed.take_unsent()  # type: ignore[attr-defined]

    def pytest_report_teststatus(self, report: Any) -> tuple[str, str, str] | None:
        """Count the tests that failed for their leaks only apart from the failures."""
        is_call = report.when == "call" and report.failed
        return ("leaked", "L", "LEAK") if is_call and is_leak_failure(report) else None

    def pytest_sessionstart(self, session: pytest.Session) -> None:
        """Remember the session, which knows the items."""
        self._pytest = session

    @pytest.hookimpl(trylast=True)
    def pytest_sessionfinish(self, session: pytest.Session) -> None:
        """Find the last leaks, and fail the session for those that no test reports."""
        if os.getpid() != self._process:
            return
        self._finish()
        output = getattr(session.config, "workeroutput", None)
        if output is not None:
            output["tidytest"] = self.closed.output(
                self.session, self._end.report, self._end.late
            )
        failed = self._end.failed or self.closed.has_failed
        if failed and session.exitstatus == pytest.ExitCode.OK:
            session.exitstatus = pytest.ExitCode.TESTS_FAILED

    def _finish(self) -> None:
        if self._is_over:
            return
        self._is_over = True
        end = self._end
        if not self._is_worker:
            end.report_leftovers()
        end.judge()
        self.components.retention.finish()
        if not self._is_worker:
            end.finish_baseline()
            with warning_only(sys.stderr.write):
                end.finish_memory()

    def pytest_terminal_summary(self, terminalreporter: Any) -> None:
        """Print what was left, if anything was; write the report files."""
        if self._end.report is None or self._is_worker:
            return
        for line in self._dead_runs.getvalue().splitlines():
            terminalreporter.write_line(line)
        print_summary(terminalreporter, self._end, self.session, self.closed)
        terminalreporter.flush()  # a report may go to standard output too
        try:
            self._end.write_reports(interrupted=is_terminated())
        except UsageError as error:
            terminalreporter.write_line(f"tidytest: error: {error}", red=True)

    def end(self) -> None:
        """End a run whose session did not begin or did not finish."""
        if os.getpid() == self._process:
            self._finish()
            self._restore_temp_root()

    def _restore_temp_root(self) -> None:
        if self._temp_root is None:
            os.environ.pop(_TEMP_ROOT, None)

    def _remove(self) -> None:
        """Remove the run's files, after the exit handlers of the tests."""
        if os.getpid() != self._process:
            return
        try:
            self.end()
            finish_multiprocessing()
            self._end.remove()
            failures = self._end.report.failures if self._end.report is not None else ()
            for failure in failures:
                sys.stderr.write(f"tidytest: could not remove {failure.path}: {failure.cause}\n")
            if self.components.reaper is not None and not self._is_worker:
                self.components.reaper.end(sys.stderr)
        except (OSError, TempFilesError) as error:
            sys.stderr.write(f"tidytest: error: {error}\n")
        if is_terminated():
            terminate()

    def _completeness(self) -> NodeCompleteness:
        items = getattr(self._pytest, "items", None) or ()
        loaded = frozenset(item.nodeid for item in items) | self.closed.loaded
        whole = self._pytest is not None and not self._is_filtered()
        return NodeCompleteness(
            loaded, self.session, whole=whole, project=self.components.directory
        )

    def _is_filtered(self) -> bool:
        """Whether tests were left out of the modules that were collected, or the run was cut."""
        session = self._pytest
        if session is None or session.shouldstop or session.shouldfail or is_terminated():
            return True
        option = session.config.option
        options = ("keyword", "markexpr", "lf", "failedfirst", "deselect", "stepwise")
        is_narrowed = any(getattr(option, name, None) for name in options)
        return is_narrowed or any("::" in str(word) for word in session.config.args)


def _creates_cache(config: pytest.Config) -> bool:
    """Whether pytest is going to create the directory of its cache."""
    if not config.pluginmanager.hasplugin("cacheprovider"):
        return False
    directory = os.path.expanduser(os.path.expandvars(config.getini("cache_dir")))
    return not os.path.isdir(os.path.join(config.rootpath, directory))


def _settings(config: pytest.Config) -> Config:
    options = config.known_args_namespace
    given, ini = {}, {}
    for name in SETTINGS:
        field = name.replace("-", "_")
        given[name] = getattr(options, f"tidytest_{field}", None)
        value = config.getini(f"tidytest_{field}")
        ini[name] = value if isinstance(value, str) else ",".join(value or ())
    return config_of(given, ini)
