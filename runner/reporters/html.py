"""The run as one HTML page that needs nothing else: no network, no library, no second file.

Totals are in the page as it is written; tables and timeline are drawn by its script from a block of
JSON. All text is made visible first, so that no test can hide what it printed. This is the only
import of jinja2.
"""

from __future__ import annotations

import base64
import hashlib
import json
import re
import time
from collections.abc import Iterable
from importlib import resources
from typing import Any, TextIO

import jinja2
from markupsafe import Markup

from tempfiles.records import Leak, Modification, Origin, Unattributed

from ..records import UNSUCCESSFUL, SuiteReport, TestRecord, UsageSample
from .destination import check, write_text
from .lines import leak_notes
from .text import human_size, plural, shorten, visible, visible_block

__all__ = ["check", "render", "write"]

_SCRIPTS = ("report.js", "tables.js", "timeline.js", "start.js")
_MOST_SAMPLES = 2_000
_MOST_NOT_REMOVED = 100
_TEXT = 20_000
"""Characters of a traceback or an output in the page."""
_ALL_TEXT = 8_000_000
"""Characters of all of them together; what comes later is cut to `_SHORT_TEXT`."""
_SHORT_TEXT = 400
_SLOT = re.compile(r"^.*?[/\\]tidy-[^/\\]+[/\\]\d+(?=[/\\]|$)")


def write(report: SuiteReport, destination: str | TextIO) -> None:
    """Write the page.

    Raises:
        ReportError: it could not be written.
    """
    write_text(render(report), destination)


def render(report: SuiteReport) -> str:
    """Return the page as text."""
    script = "\n".join(_read(name) for name in _SCRIPTS)
    digest = base64.b64encode(hashlib.sha256(script.encode()).digest()).decode()
    environment = jinja2.Environment(
        autoescape=True, undefined=jinja2.StrictUndefined, trim_blocks=True, lstrip_blocks=True
    )
    return environment.from_string(_read("report.html")).render(
        style=Markup(_read("report.css")),
        script=Markup(script),
        digest=digest,
        document=Markup(_embedded(_document(report))),
        **_facts(report),
    )


def _read(name: str) -> str:
    return (resources.files(__package__) / name).read_text(encoding="utf-8")


def _embedded(document: dict[str, Any]) -> str:
    # Nothing in a script element is unescaped by HTML; only its end must not be written.
    text = json.dumps(document, separators=(",", ":"))
    return text.replace("<", "\\u003c").replace(">", "\\u003e").replace("&", "\\u0026")


def _facts(report: SuiteReport) -> dict[str, Any]:
    totals = report.run.summary
    statuses = [record.status for record in report.records]
    not_removed = [(failure.path, failure.cause) for failure in report.run.failures]
    return {
        "totals": totals,
        "failed": sum(status in UNSUCCESSFUL for status in statuses),
        "skipped": statuses.count("skipped"),
        "leaked_size": human_size(totals.leaked_bytes),
        "peak": human_size(max((sample.bytes for sample in report.usage), default=0)),
        "sampled": bool(report.usage),
        "timed": bool(report.tests or report.usage),
        "started": time.strftime("%Y-%m-%d %H:%M:%S UTC", time.gmtime(report.started)),
        "seconds": _duration(report.seconds),
        "python": visible(report.python),
        "command": visible(report.command),
        "directory": visible(report.directory),
        "plural": plural,
        "modified": len(report.run.modifications),
        "unattributed": len(report.run.unattributed),
        "not_removed": [
            (visible(path), visible(cause))
            for path, cause in not_removed[:_MOST_NOT_REMOVED]
        ],
        "more_not_removed": max(0, len(not_removed) - _MOST_NOT_REMOVED),
    }


def _duration(seconds: float) -> str:
    if seconds < 60:
        return f"{seconds:.1f} s"
    minutes, seconds = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours} h {minutes:02} min" if hours else f"{minutes} min {seconds:02} s"


def _document(report: SuiteReport) -> dict[str, Any]:
    return {
        "seconds": _round(report.seconds),
        "leaks": [_leak(leak) for leak in report.run.leaks],
        "tests": _tests(report),
        "usage": _usage(report),
        "unattributed": [_unattributed(entry) for entry in report.run.unattributed],
        "modified": [_modification(entry) for entry in report.run.modifications],
    }


def _leak(leak: Leak) -> dict[str, Any]:
    directory, name = _split(leak.path)
    entry: dict[str, Any] = {
        "name": name + ("/" if leak.type == "directory" else ""),
        "dir": directory,
        "type": leak.type,
        "bytes": leak.bytes,
        "entries": leak.entries,
        "context": visible(leak.context),
        "scope": leak.scope,
        "notes": leak_notes(leak),
        **_origin(leak.origin),
    }
    if leak.subtest is not None:
        entry["subtest"] = visible(leak.subtest)
    return entry


def _origin(origin: Origin | None) -> dict[str, Any]:
    if origin is None:
        return {"place": "", "function": "", "call": ""}
    return {
        "place": visible(f"{origin.file}:{origin.line}"),
        "function": visible(origin.function),
        "call": visible(origin.call),
    }


def _split(path: str) -> tuple[str, str]:
    """The directory and the name; the run root's random part says nothing to a reader."""
    directory, separator, name = path.rpartition("\\" if re.match(r"[A-Za-z]:\\", path) else "/")
    return visible(_SLOT.sub("temp directory", directory) or separator), visible(name)


def _tests(report: SuiteReport) -> list[dict[str, Any]]:
    room = _ALL_TEXT
    entries = []
    for record in report.records:
        entry: dict[str, Any] = {
            "id": visible(record.id),
            "status": record.status,
            "started": _round(record.started - report.started) if record.started else 0,
            "seconds": 0,
            "bytes": 0,
            "entries": 0,
            "message": visible(shorten(record.message, _SHORT_TEXT)),
        }
        if isinstance(record, TestRecord):
            entry["seconds"] = _round(record.seconds)
            entry["bytes"] = record.bytes_made
            entry["entries"] = record.entries_made
        texts = _texts(record, _TEXT if room > 0 else _SHORT_TEXT)
        if texts:
            entry["texts"] = texts
            room -= sum(len(text) for _, text in texts)
        entries.append(entry)
    return entries


def _texts(record: Any, limit: int) -> list[tuple[str, str]]:
    """The blocks of text under a test, each with its heading."""
    found = [("Traceback", record.details)]
    for subtest in getattr(record, "subtests", ()):
        if subtest.status != "success":
            heading = f"Subtest {visible(subtest.description)}: {subtest.status}"
            found.append((heading, subtest.details or subtest.message))
    found += [("Output", record.stdout), ("Error output", record.stderr)]
    return [(heading, visible_block(shorten(text, limit))) for heading, text in found if text]


def _usage(report: SuiteReport) -> list[tuple[float, int, int]]:
    samples = report.usage
    step = -(-len(samples) // _MOST_SAMPLES) or 1
    groups = (samples[start : start + step] for start in range(0, len(samples), step))
    return [_highest(group, report.started) for group in groups]


def _highest(samples: Iterable[UsageSample], started: float) -> tuple[float, int, int]:
    top = max(samples, key=lambda sample: sample.bytes)
    return _round(top.timestamp - started), top.files, top.bytes


def _unattributed(entry: Unattributed) -> dict[str, Any]:
    directory, name = _split(entry.path)
    children = [visible(child.command) for child in entry.children]
    return {
        "name": name,
        "dir": directory,
        "type": entry.type,
        "bytes": entry.bytes,
        "notes": children,
    }


def _modification(entry: Modification) -> dict[str, Any]:
    directory, name = _split(entry.path)
    return {
        "name": name,
        "dir": directory,
        "change": entry.change,
        "context": visible(entry.context),
        "scope": entry.scope,
        "what": ", ".join(visible(word) for word in entry.what),
    }


def _round(seconds: float) -> float:
    return round(seconds, 4)
