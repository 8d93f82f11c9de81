"""The leak report as JSON, version 1, described by `docs/leak-report.schema.json`.

Optional keys are left out where they would be empty. The file is plain ASCII: a byte of a file name
that is not valid in the file system's encoding is written as a lone surrogate (`\\udcff`), so that
`os.fsencode` of the parsed path is the name on disk.
"""

from __future__ import annotations

import json
from typing import Any, TextIO

from tempfiles import Child, Origin, RunReport

from ..session.records import SuiteReport
from .destination import check, write_text

__all__ = ["as_dictionary", "check", "write"]

VERSION = 1

_SUMMARY = (
    "tests", "made", "removed_by_tests", "registered", "leaked", "leaked_bytes", "leaking_contexts",
)  # fmt: skip
_LEAK = (
    "path", "type", "bytes", "entries", "context", "scope", "origin", "evidence", "where",
    "outcome",
)  # fmt: skip
_LEAK_OPTIONAL = (
    "call", "subtest", "never_closed", "open_by", "children", "rescued", "reason", "since",
    "written_by",
)  # fmt: skip


def write(report: SuiteReport, destination: str | TextIO) -> None:
    """Write the leaks of a run.

    Raises:
        ReportError: it could not be written.
    """
    document = as_dictionary(report.run, interrupted=report.interrupted)
    machines = report.machines
    for leak in document["leaks"]:
        if leak["context"] in machines:
            leak["machine"] = machines[leak["context"]]
    document["counts"] = report.counts._asdict()
    if report.flaky:
        document["flaky"] = [_entry(test, ("id", "failed", "message")) for test in report.flaky]
    write_text(json.dumps(document, indent=2) + "\n", destination)


def as_dictionary(run: RunReport, *, interrupted: bool = False) -> dict[str, Any]:
    """Return the document as dictionaries, sequences, text and numbers.

    Args:
        run: the report of the run.
        interrupted: whether the run was interrupted before its end.
    """
    document: dict[str, Any] = {"version": VERSION}
    if interrupted:
        document["interrupted"] = True
    document["summary"] = _entry(run.summary, _SUMMARY)
    document["leaks"] = [_entry(leak, _LEAK, _LEAK_OPTIONAL) for leak in run.leaks]
    lists = {
        "unattributed": [_entry(found, ("path", "type", "bytes"), ("children",))
                         for found in run.unattributed],
        "modified": [_entry(found, ("path", "change", "context", "scope"), ("what",))
                     for found in run.modifications],
        "findings": [_entry(found, ("detector", "context", "scope", "text", "origin"))
                     for found in run.findings],
        "not_removed": [_entry(failure, ("path", "cause")) for failure in run.failures],
        "rescued": [_entry(found, ("was", "path"), ("source",)) for found in run.rescued],
    }  # fmt: skip
    return {**document, **{key: entries for key, entries in lists.items() if entries}}


def _entry(
    record: object, required: tuple[str, ...], optional: tuple[str, ...] = ()
) -> dict[str, Any]:
    """Return fields of a record by their names, without optional ones that are empty."""
    fields = {name: getattr(record, name) for name in (*required, *optional)}
    return {
        name: _plain(value) for name, value in fields.items()
        if name in required or value
    }  # fmt: skip


def _plain(value: Any) -> Any:
    if isinstance(value, Origin):
        return _entry(value, ("file", "line", "function", "call"), ("called_from", "trace"))
    if isinstance(value, Child):
        return _entry(value, ("command", "origin", "started"))
    return [_plain(item) for item in value] if isinstance(value, tuple) else value
