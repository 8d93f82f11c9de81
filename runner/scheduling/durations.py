"""Remember how long the units of a suite took, for the order of the next run.

The durations are in the cache directory, or in the file that `--durations-file` names. An entry is
the seconds of a unit and the number of its tests. It is only written where it differs notably, so
that a file in version control changes little.
"""

from __future__ import annotations

import json
import math
import os
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from tempfiles import write_atomically

from .. import cache
from ..errors import UsageError
from .plan import Unit

VERSION = 1
_NOTABLE = 1.25
"""An entry is written again if its seconds changed by more than this factor,"""
_SHORT = 0.05
"""and by more than this many seconds."""
_MOST_UNSEEN = 10_000
"""Entries of units that the run did not have; without a limit the file would only grow."""

Entry = tuple[float, int]


class UnitDurations:
    """The durations of units in earlier runs.

    Args:
        directory: the working directory of the run.
        file: the file that `--durations-file` names; None is the one in the cache.

    Raises:
        UsageError: the file that the user named cannot be read or is none of durations.
    """

    def __init__(self, directory: str, file: str | None = None) -> None:
        self._directory = directory
        self._file = file
        self._before = self._read()
        self._now: dict[str, Entry] = {}

    def of(self, unit: Unit) -> float | None:
        """Return how long a unit will take, in seconds; None where it is not known."""
        entry = self._before.get(unit.key)
        if entry is None:
            return None
        seconds, tests = entry
        return seconds * len(unit.tests) / tests

    def of_all(self, units: Iterable[Unit]) -> dict[int, float]:
        """Return the seconds that are known, by the numbers of the units."""
        return {
            unit.number: seconds for unit in units if (seconds := self.of(unit)) is not None
        }  # fmt: skip

    def note(self, unit: Unit, seconds: float) -> None:
        """Record how long a unit took in this run."""
        before, tests = self._now.get(unit.key, (0.0, 0))
        self._now[unit.key] = before + seconds, tests + len(unit.tests)

    def write(self) -> None:
        """Write the durations for the next run, where they changed notably.

        Raises:
            OSError: the file cannot be written.
        """
        before = self._before
        changed = {key: new for key, new in self._now.items() if _differs(before.get(key), new)}
        unseen = [key for key in before if key not in self._now]
        kept = {*self._now, *unseen[-_MOST_UNSEEN:]}
        if not changed and len(kept) == len(before):
            return
        merged = {key: entry for key, entry in {**before, **changed}.items() if key in kept}
        self._replace(_lines(merged))

    def _replace(self, lines: Sequence[str]) -> None:
        if self._file is None:
            cache.write_lines(self._directory, cache.DURATIONS, lines)
        else:
            write_atomically(self._file, "".join(f"{line}\n" for line in lines).encode())

    def _read(self) -> dict[str, Entry]:
        try:
            if self._file is None:
                return _entries(cache.read(self._directory, cache.DURATIONS))
            return _entries(_read_file(self._file))
        except cache.DamagedError as error:
            if self._file is None:
                return {}  # the next write replaces it
            raise UsageError(f"--durations-file: {self._file}: {error}") from None


def _read_file(path: str) -> Any:
    try:
        with open(path, encoding="utf-8") as file:
            return json.load(file)
    except FileNotFoundError:
        if os.path.isdir(os.path.dirname(path)):
            return None  # the first run creates it
        raise cache.DamagedError("there is no such directory") from None
    except OSError as error:
        raise cache.DamagedError(str(error.strerror)) from None
    except (ValueError, RecursionError):
        raise cache.DamagedError("it is malformed") from None


def _entries(document: Any) -> dict[str, Entry]:
    if document is None:
        return {}
    if isinstance(document, dict) and document.get("version", VERSION) != VERSION:
        raise cache.DamagedError("it is of another version")
    try:
        return {
            str(key): (_seconds_of(seconds), max(int(tests), 1))
            for key, (seconds, tests) in document["units"].items()
        }
    except (KeyError, TypeError, ValueError, AttributeError, OverflowError):
        raise cache.DamagedError("it is not a file of durations") from None


def _seconds_of(value: Any) -> float:
    seconds = float(value)
    if not 0 <= seconds < math.inf:
        raise ValueError
    return seconds


def _lines(entries: Mapping[str, Entry]) -> list[str]:
    """Return the lines of a document, one for each entry: so a change is one line."""
    lines = [
        f" {json.dumps(key)}: [{round(seconds, 3)}, {tests}]"
        for key, (seconds, tests) in sorted(entries.items())
    ]
    separated = [f"{line}," for line in lines[:-1]] + lines[-1:]
    return [f'{{"version": {VERSION}, "units": {{', *separated, "}}"]


def _differs(old: Entry | None, new: Entry) -> bool:
    """Return whether an entry is to be replaced."""
    if old is None:
        return True
    if new[1] * 2 <= old[1]:
        return False  # a run of few of its tests tells little of the others
    before, now = old[0] / old[1] * new[1], new[0]
    return abs(now - before) > _SHORT and not before / _NOTABLE <= now <= before * _NOTABLE
