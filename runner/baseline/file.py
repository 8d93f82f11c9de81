"""Read and write the file of known leaks (`--leak-baseline`), and identify a leak in it.

An entry has the context, the name with its random parts replaced by `*`, the call that created the
file, and how many such files the context may leave each time that it closes. The random part cannot
always be recognised: `matching` also matches leaks of one call whose names differ.
"""

from __future__ import annotations

import contextlib
import errno
import json
import os
import re
from collections.abc import Collection, Iterator, Mapping
from typing import Any, NamedTuple

from tempfiles import Leak, try_draft, write_atomically

from ..errors import UsageError
from ..settings.config import DEFAULT_BASELINE
from ..source_code import file_of_context, words_of

VERSION = 1

_UUID = re.compile(r"[0-9a-f]{8}([-_]?)(?:[0-9a-f]{4}\1){3}[0-9a-f]{12}", re.IGNORECASE)
_HEX = re.compile(r"(?<![0-9a-z])(?:0x)?[0-9a-f]{6,}(?![0-9a-z])", re.IGNORECASE)
# After letters a word may be spelt with the same characters: longer, and with a digit.
_GLUED_HEX = re.compile(r"(?=[a-f]*[0-9])[0-9a-f]{12,}", re.IGNORECASE)
_TEMPFILE = re.compile(r"(?<![A-Za-z0-9])tmp[a-z0-9_]{8}(?![A-Za-z0-9])")
# Eight characters, as `tempfile` draws them, after the punctuation of a prefix or a suffix.
_SET_OFF = re.compile(r"(?<=[-.])(?=[a-z_]*[0-9])[a-z0-9_]{8}(?![A-Za-z0-9_])")
# A prefix may join the random part, so the whole word is replaced: `tempfile` draws eight
# characters, `mktemp` and the C library six or more.
_WORD_OF_TEMPFILE = re.compile(r"[a-z0-9_]{8,}")
_WORD_OF_ANY_TOOL = re.compile(r"[A-Za-z0-9_]{6,}")
_NUMBER = re.compile(r"[0-9]+")


class Entry(NamedTuple):
    """Identifies a known leak. `call` is empty if a child process or native code created it."""

    context: str
    name: str
    call: str

    @property
    def is_drawn(self) -> bool:
        """Whether `tempfile` drew the name, so that it differs in each run."""
        return self.call.startswith("tempfile.")


Baseline = Mapping[Entry, int]
"""The number of known leaks of each entry."""


def entry_of(leak: Leak, project: str) -> Entry:
    """Return the entry that identifies a leak."""
    call = _call(leak)
    if leak.where == "temp" and leak.evidence != "observed":
        words = _words(leak, project)
        name = _normalised_words(words, _WORD_OF_ANY_TOOL, os.path.basename(leak.path))
        return Entry(leak.context, name, call)
    name = _raw_name(leak, project)
    if call.startswith("tempfile."):
        name = _TEMPFILE.sub("tmp*", name)
        name = _normalised_words(_words(leak, project), _WORD_OF_TEMPFILE, name)
        return Entry(leak.context, name, call)
    return Entry(leak.context, normalised(name), call)


def normalised(name: str) -> str:
    """Return a name or path with its numbers, and all that looks random, replaced by `*`."""
    name = _TEMPFILE.sub("tmp*", _UUID.sub("*", name))
    for pattern in (_SET_OFF, _HEX, _GLUED_HEX, _NUMBER):
        name = pattern.sub("*", name)
    return name


def _normalised_words(words: Collection[str], pattern: re.Pattern[str], name: str) -> str:
    """Replace also the words of a drawn name, except those that the source of the test has."""
    return normalised(pattern.sub(lambda found: found[0] if found[0] in words else "*", name))


def names(entry: Entry, path: str, project: str) -> bool:
    """Return whether an entry may name an existing path outside the temp directory."""
    return not entry.is_drawn and entry.name == normalised(_portable(path, project))


def names_above(name: str) -> Iterator[str]:
    """Yield the names that the directories above an outside path have in a baseline.

    Args:
        name: that of the path, with its random parts replaced or not.
    """
    parts = name.split("/")
    for length in range(len(parts) - 1, 1, -1):
        yield normalised("/".join(parts[:length]))


def _call(leak: Leak) -> str:
    if leak.evidence != "observed":
        return ""  # which of the child processes created it is known in some runs only
    return leak.origin.call if leak.origin is not None else leak.call


def _raw_name(leak: Leak, project: str) -> str:
    is_temp = leak.where == "temp"
    return os.path.basename(leak.path) if is_temp else _portable(leak.path, project)


def _words(leak: Leak, project: str) -> frozenset[str]:
    """Return the words of the source file that created a leak, or else of the test's file."""
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
