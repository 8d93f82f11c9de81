"""Restore from records what the processes of a run knew besides the events."""

from __future__ import annotations

import os
import sys
from collections import Counter
from collections.abc import Callable, Iterator, Sequence, Set
from types import ModuleType
from typing import Any

from tempfiles import ContextReport, Leak, RunReport, Summary

from ..baseline.file import normalised
from ..session.outcomes import Outcome
from ..workers import events
from .form import RecordedUnit
from .reader import Record

Late = tuple[ContextReport, ...]


def restore_modules(record: Record) -> None:
    """Put modules in the place of those of the tests, which are not imported.

    They have a file and classes: the advice and the baseline look them up.
    """
    for recorded in record.modules:
        module = ModuleType(recorded.module)
        module.__file__ = os.path.abspath(recorded.file) if recorded.file else None
        for name, above in recorded.classes.items():
            kind: type = object
            for each in reversed(above[:-1]):
                kind = type(each, (kind,), {})
            setattr(module, name, kind)
        sys.modules.setdefault(recorded.module, module)
    for unit in record.units:
        for _, module_name, class_name, method, *_ in unit.tests:
            if not class_name and module_name in sys.modules:  # a plain function
                setattr(sys.modules[module_name], method, lambda: None)


def broken_off(record: Record, unit: RecordedUnit, first: int) -> list[bytes]:
    """Return the events that are missing of a test which ran when its run was killed.

    Args:
        record: of the run.
        unit: the unit that it ran.
        first: the index of the first test of the unit.
    """
    running, moment = b"", 0.0
    for line in (line for _, lines in record.batches.get(unit.unit, ()) for line in lines):
        code = line[:1].decode()
        if code in (events.STARTED, events.FOREIGN):
            running, moment = line, events.moment_of(line) or 0.0
        elif code in (events.PASSED, events.STOPPED):
            running = b""
    if not running:
        return []
    index = events.index_of(running)
    id = events.foreign_id(running) if index is None else unit.tests[index - first][0]
    message = f"the run of {record.name} ended in this test"
    outcome = Outcome(str(id), str(id), "error", message, f"{message}\n")
    ended = f"{events.STOPPED}{moment:.6f} 0"
    return [events.line(events.OUTCOME, [index, None, *outcome]).encode(), ended.encode()]


def own_reports(records: Sequence[Record]) -> Iterator[tuple[RunReport, Late]]:
    """Yield what main processes have created and left, and what contexts have left late.

    Each shard imports all tests, so what a module leaves when it is imported counts once.
    """
    first, seen = True, Counter[Any]()
    for ending in (ending for record in records for ending in record.ending):
        report, late = ending.report, ending.late
        if not first:
            report = _new_of(report, seen)
            late = tuple(map(_among({leak.key for leak in report.leaks}), late))
        first = False
        seen |= Counter(map(_alike, ending.report.leaks))
        yield report, late


def _new_of(report: RunReport, seen: Counter[Any]) -> RunReport:
    """Return a report without the leaks that were seen."""
    left = Counter(seen)
    new = []
    for leak in report.leaks:
        key = _alike(leak)
        if not left[key]:
            new.append(leak)
        left[key] -= left[key] > 0
    totals = Summary(made=len(new))  # the merged run adds up the rest
    return report._replace(summary=totals, leaks=tuple(new), removed_later=())


def _among(keys: Set[tuple[str, str]]) -> Callable[[ContextReport], ContextReport]:
    """Return a function that leaves out of the context of a run all other leaks."""

    def only(report: ContextReport) -> ContextReport:
        if report.scope != "run":
            return report
        return report._replace(leaks=tuple(leak for leak in report.leaks if leak.key in keys))

    return only


def _alike(leak: Leak) -> tuple[str, ...]:
    """Return what is the same of a leak in each run."""
    name = normalised(os.path.basename(leak.path))
    return leak.context, leak.type, leak.where, leak.made_by, name
