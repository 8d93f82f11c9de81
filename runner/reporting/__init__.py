"""Write reports: records of the run, and one module for each format.

To add a report, write a module with the functions of `Reporter`, add it to `reporters.REPORTERS`,
and give it an option of the same name. `records` describes what a reporter gets.
"""

from __future__ import annotations

from .manager import Reports
from .reporters import REPORTERS, Reporter

__all__ = ["REPORTERS", "Reporter", "Reports"]
