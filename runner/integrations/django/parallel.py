"""Django's `--parallel`: each worker process has a run, whose report the parent merges."""

from __future__ import annotations

import contextlib
import glob
import json
import os
from collections.abc import Iterator
from multiprocessing import util
from typing import Any

from django.test.runner import ParallelTestSuite, RemoteTestResult, RemoteTestRunner
from django.test.runner import _init_worker as init_django  # type: ignore[attr-defined]

from tempfiles import ContextReport, Run, RunReport, RunSettings, untracked

from ...execution.boundaries import installed
from ...execution.replaced import restore_all
from ...hosting.components import Components
from ...session.policy import Policy
from ...session.session import Session
from .boundaries import DjangoBoundaries, opened_at_call

_REPORT = "django-"  # the start of the names of the workers' reports in the parent's run root

_session: Session | None = None


class RemoteResult(RemoteTestResult):
    """Django's result of a worker, which also sends what contexts left."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.failures, self.errors, self.unexpectedSuccesses = [], [], []

    def context_closed(self, report: ContextReport, new: ContextReport) -> None:
        """Send the report of a context."""
        self.events.append(("addContext", max(self.test_index, 0), report.to_dict()))


class RemoteRunner(RemoteTestRunner):
    """Django's runner of a worker, with a context for each test, class and module."""

    resultclass = RemoteResult

    def run(self, test: Any) -> Any:
        """Run a part of the suite; return its result with the events."""
        if _session is None:
            return super().run(test)
        return super().run(_Followed(test, _session))


class _Followed:
    """A suite that is followed while it runs."""

    def __init__(self, test: Any, session: Session) -> None:
        self._test = test
        self._boundaries = DjangoBoundaries(session)

    def __call__(self, result: Any) -> Any:
        boundaries = self._boundaries
        with installed(boundaries), boundaries.attached(result), opened_at_call():
            return self._test(result)


def init_worker(counter: Any, *args: Any, **kwargs: Any) -> None:
    """Prepare a worker process as Django does, and open its run."""
    init_django(counter, *args, **kwargs)
    run = Run.current()
    if run is not None and run.root.owner != os.getpid():
        restore_all()
        begin(run.reopen_in_child(), _policy)


def process_setup(settings: dict[str, Any], fails: bool, siblings: str) -> None:
    """Open the run of a process that was spawned, before Django is set up in it."""
    global _siblings
    _siblings = siblings
    run = Run(RunSettings(**{**settings, "ignore": tuple(settings["ignore"]),
                             "harness": tuple(settings["harness"]), "leftovers": ()}))
    run.open()
    begin(run, Policy(fails))


def begin(run: Run, policy: Policy) -> None:
    """Follow the tests of this process with a session, and report at its end."""
    global _session
    _session = Session(run, policy)
    util.Finalize(None, _end, exitpriority=-100)  # after those of the tests


def _end() -> None:
    assert _session is not None
    report, late = _session.finish()
    content = {"run": report.to_dict(), "late": [found.to_dict() for found in late]}
    path = os.path.join(os.path.dirname(_siblings), f"{_REPORT}{os.getpid()}.json")
    with untracked(), contextlib.suppress(OSError), open(path, "w", encoding="utf-8") as file:
        json.dump(content, file)


_policy = Policy(False)
_siblings = ""


class TidyParallelTestSuite(ParallelTestSuite):
    """Django's parallel suite, whose workers are followed."""

    init_worker = init_worker
    process_setup = process_setup
    runner_class = RemoteRunner
    _session: Session | None = None

    def follow(self, session: Session, components: Components) -> None:
        """Have the workers report to a session.

        Args:
            session: of the parent's run.
            components: of that run.
        """
        global _policy, _siblings
        self._session = session
        _policy = session.policy
        _siblings = os.path.join(session.run.root.path, "siblings")
        settings = components.run_settings()._replace(
            base=session.run.root.path, guarded=False, siblings=_siblings, leftovers=()
        )
        fails = components.settings.leaks == "fail"
        self.process_setup_args = (settings._asdict(), fails, _siblings)

    def run(self, result: Any, debug: bool = False) -> Any:
        """Run the tests in processes, then merge their reports."""
        try:
            return super().run(result)
        finally:
            for report, late in self._reports():
                if self._session is not None:
                    self._session.ended_elsewhere(report, late)

    def _reports(self) -> Iterator[tuple[RunReport, list[ContextReport]]]:
        assert self._session is not None
        pattern = os.path.join(glob.escape(self._session.run.root.path), f"{_REPORT}*.json")
        for path in sorted(glob.glob(pattern)):
            with open(path, encoding="utf-8") as file:
                content = json.load(file)
            late = [ContextReport.from_dict(found) for found in content["late"]]
            yield RunReport.from_dict(content["run"]), late
