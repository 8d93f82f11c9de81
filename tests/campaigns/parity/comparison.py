"""Compare what came of the same job under stock unittest and under the candidate."""

from __future__ import annotations

import difflib
import os
import re
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tests.campaigns.parity import normalising
from tests.campaigns.parity.sides import Entry, Run, kind

_ROOT_AND_SLOT = re.compile(r"^t/tidy-[^/]+/\d+/")
_BOUNDARIES = ("startTest", "stopTest")
# What Python itself writes beside the sources, under either program.
_CACHES = ("__pycache__", ".tidytest_cache")


@dataclass(frozen=True)
class Difference:
    """One thing that differs. `test` is the id where it is of one test."""

    what: str
    test: str | None = None

    @property
    def key(self) -> str:
        """What makes it the same as a difference of another try: the test, or else the words."""
        return self.test or self.what

    def __str__(self) -> str:
        return f"{self.test}: {self.what}" if self.test else self.what


def outcomes(stock: Run, candidate: Run) -> list[Difference]:
    """Compare the tests, their order, the outcome and message of each, and the exit code."""
    ours, theirs = _by_test(candidate), _by_test(stock)
    found = [
        Difference(f"{_words(theirs.get(test))} -> {_words(ours.get(test))}", test)
        for test in dict.fromkeys([*theirs, *ours])
        if ours.get(test) != theirs.get(test)
    ]
    if not found and _order(stock) != _order(candidate):
        found.append(Difference("the order of the events differs"))
    if stock.exit_code != candidate.exit_code:
        found.append(Difference(f"exit code {stock.exit_code} -> {candidate.exit_code}"))
    return found


def outputs(stock: Run, candidate: Run) -> list[Difference]:
    """Compare both streams, without the candidate's additional lines, and the exit code."""
    found = []
    for stream in ("stdout", "stderr"):
        theirs = normalising.output(getattr(stock, stream), stock.base)
        ours = normalising.output(getattr(candidate, stream), candidate.base)
        lines = difflib.unified_diff(
            theirs.splitlines(), normalising.without_leaks(ours).splitlines(),
            f"{stream} of unittest", f"{stream} of the candidate", lineterm="", n=1,
        )
        text = "\n    ".join(lines)
        if text:
            found.append(Difference(f"{stream} differs\n    {text}"))
    if stock.exit_code != candidate.exit_code:
        found.append(Difference(f"exit code {stock.exit_code} -> {candidate.exit_code}"))
    return found


def leftovers(stock: Run, candidate: Run) -> list[Difference]:
    """Tell what the candidate left behind: in the temp directory anything, in the working
    directory what stock unittest did not leave."""
    found = [
        Difference(f"left in the temp directory: {entry.path}") for entry in candidate.below("t")
    ]
    for place, words in (("c", "working"), ("h", "home")):
        extra = _names(candidate.below(place)) - _names(stock.below(place))
        found += [Difference(f"left in the {words} directory: {name}") for name, _ in extra]
    return found


@dataclass(frozen=True)
class LeakVerdict:
    """The candidate's leak report held against what stock unittest left on disk.

    `true` leaks are on disk after the stock run; `never_closed` are not, because the objects
    that own them removed them when they were collected; `false` and `missed` are faults.
    """

    true: int
    never_closed: int
    false: tuple[Difference, ...]
    missed: tuple[Difference, ...]


def leaks(stock: Run, candidate: Run) -> LeakVerdict:
    """Judge the candidate's leak report: the disk after the stock run is the truth."""
    if candidate.report is None:
        return LeakVerdict(0, 0, (Difference("no leak report was written"),), ())
    on_disk = _names(stock.left)
    true = never_closed = 0
    false = []
    for leak in candidate.report["leaks"]:
        key = _leak_key(leak, candidate.base)
        if (key is None and _exists(leak)) or on_disk[key or ("", "")] > 0:
            on_disk[key or ("", "")] -= 1
            true += 1
        elif leak.get("never_closed"):
            never_closed += 1
        elif leak.get("where") == "outside" and not _exists(leak):
            # It was there after its test, so it is a leak; another test has removed it.
            true += 1
        else:
            false.append(Difference(_describe(leak), leak["context"]))
    missed = tuple(_missed(stock, candidate))
    return LeakVerdict(true, never_closed, tuple(false), missed)


def _missed(stock: Run, candidate: Run) -> Iterator[Difference]:
    assert candidate.report is not None
    # What a child created in a shared directory is listed apart, as unattributed.
    listed = [*candidate.report["leaks"], *candidate.report.get("unattributed", ())]
    told = Counter(
        _top(key[0])
        for key in (_leak_key(leak, candidate.base) for leak in listed)
        if key is not None
    )
    tops = Counter(
        normalising.name(entry.path)
        for entry in _without_caches(stock.left)
        if _top(entry.path) == entry.path
    )
    for name, count in (tops - told).items():
        yield Difference(f"not reported: {name} ({count} more on disk than in the report)")


def _top(path: str) -> str:
    return "/".join(path.split("/")[:2])


def _leak_key(leak: Mapping[str, Any], base: str) -> tuple[str, str] | None:
    """Return the leak's place among what a run left, and its type; None where it is elsewhere."""
    path = os.path.relpath(leak["path"], base)
    if path.startswith(".."):
        return None
    return normalising.name(_ROOT_AND_SLOT.sub("t/", path)), leak["type"]


def _exists(leak: Mapping[str, Any]) -> bool:
    try:
        return bool(kind(Path(leak["path"]).lstat().st_mode) == leak["type"])
    except OSError:
        return False


def _describe(leak: Mapping[str, Any]) -> str:
    origin = leak.get("origin") or {}
    at = " ".join(str(origin.get(key)) for key in ("file", "line", "call"))
    return f"false leak: {leak['type']} {leak['path']} ({leak['evidence']}, origin {at})"


def _without_caches(entries: Iterable[Entry]) -> list[Entry]:
    return [entry for entry in entries if not set(entry.path.split("/")) & set(_CACHES)]


def _names(entries: Iterable[Entry]) -> Counter[tuple[str, str]]:
    return Counter((normalising.name(e.path), e.type) for e in _without_caches(entries))


def _by_test(run: Run) -> dict[str, list[tuple[str, str]]]:
    found: dict[str, list[tuple[str, str]]] = {}
    for event, test, text in run.events:
        id = normalising.message(test, run.base)
        found.setdefault(id, []).append((event, normalising.message(text, run.base)))
    return found


def _order(run: Run) -> list[tuple[str, str]]:
    return [(event, normalising.message(test, run.base)) for event, test, _ in run.events]


def _words(events: list[tuple[str, str]] | None) -> str:
    if events is None:
        return "not run"
    told = [f"{event} {text}".strip() for event, text in events if event not in _BOUNDARIES]
    return "; ".join(told) or "no outcome"
