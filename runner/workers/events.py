"""The events that a worker sends: one line each, a letter and what belongs to it.

Most tests pass: their two lines hold numbers only. Others hold JSON.
"""

from __future__ import annotations

import json
from collections.abc import Sequence, Set
from time import perf_counter
from typing import Any

from tempfiles import ContextReport

from ..session.outcomes import UNSUCCESSFUL, Outcome

UNIT = "u"
"""`u NUMBER POSITIONS`: a unit begins."""
STARTED = "s"
"""`s INDEX TIME`: a test of the plan starts."""
FOREIGN = "S"
"""`S [TIME, names..., short description]`: a test starts that only a suite of the user's knows."""
PASSED = "p"
"""`p TIME SECONDS`: the test has succeeded, and is over."""
STOPPED = "x"
"""`x TIME SECONDS`: the test is over."""
OUTCOME = "a"
"""`a [INDEX, TEXT, Outcome...]`: an outcome other than success, of a test or of a fixture."""
CAPTURED = "b"
"""`b [OUT, ERR]`: more output that `-b` has captured."""
POSITIONS = "@"
"""`@ OUT ERR`: how much the tests have printed so far."""
PRINTED = "O"
"""`O [FD, TEXT]`: what the tests have printed; it stands in records, where there are no files."""
MACHINE = "m"
"""`m TEXT`: which machine of a cluster runs the test, in which attempt."""
FIXTURE = "f"
"""`f NAME`: this fixture runs next, if there is one."""
CONTEXT = "c"
"""`c ContextReport`: a context has closed and left something."""
CLEAN_CONTEXT = "C"
"""`C [ID, SCOPE, MADE, REGISTERED, BYTES]`: a context has closed and left nothing."""
LEAK_FAILED = "n"
"""`n`: the leaks of the last context fail it."""
SUCCEEDED = "k"
"""`k ID`: a test came to its end with success."""
ANNOTATED = "t"
"""`t [INDEX, OWNER, TEXT, FIXTURE]`: a text belongs to a failure."""
FLAKY = "y"
"""`y [INDEX, FlakyTest...]`: a test or fixture failed in an earlier attempt (see `retries`)."""
WRITTEN = "o"
"""`o TEXT`: a user's own `run` wrote this to the stream of the result."""
WARNING = "w"
"""`w [KEY, CHANGED, TEXT]`: a warning, and whether the filters have changed since the last one."""
UNIT_DONE = "d"
"""`d [CONTEXTS, INTERRUPTED, SECONDS, MADE]`: the unit is over; the ids of the contexts that it has
entered, and of those that were broken off, and how many paths those created that left nothing."""
BROKEN_OFF = "I"
"""`I NAME`: this exception, of ^C or SIGTERM, has broken off the test under way."""
STOP = "q"
"""`q`: nothing is to run after the test under way: it failed (`-f`), or asked for it."""
CAUGHT = "i"
"""`i`: a test has sent ^C to its process, where `--catch` ends the run after the test."""
ENDING = "e"
"""`e POSITIONS`: no more units come; what is printed next belongs to none."""
FINISHED = "r"
"""`r [RunReport, LATE, KEPT, NUMBER, PRINTED]`: the run of the worker has ended, with what contexts
left late, the contexts of which files were kept, the number of registered files that were kept,
and between which positions its end has printed."""


def line(event: str, content: Any) -> str:
    """Return the line of an event with a content that JSON can hold."""
    return f"{event}{json.dumps(content)}"


def positions(numbers: Sequence[int]) -> str:
    """Return the line that says how much was printed."""
    return f"{POSITIONS}{' '.join(map(str, numbers))}"


def broken_off(interrupt: str) -> list[str]:
    """Return the lines that end a test which an interrupt has broken off, and which is silent."""
    return [line(BROKEN_OFF, interrupt), f"{STOPPED}{perf_counter():.6f} 0"]


def printed_between(start: Sequence[int], end: Sequence[int]) -> list[bytes]:
    """Return the lines that print, outside of all units, what lies between two positions."""
    return [f"{ENDING} {' '.join(map(str, start))}".encode(), positions(end).encode()]


def printed(fd: int, data: bytes) -> bytes:
    """Return the line of what was printed to a descriptor; it may be no valid text."""
    return line(PRINTED, [fd, data.decode("utf-8", "surrogateescape")]).encode()


def has_left(report: ContextReport) -> bool:
    """Return whether a context has left anything that is printed."""
    left = report.leaks or report.modifications or report.findings or report.removal.failed
    return bool(left)


def of_context(report: ContextReport) -> str:
    """Return the line of a context that has closed."""
    if has_left(report):
        return line(CONTEXT, report.to_dict())
    counts = [report.id, report.scope, report.made, report.registered, report.bytes_made]
    return line(CLEAN_CONTEXT, counts)


def context_of(text: bytes) -> ContextReport:
    """Return the report of a context from its line."""
    content = json.loads(text[1:])
    if text[:1] == CLEAN_CONTEXT.encode():
        return ContextReport(*content)
    return ContextReport.from_dict(content)


def index_of(text: bytes) -> int | None:
    """Return the index of the test that a line names; None if it names none of the plan."""
    code = text[:1].decode()
    if code == STARTED:
        return int(text[1:].partition(b" ")[0])
    if code == OUTCOME:
        index = json.loads(text[1:])[0]
        return index if isinstance(index, int) else None
    return None


def moment_of(text: bytes) -> float | None:
    """Return when a test started, from the line of its start; None for other lines."""
    code = text[:1].decode()
    if code == STARTED:
        return float(text.partition(b" ")[2])
    return float(json.loads(text[1:])[0]) if code == FOREIGN else None


def foreign_id(text: bytes) -> str | None:
    """Return the id of the test in a line of `FOREIGN`; None for other lines."""
    return str(json.loads(text[1:])[1]) if text[:1].decode() == FOREIGN else None


def moved_foreign(text: bytes, offset: float) -> bytes:
    """Return a line of `FOREIGN` with a time that is later by some seconds."""
    moment, *rest = json.loads(text[1:])
    return line(FOREIGN, [moment + offset, *rest]).encode()


def outcome_of(text: bytes) -> Outcome:
    """Return the outcome in a line."""
    return Outcome(*json.loads(text[1:])[2:])


def is_failure(text: bytes, statuses: Set[str] = UNSUCCESSFUL) -> bool:
    """Return whether the outcome in a line makes the run fail."""
    return outcome_of(text).status in statuses


def seconds_of(text: bytes) -> float:
    """Return how long the unit took that a line of `UNIT_DONE` ends."""
    return float(json.loads(text[1:])[2])
