"""Which reports a run writes, checked before the tests and written after them."""

from __future__ import annotations

from typing import Any

from tempfiles.records import RunReport

from .config import Config
from .errors import UsageError

_OPTIONS = ("leak_json", "junit_xml", "html")


class Reports:
    """The reports that the settings ask for; their modules are imported only then."""

    def __init__(self, settings: Config) -> None:
        named = {option: getattr(settings, option) for option in _OPTIONS}
        self._destinations: dict[str, Any] = {
            option.replace("_", "-"): path for option, path in named.items() if path
        }
        if settings.github:
            self._destinations["github"] = None

    def check(self) -> None:
        """Find out before the tests run what could not be written after them.

        Raises:
            UsageError: an extra is not installed, or a file cannot be written.
        """
        if not self._destinations:
            return
        from . import reporters

        for name, destination in self._destinations.items():
            missing = reporters.missing(name)
            if missing is not None:
                raise UsageError(missing)
            if destination is not None:
                reporters.load(name).check(destination)

    def write(self, report: RunReport) -> None:
        """Write all of them."""
        if not self._destinations:
            return
        import sys

        from . import reporters
        from .records import SuiteReport

        for name, destination in self._destinations.items():
            reporters.load(name).write(SuiteReport(run=report), destination or sys.stdout)
