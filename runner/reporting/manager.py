"""Which reports a run writes, checked before the tests and written after them."""

from __future__ import annotations

import os
import sys

from ..errors import UsageError
from ..settings.config import Config

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any, TextIO

    from tempfiles.monitor.usage import Sample
    from tempfiles.reports import RunReport

    from ..session.policy import Policy
    from .github import Step
    from .recorder import Recorder

_OPTIONS = ("leak_json", "junit_xml", "html")
_NEED_RECORDS = frozenset({"junit-xml", "html", "github"})


class Reports:
    """The reports that the settings ask for; their modules are imported only then.

    Attributes:
        recorder: collects what the tests do, where a report needs it.
        samples: of the temp directory during the run, for the page.
        stream: for what else is printed: a report on standard output stays whole.
    """

    def __init__(self, settings: Config) -> None:
        named = {option: getattr(settings, option) for option in _OPTIONS}
        self._destinations: dict[str, Any] = {
            # The stream that there is now: a test may replace or close it.
            option.replace("_", "-"): sys.stdout if path == "-" else path
            for option, path in named.items() if path
        }
        self._progress = settings.progress
        self._looked = settings.leaks != "off"
        if not self._looked:
            self._destinations.pop("leak-json", None)
        # A process that was started with a closed standard output has none.
        is_taken = sys.stdout is None or sys.stdout in self._destinations.values()
        self.stream = sys.stderr if is_taken else sys.stdout
        if settings.github:  # which reads standard error as well
            self._destinations["github"] = _step(self.stream)
        # Like the streams, what the environment names is that of the start.
        workspace = os.environ.get("GITHUB_WORKSPACE", "")
        self._repository = workspace if os.path.isdir(workspace) else ""  # else of another machine
        self.samples: list[Sample] = []
        self.recorder: Recorder | None = None
        if not _NEED_RECORDS.isdisjoint(self._destinations):
            from .recorder import Recorder

            self.recorder = Recorder()

    def check(self) -> None:
        """Find out before the tests run what could not be written after them.

        Raises:
            UsageError: an extra is not installed, or a file cannot be written.
        """
        if not (self._destinations or self._progress):
            return
        from .. import reporting
        from .writer import ReportError

        missing = reporting.missing([*self._destinations, *(["progress"] * self._progress)])
        if missing is not None:
            raise UsageError(missing)
        for name, destination in self._destinations.items():
            unusable = reporting.unusable(name)
            if unusable is not None:
                raise UsageError(unusable)
            try:
                reporting.load(name).check(destination)
            except ReportError as error:
                raise UsageError(f"--{name}: {error}") from None

    def write(self, run: RunReport, policy: Policy, *, interrupted: bool = False) -> None:
        """Write all of them; one that cannot be written does not keep the others from it.

        Args:
            run: what was made and left.
            policy: of the run, which tells known leaks from new ones.
            interrupted: whether the run was broken off.

        Raises:
            ReportError: some could not be written; the message names each.
        """
        if not self._destinations:
            return
        import traceback
        from dataclasses import replace

        from .. import reporting
        from .records import SuiteReport
        from .writer import ReportError

        report = SuiteReport(run=run, looked=self._looked, interrupted=interrupted)
        if self.recorder is not None:
            report = self.recorder.suite_report(run, self.samples)
            known, failing = frozenset(policy.known_keys), frozenset(policy.failing_keys)
            report = replace(
                report, known=known, failing=failing, looked=self._looked, interrupted=interrupted,
                repository=self._repository,
            )
        failed: list[str] = []
        for name, destination in self._destinations.items():
            try:
                reporting.load(name).write(report, destination)
            except ReportError as error:
                failed.append(f"--{name}: {error}")
            except Exception:
                failed.append(f"--{name}: a defect in tidytest:\n{traceback.format_exc()}")
        if failed:
            raise ReportError("; ".join(failed))


def _step(stream: TextIO) -> Step:
    from .github import Step

    return Step(stream, os.environ.get("GITHUB_STEP_SUMMARY", ""))
