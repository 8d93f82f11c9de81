"""Run rows, judge them and the run as a whole, print the table."""

from __future__ import annotations

import importlib.util
import shutil
import sys
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor

from tempfiles.errors import SettingError
from tempfiles.events import recorder
from tests.campaigns.zoo.judgement import Leak, Verdict, judge
from tests.campaigns.zoo.project import Project, Run
from tests.campaigns.zoo.rows import TEMP, Way

Cell = tuple[Way, str]


def cells(rows: Iterable[Way], select: Sequence[str], places: Sequence[str]) -> list[Cell]:
    """Return the rows times places whose name (`way @ place`) holds one of `select`, if given."""
    return [
        (row, place) for row in rows for place in row.places
        if (not places or place in places)
        and (not select or any(part.lower() in f"{row.name} @ {place}".lower() for part in select))
    ]


def missing(row: Way) -> str:
    """Say what this Python lacks for a row, or nothing."""
    if sys.version_info[:2] < row.since:
        return "needs Python {}.{}".format(*row.since)
    if "--trace-children" in row.args:
        try:
            recorder.check()
        except SettingError as error:
            return str(error)
    for name in row.needs:
        try:
            found = importlib.util.find_spec(name) is not None
        except ImportError:
            found = False
        if not found:
            return f"needs {name}"
    lacking = [name for name in row.programs if shutil.which(name) is None]
    return f"needs {lacking[0]}" if lacking else ""


def run_alone(cell: Cell) -> Verdict:
    """Run one row in one place in a process of its own."""
    row, place = cell
    if lacking := missing(row):
        return Verdict(row.name, place, skipped=lacking)
    project = Project(place, (row,))
    try:
        run = project.run(row.args or (row.module,)) if "discover" in row.args else project.run(
            (*row.args, row.module))
        verdict = judge(row, project, run, run.leaks)
        verdict.problems += whole(run, row.status) + [*words(row, project, run)]
        return verdict
    finally:
        project.remove()


def run_together(rows: Sequence[Way], place: str) -> list[Verdict]:
    """Run many rows in one process; each answers for what is under its module or bears its name."""
    lacking = [Verdict(row.name, place, skipped=why) for row in rows if (why := missing(row))]
    able = tuple(row for row in rows if not missing(row) and place in row.places and not row.alone)
    project = Project(place, able)
    try:
        run = project.run(row.module for row in able)
        verdicts = [judge(row, project, run, _own(row, project, run.leaks)) for row in able]
        owned = {id(leak) for row in able for leak in _own(row, project, run.leaks)}
        general = whole(run, 0) + [
            f"belongs to no row: {leak['path']!r} of {leak['context']}" for leak in run.leaks
            if id(leak) not in owned
        ]
        if general:
            verdicts.append(Verdict("(the run as a whole)", place, problems=general))
        return verdicts + lacking
    finally:
        project.remove()


def _own(row: Way, project: Project, leaks: list[Leak]) -> list[Leak]:
    return [
        leak for leak in leaks
        if f"{leak['context']}.".startswith(f"{row.module}.")
        or project.stem(row) in leak["path"]
    ]


def whole(run: Run, status: int) -> list[str]:
    """What is wrong with a run whatever its rows were: status, totals, leftovers, noise."""
    if run.report is None:
        return [f"no report; status {run.status}; {run.output[-600:]!r}"]
    found = [*_totals(run)]
    if status >= 0 and run.status != status:
        found.append(f"status {run.status}, not {status}: {run.output[-600:]!r}")
    if run.left:
        found.append(f"left in the temp directory after the run: {', '.join(run.left)}")
    found += [f"output: {text}" for text in ("Exception ignored",) if text in run.output]
    return found


def _totals(run: Run) -> Iterator[str]:
    summary = (run.report or {})["summary"]
    leaks = run.leaks
    reported = {
        "leaked": len(leaks), "leaked_bytes": sum(leak["bytes"] for leak in leaks),
        "leaking_contexts": len({(leak["context"], leak["scope"]) for leak in leaks}),
        "made": summary["removed_by_tests"] + summary["registered"] + summary["leaked"],
    }
    for key, value in reported.items():
        if summary[key] != value:
            yield f"summary's {key} is {summary[key]}, not {value}"


def words(row: Way, project: Project, run: Run) -> Iterator[str]:
    """What the printed report must say, and must not."""
    for text in row.says:
        if text not in run.output and not (row.limits and not run.leaks):
            yield f"not said: {text!r}"
    for text in row.silent:
        if text in run.output:
            yield f"said raw: {text!r}"
    for leak in run.leaks:
        if origin := leak.get("origin"):
            place = f"{origin['file']}:{origin['line']}"  # the function where there is room
            if place not in run.output:
                yield f"origin not printed: {place}"


_WIDTHS = (46, 10, 9, 10, 44, 36, 9)
_TITLES = ("way", "place", "detected", "attributed", "origin", "call", "evidence")


def _print_row(values: Sequence[str]) -> None:
    print("  ".join(v.ljust(w) for v, w in zip(values, _WIDTHS, strict=True)).rstrip())


def show(verdict: Verdict) -> None:
    """Print one row of the table, its problems and its limit below it."""
    if verdict.skipped:
        print(f"{verdict.way:<46}  {verdict.place:<10}  skipped: {verdict.skipped}")
        return
    _print_row((verdict.way, verdict.place, verdict.detected, verdict.attributed, verdict.origin,
                verdict.call, verdict.evidence))
    for problem in verdict.problems[:6]:
        print(f"    FAILED: {problem}")
    if verdict.limit:
        print(f"    limit: {verdict.limit}")
    sys.stdout.flush()


def campaign(todo: Sequence[Cell], jobs: int = 2,
             run: Callable[[Cell], Verdict] = run_alone) -> list[Verdict]:
    """Run all cells, print the table while it grows, and return the verdicts."""
    _print_row(_TITLES)
    verdicts = []
    with ThreadPoolExecutor(jobs) as pool:
        for verdict in pool.map(run, todo):
            show(verdict)
            verdicts.append(verdict)
    return verdicts


__all__ = ["TEMP", "Cell", "campaign", "cells", "run_alone", "run_together", "show", "whole"]
