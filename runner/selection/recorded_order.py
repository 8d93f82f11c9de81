"""Recorded orders of tests: what a worker ran, in its order, to run it again (`--replay`)."""

from __future__ import annotations

import json
import os
from collections import Counter, defaultdict, deque
from collections.abc import Iterable, Iterator, Mapping, Sequence
from itertools import islice
from typing import Any, NamedTuple

from .. import cache
from ..errors import UsageError
from ..unittest_api import test_id
from .order import Test

VERSION = 1
_AT_ONCE = 1_000  # ids that are encoded in one go
_NAMED = 3  # missing tests that a message names


class RecordedOrder(NamedTuple):
    """The tests that one process ran.

    `words` are the part of the command line for unittest that loads the tests, `tests` their ids in
    the order in which they ran; one that ran twice is there twice.
    """

    words: tuple[str, ...]
    tests: tuple[str, ...]

    def document(self) -> dict[str, Any]:
        """Return what the file holds, for JSON."""
        return {"version": VERSION, "words": [*self.words], "tests": [*self.tests]}


class WorkerOrder(NamedTuple):
    """The ids of the tests that one process ran as the worker of a number, in their order."""

    worker: int
    tests: Iterable[str]


def write(directory: str, name: str, order: RecordedOrder) -> str:
    """Write a recorded order into the cache.

    Args:
        directory: the working directory of the run.
        name: of the file, without its ending.
        order: what to write.

    Returns:
        The file, from the working directory.

    Raises:
        OSError: the file cannot be written.
    """
    file = os.path.join(cache.DIRECTORY, f"{name}.json")
    cache.write(directory, file, order.document())
    return file


def write_workers(directory: str, words: Sequence[str], orders: Iterable[WorkerOrder]) -> None:
    """Write what each worker of a run did: `worker-0.json`; its replacement, `worker-0.2.json`.

    The files of earlier runs are removed.

    Args:
        directory: the working directory of the run.
        words: the words for unittest.
        orders: of all worker processes.

    Raises:
        OSError: a file cannot be written.
    """
    place = os.path.join(directory, cache.DIRECTORY)
    for name in os.listdir(place) if os.path.isdir(place) else ():
        if name.startswith("worker-") and name.endswith(".json"):
            os.unlink(os.path.join(place, name))
    processes: Counter[int] = Counter()
    for number, tests in orders:
        processes[number] += 1
        again = f".{processes[number]}" if processes[number] > 1 else ""
        file = os.path.join(cache.DIRECTORY, f"worker-{number}{again}.json")
        cache.write_parts(directory, file, _parts(words, tests))


def _parts(words: Sequence[str], tests: Iterable[str]) -> Iterator[str]:
    """Yield the text of a recorded order piece by piece: a suite may have a million tests."""
    head = json.dumps(RecordedOrder(tuple(words), ()).document())
    yield head.removesuffix("]}")
    ids, encoder, before = iter(tests), json.JSONEncoder(separators=(",\n ", ": ")), "\n "
    while part := [*islice(ids, _AT_ONCE)]:
        yield before + encoder.encode(part)[1:-1]
        before = ",\n "
    yield "]}\n"


def read(path: str) -> RecordedOrder:
    """Read the file of a recorded order.

    Args:
        path: the file.

    Raises:
        UsageError: it cannot be read, or is no recorded order.
    """
    try:
        with open(path, encoding="utf-8") as file:
            document = json.load(file)
    except OSError as error:
        raise UsageError(f"--replay: cannot read {path}: {error.strerror}") from None
    except (ValueError, RecursionError):
        raise UsageError(f"--replay: {path} is no recorded order: it is not JSON") from None
    if not isinstance(document, dict) or document.get("version") != VERSION:
        raise UsageError(f"--replay: {path} is no recorded order of version {VERSION}")
    return RecordedOrder(*(_texts(document, key, path) for key in RecordedOrder._fields))


def arrange(loaded: Iterable[Test], order: RecordedOrder, path: str) -> list[Test]:
    """Return the tests of a recorded order from among all that were loaded.

    Args:
        loaded: the tests, flat.
        order: the order to run them in.
        path: the file of the order, for messages.

    Raises:
        UsageError: tests of the order were not loaded.
    """
    found: defaultdict[str, deque[Test]] = defaultdict(deque)
    for test in loaded:
        found[test_id(test)].append(test)
    missing = Counter(order.tests) - Counter({id: len(tests) for id, tests in found.items()})
    if missing:
        raise UsageError(_message(list(missing), len(order.tests), path))
    return [found[id].popleft() for id in order.tests]


def _message(missing: Sequence[str], number: int, path: str) -> str:
    named = ", ".join(missing[:_NAMED])
    more = f" and {len(missing) - _NAMED} more" if len(missing) > _NAMED else ""
    place = os.path.relpath(path)
    return (
        f"--replay: {len(missing)} of {number} tests of {place} no longer exist: {named}{more};"
        " run it where it was recorded, or record it again"
    )


def _texts(document: Mapping[str, Any], key: str, path: str) -> tuple[str, ...]:
    value = document.get(key)
    if not (isinstance(value, list) and all(isinstance(item, str) for item in value)):
        raise UsageError(f"--replay: {path} is no recorded order: {key} must be a list of texts")
    return tuple(value)
