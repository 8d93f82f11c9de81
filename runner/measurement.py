"""Coverage: the only import of the coverage package."""

from __future__ import annotations

import os
import sys
from typing import Any

from .config import Config
from .errors import UsageError

_FORMATS = {"html": "html_report", "xml": "xml_report", "json": "json_report"}


class Measurement:
    """Measures from before the test modules are imported, each test as a coverage context.

    All settings are the project's own (`.coveragerc`, `setup.cfg`, `pyproject.toml`).

    Raises:
        UsageError: coverage is not installed, or its settings are wrong.
    """

    def __init__(self, settings: Config) -> None:
        try:
            import coverage
        except ImportError:
            raise UsageError("--coverage needs coverage: pip install coverage") from None
        self._formats = settings.coverage_report
        self._least = settings.coverage_fail_under
        try:
            self._coverage: Any = coverage.Coverage(messages=False)
            self._leave_out_ourselves()
        except coverage.CoverageException as error:
            raise UsageError(f"coverage: {error}") from None
        self._error = coverage.CoverageException
        if sys.version_info >= (3, 14) and self._coverage.get_option("run:core") is None:
            # Its sys.monitoring core keeps one context a line.
            self._coverage.set_option("run:core", "ctrace")
        if self._coverage.get_option("run:data_file") in (None, ".coverage"):
            # Absolute: a test may change the working directory.
            self._coverage.set_option("run:data_file", os.path.abspath(".coverage"))

    def _leave_out_ourselves(self) -> None:
        """The user's code is to be measured, not ours, wherever it is installed."""
        packages = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
        if packages != os.getcwd():
            omitted = list(self._coverage.get_option("run:omit") or [])
            ours = [os.path.join(packages, name, "*") for name in ("runner", "tempfiles")]
            self._coverage.set_option("run:omit", omitted + ours)

    def start(self) -> None:
        """Begin to measure."""
        self._coverage.erase()
        self._coverage.start()

    def switch(self, id: str) -> None:
        """What runs from now on is run by the test with this id; empty for none."""
        self._coverage.switch_context(id)

    def finish(self, stream: Any) -> bool:
        """Stop, write the reports, and return whether enough is covered.

        Args:
            stream: where the report for the terminal and all messages go.
        """
        self._coverage.stop()
        self._coverage.save()
        if self._coverage.get_option("run:parallel"):
            self._coverage.combine()
        try:
            total = self._report(stream)
        except self._error as error:
            stream.write(f"coverage: {error}\n")
            return not self._least
        least = self._least
        if least is None:
            least = float(self._coverage.get_option("report:fail_under"))
        if round(total, self._coverage.get_option("report:precision")) >= least:
            return True
        stream.write(f"coverage: {total:.2f} percent is less than {least:g}\n")
        return False

    def _report(self, stream: Any) -> float:
        total = 0.0
        for name in self._formats:
            if name == "term":
                total = self._coverage.report(file=stream)
            else:
                options = {"show_contexts": True} if name == "html" else {}
                total = getattr(self._coverage, _FORMATS[name])(**options)
        return total
