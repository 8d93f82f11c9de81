"""What a run says in the summary of a GitHub job: a table of its leaks, in Markdown."""

from __future__ import annotations

import re
from collections.abc import Iterable

from tempfiles.records import Leak

from ..output.escape import clip, human_size, plural, visible
from ..output.wording import leak_notes
from .records import UNSUCCESSFUL, SuiteReport

SUMMARY_LIMIT = 1024 * 1024
"""Bytes of a step's summary; GitHub drops one that is longer."""

_CELL = 400
# An underscore inside a word is only a letter, a colon without slashes makes no link.
_MARKDOWN = re.compile(r"[&<>\\`*\[\]|~$#@]|(?<![^\W_])_|_(?![^\W_])|:(?=//)")


def summary(report: SuiteReport, limit: int = SUMMARY_LIMIT) -> str:
    """Return the Markdown of the step's summary, in at most `limit` bytes of UTF-8."""
    head = "".join(f"{line}\n" for line in _head(report))
    note = "\nand {:,} more, which the summary has no room for.\n"
    room = limit - len(head.encode()) - len(note) - 20
    if room < 0:
        return ""
    rows: list[str] = []
    known = report.known
    leaks = sorted(report.run.leaks, key=lambda leak: (leak.key in known, -leak.bytes))
    for leak in leaks:
        row = _row(leak, leak.key in known)
        room -= len(row.encode())
        if room < 0:
            break
        rows.append(row)
    left_out = len(leaks) - len(rows)
    return head + "".join(rows) + (note.format(left_out) if left_out else "") + "\n"


def _head(report: SuiteReport) -> Iterable[str]:
    totals = report.run.summary
    failed = sum(test.status in UNSUCCESSFUL for test in report.records)
    yield "### Temporary files"
    yield ""
    yield (
        f"{plural(totals.tests, 'test')}, {failed:,} failed. {totals.made:,} made, "
        f"{totals.removed_by_tests:,} removed by their tests, {totals.registered:,} removed for "
        f"them, **{totals.leaked:,} leaked** ({human_size(totals.leaked_bytes)})."
    )
    yield ""
    if report.run.leaks:
        yield "| Left by | What | Size | Made at | Notes |"
        yield "| --- | --- | ---: | --- | --- |"


def _row(leak: Leak, known: bool) -> str:
    made_at = leak.made_by.replace("  ", " ")
    owner = leak.context if leak.subtest is None else f"{leak.context} {leak.subtest}"
    name = leak.path + ("/" if leak.type == "directory" else "")
    cells = [_code(owner), f"{leak.type} {_code(name)}", human_size(leak.bytes), _code(made_at)]
    notes = [*leak_notes(leak), *(["known (baseline)"] if known else [])]
    return f"| {' | '.join([*cells, markdown('; '.join(notes))])} |\n"


def _code(text: str) -> str:
    return f"<code>{markdown(text)}</code>" if text else ""


def markdown(text: str) -> str:
    """Return text as Markdown that shows it letter by letter, on one line, in a table too."""
    text = visible(clip(text, _CELL))
    return _MARKDOWN.sub(lambda match: f"&#{ord(match.group())};", text)
