"""The leaks of a run as lines `file:line: message`, which editors and problem matchers read."""

from __future__ import annotations

from typing import TextIO

from tempfiles import printable

from ..session.records import SuiteReport
from .destination import check, write_text
from .leak_places import leak_places

__all__ = ["check", "write"]


def write(report: SuiteReport, destination: TextIO) -> None:
    """Write a line for each line of code that leaks.

    Raises:
        ReportError: it could not be written.
    """
    lines = [
        f"{printable(place.file)}:{place.line}: {place.message}\n" for place in leak_places(report)
    ]
    if lines:
        write_text("".join(lines), destination)
