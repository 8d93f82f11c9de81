"""The leaks that are known today (`--leak-baseline`): they are reported, and do not fail.

A leak is known by its context, its name with the random parts replaced (see `normalising`), and the
call that made it;
how many of these one closing of the context may leave is written down. A context that closes more
than once (a repeated test) is judged each time by itself.
"""

from __future__ import annotations

import json
import os
import re
from collections import Counter
from collections.abc import Callable, Mapping
from typing import Any, NamedTuple

from tempfiles.records import ContextReport, Leak

from .errors import UsageError
from .normalising import drawn_by_anyone, drawn_by_tempfile, normalised

DEFAULT_NAME = ".tidytest-leaks.json"
VERSION = 1



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
        self._used: Counter[Entry] = Counter()
        self._takers: dict[Entry, set[str]] = {}
        self._of_context: dict[str, Counter[Entry]] = {}
        self._of_class: dict[Entry, list[Entry]] = {}
        for entry, number in baseline.items():
            self._of_context.setdefault(entry.context, Counter())[entry] = number
            self._of_class.setdefault(_in_class(entry), []).append(entry)

    def judge(self, report: ContextReport) -> Judgement:
        """Tell the known leaks of a context that has closed from the new ones.

        What the baseline has by the same name comes first. What is left may be one of the same
        call whose name has changed, or, where a name is always the same, one that another test of
        the class used to make first.
        """
        allowed = Counter(self._of_context.get(report.id, ()))
        left = dict(allowed)
        pairs = [(leak, entry_of(leak, self._project)) for leak in report.leaks]
        known: set[int] = set()
        for match in (self._by_name, self._by_call, self._by_class):
            for leak, entry in pairs:
                if id(leak) not in known and match(entry, left):
                    known.add(id(leak))
        self._seen |= Counter(entry for _, entry in pairs)  # the most of any closing
        self._used |= allowed - Counter(left)
        return Judgement(
            tuple(leak for leak in report.leaks if id(leak) in known),
            tuple(leak for leak in report.leaks if id(leak) not in known),
        )

    def _by_name(self, entry: Entry, left: dict[Entry, int]) -> bool:
        return _take(left, entry)

    def _by_call(self, entry: Entry, left: dict[Entry, int]) -> bool:
        others = (other for other in left if other.call == entry.call and left[other])
        return _take(left, next(others, entry))

    def _by_class(self, entry: Entry, left: dict[Entry, int]) -> bool:
        if "*" in entry.name:
            return False
        for other in self._of_class.get(_in_class(entry), ()):
            takers = self._takers.setdefault(other, set()) | {entry.context}
            if not self._used[other] and len(takers) <= self._baseline[other]:
                self._takers[other] = takers
                return True
        return False

    def fixed(self, is_judged: Callable[[str], bool]) -> dict[Entry, int]:
        """Return what the baseline holds and the run did not leak.

        Args:
            is_judged: whether a context, by its id, has come to its end or is gone; of others
                nothing is known.
        """
        return {
            entry: number - self._used[entry]
            for entry, number in sorted(self._baseline.items())
            if number > self._used[entry] and entry not in self._takers and is_judged(entry.context)
        }

    def updated(self, is_judged: Callable[[str], bool]) -> dict[Entry, int]:
        """Return the baseline that fits the run; entries of contexts that are not judged stay."""
        updated = dict(self._seen)
        for entry, number in self._baseline.items():
            if not is_judged(entry.context) and number > self._used[entry]:
                updated[entry] = max(number, updated.get(entry, 0))
        return updated


def _take(left: dict[Entry, int], entry: Entry) -> bool:
    if not left.get(entry):
        return False
    left[entry] -= 1
    return True


def _in_class(entry: Entry) -> Entry:
    return entry._replace(context=entry.context.rpartition(".")[0])


def entry_of(leak: Leak, project: str) -> Entry:
    """Return what a leak is known by."""
    call = leak.origin.call if leak.origin is not None else ""
    if leak.where == "temp" and leak.evidence == "scanned":
        return Entry(leak.context, drawn_by_anyone(os.path.basename(leak.path)), call)
    path = os.path.basename(leak.path) if leak.where == "temp" else _portable(leak.path, project)
    normalise = drawn_by_tempfile if call.startswith("tempfile.") else normalised
    return Entry(leak.context, normalise(path), call)


def read(path: str) -> dict[Entry, int]:
    """Return the baseline that a file holds.

    Raises:
        UsageError: there is no such file, or it is not a baseline; the message says the line.
    """
    shown = os.path.relpath(path)
    try:
        with open(path, encoding="utf-8-sig") as file:
            text = file.read()
        return _parsed(json.loads(text))
    except FileNotFoundError:
        raise UsageError(f"{shown}: no such baseline; --update-baseline writes it") from None
    except OSError as error:
        raise UsageError(f"{shown}: {error.strerror}") from None
    except json.JSONDecodeError as error:
        conflict = re.search(r"^(?:<<<<<<<|=======|>>>>>>>)", text, re.MULTILINE)
        if conflict is not None:
            line = text.count("\n", 0, conflict.start()) + 1
            raise UsageError(f"{shown}:{line}: a merge has left a conflict here") from None
        raise UsageError(f"{shown}:{error.lineno}: not valid JSON: {error.msg}") from None
    except _NewerError as error:
        raise UsageError(
            f"{shown}: a baseline of version {error}; this tidytest knows version {VERSION}"
        ) from None
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError):
        raise UsageError(f"{shown}: not a baseline of version {VERSION}") from None


def write(path: str, baseline: Baseline) -> None:
    """Write a baseline, sorted and one entry a line, so that version control can merge it.

    Each line ends alike, since an empty entry comes last: also lines that a merge has put together
    are a list.

    Raises:
        UsageError: the file cannot be written.
    """
    entries = sorted(baseline.items())
    lines = [json.dumps({**entry._asdict(), "count": number}) for entry, number in entries]
    body = "".join(f"  {line},\n" for line in lines)
    _put(path, f'{{"version": {VERSION}, "leaks": [\n{body}  {{}}\n]}}\n')


def check_writable(path: str) -> None:
    """Find out whether a baseline can be written there; nothing is changed.

    Raises:
        UsageError: it cannot.
    """
    _put(path, None)


def _put(path: str, text: str | None) -> None:
    """Replace a file in one step, or only try to."""
    shown, path = os.path.relpath(path), os.path.realpath(path)
    beside = f"{path}.{os.getpid()}.new"
    try:
        with open(beside, "x", encoding="utf-8", newline="\n") as file:
            file.write(text or "")
        if text is None:
            os.unlink(beside)
        else:
            os.replace(beside, path)
    except OSError as error:
        if os.path.lexists(beside) and not isinstance(error, FileExistsError):
            os.unlink(beside)
        raise UsageError(f"cannot write {shown}: {error.strerror}") from None


def locate(chosen: str | None, project: str) -> str | None:
    """Return the file of the baseline: the chosen one, or the default one where it exists."""
    if chosen is not None:
        return chosen
    default = os.path.join(project, DEFAULT_NAME)
    return default if os.path.isfile(default) else None


def _parsed(document: Any) -> dict[Entry, int]:
    version = document["version"]
    if type(version) is int and version > VERSION:
        raise _NewerError(version)
    if type(version) is not int or version != VERSION:
        raise ValueError
    found: dict[Entry, int] = {}
    for item in filter(None, document["leaks"]):
        entry, count = Entry(*(str(item[field]) for field in Entry._fields)), item["count"]
        if type(count) is not int or count < 1:
            raise ValueError
        found[entry] = max(found.get(entry, 0), count)  # a merge may leave the same entry twice
    return found


class _NewerError(ValueError):
    """A file of a later version than ours."""


def _portable(path: str, project: str) -> str:
    """Return a path as it is on any machine: from the project, or from the home directory."""
    for base, shown in ((project, ""), (os.path.expanduser("~"), "~/")):
        prefix = base.rstrip(os.sep) + os.sep
        if path.startswith(prefix):
            return shown + path[len(prefix) :].replace(os.sep, "/")
    return path.replace(os.sep, "/")
