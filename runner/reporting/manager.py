"""The reports that a run writes: checked before the tests, written after them."""

from __future__ import annotations

import os
import sys
from typing import TYPE_CHECKING, Any

from ..errors import UsageError
from ..settings.config import Config
from .reporters import REPORTERS, load, missing

if TYPE_CHECKING:
    from tempfiles import RunReport, Sample

    from ..session.records import SuiteReport
    from ..session.session import Session
    from .recorder import Recorder


class Reports:
    """The reports that the settings ask for. Modules of other reports are not imported.

    Attributes:
        recorder: collects the records of the tests, if a report needs them.
        samples: of the disk usage of the temp directory during the run, for the HTML page.
        stream: for all other output: standard error if a report is written to standard output.
    """

    def __init__(self, settings: Config) -> None:
        self._progress = settings.progress
        self._looked = settings.leaks != "off"
        self._destinations = self._files(settings)
        # A process that was started with its standard output closed has none.
        is_taken = sys.stdout is None or sys.stdout in self._destinations.values()
        self.stream = sys.stderr if is_taken else sys.stdout
        if settings.github:  # which reads standard error as well
            from ..formats.github import Step

            summary = os.environ.get("GITHUB_STEP_SUMMARY", "")
            self._destinations["github"] = Step(self.stream, summary)
        if settings.leak_lines and self._looked:
            self._destinations["leak-lines"] = self.stream
        # The environment, like the streams, is read now because tests may change it.
        workspace = os.environ.get("GITHUB_WORKSPACE") or os.environ.get("CI_PROJECT_DIR", "")
        self._directory = os.getcwd()
        self._repository = workspace if os.path.isdir(workspace) else ""  # else of another machine
        self.samples: list[Sample] = []
        self.recorder: Recorder | None = None
        needed = any(REPORTERS[name].needs_records for name in self._destinations)
        if needed or (settings.retries and self._destinations):
            from .recorder import Recorder

            self.recorder = Recorder()

    def _files(self, settings: Config) -> dict[str, Any]:
        """Return the destinations of the reports that are written to a path or a stream."""
        options = {name: getattr(settings, name.replace("-", "_")) for name in REPORTERS}
        return {
            name: sys.stdout if path == "-" else path
            for name, path in options.items() if path and path is not True
            and (self._looked or REPORTERS[name].needs_records)
        }  # fmt: skip

    def check(self) -> None:
        """Find out before the tests run which reports could not be written after them.

        Raises:
            UsageError: a library is not installed, or a file cannot be written.
        """
        if not (self._destinations or self._progress):
            return
        lacking = missing([*self._destinations, *(["progress"] * self._progress)])
        if lacking is not None:
            raise UsageError(lacking)
        from ..formats.destination import ReportError

        for name, destination in self._destinations.items():
            try:
                load(name).check(destination)
            except ReportError as error:
                raise UsageError(f"--{name}: {error}") from None

    @property
    def has_any(self) -> bool:
        """Whether a report is to be written."""
        return bool(self._destinations)

    def write(self, run: RunReport, session: Session, *, interrupted: bool = False) -> None:
        """Write all reports, also if one of them cannot be written.

        Args:
            run: the report of the whole run.
            session: has the counts, and knows which leaks are known and which fail.
            interrupted: whether the run was interrupted.

        Raises:
            ReportError: some reports could not be written; the message names each.
        """
        if not self._destinations:
            return
        import traceback

        from ..formats.destination import ReportError

        report = self._report(run, session, interrupted)
        failed: list[str] = []
        for name, destination in self._destinations.items():
            try:
                load(name).write(report, destination)
            except ReportError as error:
                failed.append(f"--{name}: {error}")
            except Exception:
                failed.append(f"--{name}: a defect in tidytest:\n{traceback.format_exc()}")
        if failed:
            raise ReportError("; ".join(failed))

    def _report(self, run: RunReport, session: Session, interrupted: bool) -> SuiteReport:
        from dataclasses import replace

        from ..session.records import SuiteReport

        report = SuiteReport(run=run, directory=self._directory)
        if self.recorder is not None:
            report = self.recorder.suite_report(run, self.samples)
        return replace(
            report, looked=self._looked, interrupted=interrupted, repository=self._repository,
            known=frozenset(session.policy.known_keys),
            failing=frozenset(session.policy.failing_keys), counts=session.counts(run.leaks),
            machines=session.machines,
        )  # fmt: skip
