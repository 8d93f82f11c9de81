"""`python -m tempfiles clean`: remove the roots of dead runs and, by pattern, other litter."""

from __future__ import annotations

import argparse
import json
import sys
from dataclasses import asdict, dataclass, replace
from typing import Any

from ..formatting import format_age, format_count, format_size, printable
from ..recovery import reap
from ..recovery.dead_run import DeadRun
from ..recovery.reap import Plan, Reaped
from ..reports import RemovalReport
from ..roots.ownership import Verdict
from . import (
    BAD_USAGE,
    FAILED,
    OK,
    add_temp_dir,
    age,
    litter,
    pattern,
    progress,
    status,
    temp_dirs,
    warn,
)
from .litter import Item, LitterPlan

_DAY = 86400.0


@dataclass(frozen=True, slots=True)
class _CleanPlan:
    roots: Plan
    litter: LitterPlan

    @property
    def empty(self) -> bool:
        return not self.roots.chosen and not self.litter.chosen


@dataclass(frozen=True, slots=True)
class _CleanResult:
    """The result: each root, each item of litter with its report, and what was left."""

    roots: tuple[Reaped, ...]
    litter: tuple[tuple[Item, RemovalReport], ...]
    left: tuple[tuple[str, str], ...]

    @property
    def removal(self) -> RemovalReport:
        reports = [root.removal for root in self.roots] + [report for _, report in self.litter]
        return sum(reports, RemovalReport())

    @property
    def code(self) -> int:
        failed = any(root.fate in ("failed", "remaining") for root in self.roots)
        return FAILED if failed or not self.removal.ok else OK


def add_parser(subparsers: argparse._SubParsersAction[Any]) -> None:
    """Add the sub-command `clean` and its options."""
    parser = subparsers.add_parser(
        "clean",
        allow_abbrev=False,
        help="remove what dead runs have left",
        description="Remove the roots of runs whose owner is provably gone, and with --pattern "
        "litter of other tools. Exit code: 0 all done, 1 some failed, 2 bad usage.",
    )
    add_temp_dir(parser)
    parser.add_argument("--dry-run", action="store_true", help="print the plan, remove nothing")
    parser.add_argument(
        "--min-age", metavar="AGE", type=age,
        help="keep what is younger, such as 30m, 2h or 7d (default: none; with --pattern 1d)",
    )
    parser.add_argument("--kept", action="store_true", help="also remove the files that runs kept")
    parser.add_argument(
        "--pattern", metavar="GLOB", action="append", type=pattern, default=[],
        help="also remove your own files and directories of such names, unless they are young, "
        "open, locked or a mount point; may be given again",
    )
    parser.add_argument("--yes", action="store_true", help="do not ask before --pattern removes")
    parser.add_argument("--json", action="store_true", help="print one JSON object")
    parser.set_defaults(run=run)


def run(args: argparse.Namespace) -> int:
    """Plan, ask where that is needed, remove, print the result, and return the exit code."""
    if args.json and args.pattern and not (args.yes or args.dry_run):
        warn("python -m tempfiles clean: error: --json with --pattern needs --yes or --dry-run")
        return BAD_USAGE
    plan = _plan(args)
    if args.dry_run:
        print(json.dumps(_plan_as_json(plan), indent=2) if args.json else _plan_as_text(plan))
        return OK
    if args.pattern and not args.yes and not plan.empty:
        print(_plan_as_text(plan))
        if not _confirmed():
            warn("python -m tempfiles clean: not confirmed, nothing was removed; answer y, or pass "
                 "--yes in scripts")
            return FAILED
    done = _clean(plan, _least_age(args))
    print(json.dumps(_done_as_json(done), indent=2) if args.json else _done_as_text(done))
    return done.code


def _least_age(args: argparse.Namespace) -> float:
    return _DAY if args.min_age is None else float(args.min_age)


def _plan(args: argparse.Namespace) -> _CleanPlan:
    places = temp_dirs(args.temp_dir)
    roots = reap.plan(places, min_age=args.min_age, include_kept=args.kept)
    if args.dry_run or args.pattern:
        roots = reap.without_used(roots)
    if not args.pattern:
        return _CleanPlan(roots, LitterPlan())
    return _CleanPlan(roots, litter.plan(places, args.pattern, min_age=_least_age(args)))


def _confirmed() -> bool:
    print("Remove these? [y/N] ", end="", flush=True)
    return sys.stdin.readline().strip().lower() in ("y", "yes")


def _clean(plan: _CleanPlan, min_age: float) -> _CleanResult:
    roots: list[Reaped] = []
    for verdict in progress.follow(plan.roots.chosen, "roots"):
        roots += reap.execute(Plan((verdict,))).roots
    removed: list[tuple[Item, RemovalReport]] = []
    items = [*plan.litter.left]
    for planned in progress.follow(plan.litter.chosen, "litter"):
        # Each is examined just before its removal: the removal of all the others takes time.
        item, report = litter.remove(planned, min_age=min_age)
        if report is None:
            items.append(item)
        else:
            removed.append((item, report))
    left = [(verdict.root, _why_left(verdict)) for verdict in plan.roots.left]
    left += [(item.path, item.reason) for item in items]
    return _CleanResult(tuple(roots), tuple(removed), tuple(left))


def _plan_as_text(plan: _CleanPlan) -> str:
    lines = [
        f"would remove {printable(verdict.root)}: {_root_words(verdict)}"
        for verdict in plan.roots.chosen
    ]
    lines += [
        f"would remove {printable(item.path)}: {_amount(item.entries, item.bytes)}, "
        f"{format_age(item.age)} old"
        for item in plan.litter.chosen
    ]
    left = [(verdict.root, _why_left(verdict)) for verdict in plan.roots.left]
    left += [(item.path, item.reason) for item in plan.litter.left]
    return "\n".join((lines or ["nothing to remove"]) + _left_lines(left))


def _done_as_text(done: _CleanResult) -> str:
    lines: list[str] = []
    for root in done.roots:
        amount = _amount(root.removal.removed, root.removal.bytes)
        words = f"{root.fate} {printable(root.root)}: {amount}"
        if root.marker:
            words += f", {printable(root.marker.project)}, {format_age(root.age)} old"
        lines.append(words + (f"; {printable(root.reason)}" if root.reason else ""))
        story = DeadRun(root.running, root.leaks, root.more)
        lines += [f"  {text}" for text in status.dead_run_lines(story)]
        lines += [f"  existed before that run: {printable(path)} is now {printable(now)}"
                  for path, now in root.rescued.items()]
        lines += _failures(root.removal)
    for item, report in done.litter:
        fate = "removed" if report.ok else "failed"
        lines.append(f"{fate} {printable(item.path)}: {_amount(report.removed, report.bytes)}")
        lines += _failures(report)
    lines += _left_lines(list(done.left))
    total = done.removal
    lines.append(f"freed {format_size(total.bytes)} in {_entries(total.removed)}")
    return "\n".join(lines)


def _failures(report: RemovalReport) -> list[str]:
    return [f"  failed {printable(failure.path)}: {failure.cause}" for failure in report.failed]


def _left_lines(left: list[tuple[str, str]]) -> list[str]:
    return [f"left {printable(path)}: {printable(reason)}" for path, reason in left]


def _root_words(verdict: Verdict) -> str:
    words = f"{verdict.state}, {printable(verdict.reason)}"
    return words + (f", {printable(verdict.marker.project)}" if verdict.marker else "")


def _why_left(verdict: Verdict) -> str:
    return verdict.reason if verdict.state == "in use" else f"{verdict.state}, {verdict.reason}"


def _amount(entries: int, size: int) -> str:
    return f"{_entries(entries)}, {format_size(size)}"


def _entries(number: int) -> str:
    return format_count(number, "entry", "entries")


def _plan_as_json(plan: _CleanPlan) -> dict[str, Any]:
    return {
        "would_remove": [
            {"path": verdict.root, "state": verdict.state, "reason": verdict.reason}
            for verdict in plan.roots.chosen
        ] + [
            {"path": item.path, "state": "litter", "bytes": item.bytes, "entries": item.entries}
            for item in plan.litter.chosen
        ],
        "left": [
            {"path": path, "reason": reason}
            for path, reason in [
                *((verdict.root, _why_left(verdict)) for verdict in plan.roots.left),
                *((item.path, item.reason) for item in plan.litter.left),
            ]
        ],
    }


def _done_as_json(done: _CleanResult) -> dict[str, Any]:
    total = done.removal
    litter_done = [
        {"path": item.path, "fate": "removed" if report.ok else "failed", **_counts(report)}
        for item, report in done.litter
    ]
    return {
        "roots": [_root_as_json(root) for root in done.roots],
        "litter": litter_done,
        "left": [{"path": path, "reason": reason} for path, reason in done.left],
        **_counts(total),
    }


def _root_as_json(root: Reaped) -> dict[str, Any]:
    content = asdict(replace(root, removal=RemovalReport(), marker=None))
    del content["removal"]
    marker = root.marker._asdict() if root.marker is not None else None
    return {**content, "marker": marker, **_counts(root.removal)}


def _counts(report: RemovalReport) -> dict[str, Any]:
    failed = [failure._asdict() for failure in report.failed]
    return {"entries": report.removed, "bytes": report.bytes, "failed": failed}
