"""The leaks of a run by the line of code that created them, as tools for code quality list them.

A place is a file, a line and a call. Its fingerprint tells tools which entries of two runs are the
same: it is made of the file, the call and the text of the line, so that it survives changes above
the line and never depends on the random name of a temporary file.
"""

from __future__ import annotations

import contextlib
import os
from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from hashlib import sha256
from typing import Literal

from tempfiles import Leak, format_count, format_size, printable

from ..output.lines import owners_of
from ..session.records import SuiteReport
from ..source_code import line_of_context, source_file, source_line

RULE = "temp-file-leak"
"""The name of the only check, for tools that group entries by it."""
_PROJECT = "."


@dataclass(frozen=True, slots=True)
class LeakPlace:
    """One line of code that leaks, and what it has left.

    Attributes:
        file: relative to the project with forward slashes, or absolute for a file outside of it;
            `.` where no file is known.
        line: at least 1.
        fingerprint: differs from that of each other place of the run.
        leaks: what the line has left; at least one.
        state: `known` if all of it is in the baseline, `failing` if some of it failed a test.
        message: one line of plain text.
    """

    file: str
    line: int
    fingerprint: str
    leaks: tuple[Leak, ...]
    state: Literal["known", "new", "failing"]
    message: str


def leak_places(report: SuiteReport) -> list[LeakPlace]:
    """Return the places of the leaks of a run, ordered by file and line.

    A leak whose line is not known has the place of its context: the definition of the test, or the
    first line of the file.
    """
    groups: dict[tuple[str, int, str], list[Leak]] = {}
    for leak in report.run.leaks:
        groups.setdefault(_key(leak, report), []).append(leak)
    alike: Counter[str] = Counter()
    machines = report.machines
    places = []
    for (path, line, call), leaks in sorted(groups.items()):
        file = _shown(path, report) if path else _PROJECT
        text = "\0".join([file, call, source_line(path, line) if path else ""])
        alike[text] += 1
        fingerprint = sha256(f"{text}\0{alike[text]}".encode("utf-8", "surrogatepass")).hexdigest()
        places.append(LeakPlace(
            file, line, fingerprint, tuple(leaks), _state(leaks, report),
            _message(leaks, report, machines),
        ))  # fmt: skip
    return places


def _key(leak: Leak, report: SuiteReport) -> tuple[str, int, str]:
    """Return the path, the line and the call of a leak; an empty path where none is known."""
    origin = leak.origin
    if origin is not None and not origin.file.startswith("<"):  # not compiled without a file
        path = os.path.normpath(os.path.join(report.directory, origin.file))
        return path, max(origin.line, 1), origin.call
    path = source_file(leak.context, report.directory)
    call = origin.call if origin is not None else leak.call
    return path, line_of_context(path, leak.context) if path else 1, call


def _shown(path: str, report: SuiteReport) -> str:
    """Return a path relative to the repository or the directory of the run, if it is below it."""
    for top in (report.repository, report.directory):
        below = _below(path, top) if top else None
        if below is not None:
            return below.replace(os.sep, "/")
    return path.replace(os.sep, "/")


def _below(path: str, top: str) -> str | None:
    for resolved in (os.path.normpath, os.path.realpath):
        with contextlib.suppress(ValueError, OSError):  # a null byte in the name
            file, directory = resolved(path), resolved(top)
            if file.startswith(os.path.join(directory, "")):
                return os.path.relpath(file, directory)
    return None


def _state(leaks: list[Leak], report: SuiteReport) -> Literal["known", "new", "failing"]:
    if any(leak.key in report.failing for leak in leaks):
        return "failing"
    return "known" if all(leak.key in report.known for leak in leaks) else "new"


def _message(leaks: list[Leak], report: SuiteReport, machines: Mapping[str, str]) -> str:
    return printable(" ".join(_words(leaks, report, machines)))


def _words(
    leaks: list[Leak], report: SuiteReport, machines: Mapping[str, str]
) -> Iterator[str]:
    yield f"{format_count(len(leaks), 'temporary file')} left by {owners_of(leaks)}"
    yield f"({format_size(sum(leak.bytes for leak in leaks))}):"
    origin = leaks[0].origin
    yield f"{origin.call} in {origin.function}" if origin is not None else _without_line(leaks[0])
    on = sorted({machines[leak.context] for leak in leaks if leak.context in machines})
    if on:
        yield f"[{'; '.join(on)}]"
    known = sum(leak.key in report.known for leak in leaks)
    if known:
        yield "[known]" if known == len(leaks) else f"[{known:,} known]"


def _without_line(leak: Leak) -> str:
    return f"{leak.call or 'an unknown call'}, line unknown"
