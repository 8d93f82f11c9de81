"""The leaks that are known today (`--leak-baseline`): they are reported, and do not fail.

A leak is known by its context, its name with the random parts replaced, and the call that made it;
how many of these one closing of the context may leave is written down. A context that closes more
than once (a repeated test) is judged each time by itself.
"""

from __future__ import annotations

import json
import os
import re
from collections import Counter
from collections.abc import Container, Mapping
from typing import Any, NamedTuple

from tempfiles.records import ContextReport, Leak

from .errors import UsageError

DEFAULT_NAME = ".tidytest-leaks.json"
VERSION = 1

_UUID = re.compile(r"[0-9a-f]{8}-(?:[0-9a-f]{4}-){3}[0-9a-f]{12}", re.IGNORECASE)
_HEX = re.compile(r"(?<![0-9a-z])[0-9a-f]{6,}(?![0-9a-z])", re.IGNORECASE)
_TEMPFILE = re.compile(r"(?<![A-Za-z0-9])tmp[a-z0-9_]{8}(?![A-Za-z0-9])")
# A prefix may run into the random part, so the whole run is replaced: `tempfile` draws eight
# characters, `mktemp` and the C library six or more.
_DRAWN_BY_TEMPFILE = re.compile(r"[a-z0-9_]{8,}")
_DRAWN_BY_ANYONE = re.compile(r"[A-Za-z0-9_]{6,}")
_NUMBER = re.compile(r"[0-9]+")


class Entry(NamedTuple):
    """What a leak is known by. `call` is empty where the origin is not known."""

    context: str
    name: str
    call: str


Baseline = Mapping[Entry, int]
"""How many leaks of each kind are known, by what they are known by."""


class Judgement(NamedTuple):
    """The leaks of one context, told apart."""

    known: tuple[Leak, ...]
    new: tuple[Leak, ...]


class Ledger:
    """Holds what one run leaks against a baseline.

    Args:
        baseline: the known leaks; empty where there is no baseline.
        project: the directory that paths outside the temp directory are relative to.
    """

    def __init__(self, baseline: Baseline, project: str) -> None:
        self._baseline = baseline
        self._project = project
        self._seen: Counter[Entry] = Counter()

    def judge(self, report: ContextReport) -> Judgement:
        """Tell the known leaks of a context that has closed from the new ones."""
        found: Counter[Entry] = Counter()
        known: list[Leak] = []
        new: list[Leak] = []
        for leak in report.leaks:
            entry = entry_of(leak, self._project)
            found[entry] += 1
            (known if found[entry] <= self._baseline.get(entry, 0) else new).append(leak)
        self._seen |= found  # the most of any closing
        return Judgement(tuple(known), tuple(new))

    def fixed(self, ran: Container[str] | None = None) -> dict[Entry, int]:
        """Return what the baseline holds and the run did not leak.

        Args:
            ran: the ids of the contexts that ran; None where everything did. Of those that did
                not run, nothing is known.
        """
        return {
            entry: number - self._seen[entry]
            for entry, number in sorted(self._baseline.items())
            if number > self._seen[entry] and (ran is None or entry.context in ran)
        }

    def updated(self, ran: Container[str] | None = None) -> dict[Entry, int]:
        """Return the baseline that fits the run; entries of contexts that did not run stay."""
        kept = {
            entry: number
            for entry, number in self._baseline.items()
            if ran is not None and entry.context not in ran
        }
        return kept | dict(self._seen)


def entry_of(leak: Leak, project: str) -> Entry:
    """Return what a leak is known by."""
    call = leak.origin.call if leak.origin is not None else ""
    path = os.path.basename(leak.path) if leak.where == "temp" else _portable(leak.path, project)
    return Entry(leak.context, normalised(path, _drawn(leak, call)), call)


def normalised(name: str, drawn: re.Pattern[str] | None = None) -> str:
    """Return a name or path with its random parts and its numbers replaced by `*`.

    Args:
        name: the name.
        drawn: the runs of characters in which a random part may be hidden.
    """
    name = _TEMPFILE.sub("tmp*", _UUID.sub("*", name))
    if drawn is not None:
        name = drawn.sub("*", name)
    return _NUMBER.sub("*", _HEX.sub("*", name))


def read(path: str) -> dict[Entry, int]:
    """Return the baseline that a file holds.

    Raises:
        UsageError: there is no such file, or it is not a baseline; the message says the line.
    """
    shown = os.path.relpath(path)
    try:
        with open(path, encoding="utf-8") as file:
            return _parsed(json.load(file))
    except FileNotFoundError:
        raise UsageError(f"{shown}: no such baseline; --update-baseline writes it") from None
    except OSError as error:
        raise UsageError(f"{shown}: {error.strerror}") from None
    except json.JSONDecodeError as error:
        raise UsageError(f"{shown}:{error.lineno}: not valid JSON: {error.msg}") from None
    except (ValueError, KeyError, TypeError, AttributeError):
        raise UsageError(f"{shown}: not a baseline of version {VERSION}") from None


def write(path: str, baseline: Baseline) -> None:
    """Write a baseline, sorted and one entry a line, so that version control can merge it.

    Raises:
        UsageError: the file cannot be written.
    """
    entries = sorted(baseline.items())
    lines = [json.dumps({**entry._asdict(), "count": number}) for entry, number in entries]
    body = "".join(f"\n  {line}," for line in lines).rstrip(",")
    text = f'{{"version": {VERSION}, "leaks": [{body}\n]}}\n'
    beside = f"{path}.{os.getpid()}.new"
    try:
        with open(beside, "x", encoding="utf-8", newline="\n") as file:
            file.write(text)
        os.replace(beside, path)
    except OSError as error:
        if os.path.lexists(beside) and not isinstance(error, FileExistsError):
            os.unlink(beside)
        raise UsageError(f"{os.path.relpath(path)}: {error.strerror}") from None


def locate(chosen: str | None, project: str) -> str | None:
    """Return the file of the baseline: the chosen one, or the default one where it exists."""
    if chosen is not None:
        return chosen
    default = os.path.join(project, DEFAULT_NAME)
    return default if os.path.isfile(default) else None


def _parsed(document: Any) -> dict[Entry, int]:
    if document["version"] != VERSION:
        raise ValueError
    found: dict[Entry, int] = {}
    for item in document["leaks"]:
        entry = Entry(*(str(item[field]) for field in Entry._fields))
        # A merge may leave the same entry twice.
        found[entry] = max(found.get(entry, 0), int(item["count"]))
    return found


def _drawn(leak: Leak, call: str) -> re.Pattern[str] | None:
    if leak.where == "temp" and leak.evidence == "scanned":
        return _DRAWN_BY_ANYONE
    return _DRAWN_BY_TEMPFILE if call.startswith("tempfile.") else None


def _portable(path: str, project: str) -> str:
    """Return a path as it is on any machine: from the project, or from the home directory."""
    for base, shown in ((project, ""), (os.path.expanduser("~"), "~/")):
        prefix = base.rstrip(os.sep) + os.sep
        if path.startswith(prefix):
            return shown + path[len(prefix) :].replace(os.sep, "/")
    return path.replace(os.sep, "/")
