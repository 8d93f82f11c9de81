"""Which reports a run writes, checked before the tests and written after them."""

from __future__ import annotations

from tempfiles.records import RunReport

from .config import Config
from .records import SuiteReport


class Reports:
    """The reports that the settings ask for."""

    def __init__(self, settings: Config) -> None:
        self._settings = settings

    def write(self, report: RunReport) -> None:
        """Write all of them."""
        if self._settings.leak_json:
            from .reporters import leak_json

            leak_json.write(SuiteReport(run=report), self._settings.leak_json)
