"""Write a run as one HTML page without external resources.

What a reader needs first is in the markup: the totals, the failures, where to begin, the timeline.
The script of the page draws the tables, which filter and sort, from a block of JSON; without a
script there are plain ones. This is the only import of jinja2.
"""

from __future__ import annotations

import base64
import hashlib
import itertools
import json
import os
import textwrap
import time
from collections import Counter
from collections.abc import Iterator
from importlib import resources
from typing import Any, NamedTuple, TextIO

from jinja2 import Environment, StrictUndefined
from markupsafe import Markup

from tempfiles import Origin, Summary, format_count, format_size, printable

from ..advice import WorstLine, worst_lines
from ..output.lines import counted_owners
from ..session.outcomes import Counts
from ..session.records import SuiteReport
from ..source_code import text_of
from .destination import check, write_document
from .html_data import document, leak_state, split_id, timeline

__all__ = ["check", "render", "write"]

_STYLES = ("report.css", "tables.css", "media.css")
_SCRIPTS = (
    "report.js", "cells.js", "tables.js", "treemap.js", "timeline.js", "rows.js", "start.js",
)  # fmt: skip
_MOST_NOT_REMOVED = 100
_MOST_FAILURES = 10
_MOST_LINES = 4
_AROUND = 2
"""Lines of code that are shown above and below one that leaks."""


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
    rows = document(report)
    return environment.from_string(_read("report.html")).render(
        style=Markup("\n".join(map(_read, _STYLES))),
        script=Markup(script),
        digest=digest,
        document=Markup(_embedded(rows)),
        rows=rows,
        timeline=Markup(timeline(report)),
        format_count=format_count,
        format_size=format_size,
        **_totals(report, rows["tests"]),
        **_failures(rows["tests"]),
        **_where_to_begin(report),
        **_about(report),
    )


def _read(name: str) -> str:
    return (resources.files(__package__) / "page" / name).read_text(encoding="utf-8")


def _embedded(document: dict[str, Any]) -> str:
    # HTML does not unescape the content of a script element, so JSON must escape its end tag.
    text = json.dumps(document, separators=(",", ":"))
    return text.replace("<", "\\u003c").replace(">", "\\u003e").replace("&", "\\u0026")


class _Card(NamedTuple):
    """A total that shows the rows behind it when it is clicked.

    `filter` is the fragment of the page that shows them, and `notes` are lines of text, each with
    a fragment or an empty text.
    """

    kind: str
    number: int
    words: str
    filter: str
    notes: tuple[tuple[str, str], ...] = ()


def _totals(report: SuiteReport, rows: list[dict[str, Any]]) -> dict[str, Any]:
    results = Counter(row["result"] for row in rows)
    headline = [f"{results['failed']:,} failed"] if results["failed"] else []
    title = list(headline)
    leaked = report.run.summary.leaked
    if not report.looked:
        headline.append("leaks were not looked for")
    elif leaked:
        headline.append(f"{format_count(leaked, 'temporary file')} left behind")
        title.append(format_count(leaked, "leak"))
    else:
        headline.append("nothing left behind")
    return {
        "headline": ", ".join(headline).capitalize(),
        "title": ", ".join([*title, format_count(len(report.tests), "test")]),
        "cards": list(_cards(report, results)),
        "explanation": _explanation(report),
    }


def _cards(report: SuiteReport, results: Counter[str]) -> Iterator[_Card]:
    failed = results["failed"]
    kind = "bad" if failed else "good"
    yield _Card(kind, failed, "failed", "view=tests&facet=failed", tuple(_kinds(report.counts)))
    if report.looked:
        yield _leaks_card(report, results["failed for leaks"])
    if results["flaky"]:
        yield _Card("flaky", results["flaky"], "flaky", "view=tests&facet=flaky")
    skipped, skips = results["skipped"], report.counts.skipped
    if skips:
        differs = skips != skipped  # unittest counts subtests, and failed tests that skip too
        notes = [(format_count(skips, "skip"), "")] if differs else []
        yield _Card("skipped", skipped, "skipped", "view=tests&facet=skipped", tuple(notes))
    notes = [(f"in {_duration(report.seconds)}", "")]
    if report.fixtures:
        count = format_count(len(report.fixtures), "fixture")
        notes.insert(0, (f"and {count} that did not succeed", ""))
    tests = len(report.tests)
    yield _Card("", tests, "test" if tests == 1 else "tests", "view=tests", tuple(notes))


def _kinds(counts: Counts) -> Iterator[tuple[str, str]]:
    """Yield what failed as unittest counts it, with subtests."""
    for number, noun, plural in (
        (counts.failures, "failure", ""),
        (counts.errors, "error", ""),
        (counts.unexpected_successes, "unexpected success", "unexpected successes"),
    ):
        if number:
            yield format_count(number, noun, plural), ""


def _leaks_card(report: SuiteReport, failed: int) -> _Card:
    totals = report.run.summary
    states = Counter(leak_state(report, leak) for leak in report.run.leaks)
    notes = []
    if states["failing"] or states["known"]:
        always = None if states["failing"] else "new"
        named = {"failing": "new and failing", "new": "new", "known": "known"}
        notes = [
            (f"{states[state]:,} {words}", f"view=leaks&state={state}")
            for state, words in named.items() if states[state] or state == always
        ]
    if failed:
        words = f"{format_count(failed, 'test')} failed for leaks"
        notes.append((words, "view=tests&facet=failed+for+leaks"))
    if totals.leaked:
        by = counted_owners(report.run.leaks)
        notes.append((f"{format_size(totals.leaked_bytes)} by {by}", "view=contexts"))
    kind = "leaky" if totals.leaked else "good"
    return _Card(kind, totals.leaked, "leaked", "view=leaks", tuple(notes))


def _explanation(report: SuiteReport) -> str:
    """Return what the states of leaks mean, for those that there are."""
    parts = []
    if report.known:
        parts.append("Known leaks are in the baseline and fail no test. New ones are not in it.")
    if report.failing:
        parts.append(
            "Failing leaks made a test fail. A test that failed for nothing else is not counted as "
            "failed."
        )
    return " ".join(parts)


def _failures(rows: list[dict[str, Any]]) -> dict[str, Any]:
    failed = [row for row in rows if row["result"] == "failed"]
    shown = []
    for row in failed[:_MOST_FAILURES]:
        name, place = split_id(row["id"])
        texts = [(heading, text.expandtabs(4)) for heading, text in row.get("texts", ())]
        shown.append({**row, "name": name, "place": place, "texts": texts})
    return {"failed": len(failed), "failures": shown}


def _where_to_begin(report: SuiteReport) -> dict[str, Any]:
    leaks = [leak for leak in report.run.leaks if leak.key not in report.known]
    worst = itertools.islice(worst_lines(leaks), _MOST_LINES)
    return {
        "lines": len({(leak.origin.file, leak.origin.line) for leak in leaks if leak.origin}),
        "worst": [_worst_line(line, report.directory) for line in worst],
    }


def _worst_line(line: WorstLine, directory: str) -> dict[str, Any]:
    origin = line.origin
    caller = f"called from {origin.called_from}" if origin.called_from else ""
    callers = len({leak.origin.called_from for leak in line.leaks if leak.origin})
    if callers > 1:
        caller = f"called from {callers:,} lines"
    function = f"in {origin.function}" if origin.function else ""
    return {
        "leaks": len(line.leaks),
        "size": format_size(sum(leak.bytes for leak in line.leaks)),
        "place": printable(f"{origin.file}:{origin.line}"),
        "creator": printable("  ·  ".join(filter(None, (function, caller, origin.call)))),
        "number": origin.line,
        "code": _code_around(directory, origin),
        "remedy": printable(line.remedy),
    }


def _code_around(directory: str, origin: Origin) -> list[tuple[int, str]]:
    """Return the numbered lines of code around an origin; none if there is no such line.

    The directory of the run may be one of another machine (`--merge`): then the present one counts.
    """
    source = text_of(os.path.join(directory, origin.file)) or text_of(origin.file)
    lines = source.expandtabs(4).splitlines()
    if not 0 < origin.line <= len(lines):
        return []
    first = max(1, origin.line - _AROUND)
    shown = textwrap.dedent("\n".join(lines[first - 1 : origin.line + _AROUND])).split("\n")
    return [(first + index, printable(text)) for index, text in enumerate(shown)]


def _about(report: SuiteReport) -> dict[str, Any]:
    not_removed = [(printable(each.path), printable(each.cause)) for each in report.run.failures]
    return {
        "looked": report.looked,
        "interrupted": report.interrupted,
        "caption": _caption(report),
        "facts": (
            ("Command", printable(report.command)),
            ("In", printable(report.directory)),
            ("Python", printable(report.python)),
            ("Started", time.strftime("%Y-%m-%d %H:%M:%S UTC", time.gmtime(report.started))),
            ("Files and directories", _created(report.run.summary) if report.looked else ""),
        ),
        "not_removed": not_removed[:_MOST_NOT_REMOVED],
        "more_not_removed": max(0, len(not_removed) - _MOST_NOT_REMOVED),
    }


def _created(totals: Summary) -> str:
    parts = (
        (totals.removed_by_tests, "removed by their tests"),
        (totals.registered, "registered and removed"),
        (totals.leaked, "leaked"),
    )
    shown = [f"{number:,} {words}" for number, words in parts if number]
    return ": ".join([f"{totals.made:,} created", *([", ".join(shown)] if shown else [])])


def _caption(report: SuiteReport) -> str:
    """Return what the timeline shows."""
    lanes = f"when tests ran{', failed and leaked' if report.looked else ' and failed'}"
    if not report.usage:
        return f"The lanes show {lanes}."
    peak = format_size(max(sample.bytes for sample in report.usage))
    samples = format_count(len(report.usage), "sample")
    return (
        f"The curve shows the bytes in the temp directory, at most {peak} in {samples}, "
        f"the lanes {lanes}."
    )


def _duration(seconds: float) -> str:
    if seconds < 60:
        return f"{seconds:.1f}\N{NO-BREAK SPACE}s"
    minutes, seconds = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours} h {minutes:02} min" if hours else f"{minutes} min {seconds:02} s"
