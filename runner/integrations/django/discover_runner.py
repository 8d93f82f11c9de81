"""Django's test runner in a judged run: its options, its start, its end."""

from __future__ import annotations

import atexit
import contextlib
import os
import sys
from collections.abc import Iterator
from typing import Any, NoReturn

from django.conf import settings as django_settings
from django.db import connections
from django.test.runner import DiscoverRunner

from tempfiles import Context, Run, TempFilesError, Terminated, is_terminated, terminate

from ...errors import UsageError
from ...execution.runner import TidyTestRunner
from ...hosting.components import Components
from ...hosting.exit_steps import finish_multiprocessing
from ...hosting.run_end import RunEnd, warning_only
from ...selection.completeness import Completeness, ids_of
from ...session.session import Session
from ...settings.options import BY_NAME
from ...unittest_api import HARNESS
from ..host_settings import HTML_OR_JSON, OPTIONS, SETTINGS, config_of
from .boundaries import DjangoBoundaries, DjangoResult, opened_at_call
from .parallel import TidyParallelTestSuite

_HARNESS = (*HARNESS, "django")
_OWN = "tidytest_"  # before the names of our options in Django's


class TidyDiscoverRunner(DiscoverRunner):
    """Django's `DiscoverRunner`, which also reports what each test, class and module leaves.

    What the setup and the teardown of the test databases create is no leak.

    Attributes:
        session: the session of the run; None before `run_tests`.
    """

    parallel_test_suite = TidyParallelTestSuite
    session: Session | None = None

    def __init__(self, *args: Any, **options: Any) -> None:
        given = {
            name: options.pop(_OWN + name.replace("-", "_"), None) for name in SETTINGS
        }
        super().__init__(*args, **options)
        try:
            self._components = Components(config_of(given), _HARNESS)
        except UsageError as error:
            _refuse(error)
        self._loaded: frozenset[str] = frozenset()
        self._result: Any = None
        self._is_narrowed = bool(self.tags or self.exclude_tags or self.test_name_patterns)

    @classmethod
    def add_arguments(cls, parser: Any) -> None:
        """Add the options of leak detection; Django's own options keep their meaning."""
        super().add_arguments(parser)
        group = parser.add_argument_group("temporary files that tests leave (tidytest)")
        for name in (*OPTIONS, "html"):
            option = BY_NAME[name]
            given: dict[str, Any] = {"dest": _OWN + option.field, "default": None}
            if option.is_switch:
                given.update(action="store_true")
            else:
                given.update(metavar=option.metavar)
                given.update({"action": "append"} if option.repeatable else {})
            flag = "--html-leaks" if name == "html" else f"--{name}"
            group.add_argument(flag, help=option.help, **given)

    def run_tests(self, test_labels: Any, **options: Any) -> int:
        """Run the tests in a judged run; return how many failed, at least 1 if leaks fail it."""
        self._is_narrowed |= any("." in label for label in test_labels or ())
        end = self._open()
        failed = 1
        try:
            failed = super().run_tests(test_labels, **options)
        except Terminated:  # the end of the process repeats the signal
            self._is_narrowed = True
        finally:
            self._finish(end)
        return failed or int(end.failed)

    def _open(self) -> RunEnd:
        components, process = self._components, os.getpid()
        if components.reaper is not None:
            components.reaper.begin(sys.stderr)
        try:
            run = components.new_run()
        except (TempFilesError, OSError) as error:
            _refuse(error)
        recorder = components.reports.recorder
        self.session = session = components.session(run, [recorder] if recorder else [])
        end = RunEnd(components, session, self._completeness, self._is_filtered)
        end.options = HTML_OR_JSON
        # Registered first, it runs last: exit handlers of tests may still use their files.
        atexit.register(lambda: self._remove(end) if os.getpid() == process else None)
        run.open()
        run.catch_termination()
        components.retention.begin()
        return end

    def build_suite(self, *args: Any, **options: Any) -> Any:
        """Build the suite; remember which tests there are."""
        suite = super().build_suite(*args, **options)
        self._loaded = frozenset(_ids(suite))
        if isinstance(suite, TidyParallelTestSuite):
            assert self.session is not None
            suite.follow(self.session, self._components)
        return suite

    def setup_databases(self, **options: Any) -> Any:
        """Create the test databases: what Django and migrations create is no leak."""
        with self._exempt("setup of the databases"):
            created = super().setup_databases(**options)
        self._ignore_own_files()
        return created

    def teardown_databases(self, old_config: Any, **options: Any) -> None:
        """Destroy the test databases."""
        with self._exempt("teardown of the databases"):
            super().teardown_databases(old_config, **options)

    def run_suite(self, suite: Any, **options: Any) -> Any:
        """Run the suite with a context for each test, class and module."""
        assert self.session is not None
        TidyRunner = type("TidyRunner", (TidyTestRunner,), {
            "session": self.session,
            "resultclass": type("Result", (DjangoResult,), {"settings": self._components.settings}),
            "boundaries_class": DjangoBoundaries,
        })
        self.test_runner = TidyRunner
        with opened_at_call():
            self._result = super().run_suite(suite, **options)
        return self._result

    def suite_result(self, suite: Any, result: Any, **options: Any) -> int:
        """Return how many tests failed, for their leaks too."""
        failed = int(super().suite_result(suite, result, **options))
        return failed + len(getattr(result, "leaks", ()))

    @contextlib.contextmanager
    def _exempt(self, name: str) -> Iterator[None]:
        run = Run.current()
        context: Context | None = run.enter(name, "setup") if run is not None else None
        if run is not None and context is not None:
            run.exempt(context)
        try:
            yield
        finally:
            if run is not None and context is not None:
                run.close(context)

    def _ignore_own_files(self) -> None:
        """Leave out the files of databases, which `--keepdb` keeps, and collected static files."""
        assert self.session is not None
        run = self.session.run
        for alias in connections:
            name = connections[alias].settings_dict.get("NAME")
            if name and os.path.isabs(str(name)):
                stem, ending = os.path.splitext(str(name))
                run.ignore(f"{stem}*{ending}*")
        static = getattr(django_settings, "STATIC_ROOT", None)
        if static:
            run.ignore(os.path.abspath(static))

    def _finish(self, end: RunEnd) -> None:
        components = self._components
        end.report_leftovers()
        end.judge()
        components.retention.finish()
        end.finish_baseline()
        with warning_only(sys.stderr.write):
            end.finish_memory()
        end.print_summary(sys.stderr, self.verbosity)
        end.write_reports(interrupted=self._result is None or self._result.shouldStop)

    def _remove(self, end: RunEnd) -> None:
        finish_multiprocessing()
        end.remove()
        reaper = self._components.reaper
        if reaper is not None:
            reaper.end(sys.stderr)
        if is_terminated():
            terminate()

    def _completeness(self) -> Completeness:
        session = self.session
        assert session is not None
        return Completeness(
            session.context_ids(self._loaded),
            whole=not self._is_filtered(), imported=not session.outcomes.load_failed,
            project=self._components.directory,
        )  # fmt: skip

    def _is_filtered(self) -> bool:
        stopped = self._result is None or self._result.shouldStop
        return stopped or self._is_narrowed or is_terminated()


def _ids(suite: Any) -> Iterator[str]:
    for part in getattr(suite, "subsuites", [suite]):
        yield from ids_of(part)


def _refuse(error: Exception) -> NoReturn:
    from django.core.management.base import CommandError

    raise CommandError(f"tidytest: {error}") from None
