"""Remember the leaks of the last run by line of code, so that `--fix` can change the lines."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import replace
from json.decoder import JSONDecoder
from json.encoder import JSONEncoder
from typing import NamedTuple

from tempfiles import Leak, printable

from .. import cache
from ..errors import UsageError

_DAMAGED = (ValueError, TypeError, KeyError, AttributeError, RecursionError)
_encode, _decode = JSONEncoder().encode, JSONDecoder().decode  # tests replace those of `json`


class LastRun(NamedTuple):
    """The leaks of a run whose line of code is known, and how to load its tests again.

    `words` are the part of the command line for unittest; None for the run of another test tool.
    """

    leaks: list[Leak]
    words: Sequence[str] | None


def write(directory: str, run: LastRun) -> None:
    """Write the leaks of a run into the cache: one line for each line of code, with the contexts.

    Args:
        directory: the working directory of the run.
        run: all its leaks; none remove the file.

    Raises:
        OSError: the file cannot be written or removed.
    """
    groups: dict[object, tuple[Leak, list[str]]] = {}
    for leak in run.leaks:
        origin, path = leak.origin, leak.path if leak.where == "outside" else ""
        if origin is not None:
            key = origin.file, origin.line, origin.call, leak.scope, path
            groups.setdefault(key, (leak, []))[1].append(leak.context)
    lines = [_encode([leak.to_dict(), contexts]) for leak, contexts in groups.values()]
    cache.write_lines(directory, cache.LAST, lines and [_encode(run.words), *lines])


def read(directory: str) -> LastRun | None:
    """Return the leaks of the last run from the cache; None where it has left nothing.

    Raises:
        UsageError: the file was written by another version, or was cut off.
    """
    try:
        words, *lines = map(_decode, cache.lines(directory, cache.LAST) or ["null"])
        leaks = [
            replace(Leak.from_dict(content), context=context)
            for content, contexts in lines for context in contexts
        ]  # fmt: skip
    except _DAMAGED:
        raise UsageError(f"--fix: {cache.LAST} cannot be read: run the tests again") from None
    return LastRun(leaks, words) if leaks else None


def read_report(path: str) -> LastRun:
    """Return the leaks of a report that `--leak-json` has written.

    Raises:
        UsageError: it cannot be read, or is no report.
    """
    try:
        with open(path, encoding="utf-8") as file:
            document = json.load(file)
        leaks = [Leak.from_dict(entry) for entry in document["leaks"]]
    except OSError as error:
        raise UsageError(f"--leak-json: cannot read {path}: {error.strerror}") from None
    except _DAMAGED:
        raise UsageError(f"--leak-json: {printable(path)} is no leak report") from None
    return LastRun([leak for leak in leaks if leak.origin is not None], [])
