"""The leak report as JSON, version 1; `docs/leak-report.schema.json` describes it.

Optional keys are there only where they say something. The file is plain ASCII: a byte of a file
name that is not valid in the file system's encoding is a lone surrogate escape (`\\udcff`), so that
`os.fsencode` of the parsed path is the name on disk.
"""

from __future__ import annotations

import json
from typing import Any, TextIO

from tempfiles.records import Child, Leak, Modification, Origin, Rescued, Unattributed
from tempfiles.reports import RunReport, Summary

from .records import SuiteReport
from .writer import check, write_text

__all__ = ["as_dictionary", "check", "write"]

VERSION = 1


def write(report: SuiteReport, destination: str | TextIO) -> None:
    """Write the leaks of a run.

    Raises:
        ReportError: it could not be written.
    """
    document = as_dictionary(report.run, interrupted=report.interrupted)
    write_text(json.dumps(document, indent=2) + "\n", destination)


def as_dictionary(run: RunReport, *, interrupted: bool = False) -> dict[str, Any]:
    """Return the report as it is in the file: dictionaries, lists, strings and numbers.

    Args:
        run: what was made and left.
        interrupted: whether the run was broken off before its end.
    """
    document: dict[str, Any] = {"version": VERSION}
    if interrupted:
        document["interrupted"] = True
    document["summary"] = _summary(run.summary)
    document["leaks"] = [_leak(leak) for leak in run.leaks]
    if run.unattributed:
        document["unattributed"] = [_unattributed(entry) for entry in run.unattributed]
    if run.modifications:
        document["modified"] = [_modification(entry) for entry in run.modifications]
    if run.failures:
        document["not_removed"] = [
            {"path": failure.path, "cause": failure.cause} for failure in run.failures
        ]
    if run.rescued:
        document["rescued"] = [_rescued(entry) for entry in run.rescued]
    return document


def _summary(summary: Summary) -> dict[str, int]:
    return {
        "tests": summary.tests,
        "made": summary.made,
        "removed_by_tests": summary.removed_by_tests,
        "registered": summary.registered,
        "leaked": summary.leaked,
        "leaked_bytes": summary.leaked_bytes,
        "leaking_contexts": summary.leaking_contexts,
    }


def _leak(leak: Leak) -> dict[str, Any]:
    entry: dict[str, Any] = {
        "path": leak.path,
        "type": leak.type,
        "bytes": leak.bytes,
        "entries": leak.entries,
        "context": leak.context,
        "scope": leak.scope,
        "origin": _origin(leak.origin),
        "evidence": leak.evidence,
        "where": leak.where,
        "outcome": leak.outcome,
    }
    if leak.call:
        entry["call"] = leak.call
    if leak.subtest is not None:
        entry["subtest"] = leak.subtest
    if leak.never_closed:
        entry["never_closed"] = True
    if leak.open_by:
        entry["open_by"] = list(leak.open_by)
    if leak.children:
        entry["children"] = [_child(child) for child in leak.children]
    if leak.rescued:
        entry["rescued"] = list(leak.rescued)
    if leak.reason:
        entry["reason"] = leak.reason
    return entry


def _rescued(found: Rescued) -> dict[str, str]:
    entry = {"was": found.was, "path": found.path}
    if found.source:
        entry["source"] = found.source
    return entry


def _origin(origin: Origin | None) -> dict[str, Any] | None:
    if origin is None:
        return None
    entry: dict[str, Any] = {
        "file": origin.file,
        "line": origin.line,
        "function": origin.function,
        "call": origin.call,
    }
    if origin.trace:
        entry["trace"] = list(origin.trace)
    return entry


def _child(child: Child) -> dict[str, Any]:
    return {
        "command": child.command,
        "origin": _origin(child.origin),
        "started": child.started,
    }


def _unattributed(found: Unattributed) -> dict[str, Any]:
    entry: dict[str, Any] = {"path": found.path, "type": found.type, "bytes": found.bytes}
    if found.children:
        entry["children"] = [_child(child) for child in found.children]
    return entry


def _modification(modification: Modification) -> dict[str, Any]:
    entry: dict[str, Any] = {
        "path": modification.path,
        "change": modification.change,
        "context": modification.context,
        "scope": modification.scope,
    }
    if modification.what:
        entry["what"] = list(modification.what)
    return entry
