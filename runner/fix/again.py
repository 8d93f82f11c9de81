"""Run the touched tests again, with unittest or pytest, and compare how they end."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from collections import defaultdict
from collections.abc import Callable, Collection, Iterable, Mapping

from ..advice.last_leaks import read_report
from ..dependence.parity import Runs
from ..dependence.run_record import SUCCESS, HowEnded, described
from ..errors import UsageError
from .plan import Change

Ends = Mapping[str, HowEnded]
"""How tests, classes and modules ended that did not just succeed, by their ids."""
RunAgain = Callable[[Collection[str]], Ends]
"""Runs the tests of contexts again."""

_FAILED = re.compile(r"^(?:FAILED|ERROR) (\S.*?)(?: - .*)?$", re.MULTILINE)
_RAN = (0, 1)  # the exit codes of pytest after a run that came to its end


def with_unittest(runs: Runs) -> RunAgain:
    """Return what runs tests with unittest."""

    def run(contexts: Collection[str]) -> Ends:
        record = runs.below(contexts)
        lost = {id: HowEnded(("not run",)) for id in contexts if not _has_run(id, record.ran)}
        return {**lost, **record.ends}

    return run


def _has_run(context: str, ran: Iterable[str]) -> bool:
    return any(id == context or id.startswith(f"{context}.") for id in ran)


def with_pytest(directory: str) -> RunAgain:
    """Return what runs tests with pytest.

    Args:
        directory: an existing one for the report of the leaks.
    """

    def run(contexts: Collection[str]) -> Ends:
        report = os.path.join(directory, "leaks.json")
        command = [sys.executable, "-m", "pytest", "-q", "--tb=no", "-rfE", "--leaks=report",
                   "--clean-outside", f"--leak-json={report}", *sorted(contexts)]  # fmt: skip
        done = subprocess.run(
            command, stdin=subprocess.DEVNULL, capture_output=True, text=True, errors="replace",
            env={**os.environ, "COLUMNS": "9999"}, check=False,
        )  # fmt: skip
        if done.returncode not in _RAN:
            return dict.fromkeys(contexts, HowEnded(("not run",)))
        leaks: defaultdict[str, list[str]] = defaultdict(list)
        for leak in read_report(report).leaks:
            if not leak.since:  # else of an earlier run
                leaks[leak.context].append(described(leak))
        failed = dict.fromkeys(_FAILED.findall(done.stdout), ("failed",))
        return {id: HowEnded(failed.get(id, ()), tuple(leaks[id])) for id in {*leaks, *failed}}

    return run


def complaint(change: Change, before: Ends, after: Ends) -> str:
    """Return why a change is taken back; empty if it helped and all its tests end as before."""
    related = {id for id in {*before, *after} if any(map(_concerns(id), change.contexts))}
    for id in sorted(related):
        without, now_is = (HowEnded(ends.get(id, SUCCESS).statuses) for ends in (before, after))
        if without != now_is:
            return f"{id}: {now_is} with it, {without} without it"
    was, now = (_number(change, ends) for ends in (before, after))
    if change.leaks[0].where == "temp":
        if not was:
            return "its tests did not leave it when they ran again"
        is_gone = now < was
    elif change.remedy.action == "below":  # what an earlier run has left is removed as well
        is_gone = not any(map(os.path.lexists, {leak.path for leak in change.leaks}))
    else:
        is_gone = not now
    return "" if is_gone else "its tests still leave it"


def _concerns(id: str) -> Callable[[str], bool]:
    """Return whether the end of an id concerns a context: it is the same, or one around it."""
    return lambda context: context == id or context.startswith((f"{id}.", f"{id}::"))


def _number(change: Change, ends: Ends) -> int:
    """Return how often its call is named among what its contexts left; lines may have moved."""
    words = f" in {change.origin.function}  {change.origin.call}"
    left = (leak for id in change.contexts for leak in ends.get(id, SUCCESS).leaks)
    return sum(leak.partition(":")[2].lstrip("0123456789").startswith(words) for leak in left)


def is_for_pytest(words: object, contexts: Iterable[str]) -> bool:
    """Return whether pytest runs the contexts; else unittest does.

    Args:
        words: the words for unittest of the run that left something; None for another test tool.
        contexts: their ids.

    Raises:
        UsageError: another test tool runs them.
    """
    is_pytest = any("::" in id for id in contexts)
    if words is None and not is_pytest:
        raise UsageError(
            "--apply: only tests of unittest and pytest can run again;"
            " without it: tidytest --fix | git apply"
        )
    return is_pytest
