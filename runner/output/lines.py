"""Records into the lines that a user reads under a test and at the end of a run."""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Container, Iterable, Iterator, Sequence

from tempfiles.formatting import format_contents, format_count, format_size, printable

TYPE_CHECKING = False
if TYPE_CHECKING:
    from tempfiles.records import Leak, Modification, Unattributed
    from tempfiles.reports import ContextReport, RunReport

_PLURALS = {"class": "classes"}
_MOST_ALIKE = 50
"""How many leaks of one line of code are told one by one under a context; reports have them all."""
_KINDS = {"file": "file", "directory": "dir", "symlink": "link", "socket": "sock"}


def context_lines(report: ContextReport, known: Container[tuple[str, str]] = ()) -> Iterator[str]:
    """Yield the block of lines about one context, indented by two.

    Args:
        report: what it left.
        known: the keys of leaks that a baseline knows.
    """
    for where, place in (("temp", "in the temp directory"), ("outside", "outside it")):
        leaks = [leak for leak in report.leaks if leak.where == where]
        if leaks:
            place = place if where == "temp" else "outside the temp directory"
            size = format_size(sum(leak.bytes for leak in leaks))
            yield f"  left {len(leaks)} {place} ({size}):"
            yield from _leak_lines(leaks, known)
    if report.modifications:
        yield f"  changed {len(report.modifications)} of the project's files:"
        for modification in report.modifications:
            yield f"    {_modification_text(modification)}"


def failure_message(report: ContextReport) -> str:
    """Return what a test fails with that left something."""
    return "\n".join(line[2:] for line in context_lines(report))


def titled_lines(report: ContextReport, known: Container[tuple[str, str]] = ()) -> Iterator[str]:
    """Yield the lines about a context with its name above, for where it does not stand already."""
    scope = "" if report.scope == "test" else f"{report.scope} "
    if report.leaks or report.modifications:
        run = report.scope == "run"
        yield "the run, outside its tests" if run else f"{scope}{printable(report.id)}"
        yield from context_lines(report, known)


def totals_line(report: RunReport, kept: int = 0) -> str:
    """Return the last line of a run; `kept` of the registered ones were kept, not removed."""
    summary = report.summary
    parts = [
        f"{summary.made} made",
        f"{summary.removed_by_tests} removed by their tests",
        f"{summary.registered - kept} removed for them (registered)",
        *([f"{kept} kept (registered)"] if kept else []),
        _leaked_text(report),
    ]
    return "Temporary files: " + ", ".join(parts)


def _leaked_text(report: RunReport) -> str:
    if not report.leaks:
        return "none leaked"
    by = counted_contexts({(leak.scope, leak.context) for leak in report.leaks})
    outcomes = Counter(leak.outcome for leak in report.leaks)
    if len(outcomes) == 1:
        return f"{len(report.leaks)} leaked by {by} ({next(iter(outcomes))})"
    told = ", ".join(f"{number} {outcome}" for outcome, number in sorted(outcomes.items()))
    return f"{len(report.leaks)} leaked by {by} ({told})"


def counted_contexts(contexts: Iterable[tuple[str, str]]) -> str:
    """Return how many contexts there are of each scope, in words; each is a scope and an id."""
    number = Counter(scope for scope, _ in contexts)
    return " and ".join(
        "the run itself" if s == "run" else format_count(number[s], s, _PLURALS.get(s, f"{s}s"))
        for s in sorted(number)
    )


def ending_lines(report: RunReport, verbose: bool) -> Iterator[str]:
    """Yield the lines about the run as a whole, apart from its totals.

    Args:
        report: of the run.
        verbose: list also what is new in places that other programs use all the time.
    """
    yield from _nobodys_lines(report.unattributed, verbose)
    for found in report.rescued:
        name = _relative(found.source) if found.source else os.path.basename(found.was)
        yield f"{printable(name)} was there before the run: moved to {printable(found.path)}"
    yield from _first_ten(
        f"Left: {printable(_relative(leak.path))}: {printable(leak.reason)}"
        for leak in report.leaks if leak.reason
    )
    yield from _first_ten(
        f"Could not be removed: {printable(failure.path)}: {failure.cause}"
        for failure in report.failures
    )


def _nobodys_lines(nobodys: Sequence[Unattributed], verbose: bool) -> Iterator[str]:
    if nobodys:
        shown = [e for e in nobodys if verbose or _relative(e.path) != e.path][:10]
        hint = ":" if shown else "; -v lists it"
        yield f"New in shared places, made by nobody known ({len(nobodys)}){hint}"
        for entry in shown:
            yield f"    {_KINDS.get(entry.type, entry.type)}  {printable(entry.path)}"
        if shown and len(nobodys) > len(shown):
            yield f"    ... and {len(nobodys) - len(shown)} more"


def _first_ten(lines: Iterable[str]) -> Iterator[str]:
    told = list(lines)
    yield from told[:10]
    if len(told) > 10:
        yield f"    ... and {len(told) - 10} more"


def _leak_lines(leaks: Sequence[Leak], known: Container[tuple[str, str]]) -> Iterator[str]:
    alike: dict[str, list[Leak]] = {}
    for leak in leaks:
        alike.setdefault(leak.made_by, []).append(leak)
    hidden = {id(leak) for group in alike.values() for leak in group[_MOST_ALIKE:]}
    yield from _rows([leak for leak in leaks if id(leak) not in hidden], known)
    for group in alike.values():
        if more := group[_MOST_ALIKE:]:
            size = format_size(sum(leak.bytes for leak in more))
            yield f"    ... and {len(more):,} more, {size}  {printable(more[0].made_by)}".rstrip()


def _rows(leaks: Sequence[Leak], known: Container[tuple[str, str]]) -> Iterator[str]:
    rows = [_row(leak) for leak in leaks]
    names = max(len(name) for _, name, _, _ in rows)
    sizes = max(len(size) for _, _, size, _ in rows)
    for (kind, name, size, made_by), leak in zip(rows, leaks, strict=True):
        yield f"    {kind:<4}  {name:<{names}}  {size:>{sizes}}  {made_by}".rstrip()
        if leak.key in known:
            yield "          known (baseline)"
        yield from _notes(leak)


def _row(leak: Leak) -> tuple[str, str, str, str]:
    kind = _KINDS.get(leak.type, leak.type)
    size = format_size(leak.bytes)
    if leak.type == "directory":
        contents = format_contents(leak.entries, leak.files)
        size = contents if leak.entries == 1 else f"{contents} {size}"
    return kind, _name(leak), size, printable(leak.made_by)


def _name(leak: Leak) -> str:
    name = os.path.basename(leak.path) if leak.where == "temp" else _relative(leak.path)
    return printable(name) + ("/" if leak.type == "directory" else "")


def _notes(leak: Leak) -> Iterator[str]:
    notes = []
    if leak.subtest is not None:
        notes.append(f"in subtest {printable(leak.subtest)}")
    if leak.never_closed:
        notes.append("its object was never closed")
    notes += [f"open by {printable(holder)}" for holder in leak.open_by]
    if leak.children:
        commands = ", ".join(printable(child.command) for child in leak.children[:5])
        notes.append(f"made by one of: {commands}")
    for note in notes:
        yield f"          {note}"
    if leak.origin is not None:
        for frame in leak.origin.trace:
            yield f"          {printable(frame)}"


def _modification_text(modification: Modification) -> str:
    what = f" ({', '.join(modification.what)})" if modification.what else ""
    return f"{modification.change}  {printable(_relative(modification.path))}{what}"


def _relative(path: str) -> str:
    try:
        prefix = os.getcwd() + os.sep
    except OSError:
        return path
    return path[len(prefix) :] if path.startswith(prefix) else path


def all_lines(reports: Iterable[ContextReport]) -> Iterator[str]:
    """Yield the titled lines of several contexts."""
    for report in reports:
        yield from titled_lines(report)
