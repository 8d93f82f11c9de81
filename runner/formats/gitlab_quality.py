"""The leaks of a run as a Code Quality report, which GitLab shows in merge requests."""

from __future__ import annotations

import json
from typing import TextIO

from tempfiles import printable

from ..session.records import SuiteReport
from .destination import check, write_text
from .leak_places import RULE, leak_places

__all__ = ["check", "write"]

_SEVERITY = {"known": "info", "new": "minor", "failing": "major"}


def write(report: SuiteReport, destination: str | TextIO) -> None:
    """Write an entry for each line of code that leaks.

    Raises:
        ReportError: it could not be written.
    """
    entries = [
        {
            "description": place.message,
            "check_name": RULE,
            "fingerprint": place.fingerprint,
            "severity": _SEVERITY[place.state],
            "location": {"path": printable(place.file), "lines": {"begin": place.line}},
        }
        for place in leak_places(report)
    ]
    write_text(json.dumps(entries, indent=2) + "\n", destination)
