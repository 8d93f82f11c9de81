"""Leaks and reports for the tests of the baseline."""

from __future__ import annotations

import secrets
from typing import Any

from tempfiles.records import Leak, Origin
from tempfiles.reports import ContextReport


def leak(path: str, call: str = "open", context: str = "t.T.test", **more: Any) -> Leak:
    more = {"evidence": "observed", "where": "temp"} | more
    origin = Origin("t.py", secrets.randbelow(999), "test", call) if call else None
    return Leak(path, "file", 1, 1, context, "test", origin, **more)


def report(*leaks: Leak, context: str = "t.T.test") -> ContextReport:
    return ContextReport(context, "test", leaks=leaks)
