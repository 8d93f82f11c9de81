"""The nose2 plugin: a judged run around the tests of a nose2 session, its layers and processes.

unittest's suites run the tests under nose2 too, so that the boundaries of the runner follow tests,
classes and modules. The plugin adds the layers and the workers of `nose2.plugins.mp`.
"""

from __future__ import annotations

import atexit
import contextlib
import glob
import json
import os
import sys
from typing import Any, ClassVar

from nose2 import events  # type: ignore[import-untyped]

from tempfiles import (
    Context,
    ContextReport,
    Run,
    RunReport,
    TempFilesError,
    is_terminated,
    terminate,
    untracked,
)

from ..errors import UsageError
from ..execution.boundaries import Boundaries, installed
from ..execution.replaced import restore_all
from ..hosting.components import Components
from ..hosting.exit_steps import finish_multiprocessing
from ..hosting.run_end import RunEnd, warning_only
from ..selection.completeness import Completeness, ids_of
from ..session.listener import Listener
from ..session.outcomes import Outcome, Status
from ..settings.options import BY_NAME
from ..unittest_api import HARNESS, fixture_error, owner_id, raised
from .host_settings import OPTIONS, config_of

__unittest = True

_HARNESS = (*HARNESS, "nose2")
_REPORT = "nose2-"  # the start of the names of the workers' reports in the parent's run root
_FAILED = ("failed", "error")


class ClosedReports(Listener):
    """Keeps what contexts left, for the end of the run or for the parent process."""

    def __init__(self) -> None:
        self.reports: list[ContextReport] = []

    def context_closed(self, report: ContextReport, new: ContextReport) -> None:
        """Keep what a context left."""
        self.reports.append(report)


class TidyPlugin(events.Plugin):  # type: ignore[misc]
    """Reports what tests, classes, modules and layers leave."""

    alwaysOn = True
    configSection = "tidytest"
    judged: ClassVar[TidyPlugin | None] = None
    """The plugin of the parent process; workers are forked with it."""

    def __init__(self) -> None:
        for name in OPTIONS:
            option = BY_NAME[name]
            given: dict[str, Any] = {"dest": f"tidytest_{option.field}", "help": option.help}
            if option.is_switch:
                given.update(action="store_true")
            else:
                given.update(metavar=option.metavar)
                given.update({"action": "append"} if option.repeatable else {})
            self.session.pluginargs.add_argument(f"--{name}", **given)
        self._ini = {name: self.config.as_str(BY_NAME[name].field, "") for name in OPTIONS}
        self._stack = contextlib.ExitStack()
        self._layers: list[tuple[Any, Context]] = []
        self._loaded: frozenset[str] = frozenset()
        self._is_narrowed = False

    # The parent: before, around and after the tests.

    def handleArgs(self, event: Any) -> None:
        """Open the run, before modules of tests are imported."""
        given = {name: getattr(event.args, f"tidytest_{BY_NAME[name].field}") for name in OPTIONS}
        if Run.current() is not None:  # a session within a test
            return
        try:
            self.components = Components(config_of(given, self._ini), _HARNESS)
            run = self.components.new_run()
        except (UsageError, TempFilesError) as error:
            self.session.argparse.error(f"tidytest: {error}")
        self._is_narrowed = bool(event.args.testNames)
        if self.components.reaper is not None:
            self.components.reaper.begin(sys.stderr)
        self._begin(run)
        self._end = RunEnd(self.components, self.tests, self._completeness, self._is_filtered)
        self._end.options = "--leak-json"
        TidyPlugin.judged, process = self, os.getpid()
        # Registered first, it runs last: exit handlers of tests may still use their files.
        atexit.register(lambda: self._remove() if os.getpid() == process else None)
        run.open()
        run.catch_termination()
        self.components.retention.begin()

    def _begin(self, run: Run) -> None:
        self.closed = ClosedReports()
        self.tests = self.components.session(run, [self.closed])
        self._boundaries = Boundaries(self.tests)

    def startTestRun(self, event: Any) -> None:
        """Follow the tests."""
        if TidyPlugin.judged is self:
            self._loaded = frozenset(ids_of(event.suite))
            self._follow(event.result)

    def _follow(self, result: Any) -> None:
        result.failures, result.errors, result.testsRun = [], [], 0
        result._setupStdout = result._restoreStdout = lambda: None
        self._stack.enter_context(installed(self._boundaries))
        self._stack.enter_context(self._boundaries.attached(result))

    def stopTestRun(self, event: Any) -> None:
        """Find the last leaks; those that no test reports are a failure of their own."""
        if TidyPlugin.judged is not self:
            return
        self._stack.close()
        while self._layers:
            self._close_layer(*self._layers.pop())
        self._merge()
        end = self._end
        end.report_leftovers()
        end.judge()
        self.components.retention.finish()
        end.finish_baseline()
        with warning_only(sys.stderr.write):
            end.finish_memory()
        if end.failed:
            error = AssertionError("leaks or the baseline fail the run: see the end of the output")
            event.result.addFailure(fixture_error("end of the run (tidytest)"), raised(error))

    def afterSummaryReport(self, event: Any) -> None:
        """Print what was left, and write the report files."""
        if TidyPlugin.judged is not self:
            return
        from ..output.colour import Painter
        from ..session.summary import section_lines

        display, painter = self._end.display(self.session.verbosity), Painter(event.stream)
        for line in section_lines(self.closed.reports, display, painter, self.tests.policy):
            event.stream.writeln(line)
        self._end.print_summary(event.stream, self.session.verbosity)
        try:
            self._end.write_reports(interrupted=is_terminated())
        except UsageError as error:
            event.stream.writeln(f"tidytest: error: {error}")

    def _remove(self) -> None:
        finish_multiprocessing()
        self._end.remove()
        if self.components.reaper is not None:
            self.components.reaper.end(sys.stderr)
        if is_terminated():
            terminate()

    def _completeness(self) -> Completeness:
        tests = self.tests
        return Completeness(
            tests.context_ids(self._loaded),
            whole=not self._is_filtered(), imported=not tests.outcomes.load_failed,
            project=self.components.directory,
        )  # fmt: skip

    def _is_filtered(self) -> bool:
        result = getattr(self.session, "testResult", None)
        return self._is_narrowed or is_terminated() or getattr(result, "shouldStop", True)

    # Outcomes, also those that workers send to the parent.

    def startTest(self, event: Any) -> None:
        """Count a test."""
        event.result.testsRun = getattr(event.result, "testsRun", 0) + 1

    def testOutcome(self, event: Any) -> None:
        """Record an outcome other than success."""
        status = _status(event)
        if not hasattr(self, "tests") or status == "success":
            return
        if event.outcome in _FAILED and not event.expected:
            event.result.errors.append((event.test, ""))
        layer = getattr(event.test, "layer", None)
        if self._layers and self._layers[-1][0] is layer and not hasattr(event.test, "id"):
            self._close_layer(*self._layers.pop())  # its setUp or its tearDown has failed
        id = owner_id(event.test) if hasattr(event.test, "id") else _layer_id(layer)
        self.tests.outcome(Outcome(id, id, status))

    # Layers

    def startLayerSetup(self, event: Any) -> None:
        """Open the context of a layer."""
        if hasattr(self, "tests"):
            context = self.tests.enter(_layer_id(event.layer), "layer", source=event.layer)
            self._layers.append((event.layer, context))

    def stopLayerSetup(self, event: Any) -> None:
        """Attribute what is new to the layer, not to its first test."""
        if self._layers:
            self.tests.run.attribute_new_to(self._layers[-1][1])

    def stopLayerTeardown(self, event: Any) -> None:
        """Close the context of a layer."""
        if self._layers and self._layers[-1][0] is event.layer:
            self._close_layer(*self._layers.pop())

    def _close_layer(self, layer: Any, context: Context) -> None:
        closed = self.tests.close(context)
        if closed.failure is not None:
            error = AssertionError(f"layer {_layer_id(layer)}: {closed.failure}")
            self.session.testResult.addFailure(
                fixture_error(f"tearDown ({_layer_id(layer)})"), raised(error)
            )

    # Workers of `nose2.plugins.mp`, which are forked

    def registerInSubprocess(self, event: Any) -> None:
        """Have workers follow their tests."""
        event.pluginClasses.append(self.__class__)

    def startSubprocess(self, event: Any) -> None:
        """Open the run of a worker."""
        run, parent = Run.current(), TidyPlugin.judged
        if run is None or parent is None or run.root.owner == os.getpid():
            return
        restore_all()
        self._home = parent.tests.run.root.path
        self.components = parent.components
        self._begin(run.reopen_in_child())
        self._follow(event.result)

    def stopSubprocess(self, event: Any) -> None:
        """Write the report of a worker into the parent's run root."""
        if not hasattr(self, "tests"):
            return
        self._stack.close()
        report, late = self.tests.finish()
        content = {
            "run": report.to_dict(), "late": [found.to_dict() for found in late],
            "closed": [found.to_dict() for found in self.closed.reports],
            "ran": sorted(self.tests.ran),
        }  # fmt: skip
        path = os.path.join(self._home, f"{_REPORT}{os.getpid()}.json")
        with untracked(), open(path, "w", encoding="utf-8") as file:
            json.dump(content, file)

    def _merge(self) -> None:
        pattern = os.path.join(glob.escape(self.tests.run.root.path), f"{_REPORT}*.json")
        for path in sorted(glob.glob(pattern)):
            with open(path, encoding="utf-8") as file:
                content = json.load(file)
            for found in map(ContextReport.from_dict, content["closed"]):
                closed = self.tests.closed_elsewhere(found)
                if self.tests.policy.failure(closed.new) is not None:
                    self.tests.note_failure(closed)
            late = [ContextReport.from_dict(found) for found in content["late"]]
            self.tests.ended_elsewhere(RunReport.from_dict(content["run"]), late)
            self.tests.ran.update(content["ran"])


def _status(event: Any) -> Status:
    if event.outcome == "skipped":
        return "skipped"
    if event.outcome in _FAILED:
        expected: Status = "expected failure"
        failed: Status = "failure" if event.outcome == "failed" else "error"
        return expected if event.expected else failed
    if event.outcome == "subtest" and event.exc_info is not None:
        return "failure"
    return "success" if event.expected or event.outcome == "subtest" else "unexpected success"


def _layer_id(layer: Any) -> str:
    return f"{layer.__module__}.{layer.__qualname__}" if layer is not None else "run"
