"""The file of known leaks (`--leak-baseline`), and what a leak is known by.

That is its context, its name with the random parts replaced (see `normalising`), and the call that
made it; how many of these one closing of the context may leave is written down.
"""

from __future__ import annotations

import contextlib
import errno
import json
import os
import re
from collections.abc import Mapping
from typing import Any, NamedTuple

from tempfiles.fileops.write import try_draft, write_atomically
from tempfiles.records import Leak

from ..errors import UsageError
from ..settings.config import DEFAULT_BASELINE
from ..source_code import file_of_context, words_of
from .normalising import drawn_by_anyone, drawn_by_tempfile, normalised

VERSION = 1


class Entry(NamedTuple):
    """What a leak is known by. `call` is empty where a child process or native code made it."""

    context: str
    name: str
    call: str

    @property
    def is_drawn(self) -> bool:
        """Whether `tempfile` has drawn the name, which is then another each time."""
        return self.call.startswith("tempfile.")


Baseline = Mapping[Entry, int]
"""How many leaks of each kind are known, by what they are known by."""


def entry_of(leak: Leak, project: str) -> Entry:
    """Return what a leak is known by."""
    call = _call(leak)
    if leak.where == "temp" and leak.evidence == "scanned":
        name = drawn_by_anyone(os.path.basename(leak.path), _words(leak, project))
        return Entry(leak.context, name, call)
    name = _raw_name(leak, project)
    if call.startswith("tempfile."):
        return Entry(leak.context, drawn_by_tempfile(name, _words(leak, project)), call)
    return Entry(leak.context, normalised(name), call)


def names(entry: Entry, path: str, project: str) -> bool:
    """Whether what lies at a path outside the temp directory may keep an entry from being made."""
    return not entry.is_drawn and entry.name == normalised(_portable(path, project))


def _call(leak: Leak) -> str:
    if leak.evidence == "scanned":
        return ""  # by the children that ran: a guess, if there were several
    return leak.origin.call if leak.origin is not None else leak.call


def _raw_name(leak: Leak, project: str) -> str:
    is_temp = leak.where == "temp"
    return os.path.basename(leak.path) if is_temp else _portable(leak.path, project)


def _words(leak: Leak, project: str) -> frozenset[str]:
    """Return the words of the source that made a leak, else of its test's."""
    if leak.origin is None:
        return words_of(file_of_context(leak.context))
    return words_of(os.path.join(project, leak.origin.file))


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
    """Replace a file in one step, or only try to; it keeps its mode."""
    shown, path = os.path.relpath(path), os.path.realpath(path)
    try:
        _refuse_read_only(path)
        if text is None:
            try_draft(path)
        else:
            write_atomically(path, text.encode())
    except OSError as error:
        raise UsageError(f"cannot write {shown}: {error.strerror}") from None


def _refuse_read_only(path: str) -> None:
    """Raise an OSError if a file is read-only, though its directory would let it be replaced."""
    with contextlib.suppress(FileNotFoundError):
        if not os.stat(path).st_mode & 0o222 or not os.access(path, os.W_OK):
            raise PermissionError(errno.EACCES, os.strerror(errno.EACCES))


def locate(chosen: str | None, project: str) -> str | None:
    """Return the file of the baseline: the chosen one, or the default one where it exists."""
    if chosen is not None:
        return chosen
    default = os.path.join(project, DEFAULT_BASELINE)
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
    """Return a path as it is on any machine: from the project, or from the home directory.

    It has a slash, which the name of what is left in the temp directory has not.
    """
    for base, shown in ((project, "./"), (os.path.expanduser("~"), "~/")):
        prefix = base.rstrip(os.sep) + os.sep
        if path.startswith(prefix):
            return shown + path[len(prefix) :].replace(os.sep, "/")
    return path.replace(os.sep, "/")
