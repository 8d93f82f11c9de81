"""The leaks of a run as SARIF 2.1.0, the format of code scanning services."""

from __future__ import annotations

import json
import os
from typing import Any, TextIO
from urllib.parse import quote

from tempfiles import __version__, printable

from ..session.records import SuiteReport
from .destination import check, write_text
from .leak_places import RULE, LeakPlace, leak_places

__all__ = ["check", "write"]

_SCHEMA = "https://docs.oasis-open.org/sarif/sarif/v2.1.0/errata01/os/schemas/sarif-schema-2.1.0.json"
_LEVEL = {"known": "note", "new": "warning", "failing": "error"}
_PROJECT = "PROJECTROOT"


def write(report: SuiteReport, destination: str | TextIO) -> None:
    """Write a result for each line of code that leaks.

    Raises:
        ReportError: it could not be written.
    """
    document = {"$schema": _SCHEMA, "version": "2.1.0", "runs": [_run(report)]}
    write_text(json.dumps(document, indent=2) + "\n", destination)


def _run(report: SuiteReport) -> dict[str, Any]:
    root = _uri(report.repository or report.directory) + "/"
    return {
        "tool": {"driver": {"name": "tidytest", "version": __version__, "rules": [_rule()]}},
        "invocations": [{"executionSuccessful": not report.interrupted}],
        "originalUriBaseIds": {_PROJECT: {"uri": root}},
        "results": [_result(place, bool(report.known)) for place in leak_places(report)],
    }


def _rule() -> dict[str, Any]:
    return {
        "id": RULE,
        "name": "TempFileLeak",
        "shortDescription": {"text": "A test leaves a temporary file."},
        "fullDescription": {
            "text": "A test, a class or a module creates a file or directory in this line and"
            " does not remove it."
        },
        "defaultConfiguration": {"level": "warning"},
    }


def _result(place: LeakPlace, has_baseline: bool) -> dict[str, Any]:
    result = {
        "ruleId": RULE,
        "ruleIndex": 0,
        "level": _LEVEL[place.state],
        "message": {"text": place.message},
        "locations": [{"physicalLocation": {
            "artifactLocation": _location(place.file),
            **({"region": {"startLine": place.line}} if place.file != "." else {}),
        }}],
        "partialFingerprints": {"tidytestLeak/v1": place.fingerprint},
        "occurrenceCount": len(place.leaks),
    }  # fmt: skip
    if has_baseline:
        result["baselineState"] = "unchanged" if place.state == "known" else "new"
    return result


def _location(file: str) -> dict[str, str]:
    if os.path.isabs(file):
        return {"uri": _uri(file)}
    return {"uri": _quoted(file) if file != "." else "", "uriBaseId": _PROJECT}


def _uri(path: str) -> str:
    """Return the file URI of an absolute path, without a slash at its end."""
    slashed = path.replace(os.sep, "/").rstrip("/")
    rooted = slashed if slashed.startswith("/") else f"/{slashed}"
    return f"file://{_quoted(rooted)}"


def _quoted(path: str) -> str:
    try:
        name = os.fsencode(path)
    except UnicodeEncodeError:  # not the name of any file
        name = printable(path).encode()
    return quote(name, safe="/:" if os.path.isabs(path) else "/")
