"""Write a run as one HTML page without external resources.

The totals are in the markup; the script of the page draws the tables and the timeline from a block
of JSON. This is the only import of jinja2.
"""

from __future__ import annotations

import base64
import hashlib
import json
import time
from collections import Counter
from importlib import resources
from typing import Any, TextIO

from jinja2 import Environment, StrictUndefined
from markupsafe import Markup

from tempfiles import Summary, format_count, format_size, printable

from ..session.outcomes import UNSUCCESSFUL
from ..session.records import SuiteReport
from .destination import check, write_document
from .html_data import document, leak_state

__all__ = ["check", "render", "write"]

_STYLES = ("report.css", "tables.css", "media.css")
_SCRIPTS = (
    "report.js", "cells.js", "tables.js", "treemap.js", "timeline.js", "rows.js", "start.js",
)  # fmt: skip
_MOST_NOT_REMOVED = 100


def write(report: SuiteReport, destination: str | TextIO) -> None:
    """Write the page.

    Raises:
        ReportError: it could not be written.
    """
    write_document(render(report), destination)


def render(report: SuiteReport) -> str:
    """Return the page as text."""
    script = "\n".join(map(_read, _SCRIPTS))
    digest = base64.b64encode(hashlib.sha256(script.encode()).digest()).decode()
    environment = Environment(
        autoescape=True, undefined=StrictUndefined, trim_blocks=True, lstrip_blocks=True
    )
    return environment.from_string(_read("report.html")).render(
        style=Markup("\n".join(map(_read, _STYLES))),
        script=Markup(script),
        digest=digest,
        document=Markup(_embedded(document(report))),
        **_facts(report),
    )


def _read(name: str) -> str:
    return (resources.files(__package__) / "page" / name).read_text(encoding="utf-8")


def _embedded(document: dict[str, Any]) -> str:
    # HTML does not unescape the content of a script element, so JSON must escape its end tag.
    text = json.dumps(document, separators=(",", ":"))
    return text.replace("<", "\\u003c").replace(">", "\\u003e").replace("&", "\\u0026")


def _facts(report: SuiteReport) -> dict[str, Any]:
    totals = report.run.summary
    not_removed = [(failure.path, failure.cause) for failure in report.run.failures]
    return {
        "totals": totals,
        "looked": report.looked,
        "interrupted": report.interrupted,
        "states": _states(report),
        "shares": _shares(totals),
        **_test_facts(report),
        "leaked_size": format_size(totals.leaked_bytes),
        "peak": format_size(max((sample.bytes for sample in report.usage), default=0)),
        "samples": len(report.usage),
        "timed": bool(report.tests or report.usage),
        "started": time.strftime("%Y-%m-%d %H:%M:%S UTC", time.gmtime(report.started)),
        "seconds": _duration(report.seconds),
        "python": printable(report.python),
        "command": printable(report.command),
        "directory": printable(report.directory),
        "format_count": format_count,
        "not_removed": [
            (printable(path), printable(cause))
            for path, cause in not_removed[:_MOST_NOT_REMOVED]
        ],
        "more_not_removed": max(0, len(not_removed) - _MOST_NOT_REMOVED),
    }


def _shares(totals: Summary) -> list[tuple[str, int, str]]:
    """Return what became of the created files: a class for the colour, a number, and words."""
    parts = [
        ("by-tests", totals.removed_by_tests, "removed by their tests"),
        ("registered", totals.registered, "registered and removed"),
        ("leaked", totals.leaked, "leaked"),
    ]
    return [part for part in parts if part[1]]


def _states(report: SuiteReport) -> str:
    """Return how many leaks are failing, new and known; empty if all are new."""
    counts = Counter(leak_state(report, leak) for leak in report.run.leaks)
    if set(counts) <= {"new"}:
        return ""
    shown = {"failing": counts["failing"], "new": counts["new"], "known": counts["known"]}
    always = () if counts["failing"] else ("new",)
    return ", ".join(
        f"{number:,} {state}" for state, number in shown.items() if number or state in always
    )


def _test_facts(report: SuiteReport) -> dict[str, int]:
    """Return counts of the records, in which a fixture that did not succeed is not a test."""
    statuses: Counter[str] = Counter(record.status for record in report.records)
    outcomes = (outcome.status for record in report.records for outcome in record.outcomes)
    return {
        "tests": len(report.tests),
        "fixtures": len(report.fixtures),
        "failed": sum(statuses[status] for status in UNSUCCESSFUL),
        "skipped": Counter(outcomes)["skipped"],  # as many as unittest counts
    }


def _duration(seconds: float) -> str:
    if seconds < 60:
        return f"{seconds:.1f}\N{NO-BREAK SPACE}s"
    minutes, seconds = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours} h {minutes:02} min" if hours else f"{minutes} min {seconds:02} s"
