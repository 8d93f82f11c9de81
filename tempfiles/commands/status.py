"""`python -m tempfiles status`: list run roots, their owners, and what dead runs have left."""

from __future__ import annotations

import argparse
import json
import os
import time
from dataclasses import asdict, dataclass, replace
from typing import Any

from ..formatting import format_age, format_contents, format_count, format_size, printable
from ..monitor.usage import Sample, take_sample
from ..records import Leak
from ..recovery import dead_run, reap
from ..recovery.dead_run import DeadRun
from ..roots.marker_reader import user_name
from ..roots.ownership import Verdict
from . import OK, add_temp_dir, amount, progress, temp_dirs


@dataclass(frozen=True, slots=True)
class _Root:
    """One root, measured; a refused one is not looked into."""

    verdict: Verdict
    usage: Sample | None
    dead_run: DeadRun


def add_parser(subparsers: argparse._SubParsersAction[Any]) -> None:
    """Add the sub-command `status` and its options."""
    parser = subparsers.add_parser(
        "status",
        allow_abbrev=False,
        help="list the roots of runs, and what dead runs have left",
        description="List the roots of runs in the temp directory: live, in use, orphaned, kept, "
        "foreign or refused. Nothing is changed.",
    )
    add_temp_dir(parser)
    parser.add_argument("--json", action="store_true", help="print one JSON object")
    parser.set_defaults(run=run)


def run(args: argparse.Namespace) -> int:
    """Print what there is and return the exit code."""
    places = temp_dirs(args.temp_dir)
    plan = reap.without_used(reap.plan(places))
    roots = sorted((*plan.chosen, *plan.left), key=lambda verdict: verdict.root)
    examined = [_examine(verdict) for verdict in progress.follow(roots, "roots")]
    totals = {place: take_sample(place) for place in progress.follow(places, "directories")}
    if args.json:
        print(json.dumps(_as_json(examined, totals), indent=2))
    else:
        print("\n".join(_lines(examined, totals)))
    return OK


def _examine(verdict: Verdict) -> _Root:
    if verdict.marker is None or verdict.state in ("foreign", "refused"):
        return _Root(verdict, None, DeadRun())
    try:
        story = dead_run.examine(verdict.root, verdict.marker)
    except OSError as error:  # it has gone, or cannot be read
        reason = f"{verdict.reason}; it cannot be read: {error.strerror}"
        return _Root(replace(verdict, reason=reason), None, DeadRun())
    if verdict.state not in ("orphaned", "in use"):
        story = DeadRun(story.running)  # the files of a live run are not leaks yet
    return _Root(verdict, take_sample(verdict.root), story)


def _as_json(roots: list[_Root], totals: dict[str, Sample]) -> dict[str, Any]:
    return {
        "temp_dirs": [
            {"path": path, "files": sample.files, "directories": sample.directories,
             "bytes": sample.bytes}
            for path, sample in totals.items()
        ],
        "roots": [_root_as_json(root) for root in roots],
    }


def _root_as_json(root: _Root) -> dict[str, Any]:
    verdict, usage = root.verdict, root.usage
    marker = verdict.marker._asdict() if verdict.marker else {}
    return {
        "path": verdict.root,
        "state": verdict.state,
        "reason": verdict.reason,
        **{name: marker.get(name) for name in ("pid", "host")},
        "user": user_name(verdict.marker.uid) if verdict.marker else None,
        **{name: marker.get(name) for name in ("project", "argv")},
        "created": verdict.created,
        "age": _age(verdict),
        "entries": usage.files + usage.directories if usage else None,
        "bytes": usage.bytes if usage else None,
        "running": asdict(root.dead_run.running) if root.dead_run.running else None,
        "leaks": [asdict(leak) for leak in root.dead_run.leaks],
        "more": root.dead_run.more,
    }


def _lines(roots: list[_Root], totals: dict[str, Sample]) -> list[str]:
    lines: list[str] = []
    for place, sample in totals.items():
        lines.append(f"{printable(place)}: {amount(sample)}")
        for root in roots:
            if os.path.dirname(root.verdict.root) == place:
                lines += _root_lines(root)
    counts = [(state, sum(root.verdict.state == state for root in roots))
              for state in ("live", "in use", "orphaned", "kept", "foreign", "refused")]
    by_state = ", ".join(f"{number} {state}" for state, number in counts if number)
    lines.append(f"{format_count(len(roots), 'root')}{': ' + by_state if by_state else ''}")
    return lines


def _root_lines(root: _Root) -> list[str]:
    verdict = root.verdict
    line = f"  {verdict.state:8}  {printable(verdict.root)}"
    if verdict.marker:
        user = user_name(verdict.marker.uid)
        line += f"  {printable(verdict.marker.project)}  by {printable(user)}"
        line += f" (pid {verdict.marker.pid})"
    line += f"  {format_age(_age(verdict))} old"
    if root.usage:
        entries = root.usage.files + root.usage.directories
        line += f"  {format_count(entries, 'entry', 'entries')}, {format_size(root.usage.bytes)}"
    lines = [line, f"            {printable(verdict.reason)}"]
    if verdict.marker:
        lines.append(f"            command: {printable(' '.join(verdict.marker.argv))}")
    return lines + [f"            {text}" for text in dead_run_lines(root.dead_run)]


def dead_run_lines(story: DeadRun) -> list[str]:
    """Return lines on what a run was doing, and what each of its contexts left."""
    lines = []
    if story.running is not None and story.running.scope != "run":
        lines.append(f"running: {printable(story.running.id)} ({story.running.scope})")
    lines += [_leak_line(leak) for leak in story.leaks]
    return lines + ([f"left: {story.more:,} more"] if story.more else [])


def _leak_line(leak: Leak) -> str:
    line = f"left: {printable(leak.path)}  {leak.type}, {format_size(leak.bytes)}"
    if leak.entries > 1:  # else it is empty, or there was no time to look
        line += f", {format_contents(leak.entries, leak.files)}"
    line += f"  by {printable(leak.context)}"
    return line + (f"  {printable(leak.made_by)}" if leak.made_by else "")


def _age(verdict: Verdict) -> float:
    return max(0.0, time.time() - verdict.created)
