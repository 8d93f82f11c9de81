"""Collect the records of a run, and have each report written that the user asks for.

To add a report, write a module of `runner.formats` with the functions of `Reporter`, add it to
`reporters.REPORTERS`, and give it an option of the same name. It gets a `SuiteReport`.
"""

from __future__ import annotations

from .manager import Reports
from .reporters import REPORTERS, Reporter

__all__ = ["REPORTERS", "Reporter", "Reports"]
